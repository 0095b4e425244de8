"""The options that training tasks share, and running a task as they say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import torch

from neuralzip.train import loop, publish

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = click.Path(path_type=Path)
_EXISTING = click.Path(exists=True, path_type=Path)


def _set_threads(_context: click.Context, _option: click.Parameter, threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)


def options(minutes: float, rate: float, batch: tuple[int, str] | None = None, seed: int = 0) -> Callable[[F], F]:
    """Give a command the argument DATA and the options of training.

    Args:
        minutes: default of --minutes.
        rate: default of --rate.
        batch: default of --batch and what it counts; None for a task without.
        seed: default of --seed.
    """
    chosen = [
        click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path)),
        click.option(
            "--minutes", type=float, default=minutes, show_default=True, help="Wall time; 0: export only."
        ),
        click.option("--decay", type=float, default=0.0, show_default=True, help="Minutes of final decay."),
        click.option("--rate", type=float, default=rate, show_default=True, help="Learning rate after warm-up."),
        click.option("--threads", type=int, help="CPU threads.", callback=_set_threads, expose_value=False),
        click.option("--seed", type=int, default=seed, show_default=True, help="Change it when resuming."),
        click.option("--run", "folder", type=_FOLDER, help="Folder of the run.  [runs/MODEL]"),
        click.option("--start", type=_EXISTING, help="Weights to start from."),
        click.option("--export", "models", type=_FOLDER, help="Then write the model's folder here."),
    ]
    if batch is not None:
        chosen.insert(4, click.option("--batch", type=int, default=batch[0], show_default=True, help=batch[1]))

    def give(function: F) -> F:
        for option in reversed(chosen):
            function = option(function)
        return function

    return give


dev_option = click.option("--dev", type=_EXISTING, help="Folder of development parts.")
device_option = click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)


def run_folder(model_id: str, folder: Path | None) -> Path:
    """Return the folder of a run: the one asked for, or that of the model below runs/."""
    return folder or Path("runs") / model_id


def run_task(
    task: loop.Task,
    *,
    folder: Path | None,
    minutes: float,
    start: Path | None,
    models: Path | None,
    mean: Path | None = None,
    **plan: Any,
) -> None:
    """Train a task, if there are minutes for it, and export it, if a folder is given.

    Args:
        task: the task.
        folder: the run's folder.
        minutes: of training; 0 for none.
        start: weights to start from.
        models: folder to export to.
        mean: weights to take the mean with before the export.
        plan: the rest of `loop.Plan`.
    """
    run = run_folder(task.id, folder)
    if minutes > 0:
        progress = loop.train(task, loop.Plan(run, minutes, start=start, **plan))
        click.echo(f"{progress.symbols:,} {task.unit}s seen, development {progress.dev_bits}")
    if models is not None:
        click.echo(str(publish.publish(task, run, models, mean)))
