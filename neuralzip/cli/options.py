"""Options that several commands share."""

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from neuralzip.codecs.base import Options
from neuralzip.errors import UsageError
from neuralzip.media.audio.raw_pcm import describe

UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Size(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """A number of bytes: 500000, 256M, 2G, 2GiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?", str(value).strip().lower())
        if not match or not (size := int(float(match[1]) * UNITS[match[2]])):
            self.fail(f"'{value}' is not a size like 500000, 256M or 2G", param, ctx)
        return size


class RawPcm(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """Rate, channels and format of samples: 44100,2,s16le."""

    name = "rate,channels,format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the description, which makes sense."""
        try:
            describe(str(value), 0)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Target(click.Path):
    """A file, or a folder; with a slash at its end only a folder, which a `Path` would forget."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not value:
            self.fail("an empty name", param, ctx)
        if os.fspath(value).endswith(os.sep) and not Path(value).is_dir():
            self.fail(f"{click.format_filename(value)}: is no folder", param, ctx)
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class Job:
    """What `compress` and `decompress` are asked to do.

    Attributes:
        files: inputs, "-" for stdin.
        output: file or folder for the result, None for default names.
        to_stdout: write to stdout.
        force: overwrite, and write to a terminal.
        remove: remove inputs whose output is in place.
        quiet: no warnings and no progress.
        verbose: 1 a line a file, 2 tracebacks too.
        options: for the API.
    """

    files: tuple[str, ...]
    output: Path | None
    to_stdout: bool
    force: bool
    remove: bool
    quiet: bool
    verbose: int
    options: Options


FILES = click.argument("files", nargs=-1, type=click.Path(allow_dash=True))
QUIET = click.option("-q", "--quiet", is_flag=True, help="No warnings, no progress.")
VERBOSE = click.option("-v", "--verbose", count=True, help="A line a file; -vv: tracebacks too.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
DEVICE = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Never changes the result."
)
THREADS = click.option("--threads", type=click.IntRange(1), help="Never changes the result. [default: all cores]")
MEMORY = click.option("--memory", type=Size(), help="Refuse work that needs more, as 512M or 2G. [default: 4G]")


def computing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --device, --threads and --memory, handed over as one `options`."""

    @DEVICE
    @THREADS
    @MEMORY
    @functools.wraps(command)
    def wrapper(*args: Any, device: str, threads: int | None, memory: int | None, **kwargs: Any) -> Any:
        return command(*args, options=Options(device=device, threads=threads, memory_bytes=memory), **kwargs)

    return wrapper


def job(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILES and the options of `compress` and `decompress`, handed over as one `job`."""

    @FILES
    @click.option("-o", "--output", type=Target(path_type=Path), help="Output file, or folder for several.")
    @click.option("-c", "--stdout", "to_stdout", is_flag=True, help="Write to standard output.")
    @click.option("-f", "--force", is_flag=True, help="Overwrite; write to a terminal.")
    @click.option("-k/--rm", "--keep/--rm", "keep", default=True, help="Keep or remove the input. [default: keep]")
    @QUIET
    @VERBOSE
    @computing
    @functools.wraps(command)
    def wrapper(
        *args: Any,
        files: tuple[str, ...],
        output: Path | None,
        to_stdout: bool,
        force: bool,
        keep: bool,
        quiet: bool,
        verbose: int,
        options: Options,
        **kwargs: Any,
    ) -> Any:
        asked = Job(files, output, to_stdout, force, not keep, quiet, verbose, options)
        return command(*args, job=asked, **kwargs)

    return wrapper
