"""The one loop: model x schedule x coder.

    for group in schedule:
        freqs = predictor.freqs(group)       integers, from all groups before
        code the group's symbols
        predictor.reveal(group, symbols)     caches, experts and recurrent states move on

rANS is a stack: encoding keeps the intervals of all groups, 8 bytes a symbol, and pushes them last group first.

B symbols of a group, K entries of the alphabet.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from neuralzip.coding import freqs as tables
from neuralzip.coding.rans import PRECISION, Decoder, Encoder
from neuralzip.coding.schedule import Positions, Schedule
from neuralzip.errors import CorruptError

IntArray = npt.NDArray[np.int32]


class Frequencies(Protocol):
    """The distributions of a group's symbols, in integers."""

    def intervals(self, symbols: npt.NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return (starts, freqs) [B] of symbols [B], in units of 2**-24."""
        ...

    def pop(self, decoder: Decoder) -> IntArray:
        """Take the group's symbols [B] off a stack."""
        ...


class Tables(NamedTuple):
    """Frequencies as whole tables.

    Attributes:
        freqs: [B, K] int32, entries >= 1, rows of sum 2**precision.
        precision: bits, at most 24.
    """

    freqs: IntArray
    precision: int = PRECISION

    def intervals(self, symbols: npt.NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return (starts, freqs) [B] of symbols [B], in units of 2**-24."""
        starts, widths = tables.intervals(self.freqs, symbols)
        return starts << (PRECISION - self.precision), widths << (PRECISION - self.precision)

    def pop(self, decoder: Decoder) -> IntArray:
        """Take the group's symbols [B] off a stack."""
        return decoder.pop_tables(self.freqs, self.precision)


class Predictor(Protocol):
    """What knows the next symbols; a fresh one for each encoding and each decoding."""

    def freqs(self, group: Positions) -> Frequencies:
        """Return the frequencies at positions [B], from what was revealed before."""
        ...

    def reveal(self, group: Positions, symbols: npt.NDArray[Any]) -> None:
        """Learn the symbols [B] at positions [B]."""
        ...


@dataclass(frozen=True, slots=True)
class Coded:
    """What `encode` returns.

    Attributes:
        payload: the rANS stack, as bytes.
        nll_bits: ideal code length of the symbols under the coded frequencies.
    """

    payload: bytes
    nll_bits: float


def encode(symbols: npt.NDArray[Any], schedule: Schedule, predictor: Predictor) -> Coded:
    """Code symbols [N] in the order of a schedule."""
    flat = symbols.reshape(-1)
    starts, widths = np.empty(flat.size, np.int32), np.empty(flat.size, np.int32)
    done = 0
    for group in schedule:
        chosen = flat[group]
        span = slice(done, done + len(group))
        starts[span], widths[span] = predictor.freqs(group).intervals(chosen)
        predictor.reveal(group, chosen)
        done = span.stop
    encoder = Encoder()
    encoder.push(starts, widths)
    return Coded(encoder.payload(), tables.nll_bits(widths))


def decode(payload: bytes, schedule: Schedule, predictor: Predictor) -> IntArray:
    """Return the symbols [N] int32 that `encode` coded with the same schedule and an equal predictor.

    Raises:
        CorruptError: the payload does not end where the symbols do.
    """
    decoder = Decoder(payload)
    symbols = np.zeros(len(schedule.order), np.int32)
    for group in schedule:
        symbols[group] = chosen = predictor.freqs(group).pop(decoder)
        predictor.reveal(group, chosen)
    if not decoder.is_exhausted:
        raise CorruptError("entropy-coded payload goes on after its last symbol")
    return symbols
