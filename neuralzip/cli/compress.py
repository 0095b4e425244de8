"""`neuralzip compress`."""

import functools
import time
from dataclasses import replace
from typing import BinaryIO

import click

from neuralzip import api, files
from neuralzip.cli import batch
from neuralzip.cli.messages import note
from neuralzip.cli.options import Job, RawPcm, job
from neuralzip.cli.progress import progress_bar
from neuralzip.errors import UsageError

LONG_WORK_S = 5.0
FITTED = "made"
"""The model that tables are fitted with."""


@click.command("compress", short_help="Compress files: FILE -> FILE.nz.")
@job
@click.option("--model", metavar="NAME", help="Preset or model name. [default: by the kind of file]")
@click.option("--fit", is_flag=True, help="Fit a model to each table (CSV), and keep it where it wins.")
@click.option(
    "--raw-pcm",
    type=RawPcm(),
    help="The files are samples without a header: 44100,2,s16le (rate, channels, format).",
)
@click.option("--no-verify", is_flag=True, help="Do not decode the result to compare it.")
def command(job: Job, model: str | None, fit: bool, raw_pcm: str | None, no_verify: bool) -> int:
    """Compress files: FILE -> FILE.nz, or standard input to standard output.

    Every result is decoded and compared before it is put in place. Inputs are kept unless --rm is given.
    """
    batch.check(job)
    if fit and model not in (None, FITTED):
        raise UsageError(f"--fit makes a model of its own, so --model {model} has no place beside it")
    chosen = FITTED if fit else model
    job = replace(job, options=replace(job.options, model=chosen, raw_pcm=raw_pcm))
    work = functools.partial(_compress, job=job, verify=not no_verify)
    return batch.each(batch.inputs(job.files), work, verbose=job.verbose)


def _compress(name: str, job: Job, verify: bool) -> None:
    naming = functools.partial(files.compressed_name, force=job.force)

    def warn(line: str) -> None:
        if not job.quiet:
            note(line, name)

    with (
        batch.target_of(name, job, naming, binary=True) as target,
        batch.source_of(name, seekable=True) as source,
        progress_bar(name, quiet=job.quiet) as progress,
    ):
        options = replace(job.options, progress=progress)
        if job.verbose or progress is not None:
            _announce(name, source, job, verify)
        started = time.perf_counter()
        size = api.compress_stream(source, target, options=options, verify=verify, warn=warn)
        raw_size = files.size_of(source)
    if job.verbose:
        _summarise(name, raw_size, size, time.perf_counter() - started)


def _announce(name: str, source: BinaryIO, job: Job, verify: bool) -> None:
    """Say before long work how long it will take."""
    seconds = api.estimate_s(source, job.options, verify=verify)
    if seconds >= LONG_WORK_S:
        note(f"about {seconds:.0f} s", name)


def _summarise(name: str, raw_size: int, size: int, seconds: float) -> None:
    share = f", {100 * size / raw_size:.1f} %" if raw_size else ""
    note(f"{raw_size} -> {size} bytes{share}, {seconds:.1f} s", name)
