"""`neuralzip bench`."""

from dataclasses import replace
from pathlib import Path

import click

from neuralzip.cli.options import JSON, computing
from neuralzip.codecs.base import Options


@click.command("bench", short_help="Measure bits, seconds and memory.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", metavar="NAME", help="Preset or model name. [default: by the kind of file]")
@click.option("--repeat", type=click.IntRange(1), default=1, help="Take the best times of so many runs.")
@JSON
@computing
def command(files: tuple[Path, ...], model: str | None, repeat: int, as_json: bool, options: Options) -> None:
    """Measure files: the models' own likelihoods beside the achieved bits, seconds, MB/s and peak memory."""
    from neuralzip.bench import accounting  # numpy and the codecs

    options = replace(options, model=model)
    reports = []
    for path in files:
        reports.append(accounting.measure(path, options, repeat))
        if as_json:
            click.echo(accounting.to_json(reports[-1]))
    if not as_json:
        click.echo(accounting.render(reports), nl=False)
