"""The layout of PNG rasters: sizes, interlace passes, sample depths (PNG specification, sections 7 and 8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import UnsupportedError
from neuralzip.media.types import ColourKind

Bytes = npt.NDArray[np.uint8]

_COLOURS: dict[int, tuple[ColourKind, int, tuple[int, ...]]] = {
    0: ("grey", 1, (1, 2, 4, 8, 16)),
    2: ("rgb", 3, (8, 16)),
    3: ("palette", 1, (1, 2, 4, 8)),
    4: ("grey_alpha", 2, (8, 16)),
    6: ("rgba", 4, (8, 16)),
}
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, row step and column step of each pass."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One separately filtered part of a raster: every `row_step`-th row from `top` on, and columns alike."""

    top: int
    left: int
    row_step: int
    column_step: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of one raster are stored.

    Attributes:
        width: columns.
        height: rows.
        depth: bits of a sample: 1, 2, 4, 8 or 16.
        kind: what the channels mean.
        channels: samples of a pixel.
        interlaced: seven Adam7 passes instead of one.
    """

    width: int
    height: int
    depth: int
    kind: ColourKind
    channels: int
    interlaced: bool

    @property
    def step(self) -> int:
        """Distance in bytes of the pixels that filters compare."""
        return max(1, self.channels * self.depth // 8)

    def row_bytes(self, columns: int) -> int:
        """Return the bytes of a row, its filter type left out."""
        return (columns * self.channels * self.depth + 7) // 8

    def passes(self) -> Iterator[Pass]:
        """Yield the passes that have pixels."""
        for top, left, row_step, column_step in _ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            rows = (self.height - top + row_step - 1) // row_step
            columns = (self.width - left + column_step - 1) // column_step
            if rows > 0 and columns > 0:
                yield Pass(top, left, row_step, column_step, rows, columns)

    @property
    def filtered_size(self) -> int:
        """Bytes of all filtered rows with their types."""
        return sum(each.rows * (1 + self.row_bytes(each.columns)) for each in self.passes())

    def resized(self, width: int, height: int) -> "Layout":
        """Return the layout of an animation frame of another size."""
        if width == 0 or height == 0:
            raise UnsupportedError("PNG: a frame without pixels")
        return Layout(width, height, self.depth, self.kind, self.channels, self.interlaced)

    def empty(self) -> npt.NDArray[Any]:
        """Return a raster [H, W, C] to be filled."""
        return np.zeros((self.height, self.width, self.channels), np.uint16 if self.depth == 16 else np.uint8)


def read_layout(header: bytes) -> Layout:
    """Read the 13 bytes of an IHDR chunk; raise UnsupportedError where they make no sense."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if len(header) != 13 or not 0 < width < 1 << 31 or not 0 < height < 1 << 31:
        raise UnsupportedError("PNG: impossible dimensions")
    depth, colour, method, filtering, interlace = header[8:]
    kind, channels, depths = _COLOURS.get(colour, ("other", 1, ()))
    if depth not in depths or method or filtering or interlace > 1:
        raise UnsupportedError(f"PNG: colour type {colour} with depth {depth}, or an unknown method")
    return Layout(width, height, depth, kind, channels, interlace == 1)


def unpack_rows(rows: Bytes, columns: int, form: Layout) -> npt.NDArray[Any]:
    """Turn bytes [rows, row_bytes] into samples [rows, columns, C]."""
    if form.depth == 16:
        return rows.view(">u2").astype(np.uint16).reshape(len(rows), columns, form.channels)
    if form.depth < 8:
        bits = np.unpackbits(rows, axis=1)[:, : columns * form.depth].reshape(len(rows), columns, form.depth)
        rows = np.right_shift(np.packbits(bits, axis=2), np.uint8(8 - form.depth))
    return rows.reshape(len(rows), columns, form.channels)


def pack_rows(samples: npt.NDArray[Any], form: Layout) -> Bytes:
    """Turn samples [rows, columns, C] into bytes [rows, row_bytes], unused bits zero."""
    rows, columns = samples.shape[:2]
    if form.depth == 16:
        return samples.astype(">u2").reshape(rows, -1).view(np.uint8)
    if form.depth < 8:
        bits = np.unpackbits((samples << (8 - form.depth)).astype(np.uint8).reshape(rows, columns, 1), axis=2)
        return np.packbits(bits[:, :, : form.depth].reshape(rows, -1), axis=1)
    return np.ascontiguousarray(samples, np.uint8).reshape(rows, -1)
