"""Gaussians over integers, for noise that bits-back coding pops from a stack and pushes back.

A bin i covers [i - 1/2, i + 1/2); everything beyond REACH standard deviations of the mean has no bin. Two forms:

    exact     F(i) = Phi((i - 1/2 - mean) / deviation), ends forced to 0 and 1: what is popped has a frequency
    padded    every bin within reach gets a frequency of one more: whatever has to be pushed can be

(a padded form may only be pushed first: popping it would, once in a while, draw a bin far off). Phi is a table
with 256 steps a deviation, interpolated; its values come from unbounded integers.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.coding.bitsback import drop
from neuralzip.coding.rans import PRECISION, Head, Words, peek, push
from neuralzip.exact import tables
from neuralzip.exact.compiled import inner

REACH = 8
"""Standard deviations covered by the exact form."""
PADDED_REACH = 10
ARGUMENT_BITS = 20
MEAN_BITS = 8
"""Means are in 2**-MEAN_BITS bins."""
INVERSE_BITS = 32
"""Inverse deviations are in 2**-INVERSE_BITS for one bin."""
_STEP_BITS = 8
_CDF_BITS = 30
_CELL_BITS = ARGUMENT_BITS - _STEP_BITS
_ONE = 1 << PRECISION
_SHIFT = MEAN_BITS + INVERSE_BITS - ARGUMENT_BITS


def _cdf_table() -> npt.NDArray[np.int32]:
    """Return round(2**30 Phi(i / 256)) for i = -256 REACH .. 256 REACH, by Simpson's rule on exp(-x^2 / 2)."""
    steps = REACH << _STEP_BITS
    density = [tables.exp_fixed(-i * i, 1 << (2 * _STEP_BITS + 3)) for i in range(2 * steps + 1)]
    sums = [0]
    for i in range(0, 2 * steps, 2):
        sums.append(sums[-1] + density[i] + 4 * density[i + 1] + density[i + 2])
    half = [(total << (_CDF_BITS - 1)) // sums[-1] for total in sums]
    one = 1 << (_CDF_BITS - 1)
    return np.array([one - value for value in reversed(half[1:])] + [one + value for value in half], np.int32)


CDF = _cdf_table()


@inner
def _cdf(x: int) -> int:
    """Return 2**30 Phi(x) for x in units of 2**-20."""
    if x <= -(REACH << ARGUMENT_BITS):
        return 0
    if x >= REACH << ARGUMENT_BITS:
        return 1 << _CDF_BITS
    cell = (x >> _CELL_BITS) + (REACH << _STEP_BITS)
    low = np.int64(CDF[cell])
    return int(low + (((CDF[cell + 1] - low) * (x & ((1 << _CELL_BITS) - 1))) >> _CELL_BITS))


@inner
def _edge(i: int, mean: int, inverse: int) -> int:
    """Return 2**30 Phi at the lower edge of a bin."""
    return _cdf(((np.int64(2 * i - 1) << (MEAN_BITS - 1)) - mean) * inverse >> _SHIFT)


@inner
def _start(i: int, low: int, high: int, mean: int, inverse: int, least: int) -> int:
    """Return the cumulative frequency below a bin of the window [low, high), whose bins have `least` or more."""
    if i <= low:
        return 0
    if i >= high:
        return _ONE
    return least * (i - low) + ((_edge(i, mean, inverse) * (_ONE - least * (high - low))) >> _CDF_BITS)


@inner
def _window(mean: int, inverse: int, reach: int) -> tuple[int, int]:
    """Return the bins [low, high) within so many deviations of the mean."""
    middle, bins = mean >> MEAN_BITS, (reach << INVERSE_BITS) // inverse + 1
    return middle - bins, middle + bins + 1


@inner
def _pop(words: Words, head: Head, mean: int, inverse: int, reach: int, least: int) -> int:
    low, high = _window(mean, inverse, reach)
    first, last, quantile = low, high, peek(head)
    while last - first > 1:
        middle = (first + last) >> 1
        if _start(middle, low, high, mean, inverse, least) <= quantile:
            first = middle
        else:
            last = middle
    start = _start(first, low, high, mean, inverse, least)
    drop(words, head, start, _start(first + 1, low, high, mean, inverse, least) - start)
    return first


@inner
def _push(words: Words, head: Head, i: int, mean: int, inverse: int, reach: int, least: int) -> bool:
    low, high = _window(mean, inverse, reach)
    start = _start(i, low, high, mean, inverse, least)
    width = _start(i + 1, low, high, mean, inverse, least) - start
    if width > 0:
        push(words, head, start, width)
    return bool(width > 0)


@inner
def pop_exact(words: Words, head: Head, mean: int, inverse: int) -> int:
    """Pop a bin of the exact form.

    Args:
        words, head: the stack.
        mean: in 2**-MEAN_BITS bins.
        inverse: of the deviation, in 2**-INVERSE_BITS for one bin; at most 2**INVERSE_BITS.
    """
    return _pop(words, head, mean, inverse, REACH, 0)


@inner
def push_exact(words: Words, head: Head, i: int, mean: int, inverse: int) -> bool:
    """Push a bin that `pop_exact` gave; False, and nothing done, where it never gives this one."""
    return _push(words, head, i, mean, inverse, REACH, 0)


@inner
def push_padded(words: Words, head: Head, i: int, mean: int, inverse: int) -> bool:
    """Push a bin of the padded form; False, and nothing done, outside its window."""
    return _push(words, head, i, mean, inverse, PADDED_REACH, 1)


@inner
def pop_padded(words: Words, head: Head, mean: int, inverse: int) -> int:
    """Pop a bin of the padded form."""
    return _pop(words, head, mean, inverse, PADDED_REACH, 1)
