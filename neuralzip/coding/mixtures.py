"""Symbols under mixtures of logistics <-> rANS, without tables: bisection against the quantile on the stack.

N rows, K components; the parameters are those of `exact.logistic`.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from neuralzip.coding.rans import Decoder, Head, Words, drop, peek
from neuralzip.exact import logistic

IntArray = npt.NDArray[np.int32]


def intervals(
    symbols: npt.NDArray[Any],
    means: IntArray,
    inverses: IntArray,
    weights: IntArray,
    mean_bits: int,
    alphabet: int,
) -> tuple[IntArray, IntArray]:
    """Return (starts, freqs) [N] int32 for `Encoder.push`, of symbols [N] under mixtures [N, K]."""
    chosen = np.ascontiguousarray(symbols, np.int32)
    starts, freqs = np.empty_like(chosen), np.empty_like(chosen)
    logistic.intervals(chosen, means, inverses, weights, mean_bits, alphabet, starts, freqs)
    return starts, freqs


@numba.njit(cache=True, nogil=True)
def pop_rows(
    words: Words,
    head: Head,
    means: IntArray,
    inverses: IntArray,
    weights: IntArray,
    mean_bits: int,
    alphabet: int,
    symbols: IntArray,
) -> None:
    """Pop symbols [N] under mixtures [N, K]; for calls inside compiled loops."""
    for n in range(len(symbols)):
        symbol, start, freq = logistic.find(peek(head), means[n], inverses[n], weights[n], mean_bits, alphabet)
        drop(words, head, start, freq)
        symbols[n] = symbol


def pop(
    decoder: Decoder, means: IntArray, inverses: IntArray, weights: IntArray, mean_bits: int, alphabet: int
) -> IntArray:
    """Pop symbols [N] int32 under mixtures [N, K]."""
    symbols = np.empty(means.shape[0], np.int32)
    pop_rows(decoder.words, decoder.head, means, inverses, weights, mean_bits, alphabet, symbols)
    return symbols
