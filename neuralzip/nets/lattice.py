"""A picture as nested lattices: each level's pixels between those of the level above are three parity groups.

    A C A C      level l has pixels at multiples of 2**l. A is level l + 1, known; then come
    B D B D      D from A, B from A and D, C from A, D and B, each group at once: all of a
    A C A C      pixel's neighbours of earlier groups are known, on all of its sides.

(B and C are named by the place in the 2 x 2 cell: B lies under A, C beside it.) What a net is shown of a pixel are
differences of known neighbours to the mean of the four nearest, divided by a power of two near their spread, so
that it learns shapes, whatever the contrast. S. Reed et al., "Parallel multiscale autoregressive density
estimation" (2017, arXiv 1703.03664) for the groups; the inputs are our own.

N pixels of a group, T taps, P planes, H rows, W columns, F inputs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner

Samples = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]

PLANES = 3
DIAGONAL, BELOW, BESIDE = GROUPS = range(3)
INPUT_BITS = 4
"""Inputs are in 1/16 of the local scale."""
BASE_BITS = 2
"""Base predictions are in quarters of a grey level."""
MAX_SCALE = 6
MAX_LEVELS = 8
TOP_SIDE = 8
_EXTRAS = 3


def _by_distance(kept: Any) -> list[tuple[int, int]]:
    """Return the offsets (dy, dx) within 5 that `kept` accepts, the nearest first."""
    near = [(dy, dx) for dy in range(-5, 6) for dx in range(-5, 6) if kept(dy % 2, dx % 2)]
    return sorted(near, key=lambda o: (o[0] ** 2 + o[1] ** 2, o))


def _taps(counts: tuple[int, int, int]) -> tuple[npt.NDArray[np.int64], ...]:
    kinds = (lambda y, x: y and x), (lambda y, x: y != x), (lambda y, x: y or x)
    return tuple(np.array(_by_distance(kind)[:n], np.int64) for kind, n in zip(kinds, counts, strict=True))


Taps = tuple[npt.NDArray[np.int64], ...]
"""Offsets (dy, dx) [T, 2] of each group's known neighbours, in spacings of the level, the nearest first."""
NEAR: Taps = _taps((24, 24, 28))


def inputs_of(taps: npt.NDArray[np.int64]) -> int:
    """Return F for the taps of a group."""
    return PLANES * len(taps) + _EXTRAS


def levels_of(height: int, width: int, top_side: int = TOP_SIDE) -> int:
    """Return how many levels a picture has; the pixels at multiples of 2**levels are sent as they are."""
    levels = 0
    while levels < MAX_LEVELS and max(height, width) >> levels > top_side:
        levels += 1
    return levels


def grid(height: int, width: int, first: tuple[int, int], spacing: int) -> tuple[IntArray, IntArray]:
    """Return (rows, columns) [N] of the pixels first + multiples of spacing, row by row."""
    ys, xs = np.arange(first[0], height, spacing), np.arange(first[1], width, spacing)
    return np.repeat(ys, len(xs)).astype(np.int32), np.tile(xs, len(ys)).astype(np.int32)


def pixels_of(height: int, width: int, level: int, group: int) -> tuple[IntArray, IntArray]:
    """Return (rows, columns) [N] of a group."""
    first = ((1, 1), (1, 0), (0, 1))[group]
    return grid(height, width, (first[0] << level, first[1] << level), 2 << level)


@inner
def _mirrored(at: int, offset: int, size: int) -> int:
    """Return at + offset, or its mirror image about `at` where that is outside; -1 where both are."""
    if 0 <= at + offset < size:
        return at + offset
    return at - offset if 0 <= at - offset < size else -1


@inner
def tap(plane: Samples, y: int, x: int, dy: int, dx: int, level: int) -> int:
    """Return a neighbour; far outside a tiny picture it is a pixel of the level above."""
    row, column = _mirrored(y, dy << level, plane.shape[0]), _mirrored(x, dx << level, plane.shape[1])
    if row < 0 or column < 0:
        row, column = (y >> (level + 1)) << (level + 1), (x >> (level + 1)) << (level + 1)
    return int(plane[row, column])


@inner
def _spread(taps: IntArray, base: int) -> int:
    """Return the sum of distances of the four nearest to their mean, in 1/16 grey levels."""
    total = 0
    for i in range(4):
        total += abs((taps[i] << BASE_BITS) - base)
    return total


@inner
def normalised(difference: int, scale: int) -> int:
    """Return a difference in quarters of a grey level as an input."""
    shifted = ((difference << (INPUT_BITS - BASE_BITS)) + (1 << scale >> 1)) >> scale
    return min(max(shifted, -127), 127)


@entry
def gather(
    planes: Samples,
    ys: IntArray,
    xs: IntArray,
    level: int,
    taps: npt.NDArray[np.int64],
    values: IntArray,
    inputs: Bytes,
    base: IntArray,
    scale: IntArray,
) -> None:
    """Fill what the net of a group is shown of its pixels.

    Args:
        planes: [P, H, W]; one plane stands for all three.
        ys: [N] rows.
        xs: [N] columns.
        level: of the group.
        taps: [T, 2] of the group.
        values: [PLANES, T] working memory.
        inputs: [N, F], filled.
        base: [N, PLANES], filled: mean of the four nearest neighbours.
        scale: [N], filled: log2 of the local scale in grey levels, 0..MAX_SCALE.
    """
    count = len(taps)
    for n in range(len(ys)):
        spread = 0
        for c in range(PLANES):
            plane = planes[min(c, planes.shape[0] - 1)]
            for t in range(count):
                values[c, t] = tap(plane, ys[n], xs[n], taps[t, 0], taps[t, 1], level)
            base[n, c] = values[c, 0] + values[c, 1] + values[c, 2] + values[c, 3]
            spread = max(spread, _spread(values[c], base[n, c]))
        power = 0
        while power < MAX_SCALE and spread >> (4 + power):
            power += 1
        scale[n] = power
        for c in range(PLANES):
            for t in range(count):
                inputs[n, c * count + t] = normalised((values[c, t] << BASE_BITS) - base[n, c], power)
        inputs[n, PLANES * count] = power << INPUT_BITS
        inputs[n, PLANES * count + 1] = min(level, MAX_SCALE) << INPUT_BITS
        inputs[n, PLANES * count + 2] = (base[n, 0] >> 3) - 64


@entry
def residuals(samples: IntArray, base: IntArray, scale: IntArray, out: Bytes) -> None:
    """Fill out [N] with what samples [N] of one plane leave of base [N], as inputs of the planes after it."""
    for n in range(len(samples)):
        out[n] = normalised((samples[n] << BASE_BITS) - base[n], scale[n])
