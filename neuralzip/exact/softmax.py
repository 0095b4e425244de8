"""Integer logits -> integer frequencies: a softmax without a float.

    e[k]    = round(2**30 * exp(-(max - logit[k])))         by table, in steps of 1/256 nat
    freq[k] = 1 + floor(e[k] * (2**precision - K) / sum e)   by one reciprocal a row
    the remainder goes to the largest logit, the first of equals

B rows, K entries of the alphabet.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact import tables
from neuralzip.exact.compiled import entry, inner

STEP_BITS = 8
"""The table has 2**STEP_BITS steps a nat; finer logits are rounded to them."""
EXP_BITS = 30
_NATS = 22
_RECIPROCAL_BITS = 38
MAX_PRECISION = 24

IntArray = npt.NDArray[np.int32]


def _exp_table() -> IntArray:
    """Return round(2**EXP_BITS * exp(-i / 2**STEP_BITS)) up to where it has become 0."""
    falling = tables.powers(tables.exp_fixed(-1, 1 << STEP_BITS), (_NATS << STEP_BITS) + 1)
    return np.array([tables.rounded(value, EXP_BITS) for value in falling], np.int32)


EXP = _exp_table()
_LAST = len(EXP) - 1


@inner
def freqs_of_row(logits: IntArray, logit_bits: int, precision: int, freqs: IntArray) -> None:
    """Set freqs [K] from logits [K]; for calls inside compiled loops. See `to_freqs`."""
    size = len(logits)
    best = 0
    for k in range(1, size):
        if logits[k] > logits[best]:
            best = k
    top = np.int64(logits[best])
    left, right = max(STEP_BITS - logit_bits, 0), max(logit_bits - STEP_BITS, 0)
    half = np.int64(1) << right >> 1
    total = np.int64(0)
    for k in range(size):
        freqs[k] = EXP[min(((top - logits[k] + half) >> right) << left, _LAST)]
        total += freqs[k]
    spare = (np.int64(1) << precision) - size
    reciprocal = (spare << _RECIPROCAL_BITS) // total
    given = np.int64(0)
    for k in range(size):
        share = (freqs[k] * reciprocal) >> _RECIPROCAL_BITS
        freqs[k] = 1 + share
        given += share
    freqs[best] += spare - given


@entry
def _freqs_of_rows(logits: IntArray, logit_bits: int, precision: int, freqs: IntArray) -> None:
    for b in range(logits.shape[0]):
        freqs_of_row(logits[b], logit_bits, precision, freqs[b])


def to_freqs(logits: npt.ArrayLike, logit_bits: int, precision: int = MAX_PRECISION) -> IntArray:
    """Turn integer logits into frequencies that sum to 2**precision.

    Exact: the result depends only on the integers given, on every machine.

    Args:
        logits: [B, K] int32 in units of 2**-logit_bits nats; an array, or a tensor on the CPU.
        logit_bits: 0..16.
        precision: bits of the frequencies, K <= 2**precision <= 2**24.

    Returns:
        [B, K] int32, every entry >= 1.

    Raises:
        ValueError: a size is out of range.
    """
    rows = np.ascontiguousarray(logits, dtype=np.int32)
    if rows.ndim != 2 or not 1 <= rows.shape[1] <= 1 << precision or precision > MAX_PRECISION:
        raise ValueError(f"logits {rows.shape} do not fit frequencies of {precision} bits")
    if not 0 <= logit_bits <= 16:
        raise ValueError(f"logits with {logit_bits} fractional bits: expected 0..16")
    freqs = np.empty_like(rows)
    _freqs_of_rows(rows, logit_bits, precision, freqs)
    return freqs
