"""The exception tree of neuralzip; every error carries the exit code of the command line.

    NeuralzipError            1   anything that went wrong
    |- UsageError             2   contradictory or impossible options
    |- FormatError            3   not a .nz file, or a version that this release does not know
    |  '- CorruptError        3   checksum, truncation, impossible field
    |- ModelError             4   weights missing, or their hash does not match
    |- LimitError             5   a declared size is over a limit (memory, symbols, header)
    |- OutputError            1   the output may not be written there
    '- UnsupportedError       1   a codec cannot restore this input exactly; the caller takes another codec

Messages name what is wrong, what was found against what was expected, and what to do.
"""


class NeuralzipError(Exception):
    """Root of all errors that neuralzip raises on purpose."""

    exit_code = 1


class UsageError(NeuralzipError):
    """Options contradict each other or cannot be met."""

    exit_code = 2


class FormatError(NeuralzipError):
    """The input is not a .nz file, or its version is unknown to this release."""

    exit_code = 3


class CorruptError(FormatError):
    """The input is a .nz file, but damaged: checksum, truncation or an impossible field."""


class ModelError(NeuralzipError):
    """The weights that a file names are missing, or their bytes have another hash."""

    exit_code = 4


class LimitError(NeuralzipError):
    """A declared size is over a limit, seen before memory or time was spent."""

    exit_code = 5


class OutputError(NeuralzipError):
    """The output may not be written: it exists, is a link or a device, or a terminal."""


class UnsupportedError(NeuralzipError):
    """This codec cannot restore the input exactly; another codec has to take it."""
