"""Integer frequency tables: what every predictor ends in and every coder begins with.

A table is a row of K frequencies that sum to 2**precision, each at least 1; the interval of a symbol is
[start, start + freq) with start = the sum of the frequencies before it.

B rows, K entries of the alphabet.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry

PRECISION = 24
"""Precision of the coder; tables of less are scaled up by a shift."""

IntArray = npt.NDArray[np.int32]


@entry
def _intervals(freqs: IntArray, symbols: IntArray, starts: IntArray, widths: IntArray) -> None:
    for b in range(len(symbols)):
        start = np.int32(0)
        for k in range(symbols[b]):
            start += freqs[b, k]
        starts[b], widths[b] = start, freqs[b, symbols[b]]


def intervals(freqs: IntArray, symbols: npt.NDArray[Any]) -> tuple[IntArray, IntArray]:
    """Return (starts, freqs) [B] int32 of symbols [B] under tables [B, K].

    Raises:
        ValueError: shapes do not fit, or a symbol is outside the alphabet.
    """
    chosen = np.ascontiguousarray(symbols, np.int32)
    if freqs.ndim != 2 or chosen.shape != freqs.shape[:1]:
        raise ValueError(f"symbols {chosen.shape} do not fit tables {freqs.shape}")
    if chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < freqs.shape[1]:
        raise ValueError(f"symbols {chosen.min()}..{chosen.max()} in an alphabet of {freqs.shape[1]}")
    starts, widths = np.empty_like(chosen), np.empty_like(chosen)
    _intervals(np.ascontiguousarray(freqs, np.int32), chosen, starts, widths)
    return starts, widths


def from_counts(counts: npt.NDArray[Any], precision: int = PRECISION) -> IntArray:
    """Return frequencies near proportional to counts.

    Args:
        counts: [B, K] or [K] integers in [0, 2**38 / K).
        precision: bits of the tables, K <= 2**precision <= 2**24.

    Returns:
        int32 of the same shape; rows sum to 2**precision, entries are >= 1. A row of zeros becomes uniform.
    """
    wide = counts.astype(np.int64)
    totals = wide.sum(axis=-1, keepdims=True)
    wide, totals = np.where(totals == 0, 1, wide), np.where(totals == 0, wide.shape[-1], totals)
    spare = (1 << precision) - wide.shape[-1]
    freqs = 1 + wide * spare // totals
    largest = wide.argmax(axis=-1, keepdims=True)
    missing = (1 << precision) - freqs.sum(axis=-1, keepdims=True)
    np.put_along_axis(freqs, largest, np.take_along_axis(freqs, largest, -1) + missing, -1)
    return freqs.astype(np.int32)


def is_valid(freqs: npt.NDArray[Any], precision: int = PRECISION) -> bool:
    """Say whether all rows [..., K] sum to 2**precision with entries of at least 1."""
    return bool((freqs >= 1).all() and (freqs.sum(axis=-1, dtype=np.int64) == 1 << precision).all())


def nll_bits(widths: npt.NDArray[Any], precision: int = PRECISION) -> float:
    """Return the ideal code length, in bits, of symbols with these frequencies (for reports only: floats)."""
    return float(widths.size * precision - np.log2(widths.astype(np.float64)).sum())
