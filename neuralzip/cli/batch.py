"""From the files of a job to open streams: default names, stdin and stdout, and going on after a failure."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from neuralzip import files
from neuralzip.cli.main import report
from neuralzip.cli.options import Job
from neuralzip.errors import OutputError, UsageError

STDIN = "-"
Naming = Callable[[Path], Path]


def inputs(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files asked for; none means stdin, unless that is a terminal.

    Raises:
        UsageError: there is nothing to read.
    """
    if not names and sys.stdin.isatty():
        raise click.UsageError("name a file, or - for standard input")
    return names or (STDIN,)


def each(names: tuple[str, ...], work: Callable[[str], None], *, verbose: int) -> int:
    """Do the work for each file, go on after a failure, and return the worst exit code."""
    worst = 0
    for name in names:
        try:
            work(name)
        except BrokenPipeError:
            raise
        except Exception as error:
            shown = "standard input" if name == STDIN else name
            worst = max(worst, report(error, verbose=verbose > 1, name=shown))
    return worst


def check(job: Job) -> None:
    """Refuse contradictory options.

    Raises:
        UsageError: -c with -o, --rm without an output file, one output for several files.
    """
    if job.to_stdout and job.output is not None:
        raise UsageError("-c and -o contradict each other")
    if job.remove and (job.to_stdout or STDIN in inputs(job.files)):
        raise UsageError("--rm needs an input file and an output file")
    if job.output is not None and len(job.files) > 1 and not job.output.is_dir():
        raise UsageError(f"{job.output}: is no folder; -o FILE takes one input")


@contextlib.contextmanager
def source_of(name: str, *, seekable: bool) -> Iterator[BinaryIO]:
    """Open an input; "-" is stdin, copied first where it has to be seekable."""
    if name != STDIN:
        with files.open_input(Path(name)) as file:
            yield file
        return
    if not seekable:
        yield sys.stdin.buffer
        return
    with files.spooled(sys.stdin.buffer) as copy:
        yield copy


@contextlib.contextmanager
def target_of(name: str, job: Job, naming: Naming, *, binary: bool) -> Iterator[BinaryIO]:
    """Open the output for an input; it is complete, and the input removed if asked for, when the block ends.

    Args:
        name: the input.
        job: what the user asked for.
        naming: default name of the output.
        binary: refuse to write to a terminal without -f.
    """
    if job.to_stdout or (name == STDIN and job.output is None):
        if binary and sys.stdout.isatty() and not job.force:
            raise OutputError("compressed data is not written to a terminal; -f forces it, -o names a file")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    source = None if name == STDIN else Path(name)
    if source is not None:
        files.check_input(source)
    with files.atomic_output(target_name(source, job, naming), source, force=job.force) as file:
        yield file
    if job.remove and source is not None:
        files.remove_source(source)


def target_name(source: Path | None, job: Job, naming: Naming) -> Path:
    """Return the output's name: -o, a default name in the folder -o, or the default name beside the input."""
    if job.output is not None and (source is None or not job.output.is_dir()):
        return job.output
    assert source is not None
    default = naming(source)
    return default if job.output is None else job.output / default.name
