"""What FLAC encoders choose for a subframe, found again from samples and residual: predictions of the choices.

The estimates of sizes are those that libFLAC compares, from sums of magnitudes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

Ints = npt.NDArray[np.int64]

MOST_PARTITIONS = 1 << 8
"""Encoders keep to partition orders up to 8, the limit of streamable files."""
_LARGEST_PARAMETER = 30
_LARGEST_SHORT_PARAMETER = 14


@inner
def wasted_bits(samples: Ints, count: int) -> int:
    """Return how many low bits are zero in all samples, 0 where everything is."""
    union = np.int64(0)
    for t in range(count):
        union |= samples[t]
    wasted = 0
    while union != 0 and (union >> wasted) & 1 == 0:
        wasted += 1
    return wasted


@inner
def is_constant(samples: Ints, count: int) -> bool:
    """Say whether all samples are equal."""
    for t in range(1, count):
        if samples[t] != samples[0]:
            return False
    return True


@inner
def magnitude(residual: Ints, start: int, end: int) -> Any:
    """Return the sum of absolute values."""
    total = np.int64(0)
    for t in range(start, end):
        total += abs(residual[t])
    return total


@inner
def rice_parameter(total: int, count: int) -> Any:
    """Return the parameter for `count` residuals whose magnitudes add up to `total`."""
    parameter = 0
    while parameter < _LARGEST_PARAMETER and count << parameter < total:
        parameter += 1
    return parameter


@inner
def _partition_bits(total: int, count: int) -> Any:
    parameter = rice_parameter(total, count)
    tail = total >> (parameter - 1) if parameter else total << 1
    return 4 + (1 + parameter) * count + tail - (count >> 1)


@inner
def partition_order(residual: Ints, count: int, order: int, sums: Ints) -> Any:
    """Return the partition order that costs least, at most 8.

    Args:
        residual: [count], from `order` on.
        count: samples of the frame.
        order: of the predictor.
        sums: [MOST_PARTITIONS], scratch.
    """
    deepest = 0
    while 2 << deepest <= MOST_PARTITIONS and count & ((2 << deepest) - 1) == 0 and count >> (deepest + 1) > order:
        deepest += 1
    each, start = count >> deepest, order
    for p in range(1 << deepest):
        sums[p] = magnitude(residual, start, (p + 1) * each)
        start = (p + 1) * each
    best, least = 0, np.int64(-1)
    for depth in range(deepest, -1, -1):
        bits = np.int64(0)
        for p in range(1 << depth):
            bits += _partition_bits(sums[p], (count >> depth) - (order if p == 0 else 0))
        if least < 0 or bits < least:
            best, least = depth, bits
        for p in range((1 << depth) >> 1):
            sums[p] = sums[2 * p] + sums[2 * p + 1]
    return best
