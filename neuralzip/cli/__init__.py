"""The command line: one module a command; each parses, calls the API, prints and leaves an exit code."""

from neuralzip.cli.main import main

__all__ = ["main"]
