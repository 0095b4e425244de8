"""The best of the standard library's compressors: the cheap fallback that every other codec has to beat.

Decoding does not depend on the library's version: deflate (RFC 1951), bzip2 and LZMA2 streams have
one meaning only.
"""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from neuralzip.codecs.base import Block, Options
from neuralzip.container import fits_expansion
from neuralzip.errors import CorruptError, UnsupportedError

BLOCK_BYTES = 1 << 24
_DEFLATE, _BZIP2, _LZMA = range(3)
_BZIP2_BYTES = 1 << 12  # below this bzip2 never wins over LZMA and deflate by more than a few bytes
_MIN_DICTIONARY_LOG2 = 12
_MAX_DICTIONARY_LOG2 = 24


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Stdlib:
    """Tries deflate, bzip2 and LZMA, keeps the smallest."""

    name = "stdlib"
    id = 1

    def claims(self, head: bytes, options: Options) -> bool:
        """Take everything."""
        return True

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield blocks of up to BLOCK_BYTES.

        Raises:
            UnsupportedError: nothing makes the bytes fewer.
        """
        while data := file.read(BLOCK_BYTES):
            yield smallest(data)

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the decompressed payload."""
        if len(block.params) != 2 or block.models:
            raise CorruptError("damaged: impossible parameters of a stdlib block")
        try:
            decompressor = _decompressor(*block.params)
            data = decompressor.decompress(block.payload, block.raw_size + 1)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise CorruptError(f"damaged: stdlib block does not decode: {error}") from error
        if len(data) != block.raw_size or not decompressor.eof or decompressor.unused_data:
            raise CorruptError(f"damaged: stdlib block decodes to {len(data)} bytes, expected {block.raw_size}")
        return data


def smallest(data: bytes) -> Block:
    """Return the block of the compressor that makes `data` smallest.

    Raises:
        UnsupportedError: none makes it smaller.
    """
    tries = [(_DEFLATE, 0, _deflate(data)), (_LZMA, *_lzma(data))]
    if len(data) >= _BZIP2_BYTES:
        tries.append((_BZIP2, 0, bz2.compress(data, 9)))
    fitting = [attempt for attempt in tries if fits_expansion(len(data), len(attempt[2]) + 2)]
    method, log2, payload = min(fitting, key=lambda attempt: len(attempt[2]))
    if len(payload) + 2 >= len(data):
        raise UnsupportedError("the standard library's compressors do not make it smaller")
    return Block(Stdlib.name, bytes([method, log2]), payload, len(data))


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return compressor.compress(data) + compressor.flush()


def _lzma(data: bytes) -> tuple[int, bytes]:
    """Return (log2 of the dictionary size, raw LZMA2 stream)."""
    log2 = min(max((len(data) - 1).bit_length(), _MIN_DICTIONARY_LOG2), _MAX_DICTIONARY_LOG2)
    return log2, lzma.compress(data, lzma.FORMAT_RAW, filters=_filters(log2))


def _filters(log2: int) -> list[dict[str, int]]:
    return [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << log2}]


def _decompressor(method: int, log2: int) -> _Decompressor:
    if method == _LZMA and _MIN_DICTIONARY_LOG2 <= log2 <= _MAX_DICTIONARY_LOG2:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(log2))
    if method == _DEFLATE and not log2:
        return zlib.decompressobj(-15)
    if method == _BZIP2 and not log2:
        return bz2.BZ2Decompressor()
    raise CorruptError(f"damaged: stdlib block has the unknown method {method}, {log2}")
