"""What a net's mixture of logistics says of each binary decision of a residual, in integers.

A decision splits the values that are still possible in two ranges; its logit is the difference of the logarithms
of what the mixture gives to either. Masses are in 2**-46 (weights of 2**-16 times cdf of 2**-30), logits in 1/256
nat. K components.
"""

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

from neuralzip.exact import logistic
from neuralzip.exact.compiled import inner
from neuralzip.experts.logistic import ST_ONE, clamp_st

Words = npt.NDArray[np.int32]

MEAN_BITS = 8
"""Fractional bits of the means of a mixture, in grey levels."""
MEANS, INVERSES, WEIGHTS = range(3)
"""Places in a mixture [3, K]."""
ALL = 1 << (logistic.WEIGHT_BITS + logistic.CDF_BITS)
_SHIFT = MEAN_BITS + logistic.INVERSE_BITS - logistic.ARGUMENT_BITS
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
def mass_below(mixture: Words, value: int) -> np.int64:
    """Return the mass of all values below `value` under a mixture [3, K]."""
    edge = np.int64(2 * value - 1) << (MEAN_BITS - 1)
    total = np.int64(0)
    for k in range(mixture.shape[1]):
        inverse = np.int64(mixture[INVERSES, k])
        total += mixture[WEIGHTS, k] * logistic.cdf(((edge - mixture[MEANS, k]) * inverse) >> _SHIFT)
    return total


@inner
def odds(yes: int, no: int) -> int:
    """Return the logit of two masses."""
    return clamp_st(_log(max(yes, 0) + _FLOOR) - _log(max(no, 0) + _FLOOR))
