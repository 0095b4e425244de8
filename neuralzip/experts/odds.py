"""The logit of a decision from the masses that a mixture gives to either outcome, in integers.

Masses are in 2**-46 (weights of 2**-16 times cdf of 2**-30), logits in 1/256 nat.
"""

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

from neuralzip.exact import logistic
from neuralzip.exact.compiled import inner
from neuralzip.experts.logistic import ST_ONE, clamp_st

ALL = 1 << (logistic.WEIGHT_BITS + logistic.CDF_BITS)
"""The mass of everything."""
_FLOOR = 1 << 20
"""Added to every mass: the table of cdf is rounded, so that the far tails say nothing."""
_MANTISSA = 8


def _log_table() -> npt.NDArray[np.int64]:
    """Return ST_ONE * ln(m / 2**_MANTISSA), m = 2**_MANTISSA .. 2**(_MANTISSA + 1), rounded."""
    with localcontext() as context:
        context.prec = 24
        half = 1 << _MANTISSA
        return np.array(
            [int((ST_ONE * (Decimal(m) / half).ln()).to_integral_value()) for m in range(half, 2 * half + 1)],
            np.int64,
        )


def _octave_table() -> npt.NDArray[np.int64]:
    """Return ST_ONE * i * ln 2, i = 0 .. 63, rounded."""
    with localcontext() as context:
        context.prec = 24
        return np.array([int((ST_ONE * i * Decimal(2).ln()).to_integral_value()) for i in range(64)], np.int64)


_LOGS, _OCTAVES = _log_table(), _octave_table()


@inner
def _log(mass: int) -> np.int64:
    """Return the logarithm of a mass of at least 2**_MANTISSA, in 1/256 nat."""
    rest, octaves = mass >> _MANTISSA, 0
    for step in (32, 16, 8, 4, 2, 1):
        if rest >> step:
            rest >>= step
            octaves += step
    return np.int64(_OCTAVES[octaves] + _LOGS[(mass >> octaves) - (1 << _MANTISSA)])


@inner
def odds(yes: int, no: int) -> int:
    """Return the logit of two masses."""
    return clamp_st(_log(max(yes, 0) + _FLOOR) - _log(max(no, 0) + _FLOOR))
