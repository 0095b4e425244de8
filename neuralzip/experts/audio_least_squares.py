"""Recursive least squares for sample prediction, in double precision that is the same on every machine.

A predictor keeps the exponentially forgotten moments of its inputs and the target, and now and then solves
(moments + ridge) * weights = cross for new weights by LDL' elimination. Each sample counts with the inverse of the
running mean error: loud passages, where errors are large, then do not drown the others.

Exactness: only + - * / on IEEE doubles in a fixed order; compiled without fastmath, so that no product and sum
are contracted and no sum is reordered (sums over taps run in LANES explicit lanes). Predictions are rounded to a
grid of 2**-10, and moments below TINY are set to zero before products of them could become subnormal, so that a
processor told to flush subnormals gives the same results.

All state lies in one flat array, `memory`, that many predictors share; a Place says where. Each array passed to a
compiled function, and each slice, costs a reference count in every call (measured: 8 of 12 us a sample), and
unsigned indices spare numba's handling of negative ones, so that inner loops vectorise.

Sources: S. Haykin, "Adaptive Filter Theory" (windowed normal equations); T. Ulacha and R. Stasinski, "Context
based lossless coder of audio signals" (2015), which weights samples too. P: inputs, padded to a multiple of LANES.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

Reals = npt.NDArray[np.float64]
U = np.uint64

LANES = 8
TINY = 1e-100
LIMIT = 2.0**40
"""Outputs beyond this, or not a number, count as zero."""
GROUP = 4
"""Samples that enter the moments together; periods are multiples of it."""
_GRID = 1.5 * 2.0**42
_TIDY_PERIOD = 1024
_ERROR_RATE = 0.05
_UNROLL = 4

_INPUTS, _CROSS, _INVERSE, _PLAIN, _SCALED, _SINGLE, _MOMENTS = (U(k) for k in (1, 2, 3, 4, 8, 12, 13))
"""Regions of a predictor, in units of P reals, behind its P weights."""
_TARGETS, _ERROR, _FORGET, _RIDGE = (U(k) for k in (0, 4, 5, 6))
"""Single numbers within their region."""


class Place(NamedTuple):
    """Where a predictor lies in memory, and its shape.

    Attributes:
        at: first entry; the weights are there.
        size: inputs in use.
        padded: P.
        period: samples between solutions, a multiple of GROUP.
        scratch: first entry of `scratch_size(P)` that the elimination may use; may be shared.
    """

    at: np.uint64
    size: np.uint64
    padded: np.uint64
    period: np.uint64
    scratch: np.uint64


def padded(size: int) -> int:
    """Return the next multiple of LANES."""
    return (size + LANES - 1) // LANES * LANES


def state_size(size: int) -> int:
    """Return how many reals a predictor with so many inputs needs."""
    return padded(size) * (int(_MOMENTS) + padded(size))


def scratch_size(size: int) -> int:
    """Return how many reals its elimination needs: multipliers [P, P], then rows [P, P + LANES]."""
    return padded(size) * (2 * padded(size) + LANES)


def place(at: int, size: int, period: int, scratch: int) -> Place:
    """Return the place of a predictor."""
    return Place(U(at), U(size), U(padded(size)), U(period), U(scratch))


def start(memory: Reals, where: Place, forget: float, ridge: float = 1e-5) -> None:
    """Set the constants of a predictor in memory that is zero: the past's weight, and the ridge."""
    single = int(where.at + where.padded * _SINGLE)
    memory[single + int(_ERROR)] = 100.0
    memory[single + int(_FORGET)] = forget
    memory[single + int(_RIDGE)] = ridge


@inner
def dot(a: Reals, first_a: np.uint64, first_b: np.uint64, size: np.uint64) -> float:
    """Return the sum of a[first_a + k] * a[first_b + k], k < size, a multiple of LANES, summed lane by lane."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for k in range(U(0), size, U(LANES)):
        i, j = first_a + k, first_b + k
        s0 += a[i] * a[j]
        s1 += a[i + U(1)] * a[j + U(1)]
        s2 += a[i + U(2)] * a[j + U(2)]
        s3 += a[i + U(3)] * a[j + U(3)]
        s4 += a[i + U(4)] * a[j + U(4)]
        s5 += a[i + U(5)] * a[j + U(5)]
        s6 += a[i + U(6)] * a[j + U(6)]
        s7 += a[i + U(7)] * a[j + U(7)]
    return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))


@inner
def on_grid(x: float) -> float:
    """Return x, below 2**41, rounded to a multiple of 2**-10."""
    return (x + _GRID) - _GRID


@inner
def inputs_at(where: Place) -> np.uint64:
    """Return where the inputs are to be put before `predict_ls`."""
    return where.at + where.padded * _INPUTS


@inner
def predict_ls(memory: Reals, where: Place) -> float:
    """Return the prediction for the inputs."""
    output = dot(memory, where.at, inputs_at(where), where.padded)
    return on_grid(output) if abs(output) < LIMIT else 0.0


@inner
def learn_ls(memory: Reals, where: Place, value: float, prediction: float, t: np.uint64) -> None:
    """Take in the true value of sample t; solve when its turn has come."""
    single = where.at + where.padded * _SINGLE
    mean = memory[single + _ERROR]
    mean = max(mean + (abs(value - prediction) - mean) * _ERROR_RATE, TINY)
    memory[single + _ERROR] = mean
    turn = t % U(GROUP)
    _collect(memory, where, turn, value, (1.0 - memory[single + _FORGET]) / (mean + 1.0))
    if turn != U(GROUP - 1):
        return
    _accumulate(memory, where)
    if t % U(_TIDY_PERIOD) == U(_TIDY_PERIOD - 1):
        _tidy(memory, where)
    if t % where.period == where.period - U(1) and _eliminate(memory, where):
        _substitute(memory, where)


@inner
def _collect(memory: Reals, where: Place, turn: np.uint64, value: float, weight: float) -> None:
    """Keep a sample's inputs, plain and times its weight in the moments after the group."""
    width = where.padded
    single = where.at + width * _SINGLE
    for _ in range(turn, U(GROUP - 1)):
        weight *= memory[single + _FORGET]
    inputs = inputs_at(where)
    plain, scaled = where.at + width * (_PLAIN + turn), where.at + width * (_SCALED + turn)
    for i in range(width):
        memory[plain + i] = memory[inputs + i]
        memory[scaled + i] = memory[inputs + i] * weight
    memory[single + _TARGETS + turn] = value


