"""The logistic domain in integers: stretch(p) = ln(p / (1 - p)) and its inverse, squash.

Probabilities are those of a one bit, in units of 2**-16 and within [1, 65535]; logits ("stretched" values, st) are
in units of 1/256 nat and within [-ST_MAX, ST_MAX]. Both tables are computed with integers of 128 fractional bits,
never with a libm, so they are the same numbers on every machine (their digests are pinned by a test).

Source: logistic mixing goes back to Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression"
(2005); the number formats are our own.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.exact.tables import ONE, exp_fixed

ST_ONE = 256
"""One nat."""
ST_MAX = 12 * ST_ONE - 1
P_ONE = 1 << 16
EXP_BITS = 20


def _squash_table() -> npt.NDArray[np.int32]:
    """Return squash of -ST_MAX .. ST_MAX."""
    step, grown, upper = exp_fixed(1, ST_ONE), ONE, []
    for _ in range(ST_MAX + 1):
        upper.append((2 * P_ONE * grown + ONE + grown) // (2 * (ONE + grown)))
        grown = grown * step // ONE
    values = [P_ONE - p for p in reversed(upper[1:])] + upper
    return np.clip(np.array(values, np.int64), 1, P_ONE - 1).astype(np.int32)


def _stretch_table() -> npt.NDArray[np.int32]:
    """Return stretch of the middles of 4096 equal intervals of (0, 1)."""
    step, edge, upper = exp_fixed(1, ST_ONE), exp_fixed(1, 2 * ST_ONE), []
    st = 0
    for i in range(2048, 4096):
        while (2 * i + 1) * ONE > edge * (8191 - 2 * i):  # the odds lie above exp(st + 1/2)
            st, edge = st + 1, edge * step // ONE
        upper.append(st)
    return np.array([-v for v in reversed(upper)] + upper, np.int32)


def _exp_table() -> npt.NDArray[np.int32]:
    """Return EXP_ONE * exp(-i / ST_ONE) for i = 0, 1 ... until it is below one half; at least 1 each."""
    step, value, weights = exp_fixed(1, ST_ONE), ONE << EXP_BITS, []
    while value > ONE >> 1:
        weights.append(max((value + (ONE >> 1)) // ONE, 1))
        value = value * ONE // step
    return np.array(weights, np.int32)


SQUASH = _squash_table()
STRETCH = _stretch_table()
EXP = _exp_table()


@inner
def clamp_st(st: int) -> int:
    """Return st within [-ST_MAX, ST_MAX]."""
    return min(max(st, -ST_MAX), ST_MAX)


@inner
def squash(st: int) -> int:
    """Return the probability of a logit (any integer; clamped)."""
    return SQUASH[min(max(st, -ST_MAX), ST_MAX) + ST_MAX]


@inner
def stretch(p: int) -> int:
    """Return the logit of a probability in [0, 65535]."""
    return STRETCH[p >> 4]


@inner
def exp_weight(below: int) -> int:
    """Return 2**EXP_BITS * exp(-below / ST_ONE) for below >= 0, at least 1."""
    return EXP[min(below, len(EXP) - 1)]
