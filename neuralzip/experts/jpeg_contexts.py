"""What is known around a coefficient: contexts of counts, of coefficients and of DC.

Along a border between blocks the picture goes on, hence one coefficient of a row or column follows from the others
and the neighbour: the sum of c(u) F(u) at one side equals that of c(u) (-1)**u F(u) at the other.

Source: Horn and others, "The Design, Implementation, and Deployment of a System to Transparently Compress
Hundreds of Petabytes of Image Files" (2017), for averages of neighbours and the borders' continuity.
"""

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.experts.counters import hash_start, hash_step
from neuralzip.experts.jpeg_state import JpegModel, Plane, capped, clip, level, signed_level
from neuralzip.media.jpeg.coefficients import MAX_COEFFICIENT

_DC_WEIGHT, _AC_WEIGHT = 181, 256  # of a coefficient at a block's border: 256 / sqrt(2) and 256


@inner
def _weight(frequency: int) -> int:
    return _AC_WEIGHT if frequency else _DC_WEIGHT


@inner
def begin_borders(model: JpegModel, plane: Plane, row: int, column: int) -> None:
    """Set what the coefficients of the block at (row, column), counted from 1, add up to at its borders."""
    for i in range(8):
        left, top = np.int64(0), np.int64(0)
        for k in range(8):
            sign = -_weight(k) if k & 1 else _weight(k)
            left += sign * plane.blocks[row, column - 1, 8 * i + k] * plane.steps[8 * i + k]
            top += sign * plane.blocks[row - 1, column, 8 * k + i] * plane.steps[8 * k + i]
        model.left[i], model.top[i] = left, top


@inner
def take(model: JpegModel, plane: Plane, place: int, value: int) -> None:
    """Let the borders know a coefficient."""
    y, x = place >> 3, place & 7
    model.left[y] -= _weight(x) * value * plane.steps[place]
    model.top[x] -= _weight(y) * value * plane.steps[place]


