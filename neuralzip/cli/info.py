"""`neuralzip info`."""

import functools
import json
from dataclasses import asdict

import click

from neuralzip import api
from neuralzip.cli import batch
from neuralzip.cli.messages import printable
from neuralzip.cli.options import FILES, JSON, VERBOSE

SCHEMA = 1


@click.command("info", short_help="Say what .nz files hold.")
@FILES
@JSON
@VERBOSE
def command(files: tuple[str, ...], as_json: bool, verbose: int) -> int:
    """Say what .nz files hold: sizes, codecs, models and digest. -v lists the blocks. Nothing is decoded."""
    work = functools.partial(_info, as_json=as_json, verbose=verbose)
    return batch.each(batch.inputs(files), work, verbose=verbose)


def _info(name: str, as_json: bool, verbose: int) -> None:
    with batch.source_of(name, seekable=True) as source:
        found = api.info(source)
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, "name": name, **asdict(found)}))
        return
    click.echo(f"{printable(name)}: .nz version {found.version}")
    for key, value in _lines(found):
        click.echo(f"  {key:<8} {value}")
    if verbose:
        click.echo(f"  {'offset':>12} {'bytes':>12} {'original':>12}  codec")
        for block in found.blocks:
            click.echo(f"  {block.offset:>12} {block.size:>12} {block.raw_size:>12}  {block.codec}")


def _lines(found: api.Info) -> list[tuple[str, str]]:
    ratio = found.size / found.raw_size if found.raw_size else 0.0
    share = f" ({100 * ratio:.2f} %, {8 * ratio:.3f} bits a byte)" if ratio else ""
    lines = [
        ("original", f"{found.raw_size} bytes"),
        ("packed", f"{found.size} bytes{share}"),
        ("blocks", f"{len(found.blocks)} ({', '.join(found.codecs) or 'none'})"),
        ("sha256", f"{found.sha256_16}..."),
    ]
    if found.models:
        names = _model_names()
        models = (f"{identity} ({names.get(identity, 'not installed')})" for identity in found.models)
        lines.insert(3, ("models", ", ".join(models)))
    return lines


def _model_names() -> dict[str, str]:
    from neuralzip import zoo  # numpy

    return {zoo.identity_of(path).hex(): name for name, path in zoo.model_files()}
