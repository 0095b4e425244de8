"""The JPEG codec: a whole file -> what is not entropy-coded as side information, and coefficients -> one block.

params  = version (1), packed side information's size (4)
payload = packed side information, coded coefficients (codecs.jpeg_coefficients)

A block that names a model has coefficients coded from the start in it.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from neuralzip.codecs import jpeg_coefficients, side
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.registry import JPEG_MAGICS
from neuralzip.container import DEFAULT_MEMORY_BYTES
from neuralzip.errors import CorruptError, LimitError
from neuralzip.media import jpeg

VERSION = 1
_PARAMS = struct.Struct("<BI")
_BYTES_A_BLOCK = 512
"""Memory that coding takes, about, for every block of coefficients."""


class JpegCodec:
    """Photos and other pictures in JPEG files."""

    name = "jpeg"
    id = 10

    def claims(self, head: bytes, options: Options) -> bool:
        """Take what starts like a JPEG file, unless the user chose the model of another codec."""
        return options.model in (None, self.name) and head.startswith(JPEG_MAGICS)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield one block for the whole file.

        Raises:
            UnsupportedError: the file cannot be restored exactly, or takes too much memory.
        """
        data = file.read()
        layout, coefficients = jpeg.parse(data, _most_blocks(options))
        packed = side.pack(bytes(layout))
        models, prior = jpeg_coefficients.installed_start()
        coded, nll_bits = jpeg_coefficients.encode(coefficients, _report(options, len(data)), prior)
        params = _PARAMS.pack(VERSION, len(packed))
        yield Block(self.name, params, packed + coded, len(data), models, nll_bits, len(packed))

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the bytes of the file."""
        if len(block.params) != _PARAMS.size or len(block.models) > 1:
            raise CorruptError("damaged: impossible parameters of a JPEG block")
        version, size = _PARAMS.unpack(block.params)
        if version != VERSION or size > len(block.payload):
            raise CorruptError("damaged: impossible parameters of a JPEG block")
        layout = jpeg.read_layout(side.unpack(block.payload[:size]))
        headers = jpeg.read_headers(layout)
        if headers.visits > jpeg.VISITS_A_BYTE * block.raw_size:
            raise CorruptError("damaged: a JPEG block declares more scans than its file can hold")
        _check_blocks(headers.blocks, block.raw_size, options)
        empty = jpeg.empty_coefficients(headers)
        prior = jpeg_coefficients.named_start(block.models)
        report = _report(options, block.raw_size)
        coefficients = jpeg_coefficients.decode(block.payload[size:], empty, report, prior)
        data = jpeg.rebuild(layout, coefficients, block.raw_size)
        if len(data) != block.raw_size:
            raise CorruptError(f"damaged: JPEG of {len(data)} bytes, expected {block.raw_size}")
        return data


def _most_blocks(options: Options) -> int:
    """Return how many blocks of coefficients there is memory for."""
    return (options.memory_bytes or DEFAULT_MEMORY_BYTES) // _BYTES_A_BLOCK


def _check_blocks(count: int, size: int, options: Options) -> None:
    """Refuse more blocks than a file of so many bytes can hold, or than there is memory for."""
    if count > jpeg.BLOCKS_A_BYTE * size:
        raise CorruptError("damaged: a JPEG block declares more coefficients than its file can hold")
    if count > _most_blocks(options):
        needed = count * _BYTES_A_BLOCK >> 20
        raise LimitError(f"a picture of {count} blocks takes about {needed} MiB; allow more with --memory")


def _report(options: Options, size: int) -> jpeg_coefficients.Report | None:
    """Return what counts the share of the blocks that are done in bytes of the file."""
    tell = options.progress
    return None if tell is None else lambda share: tell(int(size * share), size)
