"""Rows of bytes as they lie in a file <-> pixels, and the padding at the end of rows.

H rows, W columns, C channels.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError
from neuralzip.media.raster.layout import Layout

Pixels = npt.NDArray[Any]
"""uint8, or uint16 from 16 bits."""
Bytes = npt.NDArray[np.uint8]


def unpack_rows(rows: bytes, layout: Layout) -> tuple[Pixels, bytes, int]:
    """Return (pixels [H, W, C], padding or b"" for zeros, value of a constant fourth channel or -1)."""
    samples = _split_bits(np.frombuffer(rows, np.uint8).reshape(layout.height, -1), layout.bits)
    if layout.bottom_up:
        samples = samples[::-1]
    used = _used_columns(layout)
    padding = samples[:, used:]
    pixels = _pixels(np.ascontiguousarray(samples[:, :used]), layout)
    constant = -1
    if layout.channels == 4 and layout.bits == 8 and (pixels[:, :, 3] == pixels[0, 0, 3]).all():
        constant, pixels = int(pixels[0, 0, 3]), pixels[:, :, :3]
    return np.ascontiguousarray(pixels), padding.tobytes() if padding.any() else b"", constant


def pack_rows(pixels: Pixels, layout: Layout, padding: bytes) -> bytes:
    """Return rows in file order; undoes `unpack_rows`.

    Raises:
        CorruptError: pixels or padding do not fit the layout.
    """
    if pixels.shape != layout.shape or int(pixels.max()) >> layout.bits:
        raise CorruptError(f"pixels {pixels.shape} do not fit the side information of their picture")
    used = _used_columns(layout)
    samples = np.zeros((layout.height, layout.row_bytes * 8 // min(layout.bits, 8)), np.uint8)
    samples[:, :used] = _columns(pixels, layout)
    if padding:
        if len(padding) != samples[:, used:].size:
            raise CorruptError("padding of a picture has another size than its rows leave")
        samples[:, used:] = np.frombuffer(padding, np.uint8).reshape(layout.height, -1)
    rows = _join_bits(samples, layout.bits)
    return (rows[::-1] if layout.bottom_up else rows).tobytes()


def _used_columns(layout: Layout) -> int:
    """Return how many entries of a split row are samples (bytes of samples, from 8 bits up)."""
    return layout.width * layout.channels * max(layout.bits // 8, 1)


def _pixels(columns: Bytes, layout: Layout) -> Pixels:
    """Return [H, W, C] of split rows without their padding."""
    pixels: Pixels = columns
    if layout.bits == 16:
        pixels = columns.view(">u2" if layout.big_endian else "<u2").astype(np.uint16)
    pixels = pixels.reshape(layout.height, layout.width, layout.channels)
    return pixels[:, :, [2, 1, 0, 3][: layout.channels]] if layout.swapped else pixels


def _columns(pixels: Pixels, layout: Layout) -> Bytes:
    """Undo `_pixels`, and the leaving out of a constant channel."""
    if layout.constant_value >= 0:
        pixels = np.pad(pixels, ((0, 0), (0, 0), (0, 1)), constant_values=layout.constant_value)
    if layout.swapped:
        pixels = pixels[:, :, [2, 1, 0, 3][: layout.channels]]
    flat = np.ascontiguousarray(pixels).reshape(layout.height, -1)
    if layout.bits == 16:
        return flat.astype(">u2" if layout.big_endian else "<u2").view(np.uint8)
    return flat.astype(np.uint8)


def _split_bits(rows: Bytes, bits: int) -> Bytes:
    """Return rows [H, row_bytes] as samples [H, row_bytes * 8 / bits], as they are from 8 bits up."""
    if bits >= 8:
        return rows
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    samples: Bytes = (rows[:, :, None] >> shifts & np.uint8((1 << bits) - 1)).reshape(len(rows), -1)
    return samples


def _join_bits(samples: Bytes, bits: int) -> Bytes:
    """Undo `_split_bits`."""
    if bits >= 8:
        return samples
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    rows: Bytes = np.bitwise_or.reduce(samples.reshape(len(samples), -1, 8 // bits) << shifts, axis=2)
    return rows
