"""What a net's mixture of logistics says of each binary decision of a residual, in integers.

A decision splits the values that are still possible in two ranges; its logit is that of the masses which the
mixture gives to either (`experts.odds`). K components.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact import logistic
from neuralzip.exact.compiled import inner

Words = npt.NDArray[np.int32]

MEAN_BITS = 8
"""Fractional bits of the means of a mixture, in grey levels."""
MEANS, INVERSES, WEIGHTS = range(3)
"""Places in a mixture [3, K]."""
_SHIFT = MEAN_BITS + logistic.INVERSE_BITS - logistic.ARGUMENT_BITS


@inner
def mass_below(mixture: Words, value: int) -> np.int64:
    """Return the mass of all values below `value` under a mixture [3, K]."""
    edge = np.int64(2 * value - 1) << (MEAN_BITS - 1)
    total = np.int64(0)
    for k in range(mixture.shape[1]):
        inverse = np.int64(mixture[INVERSES, k])
        total += mixture[WEIGHTS, k] * logistic.cdf(((edge - mixture[MEANS, k]) * inverse) >> _SHIFT)
    return total
