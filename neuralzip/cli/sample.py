"""`neuralzip sample`."""

import re
import sys
from pathlib import Path
from typing import Any

import click

from neuralzip import files
from neuralzip.cli.messages import note
from neuralzip.cli.options import QUIET
from neuralzip.cli.progress import progress_bar
from neuralzip.errors import OutputError, UsageError

MAX_SIDE = 4096
_OPTION_OF = {"sound": "seconds", "picture": "size", "text": "length"}


class Size(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """A picture's width and height: 256x192."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return (width, height)."""
        match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", str(value).strip())
        if not match or not all(1 <= int(side) <= MAX_SIDE for side in match.groups()):
            self.fail(f"'{value}' is not a size like 256x192, of sides up to {MAX_SIDE}", param, ctx)
        return int(match[1]), int(match[2])


@click.command("sample", short_help="Draw a picture, sound or text from a model.")
@click.argument("model")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Output file, or - for stdout.")
@click.option("-f", "--force", is_flag=True, help="Overwrite; write to a terminal.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Equal seeds give equal samples. [0]")
@click.option("--seconds", type=click.FloatRange(0, 600, min_open=True), help="Length of a sound. [2]")
@click.option("--size", type=Size(), help="Width and height of a picture, as 256x256 (default).")
@click.option("--length", type=click.IntRange(1, 10**7), help="Bytes of a text. [1000]")
@QUIET
def command(
    model: str, output: Path | None, force: bool, seed: int, quiet: bool, **measures: Any
) -> None:  # fmt: skip
    """Draw a sample from a model: PNG from image models, WAVE from audio flows, text from the char-RNN.

    `neuralzip models` lists what is installed.
    """
    from neuralzip import sampling, zoo  # numpy

    weights = zoo.load(model)
    kind = sampling.kind_of(weights)
    given = {name: value for name, value in measures.items() if value is not None}
    if wrong := sorted(given.keys() - {_OPTION_OF[kind]}):
        raise UsageError(f"model '{model}' draws a {kind}, which has --{_OPTION_OF[kind]}, not --{wrong[0]}")
    target = output or Path(f"{model}-{seed}.{sampling.ENDINGS[kind]}")
    _check(target, force=force, binary=kind != "text")
    with progress_bar(model, quiet=quiet) as report:
        data = sampling.draw(weights, sampling.Request(seed=seed, report=report, **given))
    _write(target, data, force=force)
    if not quiet and output is None:
        note(f"{len(data)} bytes", str(target))


def _check(target: Path, *, force: bool, binary: bool) -> None:
    """Refuse a target before a sample is drawn."""
    if str(target) != "-":
        files.check_target(target, None, force=force)
    elif binary and sys.stdout.isatty() and not force:
        raise OutputError("a sample is not written to a terminal; -f forces it, -o names a file")


def _write(target: Path, data: bytes, *, force: bool) -> None:
    if str(target) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with files.atomic_output(target, force=force) as file:
        file.write(data)
