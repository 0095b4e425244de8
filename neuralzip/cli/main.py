"""The group of commands, and the one place where errors become exit codes."""

import difflib
import importlib
import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from neuralzip import __version__
from neuralzip.cli.messages import complain, explain
from neuralzip.errors import NeuralzipError, OutputError

COMMANDS = ("compress", "decompress", "test", "info", "models", "bench", "train", "sample", "completion")
SHORT = {"-d": "decompress", "--decompress": "decompress", "-t": "test", "--test": "test", "-l": "info"}
SIGPIPE = 13
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
EPILOG = """\b
Examples:
  neuralzip compress photo.png            photo.png -> photo.png.nz
  neuralzip decompress photo.png.nz       the same bytes back
  tar c docs | neuralzip compress > docs.tar.nz
  neuralzip info --json *.nz

\b
Exit codes: 0 done, 1 error, 2 usage, 3 damaged or not .nz, 4 weights missing,
5 over a limit, 130 interrupted, 141 broken pipe, 143 terminated.
"""


class Stopped(BaseException):
    """A signal arrived, or the reader of a pipe is gone; a BaseException so that only clean-up runs."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


class Commands(click.Group):
    """Imports a command's module when it is needed; `-d` in front stands for `decompress`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of `--help`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"neuralzip.cli.{cmd_name}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Replace a leading -d, -t or -l by its command."""
        if args and args[0] in SHORT:
            args = [SHORT[args[0]], *args[1:]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a broken pipe is kept from click, which has an exit code of its own for it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise Stopped(SIGPIPE) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; where there is none, suggest the nearest."""
        if args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"; did you mean '{near[0]}'?" if near else "; see 'neuralzip --help'"
            raise click.UsageError(f"there is no command '{click.format_filename(args[0])}'{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="neuralzip %(version)s")
def group() -> None:
    """Compress any file losslessly with trained models; the same bytes come back on any machine."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if args is None else args
    for number in SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # nohup keeps its meaning
            signal.signal(number, _terminate)
    try:
        code = group.main(args=arguments, prog_name="neuralzip", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, click.exceptions.Abort):
        return 130
    except Stopped as stop:
        _silence_stdout()
        return stop.exit_code
    except BrokenPipeError:
        _silence_stdout()
        return 128 + SIGPIPE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except Exception as error:
        return report(error, verbose="-vv" in arguments)


def report(error: Exception, *, verbose: bool, name: str | None = None) -> int:
    """Print one line for an error, with its traceback when asked for, and return its exit code."""
    if verbose:
        traceback.print_exception(error)
    names_a_file = isinstance(error, OutputError) or (isinstance(error, OSError) and error.filename is not None)
    complain(explain(error), None if names_a_file else name)
    return error.exit_code if isinstance(error, NeuralzipError) else 1


def _terminate(number: int, frame: FrameType | None) -> None:
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)  # clean-up is not interrupted again
    raise Stopped(number)


def _silence_stdout() -> None:
    """Keep the interpreter from flushing, at exit, what no one is to get."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass
