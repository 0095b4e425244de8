"""A level of a lattice in tiles of 4 x 4: four known pixels and twelve to be coded, and what nets see of them.

    A . A .      A, at even rows and columns, belongs to the level above and is known in the whole picture;
    . . . .      the twelve others, row by row, are a tile's pixels. Nets see A around the tile (6 x 6) and what
    A . A .      the pixels leave of their base, the mean of the two or four A nearest to each: all as differences
    . . . .      over a power of two, in 1/16. Levels are those of `nets.lattice`.

N tiles, P planes, H rows, W columns, D = PLANES * PIXELS samples of a tile, F inputs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.nets import lattice
from neuralzip.nets.lattice import BASE_BITS, INPUT_BITS, MAX_SCALE, PLANES, IntArray, Samples

Bytes = npt.NDArray[np.int8]

SIDE = 4
PLACES = np.array([(y, x) for y in range(SIDE) for x in range(SIDE) if y % 2 or x % 2], np.int64)
"""Rows and columns of a tile's pixels in spacings of the level, [PIXELS, 2]."""
PIXELS = len(PLACES)
_WINDOW, _BEFORE, _CORE = 6, 2, 4
_TAPS = _WINDOW * _WINDOW
_EXTRAS = 3 + PLANES
INPUTS = PLANES * (_TAPS + _CORE * _CORE) + _EXTRAS
"""F."""
SAMPLES = PLANES * PIXELS
"""D."""


class View(NamedTuple):
    """What nets are shown of N tiles; see `gather`.

    Attributes:
        inputs: [N, F] int8.
        base: [N, PLANES, PIXELS] int32, in quarters of a grey level.
        scale: [N] int32.
    """

    inputs: Bytes
    base: IntArray
    scale: IntArray


def tiles_of(height: int, width: int, level: int) -> tuple[IntArray, IntArray]:
    """Return (rows, columns) [N] of the first pixels of a level's tiles that hold a pixel to be coded."""
    ys, xs = lattice.grid(height, width, (0, 0), SIDE << level)
    kept = (ys + (1 << level) < height) | (xs + (1 << level) < width)
    return ys[kept], xs[kept]


def pixels_of(
    ys: IntArray, xs: IntArray, level: int, size: tuple[int, int]
) -> tuple[IntArray, IntArray, npt.NDArray[np.bool_]]:
    """Return (rows, columns, whether they are inside the picture), each [N, PIXELS], of the tiles' pixels."""
    rows = (ys[:, None] + (PLACES[None, :, 0] << level)).astype(np.int32)
    columns = (xs[:, None] + (PLACES[None, :, 1] << level)).astype(np.int32)
    return rows, columns, (rows < size[0]) & (columns < size[1])


@inner
def _at(window: IntArray, row: int, column: int) -> int:
    """Return A at these places among a tile's own, -2..3."""
    return int(window[(row + _BEFORE) * _WINDOW + column + _BEFORE])


@inner
def _bend(window: IntArray, row: int, column: int) -> int:
    """Return four times the difference of A to the mean of its four neighbours."""
    sides = _at(window, row - 1, column) + _at(window, row + 1, column)
    return 4 * _at(window, row, column) - sides - _at(window, row, column - 1) - _at(window, row, column + 1)


@inner
def _base(window: IntArray, y: int, x: int) -> int:
    """Return the mean, in quarters, of the A nearest to the pixel (y, x) of a tile."""
    total = 0
    for row in range(y >> 1, ((y + 1) >> 1) + 1):
        for column in range(x >> 1, ((x + 1) >> 1) + 1):
            total += _at(window, row, column)
    return total if y & x & 1 else 2 * total


@inner
def _power(spread: int, bits: int) -> int:
    """Return the least power, at most MAX_SCALE, with spread < 2**(bits + power)."""
    power = 0
    while power < MAX_SCALE and spread >> (bits + power):
        power += 1
    return power


