"""Least-squares predictors for the samples of graphics that repeat nothing, in the order they come.

Each predictor is linear in known samples around, of this plane and of the two before, as differences to their
plane's mean of west and north. For each plane it keeps normal equations A w = b of the samples coded lately, and
the like for each strip of columns; it predicts by their sum, solved by Cholesky for each sample:

    A = U'U,  U'y = b,  U'z = x  =>  x w = z y

Strict arithmetic: float64 +, -, *, / and sqrt, every element in the order written; predictions leave rounded to
1/UNIT grey level. Source: online least squares as in TMW and paq8px; the strips are ours.

P planes, K predictors, N inputs at most; a row of equations has ROOM elements, the last two of b and of x.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.least_squares import UNIT

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]

OWN = (
    (-1, 0),
    (0, -1),
    (-1, -1),
    (1, -1),
    (-2, 0),
    (0, -2),
    (1, -2),
    (2, -1),
    (-1, -2),
    (-2, -1),
    (-3, 0),
    (0, -3),
)
LED = ((0, 0), (-1, 0), (0, -1), (-1, -1), (1, -1), (0, -2), (-2, 0), (1, -2), (2, -1))
"""Places (dx, dy) of inputs of a plane, and of those before it."""
SIZES = ((6, 5, 3), (12, 9, 7))
"""Inputs of each predictor: of its own plane, the one before and the second before."""
SQUARES = len(SIZES)
ROOM = 32
REFERENCE = ROOM
STRIPS = 128
_KEEPS = np.array([0.99, 0.998])
_STRIP_KEEPS = np.array([0.99, 0.995])
_RIDGE, _SOFT, _TOP = 2.0, 100.0, 40.0
_LEAST = 1e-3
"""Smallest square of a pivot."""
_STRIP_COLUMNS = 16


class Squares(NamedTuple):
    """State of the predictors of P planes.

    Attributes:
        shape: [2] int64: columns of a strip, number of strips.
        gram: [K, P, 1 + strips, ROOM - 2, ROOM]: upper half of A, then b; of all samples, then by strip.
        work: [ROOM - 2, ROOM]: the Cholesky factor.
        inputs: [K, ROOM + 8]: inputs of the sample in work, later the target; the reference at REFERENCE.
        places: [2, len(OWN)] int64: offsets of inputs, of a plane and of those before it.
    """

    shape: Ints
    gram: Floats
    work: Floats
    inputs: Floats
    places: Ints


def new_squares(planes: int, width: int, stride: int) -> Squares:
    """Return predictors that have seen nothing."""
    columns = max(_STRIP_COLUMNS, -(-width // STRIPS))
    strips = -(-width // columns) if planes else 0
    places = np.zeros((2, len(OWN)), np.int64)
    places[0] = [dx + dy * stride for dx, dy in OWN]
    places[1, : len(LED)] = [dx + dy * stride for dx, dy in LED]
    return Squares(
        shape=np.array([columns, strips], np.int64),
        gram=np.zeros((SQUARES, planes, strips + 1, ROOM - 2, ROOM)),
        work=np.zeros((ROOM - 2, ROOM)),
        inputs=np.zeros((SQUARES, ROOM + 8)),
        places=places,
    )


@inner
def _gather_plane(
    x: Floats, first: int, count: int, samples: Words, places: Ints, place: int, stride: int
) -> np.float64:
    """Fill `count` inputs of a plane, less its mean of west and north; return this."""
    reference = 0.5 * (samples[place - 1, 0] + samples[place - stride, 0])
    for k in range(count):
        x[first + k] = samples[place + places[k], 0] - reference
    return reference


@inner
def _gather(
    squares: Squares, which: int, samples: Words, stride: int, size: int, place: int, plane: int
) -> np.int64:
    """Fill the inputs; return their number."""
    x, sizes = squares.inputs[which], SIZES[which]
    n = sizes[0]
    x[REFERENCE] = _gather_plane(x, 0, n, samples, squares.places[0], place, stride)
    if plane > 0:
        _gather_plane(x, n, sizes[1], samples, squares.places[1], place - size, stride)
        n += sizes[1]
    if plane > 1:
        _gather_plane(x, n, sizes[2], samples, squares.places[1], place - 2 * size, stride)
        n += sizes[2]
    return np.int64(n)


@inner
def _size(which: int, plane: int) -> int:
    """Return the number of inputs of a plane."""
    sizes = SIZES[which]
    return sizes[0] + (sizes[1] if plane > 0 else 0) + (sizes[2] if plane > 1 else 0)


@inner
def _subtract_rows(own: Floats, rows: Floats, j: int, first: int, room: int) -> None:
    """Subtract four rows, each times its element j, one after the other: fewer loads than row by row."""
    a, b, c, d = rows[0], rows[1], rows[2], rows[3]
    aj, bj, cj, dj = a[j], b[j], c[j], d[j]
    for i in range(first, room):
        own[i] = (((own[i] - aj * a[i]) - bj * b[i]) - cj * c[i]) - dj * d[i]


@inner
def _solve(work: Floats, n: int, room: int) -> np.float64:
    """Return x w; row j of `work` has A from column j on, b and x at columns n and n + 1."""
    total = np.float64(0.0)
    for j in range(n):
        own, first = work[j], j & ~7
        for k in range(0, j & ~3, 4):
            _subtract_rows(own, work[k : k + 4], j, first, room)
        for k in range(j & ~3, j):
            factor, other = work[k, j], work[k]
            for i in range(first, room):
                own[i] -= factor * other[i]
        scale = 1.0 / np.sqrt(max(own[j], _LEAST))
        for i in range(first, room):
            own[i] *= scale
        total += own[n] * own[n + 1]
    return total


@inner
def predict(
    squares: Squares,
    which: int,
    samples: Words,
    stride: int,
    size: int,
    place: int,
    plane: int,
    x: int,
    limits: Ints,
) -> np.int64:
    """Return a prediction of a sample in column x, in 1/UNIT level, within the limits of its plane.

    `samples` [P * size, ...] holds the values first, padded planes one after another, `stride` from row to row.
    """
    n = _gather(squares, which, samples, stride, size, place, plane)
    room = (n + 2 + 7) & ~7
    whole, strip = squares.gram[which, plane, 0], squares.gram[which, plane, 1 + x // squares.shape[0]]
    for j in range(n):
        a, b, c = whole[j], strip[j], squares.work[j]
        for i in range(j & ~7, room):
            c[i] = a[i] + b[i]
        c[j] += _RIDGE
        c[n + 1] = squares.inputs[which, j]
    value = squares.inputs[which, REFERENCE] + _solve(squares.work, n, room)
    if not value > limits[0]:
        return limits[0] * UNIT
    return np.int64(np.floor(min(value, np.float64(limits[1])) * UNIT + 0.5))


@inner
def _absorb(gram: Floats, x: Floats, n: int, room: int, keep: float, weight: float) -> None:
    """Take inputs and, behind them, the target into equations that forget."""
    for j in range(n):
        own, scaled = gram[j], weight * x[j]
        for i in range(j & ~7, room):
            own[i] = own[i] * keep + scaled * x[i]


@inner
def learn_last(squares: Squares, plane: int, x: int, value: int) -> None:
    """Take in the sample in column x that was predicted last."""
    for which in range(SQUARES):
        v, n = squares.inputs[which], _size(which, plane)
        room = (n + 2 + 7) & ~7
        energy = _SOFT
        for k in range(6):
            energy += v[k] * v[k]
        near = _TOP / np.sqrt(energy)
        v[n] = value - v[REFERENCE]
        v[n + 1] = 0.0
        _absorb(squares.gram[which, plane, 0], v, n, room, _KEEPS[which], (1.0 - _KEEPS[which]) * near)
        strip = squares.gram[which, plane, 1 + x // squares.shape[0]]
        _absorb(strip, v, n, room, _STRIP_KEEPS[which], (1.0 - _STRIP_KEEPS[which]) * near)
