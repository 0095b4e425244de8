"""A linear layer's rows, prepared for compiled loops: one addition and a shift round a sum to a format.

A row's accumulator stands for acc * 2**-unit; (acc + offset) >> shift brings it to multiples of 2**-bits, rounded
to the nearest, halves up. Every sum on the way fits 32 bits, which is proved here from the weights themselves.

K inputs, M outputs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import ModelError

ACTIVATION_MAX = 128
WEIGHT_MAX = 63
"""Largest magnitudes of activations and weights: within them no int8 kernel saturates."""
SUM_LIMIT = (1 << 31) - 1
_MAX_SHIFT = 30

Integers = npt.NDArray[np.integer[Any]]


def rounding(
    weight: Integers, bias: Integers, unit: Integers, bits: int, name: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return (offset [M], right shift [M]) of a layer whose sums go to multiples of 2**-bits.

    Args:
        weight: [M, K] int8.
        bias: [M], in units of the accumulator.
        unit: [M], fractional bits of the accumulator.
        bits: fractional bits of the result.
        name: of the layer, for the message.

    Raises:
        ModelError: the shapes do not fit, a row would need a left shift, or a sum could leave int32.
    """
    if weight.ndim != 2 or weight.dtype != np.int8 or bias.shape != unit.shape or bias.shape != weight.shape[:1]:
        raise ModelError(f"{name}: weight, bias and unit have shapes that do not fit")
    wide, shift = weight.astype(np.int64), unit.astype(np.int64) - bits
    if weight.size and (shift.min() < 0 or shift.max() > _MAX_SHIFT or np.abs(wide).max() > WEIGHT_MAX):
        raise ModelError(f"{name}: a row does not fit its format")
    offset = bias.astype(np.int64) + (np.int64(1) << shift >> 1)
    largest = ACTIVATION_MAX * np.abs(wide).sum(axis=1) + np.abs(offset)
    if weight.size and int(largest.max()) > SUM_LIMIT:
        raise ModelError(f"{name}: a sum can leave int32")
    return offset.astype(np.int32), shift.astype(np.int32)
