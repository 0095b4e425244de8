"""Sony Wave64: RIFF with 16-byte identifiers, 64-bit sizes that count their own head, and padding to 8 bytes."""

import struct
from typing import BinaryIO

from neuralzip.errors import UnsupportedError
from neuralzip.media.audio.layout import MAX_CHUNKS, Layout, read_at, size_of
from neuralzip.media.audio.wav import parse_format

_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_HEAD_SIZE = 24


def is_w64(head: bytes) -> bool:
    """Say whether a file starts as a Wave64."""
    return head[:16] == _RIFF and head[24:40] == b"wave" + _TAIL


def locate(file: BinaryIO) -> Layout:
    """Return where the samples of a seekable Wave64 file are.

    Raises:
        UnsupportedError: no samples that can be restored from integers.
    """
    total, place, fmt = size_of(file), 40, b""
    for _ in range(MAX_CHUNKS):
        head = read_at(file, place, _HEAD_SIZE)
        if len(head) < _HEAD_SIZE:
            break
        size = struct.unpack("<Q", head[16:])[0] - _HEAD_SIZE
        body = place + _HEAD_SIZE
        if head[:16] == b"fmt " + _TAIL:
            fmt = read_at(file, body, min(max(size, 0), 64))
        elif head[:16] == b"data" + _TAIL:
            left = total - body
            return parse_format(fmt, "<", body, min(size, left) if size > 0 else left)
        if size < 0:
            break
        place = body + (size + 7) // 8 * 8
    raise UnsupportedError("Wave64 file without a data chunk")
