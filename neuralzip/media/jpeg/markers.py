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
FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
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


def scan_header(body: bytes, of: Frame) -> ScanHeader:
    """Read a scan header of a frame.

    Raises:
        UnsupportedError: it names no such components, or bands and bits that its kind of frame does not have.
    """
    count = body[0] if body else 0
    if not 1 <= count <= MAX_COMPONENTS or len(body) != 4 + 2 * count:
        raise UnsupportedError("JPEG: bad scan header")
    names = {each.name: index for index, each in enumerate(of.components)}
    pairs = [(body[i], body[i + 1]) for i in range(1, 1 + 2 * count, 2)]
    if len({name for name, _ in pairs}) < count or not all(_is_known(*pair, names) for pair in pairs):
        raise UnsupportedError("JPEG: bad component of a scan")
    first, last, bits = body[-3:]
    parts = tuple((names[name], both >> 4, both & 15) for name, both in pairs)
    header = ScanHeader(parts, first, last, bits >> 4, bits & 15)
    if not (_is_progressive_band(header) if of.kind == PROGRESSIVE else (first, last, bits) == (0, 63, 0)):
        raise UnsupportedError("JPEG: bad band of a scan")
    return header


def _is_known(name: int, tables: int, names: dict[int, int]) -> bool:
    return name in names and tables >> 4 < 4 and tables & 15 < 4


def _is_progressive_band(scan: ScanHeader) -> bool:
    band = scan.last == 0 if scan.first == 0 else scan.first <= scan.last <= 63 and len(scan.components) == 1
    return band and scan.low <= 13 and scan.high in (0, scan.low + 1)


def quantisation_tables(body: bytes) -> Iterator[tuple[int, npt.NDArray[np.int32]]]:
    """Yield (number, [8, 8] steps in natural order) of each table of a DQT segment.

    Raises:
        UnsupportedError: cut off, or a step of zero.
    """
    while body:
        wide, number = body[0] >> 4, body[0] & 15
        size = 1 + 64 * (1 + wide)
        if wide > 1 or number > 3 or len(body) < size:
            raise UnsupportedError("JPEG: bad quantisation table")
        table = np.zeros(64, np.int32)
        table[ZIGZAG] = np.frombuffer(body[1:size], ">u2" if wide else np.uint8)
        if not table.all():
            raise UnsupportedError("JPEG: quantisation step of zero")
        yield number, table.reshape(8, 8)
        body = body[size:]


def huffman_tables(body: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield (class: 0 DC or 1 AC, number, codes of each length 1..16, symbols) of each table of a DHT segment.

    Raises:
        UnsupportedError: cut off, or more codes than there can be.
    """
    while body:
        kind, number, counts = body[0] >> 4, body[0] & 15, body[1:17]
        size = 17 + sum(counts)
        full = sum(count << (16 - length) for length, count in enumerate(counts, 1))
        if kind > 1 or number > 3 or len(body) < size or sum(counts) > 256 or full > 1 << 16:
            raise UnsupportedError("JPEG: bad Huffman table")
        yield kind, number, counts, body[17:size]
        body = body[size:]