@inner
def _look(planes: Samples, y: int, x: int, level: int, windows: IntArray, means: IntArray) -> tuple[int, int]:
    """Fill windows [PLANES, 36] and the means of their middles, in quarters; return (fine scale, wide scale)."""
    bend, range_ = 0, 0
    for c in range(PLANES):
        plane, window = planes[min(c, planes.shape[0] - 1)], windows[c]
        for t in range(_TAPS):
            row, column = t // _WINDOW - _BEFORE, t % _WINDOW - _BEFORE
            window[t] = lattice.tap(plane, y, x, 2 * row, 2 * column, level)
        bends, total, away = 0, 0, 0
        for t in range(_CORE * _CORE):
            bends += abs(_bend(window, t // _CORE - 1, t % _CORE - 1))
            total += _at(window, t // _CORE - 1, t % _CORE - 1)
        for t in range(_CORE * _CORE):
            away += abs(16 * _at(window, t // _CORE - 1, t % _CORE - 1) - total)
        means[c] = (total + 2) >> 2
        bend, range_ = max(bend, bends), max(range_, away)
    fine = _power(bend, 6)
    return fine, max(fine, _power(range_, 8))


@entry
def gather(
    planes: Samples,
    ys: IntArray,
    xs: IntArray,
    level: int,
    windows: IntArray,
    means: IntArray,
    inputs: Bytes,
    base: IntArray,
    scale: IntArray,
) -> None:
    """Fill what nets are shown of tiles.

    Args:
        planes: [P, H, W]; one plane stands for all three.
        ys: [N] rows of the tiles' first pixels.
        xs: [N] columns.
        level: of the lattice.
        windows: [PLANES, 36] working memory.
        means: [PLANES] working memory.
        inputs: [N, F], filled.
        base: [N, PLANES, PIXELS], filled.
        scale: [N], filled: log2 of the local scale in grey levels, 0..MAX_SCALE.
    """
    for n in range(len(ys)):
        fine, wide = _look(planes, ys[n], xs[n], level, windows, means)
        scale[n], place = fine, 0
        for c in range(PLANES):
            window = windows[c]
            for t in range(_TAPS):
                inputs[n, place] = lattice.normalised((window[t] << BASE_BITS) - means[c], wide)
                place += 1
            for t in range(_CORE * _CORE):
                inputs[n, place] = lattice.normalised(_bend(window, t // _CORE - 1, t % _CORE - 1), fine)
                place += 1
            inputs[n, place] = (means[c] >> 3) - 64
            place += 1
            for i in range(PIXELS):
                base[n, c, i] = _base(window, PLACES[i, 0], PLACES[i, 1])
        inputs[n, place] = fine << INPUT_BITS
        inputs[n, place + 1] = wide << INPUT_BITS
        inputs[n, place + 2] = min(level, MAX_SCALE) << INPUT_BITS


@entry
def residuals(samples: IntArray, base: IntArray, scale: IntArray, out: Bytes) -> None:
    """Fill out [N, D] with what samples [N, PLANES, PIXELS] leave of their base, as inputs of nets."""
    for n in range(len(samples)):
        for c in range(PLANES):
            for i in range(PIXELS):
                left = (samples[n, c, i] << BASE_BITS) - base[n, c, i]
                out[n, c * PIXELS + i] = lattice.normalised(left, scale[n])


def look(planes: Samples, ys: IntArray, xs: IntArray, level: int) -> View:
    """Return the view of the tiles at (ys, xs) [N] of a level in planes [P, H, W]."""
    count = len(ys)
    view = View(
        np.empty((count, INPUTS), np.int8),
        np.empty((count, PLANES, PIXELS), np.int32),
        np.empty(count, np.int32),
    )
    gather(planes, ys, xs, level, np.empty((PLANES, _TAPS), np.int32), np.empty(PLANES, np.int32), *view)
    return view
