"""AIFF and AIFF-C files with uncompressed integers (NONE, twos, sowt, in24, in32) or floats (fl32, fl64).

Source: Apple, "Audio Interchange File Format AIFF-C" (1991 draft).
"""

import struct
from typing import BinaryIO

from neuralzip.errors import UnsupportedError
from neuralzip.media.audio.layout import Encoding, Layout, checked, iff_chunks, read_at, size_of

_KINDS: dict[bytes, tuple[Encoding, bool]] = {
    b"NONE": ("signed", True),
    b"twos": ("signed", True),
    b"in24": ("signed", True),
    b"in32": ("signed", True),
    b"sowt": ("signed", False),
    b"fl32": ("float", True),
    b"FL32": ("float", True),
    b"fl64": ("float", True),
    b"FL64": ("float", True),
}


def is_aiff(head: bytes) -> bool:
    """Say whether a file starts as an AIFF or AIFF-C."""
    return head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")


def locate(file: BinaryIO) -> Layout:
    """Return where the samples of a seekable AIFF file are.

    Raises:
        UnsupportedError: no samples that can be restored from integers.
    """
    total = size_of(file)
    compressed = read_at(file, 8, 4) == b"AIFC"
    common = b""
    for name, place, size in iff_chunks(file, 12, ">"):
        if name == b"COMM":
            common = read_at(file, place, min(size, 64))
        elif name == b"SSND":
            offset = struct.unpack(">I", read_at(file, place, 4).ljust(4, b"\0"))[0]
            start = min(place + 8 + offset, total)
            return _layout(common, compressed, start, max(min(place + size, total) - start, 0))
    raise UnsupportedError("AIFF file without sound data")


def _layout(common: bytes, compressed: bool, start: int, size: int) -> Layout:
    if len(common) < (22 if compressed else 18):
        raise UnsupportedError("AIFF description is missing or too short")
    channels, _, bits = struct.unpack(">hIh", common[:8])
    kind = common[18:22] if compressed else b"NONE"
    if kind not in _KINDS:
        raise UnsupportedError(f"AIFF samples of kind {kind!r}; only integers and floats are supported")
    encoding, big = _KINDS[kind]
    width = (bits + 7) // 8
    return checked(Layout(start, size, channels, width, encoding, big, bits, _extended(common[8:18])))


def _extended(data: bytes) -> int:
    """Return the whole part of an 80-bit extended float, 0 for what is no sampling rate."""
    exponent, mantissa = struct.unpack(">HQ", data)
    shift = 16383 + 63 - exponent
    return mantissa >> shift if 0 <= shift < 64 else 0
