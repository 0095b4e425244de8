"""What the headers of a JPEG file say, segment after segment: frame, tables, and the scan that begins."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from neuralzip.errors import UnsupportedError
from neuralzip.media.jpeg import entropy, markers
from neuralzip.media.jpeg.bitstream import Tables, new_tables
from neuralzip.media.jpeg.coefficients import MAX_COMPONENTS
from neuralzip.media.jpeg.entropy import Scan, new_last
from neuralzip.media.jpeg.markers import ZIGZAG, Frame, ScanHeader, Segment
from neuralzip.media.jpeg.progressive import new_band
from neuralzip.media.jpeg.scans import block_order, frame_shapes

MAX_SCANS = 128


class Headers:
    """Reads segments, and knows what holds at each scan.

    Attributes:
        steps: [8, 8] int32 quantisation steps of each component that a scan has held, by its index.
        visits: blocks of all scans so far, together.
    """

    def __init__(self) -> None:
        self.steps: dict[int, npt.NDArray[np.int32]] = {}
        self.visits = 0
        self._frame: Frame | None = None
        self._scans = 0
        self._interval = 0
        self._quantisation: dict[int, npt.NDArray[np.int32]] = {}
        self._huffman: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    @property
    def frame(self) -> Frame:
        """The frame header.

        Raises:
            UnsupportedError: there was none.
        """
        if self._frame is None:
            raise UnsupportedError("JPEG: no frame header")
        return self._frame

    @property
    def blocks(self) -> int:
        """Blocks of all components."""
        return sum(self._blocks_of(index) for index in range(len(self.frame.components)))

    def _blocks_of(self, index: int) -> int:
        rows, columns = frame_shapes(self.frame)[index]
        return rows * columns

    def read(self, segments: Iterable[Segment]) -> ScanHeader | None:
        """Read segments up to a scan; return its header, None where there is none any more.

        Raises:
            UnsupportedError: something that is not handled.
        """
        for segment in segments:
            marker, body = segment.marker, segment.body
            if marker == markers.DQT:
                self._quantisation.update(markers.quantisation_tables(body))
            elif marker == markers.DHT:
                tables = markers.huffman_tables(body)
                self._huffman.update({(kind, number): (counts, own) for kind, number, counts, own in tables})
            elif marker == markers.DRI:
                self._interval = _interval(body)
            elif marker in markers.FRAMES:
                if self._frame is not None:
                    raise UnsupportedError("JPEG: two frames")
                self._frame = markers.frame(segment)
            elif marker == markers.SOS:
                return self._begin(markers.scan_header(body, self.frame))
        return None

    def _begin(self, header: ScanHeader) -> ScanHeader:
        """Keep what holds at a scan."""
        self._scans += 1
        if self._scans > MAX_SCANS:
            raise UnsupportedError(f"JPEG: over {MAX_SCANS} scans")
        for index, _, _ in header.components:
            if self.frame.kind != markers.PROGRESSIVE and index in self.steps:
                raise UnsupportedError("JPEG: a component in two scans")
            table = self.frame.components[index].table
            if table not in self._quantisation:
                raise UnsupportedError("JPEG: no quantisation table")
            self.steps.setdefault(index, self._quantisation[table])
            self.visits += self._blocks_of(index)
        return header

    def scan(self, header: ScanHeader) -> tuple[Tables, Scan]:
        """Return the Huffman tables and the order of the blocks of the scan that begins.

        Raises:
            UnsupportedError: a table is missing.
        """
        order, places = block_order(self.frame, header)
        kind = self._kind(header)
        given: list[tuple[bytes, bytes]] = []
        choices = np.zeros(MAX_COMPONENTS, np.int64), np.zeros(MAX_COMPONENTS, np.int64)
        for place, (_, dc, ac) in enumerate(header.components):
            for which, number in _tables_of(kind, dc, ac):
                if (which, number) not in self._huffman:
                    raise UnsupportedError("JPEG: no Huffman table")
                choices[which][place] = len(given)
                given.append(self._huffman[which, number])
        band = new_band(header.first, header.last, header.high, header.low, ZIGZAG)
        return new_tables(given), Scan(kind, order, places, *choices, self._interval, new_last(), band)

    def _kind(self, header: ScanHeader) -> int:
        if self.frame.kind != markers.PROGRESSIVE:
            return entropy.SEQUENTIAL
        if header.first == 0:
            return entropy.DC_BIT if header.high else entropy.DC
        return entropy.AC_BIT if header.high else entropy.AC


def _interval(body: bytes) -> int:
    if len(body) != 2:
        raise UnsupportedError("JPEG: bad restart interval")
    return int.from_bytes(body, "big")


def _tables_of(kind: int, dc: int, ac: int) -> list[tuple[int, int]]:
    """Return (class, number) of the tables that a kind of scan needs."""
    both = [(0, dc), (1, ac)]
    return {entropy.SEQUENTIAL: both, entropy.DC: both[:1], entropy.DC_BIT: []}.get(kind, both[1:])
