"""`neuralzip train`: hands its arguments to a task of neuralzip.train."""

import click


class Tasks(click.Group):
    """The training tasks, found when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the tasks."""
        from neuralzip import train

        return train.tasks()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command that hands everything to the task; its own --help too."""
        from neuralzip import train

        if cmd_name not in train.tasks():
            return None
        passing = {"ignore_unknown_options": True, "help_option_names": []}
        arguments = click.Argument(["args"], nargs=-1, type=click.UNPROCESSED)
        return click.Command(
            cmd_name,
            context_settings=passing,
            params=[arguments],
            callback=lambda args: train.run(cmd_name, list(args)),
            short_help=f"Train: {cmd_name}.",
        )


command = Tasks(
    "train",
    help="Train a model: resumable, with a development curve, and exported to integers.",
    short_help="Train a model.",
)