@inner
def _expected(model: JpegModel, plane: Plane, place: int, row: int, column: int) -> tuple[np.int64, np.int64]:
    """Return what the left and the upper border want a coefficient to be, in quarters of its step."""
    y, x = place >> 3, place & 7
    step = plane.steps[place]
    by_left = np.int64(4 * model.left[y] // (_weight(x) * step))
    by_top = np.int64(4 * model.top[x] // (_weight(y) * step))
    if column == 1:
        by_left = by_top if row > 1 else np.int64(0)
    if row == 1:
        by_top = by_left
    return by_left, by_top


@inner
def set_count_contexts(model: JpegModel, plane: Plane, other: Plane, row: int, column: int, which: int) -> None:
    """Set the contexts of one of a block's three counts."""
    counts, hashes = plane.counts, model.hashes
    a, b = np.int64(counts[row - 1, column, which]), np.int64(counts[row, column - 1, which])
    c, d = np.int64(counts[row - 1, column - 1, which]), np.int64(counts[row - 1, column + 1, which])
    inside = np.int64(counts[row, column, 0]) if which else np.int64(0)
    first = np.int64(counts[row, column, 1]) if which == 2 else np.int64(0)
    o_row, o_column = _there(plane, other, row, column)
    o = np.int64(other.counts[o_row, o_column, which])
    base = hash_step(hash_start(1 + which), plane.number)
    known = inside * 8 + first
    mean = (2 * a + 2 * b + c + d + 1) // 3
    hashes[0] = hash_step(hash_step(base, a), b)
    hashes[1] = hash_step(hash_step(base, mean), known)
    hashes[2] = hash_step(hash_step(base, o), mean >> 1)
    hashes[3] = hash_step(hash_step(base, o), known)
    hashes[4] = hash_step(hash_step(base, a), known)
    hashes[5] = hash_step(hash_step(base, b), known)
    hashes[6] = hash_step(hash_step(hash_step(hash_step(base, a >> 2), b >> 2), c >> 2), d >> 2)
    hashes[7] = hash_step(base, known)
    hashes[8] = hash_step(hash_step(base, c), d)
    hashes[9] = hash_step(hash_step(base, a + b), o)
    hashes[10] = hash_step(hash_step(base, column), which)
    hashes[11] = hash_step(hash_step(base, (a + b) >> 1), known >> 2)
    hashes[12] = hash_step(hash_step(base, a), d)
    hashes[13] = base
    model.levels[0] = capped(mean >> 2)
    model.levels[1] = capped(inside >> 2 if which else o >> 2)
    model.levels[2] = capped(first * 2 if which == 2 else abs(a - b))


@inner
def _there(plane: Plane, other: Plane, row: int, column: int) -> tuple[int, int]:
    """Return where a block of one component lies in another, both counted from 1."""
    rows, columns = plane.counts.shape[0] - 1, plane.counts.shape[1] - 2
    o_rows, o_columns = other.counts.shape[0] - 1, other.counts.shape[1] - 2
    return 1 + (row - 1) * o_rows // rows, 1 + (column - 1) * o_columns // columns


@inner
def set_contexts(
    model: JpegModel, plane: Plane, other: Plane, row: int, column: int, place: int, left: int
) -> None:
    """Set the contexts of one coefficient that is not DC; `left` of its part are still to come."""
    blocks, hashes = plane.blocks, model.hashes
    a, b = np.int64(blocks[row - 1, column, place]), np.int64(blocks[row, column - 1, place])
    c, d = np.int64(blocks[row - 1, column - 1, place]), np.int64(blocks[row - 1, column + 1, place])
    o_row, o_column = _there(plane, other, row, column)
    o = np.int64(other.blocks[o_row, o_column, place])
    y, x = place >> 3, place & 7
    here = blocks[row, column]
    up = np.int64(here[place - 8]) if y > 1 else np.int64(0)
    back = np.int64(here[place - 1]) if x > 1 else np.int64(0)
    both = np.int64(here[place - 9]) if x > 1 and y > 1 else np.int64(0)
    if y == 0:
        up, both = np.int64(here[place + 8]), np.int64(here[place + 16])
    elif x == 0:
        back, both = np.int64(here[place + 1]), np.int64(here[place + 2])
    by_left, by_top = _expected(model, plane, place, row, column)
    middle = (by_left + by_top) >> 1
    if y == 0:
        middle = by_left
    elif x == 0:
        middle = by_top
    around = 13 * (abs(a) + abs(b)) + 4 * (abs(c) + abs(d))
    inside = 2 * (abs(up) + abs(back)) + abs(both)
    base = hash_step(hash_start(8 + plane.number), place)
    near, whole = level(around >> 2), level(inside)
    hashes[0] = hash_step(hash_step(base, left), near)
    hashes[1] = hash_step(hash_step(base, clip(a, 6)), clip(b, 6))
    hashes[2] = hash_step(hash_step(base, signed_level(by_left)), near >> 1)
    hashes[3] = hash_step(hash_step(base, signed_level(by_top)), near >> 1)
    hashes[4] = hash_step(hash_step(base, clip(middle, 40)), left >> 2)
    hashes[5] = hash_step(hash_step(base, clip(up, 5) * 11 + clip(back, 5)), clip(both, 2))
    hashes[6] = hash_step(hash_step(base, whole), left)
    hashes[7] = hash_step(hash_step(base, clip(o, 12)), near)
    hashes[8] = hash_step(hash_step(hash_start(12), left), near * 16 + whole)
    hashes[9] = hash_step(hash_step(base, near), whole)
    hashes[10] = hash_step(hash_step(base, signed_level(by_left)), signed_level(by_top))
    hashes[11] = hash_step(hash_step(base, plane.counts[row - 1, column, 0]), plane.counts[row, column - 1, 0])
    hashes[12] = hash_step(hash_step(base, clip(c, 3) * 7 + clip(d, 3)), clip(o, 3))
    hashes[13] = hash_step(hash_step(base, level(abs(middle))), near)
    model.levels[0], model.levels[1] = near, capped(left)
    model.levels[2] = signed_level(middle) >> 1


@inner
def set_dc_contexts(model: JpegModel, plane: Plane, other: Plane, row: int, column: int) -> np.int64:
    """Set the contexts of a block's DC; return what is expected of it."""
    blocks, counts, hashes = plane.blocks, plane.counts, model.hashes
    a, b = np.int64(blocks[row - 1, column, 0]), np.int64(blocks[row, column - 1, 0])
    c = np.int64(blocks[row - 1, column - 1, 0])
    by_left, by_top = _expected(model, plane, 0, row, column)
    middle = min(max((by_left + by_top + 4) >> 3, -MAX_COEFFICIENT), MAX_COEFFICIENT)
    o_row, o_column = _there(plane, other, row, column)
    o = np.int64(other.blocks[o_row, o_column, 0])
    before = np.int64(other.blocks[o_row, o_column - 1, 0])
    apart = abs(by_left - by_top)
    part = (by_left + by_top) & 7
    gradient = a + b - c
    busy = np.int64(counts[row, column, 0]) + counts[row, column, 1] + counts[row, column, 2]
    base = hash_step(hash_start(20), plane.number)
    spread = level(apart)
    hashes[0] = hash_step(hash_step(base, spread), busy >> 2)
    hashes[1] = hash_step(hash_step(base, spread), part)
    hashes[2] = hash_step(base, signed_level(a - middle))
    hashes[3] = hash_step(base, signed_level(b - middle))
    hashes[4] = hash_step(hash_step(base, signed_level(a - middle)), signed_level(b - middle))
    hashes[5] = hash_step(base, clip(gradient - middle, 60))
    hashes[6] = hash_step(hash_step(base, signed_level(by_left - by_top)), busy >> 3)
    hashes[7] = hash_step(base, busy)
    hashes[8] = hash_step(base, clip(by_left - by_top, 100))
    hashes[9] = hash_step(base, clip(o - before, 60))
    hashes[10] = hash_step(hash_step(base, counts[row, column, 1]), counts[row, column, 2])
    hashes[11] = hash_step(hash_step(base, clip(a - middle, 30)), spread)
    hashes[12] = hash_step(hash_step(base, clip(b - middle, 30)), spread)
    hashes[13] = base
    model.levels[0], model.levels[1], model.levels[2] = spread, capped(busy >> 2), level(abs(gradient - middle))
    return middle