@inner
def _accumulate(memory: Reals, where: Place) -> None:
    """Add the collected samples to the moments, a group at once: one pass over memory."""
    width, m = where.padded, memory
    single = where.at + width * _SINGLE
    y0, y1, y2, y3 = m[single], m[single + U(1)], m[single + U(2)], m[single + U(3)]
    x0, w0 = where.at + width * _PLAIN, where.at + width * _SCALED
    x1, x2, x3 = x0 + width, x0 + width * U(2), x0 + width * U(3)
    w1, w2, w3 = w0 + width, w0 + width * U(2), w0 + width * U(3)
    cross, moments = where.at + width * _CROSS, where.at + width * _MOMENTS
    forget = m[single + _FORGET]
    forget = (forget * forget) * (forget * forget)
    for i in range(width):
        f0, f1, f2, f3 = m[w0 + i], m[w1 + i], m[w2 + i], m[w3 + i]
        m[cross + i] = (((forget * m[cross + i] + f0 * y0) + f1 * y1) + f2 * y2) + f3 * y3
        row = moments + i * width
        for j in range(i - i % U(LANES), width):
            kept = forget * m[row + j]
            m[row + j] = (((kept + f0 * m[x0 + j]) + f1 * m[x1 + j]) + f2 * m[x2 + j]) + f3 * m[x3 + j]


@inner
def _tidy(memory: Reals, where: Place) -> None:
    width = where.padded
    for row in range(_MOMENTS - U(1), _MOMENTS + width):
        first = where.at + width * (_CROSS if row < _MOMENTS else row)
        for i in range(first, first + width):
            if abs(memory[i]) < TINY:
                memory[i] = 0.0


@inner
def _eliminate(memory: Reals, where: Place) -> bool:
    """Bring [moments + ridge | cross] to upper triangular form in the scratch, row by row.

    Returns:
        False where the moments are not positive definite; the weights are then to be kept.
    """
    width, m = where.padded, memory
    rows, stride = where.scratch + width * width, width + U(LANES)
    ridge = m[where.at + width * _SINGLE + _RIDGE]
    cross, inverse = where.at + width * _CROSS, where.at + width * _INVERSE
    for i in range(where.size):
        first, row, factors = i - i % U(LANES), rows + i * stride, where.scratch + i * width
        source = where.at + width * (_MOMENTS + i)
        for j in range(first, width):
            m[row + j] = m[source + j]
        m[row + i] += ridge
        m[row + width] = m[cross + i]
        for k in range(i):
            m[factors + k] = m[rows + k * stride + i] * m[inverse + k]
        _subtract(m, rows, stride, factors, i, first)
        if not m[row + i] > 0.5 * ridge:
            return False
        m[inverse + i] = 1.0 / m[row + i]
    return True


@inner
def _subtract(
    m: Reals, rows: np.uint64, stride: np.uint64, factors: np.uint64, i: np.uint64, first: np.uint64
) -> None:
    """Subtract m[factors + k] * row k from row i for all k < i, from column `first` on, four rows at a time."""
    row = rows + i * stride
    whole = i - i % U(_UNROLL)
    for k in range(U(0), whole, U(_UNROLL)):
        f = factors + k
        f0, f1, f2, f3 = m[f], m[f + U(1)], m[f + U(2)], m[f + U(3)]
        r0 = rows + k * stride
        r1, r2, r3 = r0 + stride, r0 + stride * U(2), r0 + stride * U(3)
        for j in range(first, stride):
            m[row + j] = (((m[row + j] - f0 * m[r0 + j]) - f1 * m[r1 + j]) - f2 * m[r2 + j]) - f3 * m[r3 + j]
    for k in range(whole, i):
        f0, r0 = m[factors + k], rows + k * stride
        for j in range(first, stride):
            m[row + j] -= f0 * m[r0 + j]


@inner
def _substitute(memory: Reals, where: Place) -> None:
    """Replace the weights by the solution of the triangular system."""
    width, m, weights = where.padded, memory, where.at
    rows, inverse = where.scratch + width * width, where.at + width * _INVERSE
    for i in range(where.size):
        m[weights + i] = m[rows + i * (width + U(LANES)) + width] * m[inverse + i]
    for back in range(where.size):
        row = where.size - U(1) - back
        known, factors = m[weights + row], where.scratch + row * width
        for j in range(row):
            m[weights + j] -= m[factors + j] * known
