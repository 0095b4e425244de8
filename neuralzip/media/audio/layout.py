"""Where the samples of a recording lie in its file, and how they are written.

Every container that is read here is bytes before the samples, interleaved frames, bytes after them. A Layout names
the middle part; the rest is kept as it is. Sizes in headers are hints only: they may be zero or all ones
(streamed), odd, or beyond the end of the file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from neuralzip.errors import UnsupportedError

Encoding = Literal["signed", "unsigned", "float", "flac"]
ENCODINGS: tuple[Encoding, ...] = ("signed", "unsigned", "float", "flac")
MAX_CHANNELS = 64
_WIDTHS: dict[Encoding, tuple[int, ...]] = {
    "signed": (1, 2, 3, 4),
    "unsigned": (1,),
    "float": (4, 8),
    "flac": tuple(range(4, 33)),
}
MAX_CHUNKS = 4096


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file's samples are stored.

    Attributes:
        start: bytes before the first sample.
        size: bytes of all whole frames.
        channels: 1..MAX_CHANNELS.
        width: bytes a sample: 1..4, or 4 and 8 for floats; bits a sample, 4..32, for FLAC.
        encoding: what the bytes of a sample mean.
        big_endian: order of the bytes of a sample.
        bits: significant bits a sample as the header says, at most 8 * width.
        rate: frames a second, 0 where unknown.
    """

    start: int
    size: int
    channels: int
    width: int
    encoding: Encoding
    big_endian: bool
    bits: int
    rate: int

    @property
    def frame_size(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.width

    @property
    def frames(self) -> int:
        """Whole frames in the file."""
        return self.size // self.frame_size


def checked(layout: Layout) -> Layout:
    """Return a layout that the codec can handle, cut to whole frames.

    Raises:
        UnsupportedError: an unusual number of channels, width or depth.
    """
    if not 1 <= layout.channels <= MAX_CHANNELS:
        raise UnsupportedError(f"{layout.channels} channels; 1 to {MAX_CHANNELS} are supported")
    if layout.width not in _WIDTHS[layout.encoding] or not 1 <= layout.bits <= 8 * layout.width:
        raise UnsupportedError(f"{layout.bits}-bit {layout.encoding} samples in {layout.width} bytes")
    whole = layout.size - layout.size % layout.frame_size
    return replace(layout, size=whole, rate=min(max(layout.rate, 0), 2**32 - 1))


def size_of(file: BinaryIO) -> int:
    """Return the size of a seekable file in bytes; its position is lost."""
    return file.seek(0, 2)


def read_at(file: BinaryIO, place: int, size: int) -> bytes:
    """Return up to `size` bytes at an offset."""
    file.seek(place)
    return file.read(size)


def iff_chunks(file: BinaryIO, place: int, order: Literal["<", ">"]) -> Iterator[tuple[bytes, int, int]]:
    """Yield (id, offset of the body, declared size) of chunks with 4-byte ids and sizes, padded to even."""
    for _ in range(MAX_CHUNKS):
        head = read_at(file, place, 8)
        if len(head) < 8:
            return
        (size,) = struct.unpack(order + "I", head[4:])
        yield head[:4], place + 8, size
        place += 8 + size + (size & 1)
