"""`neuralzip models`."""

import json

import click

from neuralzip.cli.options import JSON


@click.command("models")
@JSON
def command(as_json: bool) -> None:
    """List the installed models."""
    from neuralzip import zoo  # numpy

    rows = [(name, path.stat().st_size, zoo.identity_of(path).hex()) for name, path in zoo.model_files()]
    for name, size, identity in rows:
        if as_json:
            click.echo(json.dumps({"schema": 1, "id": name, "size": size, "identity": identity}))
        else:
            click.echo(f"{name:<20} {size:>12} bytes  {identity}")
    if not rows and not as_json:
        click.echo("no models are installed", err=True)
