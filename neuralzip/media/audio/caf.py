"""Core Audio Format files with linear PCM. Source: Apple, "Apple Core Audio Format Specification 1.0"."""

import struct
from typing import BinaryIO

from neuralzip.errors import UnsupportedError
from neuralzip.media.audio.layout import MAX_CHUNKS, Encoding, Layout, checked, read_at, size_of

_IS_FLOAT, _IS_LITTLE = 1, 2
_EDIT_COUNT_SIZE = 4


def is_caf(head: bytes) -> bool:
    """Say whether a file starts as a CAF."""
    return head[:4] == b"caff"


def locate(file: BinaryIO) -> Layout:
    """Return where the samples of a seekable CAF file are.

    Raises:
        UnsupportedError: no samples that can be restored from integers.
    """
    total, place, description = size_of(file), 8, b""
    for _ in range(MAX_CHUNKS):
        head = read_at(file, place, 12)
        if len(head) < 12:
            break
        (size,) = struct.unpack(">q", head[4:])
        body = place + 12
        if head[:4] == b"desc":
            description = read_at(file, body, 32)
        elif head[:4] == b"data":
            end = total if size < 0 else min(body + size, total)
            start = min(body + _EDIT_COUNT_SIZE, end)
            return _layout(description, start, end - start)
        if size < 0:
            break
        place = body + size
    raise UnsupportedError("CAF file without a data chunk")


def _layout(description: bytes, start: int, size: int) -> Layout:
    if len(description) < 32 or description[8:12] != b"lpcm":
        raise UnsupportedError("CAF samples are not linear PCM")
    (rate,) = struct.unpack(">d", description[:8])
    flags, packet, frames, channels, bits = struct.unpack(">5I", description[12:32])
    width = packet // channels if channels and frames == 1 else 0
    encoding: Encoding = "float" if flags & _IS_FLOAT else "signed"
    if not 0 <= rate < 2**32:
        rate = 0
    big = not flags & _IS_LITTLE
    return checked(Layout(start, size, min(channels, 255), width, encoding, big, min(bits, 255), int(rate)))
