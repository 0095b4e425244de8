"""Adaptive probability maps: what a mixed probability turned out to mean in a context (secondary estimation).

Each context has KNOTS probabilities over the logit axis, half a nat apart; a query interpolates between two of
them and an update moves those two. Source: Mahoney's PAQ (APM/SSE stages); formats are our own.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.logistic import P_ONE, SQUASH, ST_MAX, clamp_st

Ints = npt.NDArray[np.int32]

SPACING = 128
KNOTS = 2 * (ST_MAX + 1) // SPACING + 1


def new_maps(contexts: int) -> Ints:
    """Return [contexts, KNOTS] int32 in 2**-16, each the identity."""
    knots = np.clip(np.arange(KNOTS) * SPACING - (ST_MAX + 1), -ST_MAX, ST_MAX)
    return np.tile(SQUASH[knots + ST_MAX], (contexts, 1))


@inner
def refine(maps: Ints, context: int, st: int) -> int:
    """Return the probability that the context has learnt for a logit, within [1, 65535]."""
    place = clamp_st(st) + ST_MAX + 1
    knot, part = place // SPACING, place % SPACING
    row = maps[context]
    p = (np.int64(row[knot]) * (SPACING - part) + np.int64(row[knot + 1]) * part) // SPACING
    return min(max(p, 1), P_ONE - 1)


@inner
def adapt(maps: Ints, context: int, st: int, bit: int, rate: int) -> None:
    """Move the two knots around a logit towards the bit by 2**-rate, shared by nearness."""
    place = clamp_st(st) + ST_MAX + 1
    knot, part = place // SPACING, place % SPACING
    row = maps[context]
    target = np.int64(bit) * (P_ONE - 1)
    row[knot] += ((target - row[knot]) * (SPACING - part)) >> (7 + rate)
    row[knot + 1] += ((target - row[knot + 1]) * part) >> (7 + rate)
