"""What a net's mixture of logistics says of the decisions of one sample, in integers.

The path of decisions leads outward from near the blend (`audio_residual`); the masses beyond its edges give the
logit of each. Distances from the blend, in 2**-POINT sample units, become running scales, the unit of the mixture.
K components, 0 without a net: no opinion then, which is the logit 0.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact import logistic
from neuralzip.exact.compiled import inner
from neuralzip.experts.odds import ALL, odds

Words = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

PLACE_BITS = 12
"""Fractional bits of the means of a mixture, in running scales."""
MEANS, INVERSES, WEIGHTS = range(3)
"""Rows of a mixture: means in 2**-PLACE_BITS, inverse widths in 2**-24, weights that sum to 2**16."""
_SHIFT = PLACE_BITS + logistic.INVERSE_BITS - logistic.ARGUMENT_BITS
_FAR = 1 << 24
_FARTHEST = 1 << 36
(_UNIT, _SIGN, _NEAR, _FAR_END, _MIDDLE) = range(5)


class Opinion(NamedTuple):
    """Make it with `new_opinion`.

    Attributes:
        mixture: [3, K] int32; to be filled before the decisions of a sample.
        state: [5] int64: 2**40 over the running scale in 2**-16; whether outward is up (1) or down (-1); masses
            beyond the near edge, the far edge and the middle of the interval in question.
    """

    mixture: Words
    state: Longs


def new_opinion(mixture: Words) -> Opinion:
    """Return an opinion that follows a mixture [3, K]."""
    return Opinion(mixture, np.zeros(5, np.int64))


@inner
def over(distance: int, unit: np.int64, bits: int) -> np.int64:
    """Return a distance in 2**-POINT sample units over the running scale, in 2**-bits."""
    return (min(max(distance, -_FARTHEST), _FARTHEST) * unit) >> (32 - bits)


@inner
def _beyond(o: Opinion, distance: int) -> np.int64:
    """Return the mass further outward than a distance."""
    place = min(max(over(distance, o.state[_UNIT], PLACE_BITS), -_FAR), _FAR)
    total = np.int64(0)
    for k in range(o.mixture.shape[1]):
        inner_distance = o.state[_SIGN] * o.mixture[MEANS, k] - place
        total += o.mixture[WEIGHTS, k] * logistic.cdf((inner_distance * o.mixture[INVERSES, k]) >> _SHIFT)
    return total


@inner
def side_logit(o: Opinion, unit: np.int64, start: int) -> int:
    """Return the logit of "at or above the start of the path", which lies at a distance `start` from the blend."""
    if o.mixture.shape[1] == 0:
        return 0
    o.state[_UNIT], o.state[_SIGN] = unit, 1
    o.state[_NEAR] = _beyond(o, start)
    return odds(o.state[_NEAR], ALL - o.state[_NEAR])


@inner
def set_out(o: Opinion, above: int) -> None:
    """Begin the way up or down."""
    if not above:
        o.state[_SIGN] = -1
        o.state[_NEAR] = ALL - o.state[_NEAR]


@inner
def stop_logit(o: Opinion, end: int) -> int:
    """Return the logit of "before the far edge", at an outward distance `end` from the blend."""
    if o.mixture.shape[1] == 0:
        return 0
    o.state[_FAR_END] = _beyond(o, end)
    return odds(o.state[_NEAR] - o.state[_FAR_END], o.state[_FAR_END])


@inner
def pass_on(o: Opinion) -> None:
    """Go beyond the far edge."""
    o.state[_NEAR] = o.state[_FAR_END]


@inner
def half_logit(o: Opinion, middle: int) -> int:
    """Return the logit of "in the near half" of the interval, whose middle is at an outward distance `middle`."""
    if o.mixture.shape[1] == 0:
        return 0
    o.state[_MIDDLE] = _beyond(o, middle)
    return odds(o.state[_NEAR] - o.state[_MIDDLE], o.state[_MIDDLE] - o.state[_FAR_END])


@inner
def take_half(o: Opinion, near: int) -> None:
    """Keep one half of the interval."""
    o.state[_FAR_END if near else _NEAR] = o.state[_MIDDLE]
