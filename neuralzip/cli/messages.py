"""What goes to stderr: one line an error, safe to print, in colour only where that is wanted."""

import errno
import os
import sys
from typing import TextIO

import click


def printable(text: str) -> str:
    """Return text for one line of a terminal: control characters and undecodable bytes are escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text
    )


def coloured(stream: TextIO) -> bool:
    """Tell whether to use colour: on a terminal that has it, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def note(message: str, name: str | None = None) -> None:
    """Print a line about a file to stderr."""
    click.echo(printable(f"{name}: {message}" if name else message), err=True)


def complain(message: str, name: str | None = None) -> None:
    """Print an error to stderr as one line."""
    prefix = click.style("neuralzip:", fg="red", bold=True) if coloured(sys.stderr) else "neuralzip:"
    line = f"{name}: {message}" if name else message
    click.echo(f"{prefix} {printable(line)}", err=True, color=True)


def explain(error: Exception) -> str:
    """Return an error's message without Python's decoration."""
    if isinstance(error, MemoryError):
        return "out of memory; --memory sets a limit"
    if isinstance(error, OSError) and error.errno is not None:
        name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return name + (error.strerror or errno.errorcode.get(error.errno, str(error.errno)))
    return str(error) or type(error).__name__
