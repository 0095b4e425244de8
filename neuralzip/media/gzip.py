"""Members of gzip files (RFC 1952): what one holds on one side, header and choices of its encoder on the other.

The deflate stream is told as `deflate.zlib_stream` tells that of a PNG file, by the rules of the encoder that made
it: in a dozen bytes where it is a known one.
"""

import zlib
from typing import NamedTuple

import numpy as np

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import bitcoder
from neuralzip.media.deflate import zlib_stream
from neuralzip.media.deflate.inflate import inflate
from neuralzip.media.deflate.stream import PADDING
from neuralzip.media.deflate.zlib_stream import STREAM_CONTEXTS, ZlibStream

MAGIC = b"\x1f\x8b\x08"
MAX_EXPANSION = 1032
"""Deflate cannot make more bytes of one."""
_FIXED_BYTES, _FLAGS, _EFFORT = 10, 3, 8
_CHECKED, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0
_HEADS = {2: b"\x78\xda", 4: b"\x78\x01"}
_USUAL_HEAD = b"\x78\x9c"
"""zlib's header for the effort that the gzip header names: a hint at the level."""
_TRAILER_BYTES = 8
_WORTH = 4
"""Choices that take more than the stream over this are not worth it."""


class Member(NamedTuple):
    """One member of a gzip file.

    Attributes:
        header: its bytes up to the deflate stream.
        data: what it holds.
        choices: what `rebuild` needs beside both.
        size: bytes of the member.
    """

    header: bytes
    data: bytes
    choices: bytes
    size: int


def parse(file: bytes, limit: int) -> Member:
    """Take apart the member that `file` starts with.

    Args:
        file: the member, and what follows it.
        limit: the most bytes that it may hold.

    Raises:
        UnsupportedError: no member, a damaged one, or `rebuild` would not restore it.
    """
    header = file[: _header_size(file)]
    deflated, padded, used = inflate(memoryview(file)[len(header) :], limit)
    data = padded[: len(padded) - PADDING].tobytes()
    size = len(header) + used + _TRAILER_BYTES
    if file[size - _TRAILER_BYTES : size] != _trailer(data):
        raise UnsupportedError("gzip: checksum or size do not fit")
    coder = bitcoder.encoder(used // _WORTH + 64, STREAM_CONTEXTS)
    head, checksum = _HEADS.get(header[_EFFORT], _USUAL_HEAD), zlib.adler32(data).to_bytes(4, "big")
    zlib_stream.encode(coder, 0, ZlibStream(head, deflated, padded, len(data), checksum, used))
    if bitcoder.overflowed(coder):
        raise UnsupportedError("gzip: of an unknown encoder")
    member = Member(header, data, bitcoder.finish(coder), size)
    try:
        if rebuild(member.header, member.data, member.choices) != file[:size]:
            raise UnsupportedError("gzip: not restored exactly")
    except CorruptError as error:
        raise UnsupportedError(f"gzip: not restorable ({error})") from error
    return member


def rebuild(header: bytes, data: bytes, choices: bytes) -> bytes:
    """Return the member that `parse` took apart; raise CorruptError where the parts do not fit together."""
    coder = bitcoder.decoder(choices, STREAM_CONTEXTS)
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    stream = zlib_stream.decode(coder, 0, padded, len(data))
    return header + stream[2:-4] + _trailer(data)


def _trailer(data: bytes) -> bytes:
    """Return what follows the deflate stream."""
    return zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")


def _header_size(file: bytes) -> int:
    """Return the bytes of the header that a file starts with."""
    if len(file) < _FIXED_BYTES or not file.startswith(MAGIC) or file[_FLAGS] & _RESERVED:
        raise UnsupportedError("gzip: no member")
    flags, end = file[_FLAGS], _FIXED_BYTES
    if flags & _EXTRA:
        end += 2 + int.from_bytes(file[end : end + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = file.find(b"\0", end) + 1
            if not end:
                raise UnsupportedError("gzip: no end of the header")
    return end + (2 if flags & _CHECKED else 0)
