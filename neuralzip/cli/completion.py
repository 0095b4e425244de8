"""`neuralzip completion`."""

import click
from click.shell_completion import get_completion_class


@click.command("completion", short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a shell's completion script: eval "$(neuralzip completion bash)"."""
    from neuralzip.cli.main import group

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(group, {}, "neuralzip", "_NEURALZIP_COMPLETE").source())
