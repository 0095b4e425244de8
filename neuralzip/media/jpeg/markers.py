"""Marker segments of a JPEG file: where its scans are, and what their headers and tables say.

Source: ITU-T T.81 (1992), annex B.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neuralzip.errors import UnsupportedError
from neuralzip.media.jpeg.coefficients import MAX_COMPONENTS, MAX_FACTOR

SOI, EOI, SOS, DQT, DHT, DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
"""Markers without a length: TEM and RST0 to RST7."""


def _turn(place: int) -> int:
    """Return the order within a diagonal: upwards on even ones, downwards on odd ones."""
    row, column = divmod(place, 8)
    return row if (row + column) % 2 else column


@dataclass(frozen=True)
class FrameComponent:
    """A component as the frame header names it."""

    name: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class Frame:
    """A frame header (T.81, B.2.2); sizes are pixels."""

    kind: int
    width: int
    height: int
    components: tuple[FrameComponent, ...]


@dataclass(frozen=True)
class ScanHeader:
    """A scan header (T.81, B.2.3).

    Attributes:
        components: (index into the frame's components, DC table, AC table) of each.
        first: first frequency in zigzag order, 0..63.
        last: last frequency.
        high: bits left out by the scan before, 0 for a first scan.
        low: bits left out by this scan.
    """

    components: tuple[tuple[int, int, int], ...]
    first: int
    last: int
    high: int
    low: int


@dataclass(frozen=True)
class Segment:
    """A marker with what follows it: `body` is without marker and length, `end` is the offset behind it."""

    marker: int
    body: bytes
    end: int


def segments(data: bytes, start: int) -> Iterator[Segment]:
    """Yield the segments from an offset up to and with SOS or EOI; fill bytes before a marker are skipped.

    Raises:
        UnsupportedError: no marker where one should be, or the file ends.
    """
    while True:
        segment = _segment(data, start)
        yield segment
        if segment.marker in (SOS, EOI):
            return
        start = segment.end


def _segment(data: bytes, start: int) -> Segment:
    place = start
    while data[place : place + 2] == b"\xff\xff":
        place += 1
    if place + 2 > len(data) or data[place] != 0xFF or data[place + 1] == 0:
        raise UnsupportedError("JPEG: no marker where one should be")
    marker, place = data[place + 1], place + 2
    if marker in _ALONE or marker in (SOI, EOI):
        return Segment(marker, b"", place)
    length = int.from_bytes(data[place : place + 2], "big")
    if length < 2 or place + length > len(data):
        raise UnsupportedError("JPEG: segment cut off")
    return Segment(marker, data[place + 2 : place + length], place + length)


def _zigzag() -> npt.NDArray[np.int64]:
    return np.array(sorted(range(64), key=lambda place: (place // 8 + place % 8, _turn(place))), np.int64)


ZIGZAG = _zigzag()
"""[64], place in natural order (8 * vertical + horizontal frequency) of each zigzag index."""


def frame(segment: Segment) -> Frame:
    """Read a frame header.

    Raises:
        UnsupportedError: a kind, precision, size or component that is not handled.
    """
    body = segment.body
    if segment.marker not in (BASELINE, EXTENDED, PROGRESSIVE) or len(body) < 6 or body[0] != 8:
        raise UnsupportedError("JPEG: kind of frame not handled")
    height, width, count = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), body[5]
    if not (height and width and 1 <= count <= MAX_COMPONENTS and len(body) == 6 + 3 * count):
        raise UnsupportedError("JPEG: bad frame header")
    parts = (body[i : i + 3] for i in range(6, len(body), 3))
    components = tuple(FrameComponent(name, both >> 4, both & 15, table) for name, both, table in parts)
    if len({each.name for each in components}) < count or not all(_is_sound(each) for each in components):
        raise UnsupportedError("JPEG: bad component")
    return Frame(segment.marker, width, height, components)


def _is_sound(each: FrameComponent) -> bool:
    return 1 <= each.horizontal <= MAX_FACTOR and 1 <= each.vertical <= MAX_FACTOR and each.table < 4
