"""`neuralzip bench`."""

from dataclasses import replace
from pathlib import Path

import click

from neuralzip.cli.options import JSON, computing
from neuralzip.codecs.base import Options
from neuralzip.errors import UsageError


@click.command("bench", short_help="Measure bits, seconds and memory.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", metavar="NAME", help="Preset or model name. [default: by the kind of file]")
@click.option("--repeat", type=click.IntRange(1), default=1, help="Take the best times of so many runs.")
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
@computing
def command(
    files: tuple[Path, ...], model: str | None, repeat: int, as_json: bool, as_csv: bool, options: Options
) -> None:
    """Measure files: the nets' own likelihoods beside the achieved bits, seconds, MB/s and peak memory."""
    if as_json and as_csv:
        raise UsageError("--json and --csv contradict each other")
    from neuralzip.bench import accounting  # numpy and the codecs

    options = replace(options, model=model)
    reports = []
    for path in files:
        reports.append(accounting.measure(path, options, repeat))
        if as_json:
            click.echo(accounting.to_json(reports[-1]))
        elif as_csv:
            click.echo(accounting.to_csv(reports[-1], head=len(reports) == 1), nl=False)
    if not (as_json or as_csv):
        click.echo(accounting.render(reports), nl=False)
