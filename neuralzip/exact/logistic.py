"""Mixtures of discretised logistics in integers, for calls inside compiled loops.

Symbol s of an alphabet of A covers [s - 1/2, s + 1/2); the first and the last cover the tails as well. Its
interval on [0, 2**24) is [start(s), start(s + 1)) with

    start(s) = s + floor((2**24 - A) * sum over k of weight[k] * cdf((s - 1/2 - mean[k]) / scale[k]))

so every frequency is at least 1, and a quantile finds its symbol by bisection, without a table of the
distribution. cdf(x) = 1 / (1 + exp(-x)) is a table with 64 steps a nat, interpolated.

A row's parameters are integers: means in units of 2**-mean_bits symbols, inverse scales in units of 2**-24 for
one symbol (`inverse_scales` tabulates a geometric ladder), weights that sum to 2**16.

Source: T. Salimans, A. Karpathy, X. Chen, D. Kingma, "PixelCNN++" (2017), arXiv 1701.05517, section 2.1.

N rows, K components, A symbols of the alphabet.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact import tables
from neuralzip.exact.compiled import entry, inner

PRECISION = 24
CDF_BITS = 30
ARGUMENT_BITS = 20
"""Fractional bits of the argument of `cdf`, in nats."""
INVERSE_BITS = 24
WEIGHT_BITS = 16
MAX_ALPHABET = 1 << 20
_STEP_BITS = 6
_CELL_BITS = ARGUMENT_BITS - _STEP_BITS
_CELL_MASK = (1 << _CELL_BITS) - 1
_NATS = 20
_LIMIT = (_NATS << ARGUMENT_BITS) - 1

IntArray = npt.NDArray[np.int32]


def _cdf_table() -> IntArray:
    """Return round(2**CDF_BITS / (1 + exp(-i / 64))) for i = -64 * _NATS .. 64 * _NATS."""
    falling = tables.powers(tables.exp_fixed(-1, 1 << _STEP_BITS), (_NATS << _STEP_BITS) + 1)
    one = tables.ONE
    upper = [tables.rounded((one << tables.FRACTION) // (one + value), CDF_BITS) for value in falling]
    return np.array([(1 << CDF_BITS) - value for value in reversed(upper[1:])] + upper, np.int32)


CDF = _cdf_table()
_MIDDLE = _NATS << _STEP_BITS


def inverse_scales(count: int, steps: int, octaves_below_one: int = 0) -> IntArray:
    """Return inverse scales of 2**(i / steps - octaves_below_one) symbols, i = 0 .. count - 1.

    Args:
        count: entries.
        steps: entries an octave, a power of two.
        octaves_below_one: entry 0 is the scale 2**-octaves_below_one, 0..6.

    Returns:
        [count] int32 in units of 2**-24, at least 1.
    """
    largest = 1 << octaves_below_one
    falling = tables.powers((tables.ONE << tables.FRACTION) // tables.root_of_two(steps), count)
    return np.array([max(tables.rounded(value * largest, INVERSE_BITS), 1) for value in falling], np.int32)


def _powers_of_two() -> IntArray:
    """Return round(2**WEIGHT_BITS * 2**(-i / 256)) for i = 0 .. 255."""
    ratio = (tables.ONE << tables.FRACTION) // tables.root_of_two(256)
    return np.array([tables.rounded(value, WEIGHT_BITS) for value in tables.powers(ratio, 256)], np.int32)


_POWERS = _powers_of_two()


@inner
def weigh(logits: IntArray, count: int, weights: IntArray) -> None:
    """Turn log2 weights logits[:count], in 2**-8 octaves, into weights that sum to 2**WEIGHT_BITS."""
    best, total = 0, np.int64(0)
    for k in range(count):
        if logits[k] > logits[best]:
            best = k
    for k in range(count):
        below = np.int64(logits[best]) - logits[k]
        weights[k] = np.int64(_POWERS[below & 255]) >> min(below >> 8, 31)
        total += weights[k]
    left = np.int64(1) << WEIGHT_BITS
    for k in range(count):
        weights[k] = (np.int64(weights[k]) << WEIGHT_BITS) // total
        left -= weights[k]
    weights[best] += left


@inner
def cdf(x: int) -> int:
    """Return 2**30 / (1 + exp(-x)) for x in units of 2**-20 nats; never falls as x grows."""
    x = min(max(x, -_LIMIT), _LIMIT)
    cell = (x >> _CELL_BITS) + _MIDDLE
    low = np.int64(CDF[cell])
    return int(low + (((CDF[cell + 1] - low) * (x & _CELL_MASK)) >> _CELL_BITS))


@inner
def start_of(
    symbol: int, means: IntArray, inverses: IntArray, weights: IntArray, mean_bits: int, alphabet: int
) -> int:
    """Return the start of a symbol's interval; 0 for symbol 0, 2**24 for symbol A.

    Args:
        symbol: 0..A.
        means: [K] in units of 2**-mean_bits symbols.
        inverses: [K] in units of 2**-24 a symbol, at least 1.
        weights: [K], at least 0, of sum 2**16.
        mean_bits: 1..12.
        alphabet: A, at most 2**20.
    """
    if symbol <= 0:
        return 0
    if symbol >= alphabet:
        return 1 << PRECISION
    edge = (np.int64(2 * symbol - 1) << mean_bits) >> 1
    shift = mean_bits + INVERSE_BITS - ARGUMENT_BITS
    total = np.int64(0)
    for k in range(len(means)):
        total += weights[k] * cdf(((edge - means[k]) * np.int64(inverses[k])) >> shift)
    share = (total >> (WEIGHT_BITS + CDF_BITS - 38)) * ((1 << PRECISION) - alphabet)
    return int(symbol + (share >> 38))


@inner
def find(
    quantile: int, means: IntArray, inverses: IntArray, weights: IntArray, mean_bits: int, alphabet: int
) -> tuple[int, int, int]:
    """Return (symbol, start, freq) of the interval that holds a quantile in [0, 2**24).

    Doubling steps from the mean of the heaviest component bracket the symbol, bisection finds it: three
    evaluations for a sharp prediction that is right. The result does not depend on the path.
    """
    heaviest = np.argmax(weights)
    step = max((1 << INVERSE_BITS) // int(inverses[heaviest]), 1)
    low = min(max((int(means[heaviest]) + (1 << mean_bits >> 1)) >> mean_bits, 0), alphabet - 1)
    start = start_of(low, means, inverses, weights, mean_bits, alphabet)
    if start <= quantile:
        high = min(low + step, alphabet)
        end = start_of(high, means, inverses, weights, mean_bits, alphabet)
        while end <= quantile:
            low, start, step = high, end, 2 * step
            high = min(high + step, alphabet)
            end = start_of(high, means, inverses, weights, mean_bits, alphabet)
    else:
        while start > quantile:
            high, end = low, start
            low, step = max(low - step, 0), 2 * step
            start = start_of(low, means, inverses, weights, mean_bits, alphabet)
    while high - low > 1:
        middle = (low + high) >> 1
        value = start_of(middle, means, inverses, weights, mean_bits, alphabet)
        if value <= quantile:
            low, start = middle, value
        else:
            high, end = middle, value
    return low, start, end - start


@entry
def intervals(
    symbols: IntArray,
    means: IntArray,
    inverses: IntArray,
    weights: IntArray,
    mean_bits: int,
    alphabet: int,
    starts: IntArray,
    freqs: IntArray,
) -> None:
    """Set starts and freqs [N] of symbols [N] under mixtures [N, K]."""
    for n in range(len(symbols)):
        symbol = symbols[n]
        start = start_of(symbol, means[n], inverses[n], weights[n], mean_bits, alphabet)
        starts[n] = start
        freqs[n] = start_of(symbol + 1, means[n], inverses[n], weights[n], mean_bits, alphabet) - start
