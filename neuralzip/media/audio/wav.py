"""RIFF WAVE files: RIFF (little-endian), RIFX (big-endian), RF64 and BW64 (64-bit sizes).

Source: IBM/Microsoft, "Multimedia Programming Interface and Data Specifications 1.0" (1991); EBU Tech 3306 (RF64).
"""

import struct
from typing import BinaryIO, Literal

from neuralzip.errors import UnsupportedError
from neuralzip.media.audio.layout import Encoding, Layout, checked, iff_chunks, read_at, size_of

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
UNKNOWN_SIZE = 0xFFFFFFFF


def is_wav(head: bytes) -> bool:
    """Say whether a file starts as a RIFF WAVE of any kind."""
    return head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def locate(file: BinaryIO) -> Layout:
    """Return where the samples of a seekable WAVE file are.

    Raises:
        UnsupportedError: no samples that can be restored from integers.
    """
    head = read_at(file, 0, 12)
    order: Literal["<", ">"] = ">" if head[:4] == b"RIFX" else "<"
    total = size_of(file)
    fmt, wide_size = b"", None
    for name, place, size in iff_chunks(file, 12, order):
        if name == b"ds64":
            wide_size = struct.unpack("<Q", read_at(file, place + 8, 8).ljust(8, b"\0"))[0]
        elif name == b"fmt ":
            fmt = read_at(file, place, min(size, 64))
        elif name == b"data":
            if size == UNKNOWN_SIZE and wide_size is not None:
                size = wide_size
            if size == 0 and _is_streamed(head, order):
                size = total
            return parse_format(fmt, order, place, min(size, total - place))
    raise UnsupportedError("WAVE file without a data chunk")


def _is_streamed(head: bytes, order: str) -> bool:
    """Say whether the outer size is one that a writer to a pipe leaves behind."""
    return struct.unpack(order + "I", head[4:8])[0] in (0, UNKNOWN_SIZE)


def parse_format(fmt: bytes, order: str, start: int, size: int) -> Layout:
    """Return the layout that a `fmt ` body (WAVEFORMAT, -EX or -EXTENSIBLE) describes.

    Raises:
        UnsupportedError: too short, or not integer or float samples.
    """
    if len(fmt) < 16:
        raise UnsupportedError("WAVE format description is missing or too short")
    tag, channels, rate, _, align, bits = struct.unpack(order + "HHIIHH", fmt[:16])
    if tag == _EXTENSIBLE and len(fmt) >= 40 and fmt[26:40] == _GUID_TAIL:
        (tag,) = struct.unpack(order + "H", fmt[24:26])
    if tag not in (_PCM, _FLOAT):
        raise UnsupportedError(f"WAVE samples of kind {tag:#06x}; only integers and floats are supported")
    width = (bits + 7) // 8
    if channels and align % channels == 0 and width < align // channels <= 4:
        width = align // channels
    encoding: Encoding = "float" if tag == _FLOAT else "unsigned" if width == 1 else "signed"
    return checked(Layout(start, size, channels, width, encoding, order == ">", bits, rate))
