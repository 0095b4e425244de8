"""Where the samples of an uncompressed raster lie in its file.

H rows, W columns, C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError, UnsupportedError

_MAX_PADDING_BITS = 32
"""Rows are padded to whole bytes, or to four of them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One raster of a file.

    Attributes:
        height: H.
        width: W.
        channels: C.
        bits: bits a sample: 1, 2, 4, 8 or 16; samples under 8 bits are packed, first in the high bits, C = 1.
        row_bytes: bytes from one row to the next.
        spans: (offset, size) of the pieces of the file that hold the rows, in row order.
        bottom_up: the last row comes first.
        swapped: the first and the third channel change places (BGR).
        big_endian: order of bytes of 16-bit samples.
        constant_value: value of every sample of the fourth channel, which is then left out; -1 where they differ.
    """

    height: int
    width: int
    channels: int
    bits: int
    row_bytes: int
    spans: tuple[tuple[int, int], ...]
    bottom_up: bool = False
    swapped: bool = False
    big_endian: bool = False
    constant_value: int = -1

    def __post_init__(self) -> None:
        """Refuse what no file may say; every array made from a layout is as large as its spans."""
        sound = (
            min(self.height, self.width) >= 1
            and 1 <= self.channels <= 4
            and self.bits in (1, 2, 4, 8, 16)
            and (self.bits >= 8 or self.channels == 1)
            and (self.channels >= 3 or not self.swapped)
            and (self.constant_value < 0 or (self.channels, self.bits) == (4, 8))
            and 0 <= self.row_bytes * 8 - self.width * self.channels * self.bits < _MAX_PADDING_BITS
            and sum(size for _, size in self.spans) == self.height * self.row_bytes
        )
        if not sound:
            raise UnsupportedError(f"impossible raster of {self.width}x{self.height}x{self.channels}")

    @property
    def size(self) -> int:
        """Bytes of all rows."""
        return self.height * self.row_bytes

    @property
    def shape(self) -> tuple[int, int, int]:
        """[H, W, channels of the pixels]."""
        return self.height, self.width, self.channels - (self.constant_value >= 0)

    def write(self, writer: FieldWriter) -> None:
        """Write the layout as side information."""
        flags = self.bottom_up | self.swapped << 1 | self.big_endian << 2 | (self.constant_value >= 0) << 3
        writer.raw(bytes([self.bits, self.channels, flags, max(self.constant_value, 0)]))
        for number in (self.height, self.width, self.row_bytes, len(self.spans)):
            writer.number(number)
        for offset, size in self.spans:
            writer.number(offset)
            writer.number(size)


def read_layout(reader: FieldReader) -> Layout:
    """Return the layout that `Layout.write` wrote.

    Raises:
        CorruptError: no layout has these fields.
    """
    bits, channels, flags, value = reader.raw(4)
    height, width, row_bytes, count = (reader.number() for _ in range(4))
    spans = []
    for _ in range(count):  # ends at the end of the side information, whatever the count says
        spans.append((reader.number(), reader.number()))
    swaps = (bool(flags & 1), bool(flags & 2), bool(flags & 4))
    try:
        return Layout(height, width, channels, bits, row_bytes, tuple(spans), *swaps, value if flags & 8 else -1)
    except UnsupportedError as error:
        raise CorruptError(str(error)) from error


def merged(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join spans that follow one another without a gap."""
    joined: list[tuple[int, int]] = []
    for offset, size in spans:
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        else:
            joined.append((offset, size))
    return tuple(joined)
