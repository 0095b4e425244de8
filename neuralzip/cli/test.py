"""`neuralzip test`."""

import functools
import json
from dataclasses import replace

import click

from neuralzip import api
from neuralzip.cli import batch
from neuralzip.cli.messages import note
from neuralzip.cli.options import FILES, JSON, QUIET, VERBOSE, computing
from neuralzip.cli.progress import progress_bar
from neuralzip.codecs.base import Options


@click.command("test", short_help="See whether .nz files are intact.")
@FILES
@JSON
@QUIET
@VERBOSE
@computing
def command(files: tuple[str, ...], as_json: bool, quiet: bool, verbose: int, options: Options) -> int:
    """Decode files without writing anything, to see whether they are intact."""
    work = functools.partial(_test, as_json=as_json, quiet=quiet, verbose=verbose, options=options)
    return batch.each(batch.inputs(files), work, verbose=verbose)


def _test(name: str, as_json: bool, quiet: bool, verbose: int, options: Options) -> None:
    with batch.source_of(name, seekable=False) as source, progress_bar(name, quiet=quiet) as progress:
        raw_size = api.verify(source, options=replace(options, progress=progress))
    if as_json:
        click.echo(json.dumps({"schema": 1, "name": name, "ok": True, "raw_size": raw_size}))
    elif verbose:
        note(f"intact, {raw_size} bytes", name)
