"""rANS, a stack of symbols: J. Duda, "Asymmetric numeral systems" (2013), arXiv 1311.2540, section 4.

    0        start      start + freq          2**24
    |----------|=============|------------------|        the interval of a symbol

    push:  state -> (state // freq) << 24 | start + state % freq        after moving a low word to the stack
    pop:   quantile = low 24 bits of state; they tell the symbol, and the step is undone

State (64 bits), words (32 bits) and the order of words are those of constriction's AnsCoder; the words are the
same, one by one, which the tests hold both to. `Encoder` and `Decoder` are compiled, take intervals without tables
and are several times faster on wide alphabets; `encode_tables` and `decode_tables` go through constriction.
Bits-back stacks and binary coders are built from `push`, `peek` and `drop` too.
Popping an exhausted stack gives symbols all the same: callers compare `is_exhausted` and checksums.

B symbols at a time, K entries of the alphabet.
"""

import functools
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from neuralzip.coding import freqs as tables
from neuralzip.errors import CorruptError
from neuralzip.exact.compiled import entry, inner

PRECISION = tables.PRECISION
WORD_BITS = 32
_MASK = np.uint64((1 << PRECISION) - 1)
_LOW = np.uint64(1 << WORD_BITS)
_WORD = np.uint64(WORD_BITS)
_SHIFT = np.uint64(PRECISION)
_FULL = np.uint64(64 - PRECISION)
_ONE = np.uint64(1)
_LOW_WORD = np.uint64(0xFFFFFFFF)

IntArray = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]
Head = npt.NDArray[np.uint64]
"""[2]: the state, and how many words lie on the stack below it."""


@inner
def push(words: Words, head: Head, start: int, freq: int) -> None:
    """Push the interval [start, start + freq) of 2**24; freq >= 1, and room for one more word."""
    state, size = head[0], np.uint64(freq)
    if state >> _FULL >= size:
        words[np.int64(head[1])] = np.uint32(state & _LOW_WORD)
        head[1] += _ONE
        state >>= _WORD
    quotient = state // size
    head[0] = (quotient << _SHIFT) + (state - quotient * size) + np.uint64(start)


@inner
def peek(head: Head) -> int:
    """Return the quantile in [0, 2**24) that the interval on top of the stack holds."""
    return int(np.int64(head[0] & _MASK))


@inner
def drop(words: Words, head: Head, start: int, freq: int) -> None:
    """Pop the interval [start, start + freq) that holds `peek(head)`."""
    state = (head[0] >> _SHIFT) * np.uint64(freq) + (head[0] & _MASK) - np.uint64(start)
    if state < _LOW and head[1] > np.uint64(0):
        head[1] -= _ONE
        state = (state << _WORD) | np.uint64(words[np.int64(head[1])])
    head[0] = state


@entry
def push_reversed(words: Words, head: Head, starts: IntArray, freqs: IntArray, shift: int) -> bool:
    """Push all, last first; return whether every frequency was positive (nothing after a bad one is pushed)."""
    for b in range(len(starts) - 1, -1, -1):
        if freqs[b] < 1:
            return False
        push(words, head, np.int64(starts[b]) << shift, np.int64(freqs[b]) << shift)
    return True


@inner
def pop_row(words: Words, head: Head, freqs: IntArray, shift: int) -> int:
    """Pop a symbol under a table [K] of precision 24 - shift."""
    quantile = peek(head) >> shift
    start, symbol = np.int64(0), 0
    while start + freqs[symbol] <= quantile:
        start += freqs[symbol]
        symbol += 1
    drop(words, head, start << shift, np.int64(freqs[symbol]) << shift)
    return symbol


@entry
def _pop_rows(words: Words, head: Head, freqs: IntArray, shift: int, symbols: IntArray) -> None:
    for b in range(len(symbols)):
        symbols[b] = pop_row(words, head, freqs[b], shift)


@entry
def _pop_uniform(words: Words, head: Head, bits: int, values: IntArray) -> None:
    shift = PRECISION - bits
    for b in range(len(values)):
        values[b] = peek(head) >> shift
        drop(words, head, np.int64(values[b]) << shift, np.int64(1) << shift)


