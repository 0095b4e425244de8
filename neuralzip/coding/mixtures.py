"""Symbols under mixtures of logistics <-> rANS, without tables: bisection against the quantile on the stack.

N rows, K components; the parameters are those of `exact.logistic`.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.coding.rans import Decoder, Head, Words, drop, peek
from neuralzip.exact import logistic
from neuralzip.exact.compiled import entry

IntArray = npt.NDArray[np.int32]


@entry
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


class Mixtures(NamedTuple):
    """Frequencies of a group's symbols as mixtures of discretised logistics.

    Attributes:
        means: [N, K] int32 in units of 2**-mean_bits symbols.
        inverses: [N, K] int32 inverse scales in units of 2**-24 for one symbol, at least 1.
        weights: [N, K] int32, at least 0, rows of sum 2**16.
        mean_bits: 1..12.
        alphabet: A; symbols are 0..A-1.
    """

    means: IntArray
    inverses: IntArray
    weights: IntArray
    mean_bits: int
    alphabet: int

    def intervals(self, symbols: npt.NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return (starts, freqs) [N] of symbols [N], in units of 2**-24.

        Raises:
            ValueError: a symbol is outside the alphabet.
        """
        chosen = np.ascontiguousarray(symbols, np.int32)
        if chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < self.alphabet:
            raise ValueError(f"symbols {chosen.min()}..{chosen.max()} in an alphabet of {self.alphabet}")
        starts, freqs = np.empty_like(chosen), np.empty_like(chosen)
        logistic.intervals(chosen, *self, starts, freqs)
        return starts, freqs

    def pop(self, decoder: Decoder) -> IntArray:
        """Take the group's symbols [N] off a stack."""
        symbols = np.empty(len(self.means), np.int32)
        pop_rows(decoder.words, decoder.head, *self, symbols)
        return symbols
