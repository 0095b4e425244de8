"""A JPEG file -> its layout and its coefficients. N blocks of all components."""

import numpy as np

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.jpeg import entropy, markers
from neuralzip.media.jpeg.bitstream import Reader
from neuralzip.media.jpeg.coefficients import Coefficients
from neuralzip.media.jpeg.entropy import Blocks
from neuralzip.media.jpeg.headers import Headers
from neuralzip.media.jpeg.layout import Layout
from neuralzip.media.jpeg.writer import coefficients_of, rebuild

BLOCKS_A_BYTE = 8
"""No file has more blocks for each of its bytes: a scan spends a bit on a block at least."""
VISITS_A_BYTE = 128
"""Blocks of all scans together that are handled for each byte; the time for them must not outgrow the file."""


def parse(data: bytes, most_blocks: int) -> tuple[Layout, Coefficients]:
    """Take a JPEG file apart.

    Raises:
        UnsupportedError: not a JPEG, damaged, larger than `most_blocks`, or `rebuild` would not restore it.
    """
    layout, coefficients = _Parser(data, most_blocks).run()
    try:
        restored = rebuild(layout, coefficients, len(data))
    except CorruptError as error:
        raise UnsupportedError(f"JPEG: not restorable ({error})") from error
    if restored != data:
        raise UnsupportedError("JPEG: not restored exactly")
    return layout, coefficients


class _Parser:
    """Walks through a file."""

    def __init__(self, data: bytes, most_blocks: int) -> None:
        self._data, self._most_blocks = data, min(most_blocks, BLOCKS_A_BYTE * len(data))
        self._bytes = np.frombuffer(data, np.uint8)
        self._headers = Headers()
        self._parts: list[bytes] = []
        self._padding = 1

    def run(self) -> tuple[Layout, Coefficients]:
        """Return what the file holds, not yet verified."""
        blocks: Blocks | None = None
        place = 0
        while (start := self._next_scan(place)) is not None:
            if blocks is None:
                blocks = self._new_blocks()
            self._parts.append(self._data[place:start])
            place = self._read_scan(start, blocks)
        if blocks is None:
            raise UnsupportedError("JPEG: no scan")
        layout = Layout(tuple(self._parts), self._data[place:], self._padding)
        return layout, coefficients_of(self._headers, blocks)

    def _next_scan(self, place: int) -> int | None:
        """Return where the entropy-coded bytes of the next scan start; None where the tail does."""
        found = list(markers.segments(self._data, place))
        self._header = self._headers.read(found)
        if self._headers.visits > VISITS_A_BYTE * len(self._data):
            raise UnsupportedError("JPEG: more scans than its bytes are worth")
        return None if self._header is None else found[-1].end

    def _new_blocks(self) -> Blocks:
        count = self._headers.blocks
        if count > self._most_blocks:
            raise UnsupportedError("JPEG: more blocks than its bytes can hold, or than there is memory for")
        return np.zeros((count, 64), np.int16)

    def _read_scan(self, start: int, blocks: Blocks) -> int:
        """Return where the scan ends whose entropy-coded bytes start here."""
        assert self._header is not None
        tables, scan = self._headers.scan(self._header)
        reader = Reader(self._bytes, np.array([start, 0, 0, 0], np.int64))
        padding = entropy.read_scan(reader, tables, scan, blocks)
        if padding < 0:
            raise UnsupportedError("JPEG: damaged scan")
        if padding < 2:
            self._padding = padding
        return int(reader.state[0])