class Encoder:
    """A stack to push on. What is pushed by one call comes off again in order; calls come off last first.

    Attributes:
        words: [capacity] uint32, of which the first head[1] are in use.
        head: [2] uint64, state and count of words; both arrays serve compiled loops, after `reserve`.
    """

    def __init__(self) -> None:
        self.words: Words = np.empty(64, np.uint32)
        self.head: Head = np.zeros(2, np.uint64)

    def reserve(self, pushes: int) -> None:
        """Make room for so many pushes by compiled loops; each takes one word at most."""
        needed = int(self.head[1]) + pushes
        if needed > len(self.words):
            grown = np.empty(needed + needed // 2, np.uint32)
            grown[: len(self.words)] = self.words
            self.words = grown

    def push(self, starts: IntArray, freqs: IntArray, precision: int = PRECISION) -> None:
        """Push intervals [B] int32 of 2**precision.

        Raises:
            ValueError: a frequency is not positive.
        """
        self.reserve(len(starts))
        if not push_reversed(self.words, self.head, starts, freqs, PRECISION - precision):
            raise ValueError(f"a frequency is {freqs.min()}, expected at least 1")

    def push_tables(self, symbols: npt.NDArray[Any], freqs: IntArray, precision: int = PRECISION) -> None:
        """Push symbols [B] under tables [B, K] int32 of 2**precision."""
        self.push(*tables.intervals(freqs, symbols), precision)

    def push_bits(self, values: npt.NDArray[Any], bits: int) -> None:
        """Push values [B] in [0, 2**bits) as they are, bits in 0..24."""
        starts = np.ascontiguousarray(values, np.int32)
        if starts.size and int(starts.max()) >> bits:
            raise ValueError(f"a value {starts.max()} has more than {bits} bits")
        self.push(starts, np.ones_like(starts), bits)

    def payload(self) -> bytes:
        """Return the stack as little-endian words, the state last."""
        state, count = int(self.head[0]), int(self.head[1])
        size = (state.bit_length() + 31) // 32 * 4
        return self.words[:count].astype("<u4").tobytes() + state.to_bytes(size, "little")


class Decoder:
    """A stack to pop from.

    Args:
        payload: what `Encoder.payload` returned; b"" is the empty stack.

    Attributes:
        words: [N] uint32, of which the first head[1] are left.
        head: [2] uint64, state and count of words; both arrays serve compiled loops.

    Raises:
        CorruptError: no stack has this payload.
    """

    def __init__(self, payload: bytes) -> None:
        if len(payload) % 4 or payload[-4:] == b"\0\0\0\0":
            raise CorruptError("entropy-coded payload is not a whole number of words, or ends in a zero word")
        self.words: Words = np.frombuffer(payload, "<u4").astype(np.uint32)
        left = max(len(self.words) - 2, 0)
        self.head: Head = np.array([int.from_bytes(payload[4 * left :], "little"), left], np.uint64)

    def pop_tables(self, freqs: IntArray, precision: int = PRECISION) -> IntArray:
        """Pop symbols [B] int32 under tables [B, K] int32, which must sum to 2**precision."""
        symbols = np.empty(freqs.shape[0], np.int32)
        _pop_rows(self.words, self.head, freqs, PRECISION - precision, symbols)
        return symbols

    def pop_bits(self, count: int, bits: int) -> IntArray:
        """Pop values [count] int32 in [0, 2**bits), bits in 0..24."""
        values = np.empty(count, np.int32)
        _pop_uniform(self.words, self.head, bits, values)
        return values

    @property
    def is_exhausted(self) -> bool:
        """Whether everything pushed has come off; anything else after the last symbol means damage."""
        return not self.head.any()


@functools.cache
def _categorical() -> Any:
    """Return constriction's family of table models, in its exact (not "perfect") form."""
    import constriction  # here, so that the compiled coders do not wait for it

    return constriction.stream.model.Categorical(perfect=False)


def _masses(freqs: IntArray, precision: int) -> npt.NDArray[np.float32]:
    """Return what makes constriction use exactly these frequencies: it adds one to each of these whole numbers."""
    return ((freqs.astype(np.int64) << (PRECISION - precision)) - 1).astype(np.float32)


def encode_tables(symbols: npt.NDArray[Any], freqs: IntArray, precision: int = PRECISION) -> bytes:
    """Return the payload of symbols [B] under tables [B, K], K >= 2, all known at once; through constriction."""
    import constriction

    coder = constriction.stream.stack.AnsCoder()
    if len(symbols):
        coder.encode_reverse(np.ascontiguousarray(symbols, np.int32), _categorical(), _masses(freqs, precision))
    return cast(bytes, coder.get_compressed().astype("<u4").tobytes())


def decode_tables(payload: bytes, freqs: IntArray, precision: int = PRECISION) -> IntArray:
    """Return the symbols [B] int32 that `encode_tables` or `Encoder.push_tables` coded; through constriction.

    Raises:
        CorruptError: the payload holds something else than one symbol for each table.
    """
    import constriction

    words = Decoder(payload).words
    coder = constriction.stream.stack.AnsCoder(words) if len(words) else constriction.stream.stack.AnsCoder()
    symbols = np.zeros(0, np.int32)
    if len(freqs):
        symbols = coder.decode(_categorical(), _masses(freqs, precision))
    if not coder.is_empty():
        raise CorruptError("entropy-coded payload goes on after its last symbol")
    return symbols
