"""Training: one module a task, on one generic resumable loop.

A task is a module here with a click command named `command`. `tasks` finds them by reading their sources, so that
listing them imports no torch.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path


def tasks() -> list[str]:
    """Return the names of the training tasks, sorted."""
    sources = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in sources if "\ndef command(" in path.read_text(encoding="utf-8"))


def run(task: str, args: Sequence[str]) -> None:
    """Run the command of a task with these arguments; click's exceptions pass through.

    Raises:
        KeyError: there is no such task.
    """
    if task not in tasks():
        raise KeyError(task)
    module = importlib.import_module(f"{__name__}.{task}")
    module.command.main(args=list(args), prog_name=f"neuralzip train {task}", standalone_mode=False)
