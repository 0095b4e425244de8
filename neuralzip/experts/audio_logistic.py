"""Logits of intervals under a logistic distribution, by two small tables.

With F(x) = 1 / (1 + exp(-x)) and S = 1 - F, going outward from x in steps of width d:

    logit P(below x + d | above x)             = ln(exp(d) - 1) - softplus(-x)
    logit P(first half | within x .. x + d)    = softplus(x + d) - softplus(x) - d / 2

All arguments and results are integers in units of 1/256 nat; tables are computed with integers only.
Source: own derivation from the logistic distribution function.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact import tables
from neuralzip.exact.compiled import inner
from neuralzip.experts.logistic import ST_MAX, ST_ONE

_BITS = 72
_ONE = 1 << _BITS
_LAST = 12 * ST_ONE - 1


def _ln(value: int) -> int:
    """Return ln(value) for a value in (0, 4), both in units of 2**-_BITS."""
    halvings = 0
    while value < _ONE * 3 // 4:
        value, halvings = value * 2, halvings + 1
    return 2 * _atanh(value - _ONE, value + _ONE) - halvings * 2 * _atanh(1, 3)


def _atanh(numerator: int, denominator: int) -> int:
    """Return atanh(numerator / denominator) in units of 2**-_BITS, by its series."""
    power = (numerator << _BITS) // denominator
    square = power * power >> _BITS
    total, k = 0, 1
    while abs(power) > 1:
        total += power // k
        power, k = power * square >> _BITS, k + 2
    return total


def _tables() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return ln(1 + exp(-i / 256)) and ln(1 - exp(-i / 256)) for i = 0 .. _LAST, in units of 1/256."""
    step = tables.exp_fixed(-1, ST_ONE) >> (tables.FRACTION - _BITS)
    power, plus, minus = _ONE, [], [-ST_MAX]
    for i in range(_LAST + 1):
        plus.append(_rounded(_ln(_ONE + power)))
        if i:
            minus.append(_rounded(_ln(_ONE - power)))
        power = power * step >> _BITS
    return np.array(plus, np.int32), np.array(minus, np.int32)


def _rounded(value: int) -> int:
    return (value * ST_ONE + _ONE // 2) >> _BITS


LOG_ONE_PLUS, LOG_ONE_MINUS = _tables()


@inner
def softplus(x: int) -> int:
    """Return ln(1 + exp(x)) for any x in units of 1/256 nat."""
    return max(x, 0) + LOG_ONE_PLUS[min(abs(x), _LAST)]


@inner
def log_expm1(d: int) -> int:
    """Return ln(exp(d) - 1) for a width d >= 0 in units of 1/256 nat (0 gives the lowest logit)."""
    return d + LOG_ONE_MINUS[min(d, _LAST)]
