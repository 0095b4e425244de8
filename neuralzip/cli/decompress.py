"""`neuralzip decompress`."""

import functools
import time
from dataclasses import replace

import click

from neuralzip import api, files
from neuralzip.cli import batch
from neuralzip.cli.messages import note
from neuralzip.cli.options import Job, job
from neuralzip.cli.progress import progress_bar


@click.command("decompress", short_help="Decompress files: FILE.nz -> FILE.")
@job
def command(job: Job) -> int:
    """Decompress files: FILE.nz -> FILE, or standard input to standard output.

    Inputs are kept unless --rm is given.
    """
    batch.check(job)
    work = functools.partial(_decompress, job=job)
    return batch.each(batch.inputs(job.files), work, verbose=job.verbose)


def _decompress(name: str, job: Job) -> None:
    with (
        batch.target_of(name, job, files.decompressed_name, binary=False) as target,
        batch.source_of(name, seekable=False) as source,
        progress_bar(name, quiet=job.quiet) as progress,
    ):
        started = time.perf_counter()
        size = api.decompress_stream(source, target, options=replace(job.options, progress=progress))
    if job.verbose:
        note(f"{size} bytes, {time.perf_counter() - started:.1f} s", name)
