"""Quantised coefficients -> samples, by the integer inverse DCT that nearly all JPEG decoders compute.

Source: Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications" (1989), with
constants in 13 fractional bits: columns first, keeping two fractional bits, then rows; each pass ends with one
rounding, half upwards. ITU-T T.81 leaves the arithmetic to the decoder; this is the one of libjpeg's default.
R rows, C columns of blocks.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.jpeg.coefficients import Component

Samples = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_BITS, _KEPT = 13, 2
_LEVEL = 128
"""What every sample is less than half of, added after the transform."""


@inner
def _pass(values: Ints, start: int, step: int, shift: int) -> None:
    """Transform eight values in place, `step` apart; the results are divided by 2^shift."""
    x0, x1, x2, x3 = values[start], values[start + step], values[start + 2 * step], values[start + 3 * step]
    x4, x5 = values[start + 4 * step], values[start + 5 * step]
    x6, x7 = values[start + 6 * step], values[start + 7 * step]

    turned = (x2 + x6) * 4433
    low, high = turned - x6 * 15137, turned + x2 * 6270
    half = np.int64(1) << (shift - 1)
    plus, minus = ((x0 + x4) << _BITS) + half, ((x0 - x4) << _BITS) + half
    even0, even3, even1, even2 = plus + high, plus - high, minus + low, minus - low

    both = (x7 + x3 + x5 + x1) * 9633
    a, b = (x7 + x1) * -7373, (x5 + x3) * -20995
    c, d = (x7 + x3) * -16069 + both, (x5 + x1) * -3196 + both
    odd3, odd2 = x7 * 2446 + a + c, x5 * 16819 + b + d
    odd1, odd0 = x3 * 25172 + b + c, x1 * 12299 + a + d

    values[start], values[start + 7 * step] = (even0 + odd0) >> shift, (even0 - odd0) >> shift
    values[start + step], values[start + 6 * step] = (even1 + odd1) >> shift, (even1 - odd1) >> shift
    values[start + 2 * step], values[start + 5 * step] = (even2 + odd2) >> shift, (even2 - odd2) >> shift
    values[start + 3 * step], values[start + 4 * step] = (even3 + odd3) >> shift, (even3 - odd3) >> shift


@inner
def transform_block(values: Ints) -> None:
    """Turn coefficients [64], times their steps, in natural order into samples 0..255, in place."""
    for column in range(8):
        _pass(values, column, 8, _BITS - _KEPT)
    for row in range(8):
        _pass(values, 8 * row, 1, _BITS + _KEPT + 3)
    for k in range(64):
        values[k] = min(max(values[k] + _LEVEL, 0), 255)


@entry
def _transform(coefficients: npt.NDArray[np.int16], steps: Ints, block: Ints, samples: Samples) -> None:
    """Fill samples [8 R, 8 C] from coefficients [R, C, 64]; `block` [64] is room."""
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            for k in range(64):
                block[k] = coefficients[row, column, k] * steps[k]
            transform_block(block)
            for k in range(64):
                samples[8 * row + k // 8, 8 * column + k % 8] = block[k]


def inverse_dct(component: Component) -> Samples:
    """Return the samples [8 R, 8 C] of a component."""
    rows, columns = component.coefficients.shape[:2]
    samples = np.zeros((8 * rows, 8 * columns), np.uint8)
    steps = component.quantisation.reshape(64).astype(np.int64)
    blocks = np.ascontiguousarray(component.coefficients).reshape(rows, columns, 64)
    _transform(blocks, steps, np.zeros(64, np.int64), samples)
    return samples
