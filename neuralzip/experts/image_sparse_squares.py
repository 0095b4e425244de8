"""A least-squares predictor for the samples of graphics that repeat nothing, in the order they come.

One state for each plane: the normal equations A w = b of a linear prediction from known samples around, of this
plane and of the two before, as differences to their plane's mean of west and north. They forget with every sample
learnt, and are solved by Cholesky for each. Strict arithmetic: float64 +, -, *, / and sqrt in the order written;
predictions leave rounded to 1/UNIT grey level.

Source: online least squares as in TMW and paq8px. P planes, N inputs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.least_squares import UNIT

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]

_OWN, _LEADING, _OTHER = 6, 5, 3
_MOST = _OWN + _LEADING + _OTHER
_KEEP, _RIDGE, _SOFT, _TOP = 0.99, 2.0, 100.0, 40.0
_LEAST = 1e-3
"""Smallest square of a pivot."""


class Squares(NamedTuple):
    """State of the predictors of P planes.

    Attributes:
        gram: [P, N + 1, N]: A, and b as its last row.
        factor: [N + 1, N]: Cholesky factor with inverse diagonal, and the weights as its last row.
        inputs: [N + 1]: inputs of the sample in work, then its reference.
    """

    gram: Floats
    factor: Floats
    inputs: Floats


def new_squares(planes: int) -> Squares:
    """Return predictors that have seen nothing."""
    return Squares(
        gram=np.zeros((planes, _MOST + 1, _MOST)), factor=np.zeros((_MOST + 1, _MOST)), inputs=np.zeros(_MOST + 1)
    )


@inner
def _size(plane: int) -> int:
    """Return the number of inputs of a plane."""
    return _OWN + (_LEADING if plane > 0 else 0) + (_OTHER if plane > 1 else 0)


@inner
def _gather_plane(
    x: Floats, first: int, count: int, samples: Words, stride: int, place: int, leading: bool
) -> np.float64:
    """Fill `count` inputs of a plane, less its mean of west and north; return this."""
    up = place - stride
    reference = 0.5 * (samples[place - 1, 0] + samples[up, 0])
    own = (place - 1, up, up - 1, up + 1, place - 2, up - stride)
    ahead = (place, place - 1, up, up - 1, up + 1, up - stride)
    for k in range(count):
        x[first + k] = samples[ahead[k] if leading else own[k], 0] - reference
    return reference


@inner
def _gather(squares: Squares, samples: Words, stride: int, size: int, place: int, plane: int) -> None:
    """Fill the inputs: six samples of this plane, five and three of those before."""
    x = squares.inputs
    x[_MOST] = _gather_plane(x, 0, _OWN, samples, stride, place, False)
    if plane > 0:
        _gather_plane(x, _OWN, _LEADING, samples, stride, place - size, True)
    if plane > 1:
        _gather_plane(x, _OWN + _LEADING, _OTHER, samples, stride, place - 2 * size, True)


@inner
def _solve(gram: Floats, factor: Floats, n: int) -> None:
    """Solve A w = b."""
    for i in range(n):
        for j in range(i + 1):
            total = gram[i, j]
            if i == j:
                total += _RIDGE
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = total * factor[j, j] if j < i else 1.0 / np.sqrt(max(total, _LEAST))
    w = factor[_MOST]
    for i in range(n):
        total = gram[_MOST, i]
        for k in range(i):
            total -= factor[i, k] * w[k]
        w[i] = total * factor[i, i]
    for i in range(n - 1, -1, -1):
        total = w[i]
        for k in range(i + 1, n):
            total -= factor[k, i] * w[k]
        w[i] = total * factor[i, i]


@inner
def predict(
    squares: Squares, samples: Words, stride: int, size: int, place: int, plane: int, limits: Ints
) -> np.int64:
    """Return the prediction of a sample in 1/UNIT level, within the limits of its plane.

    `samples` [P * size, ...] holds the values first, padded planes one after another, `stride` from row to row.
    """
    _gather(squares, samples, stride, size, place, plane)
    n = _size(plane)
    _solve(squares.gram[plane], squares.factor, n)
    value = squares.inputs[_MOST]
    for k in range(n):
        value += squares.inputs[k] * squares.factor[_MOST, k]
    if not value > limits[0]:
        return limits[0] * UNIT
    return np.int64(np.floor(min(value, np.float64(limits[1])) * UNIT + 0.5))


@inner
def learn_last(squares: Squares, plane: int, value: int) -> None:
    """Take in the sample that was predicted last."""
    x, gram, n = squares.inputs, squares.gram[plane], _size(plane)
    energy = _SOFT
    for k in range(6):
        energy += x[k] * x[k]
    weight = (1.0 - _KEEP) * (_TOP / np.sqrt(energy))
    target = value - x[_MOST]
    for i in range(n):
        scaled = weight * x[i]
        for j in range(i + 1):
            gram[i, j] = gram[i, j] * _KEEP + scaled * x[j]
        gram[_MOST, i] = gram[_MOST, i] * _KEEP + scaled * target
