"""Lossless compression by autoregressive likelihoods.

>>> import neuralzip
>>> packed = neuralzip.compress(b"the same bytes, " * 1000)
>>> neuralzip.decompress(packed) == b"the same bytes, " * 1000
True
"""

from neuralzip.api import BlockInfo, Info, compress, decompress, info, open, verify
from neuralzip.codecs.base import Options
from neuralzip.errors import (
    CorruptError,
    FormatError,
    LimitError,
    ModelError,
    NeuralzipError,
    OutputError,
    UnsupportedError,
    UsageError,
)
from neuralzip.exact import cache

cache.settle()

__version__ = "0.1.0"

__all__ = [
    "BlockInfo",
    "CorruptError",
    "FormatError",
    "Info",
    "LimitError",
    "ModelError",
    "NeuralzipError",
    "Options",
    "OutputError",
    "UnsupportedError",
    "UsageError",
    "compress",
    "decompress",
    "info",
    "open",
    "verify",
]
