"""Training: one module a task, on one generic resumable loop.

A task is a module here whose name holds no underscore and is not one of the loop's own parts; it has a click command
named `command`. `tasks` finds them without importing any, so that listing them costs no torch.
"""

import importlib
import pkgutil
from collections.abc import Sequence

PARTS = {"loop", "checkpoints", "publish"}


def tasks() -> list[str]:
    """Return the names of the training tasks, sorted."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in names if name not in PARTS and "_" not in name)


def run(task: str, args: Sequence[str]) -> None:
    """Run the command of a task with these arguments; click's exceptions pass through.

    Raises:
        KeyError: there is no such task.
    """
    if task not in tasks():
        raise KeyError(task)
    module = importlib.import_module(f"{__name__}.{task}")
    module.command.main(args=list(args), prog_name=f"neuralzip train {task}", standalone_mode=False)
