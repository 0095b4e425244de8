"""rANS as a stack for latent variables: auxiliary bits are popped from bytes that must be sent anyway.

J. Townsend, T. Bird, D. Barber, "Practical lossless compression with latent variables using bits back coding"
(2019, arXiv 1901.04866). A latent is *decoded* from the stack with the posterior, then the data and the latent are
*encoded* with the likelihood and the prior; the receiver undoes the steps in reverse and ends with the stack as it
was. The first latents of a file need bits to be popped: they are never invented. A stack starts as the bytes of
some other part of the same file (side information, blocks coded by another model), sealed so that the receiver
gets them back, which is the nested scheme; popping more than that is an error.

Pushing and popping are those of `coding.rans`, but the state stays in [2**32, 2**64): a stack with less below its
seal is exhausted. The compiled primitives work on two plain arrays, words and head, so that a codec's own loop can
push and pop without leaving compiled code. Every push adds at most one word: call `Stack.reserve` before it.

N symbols, K entries of an alphabet.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.coding import rans
from neuralzip.coding.rans import PRECISION, WORD_BITS, Head, IntArray, Words, peek, push
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.exact.compiled import entry, inner

STATE_BYTES = 8
_LOW = np.uint64(1 << WORD_BITS)
_EXHAUSTED = "the stack holds fewer auxiliary bits than the latents need"

Ints = npt.NDArray[np.int64]


class ExhaustedError(UnsupportedError):
    """More auxiliary bits were popped than the stack was given."""


@inner
def drop(words: Words, head: Head, start: int, freq: int) -> None:
    """Pop the interval [start, start + freq) that holds `peek(head)`.

    Raises:
        ExhaustedError: fewer than 32 bits would remain below the seal.
    """
    rans.drop(words, head, start, freq)
    if head[0] < _LOW:
        raise ExhaustedError(_EXHAUSTED)


@inner
def push_bits(words: Words, head: Head, value: int, bits: int) -> None:
    """Encode `bits` (0..24) uniform bits."""
    push(words, head, value << (PRECISION - bits), 1 << (PRECISION - bits))


@inner
def pop_bits(words: Words, head: Head, bits: int) -> int:
    """Decode `bits` (0..24) uniform bits."""
    value = peek(head) >> (PRECISION - bits)
    drop(words, head, value << (PRECISION - bits), 1 << (PRECISION - bits))
    return value


@inner
def push_row(words: Words, head: Head, cdf: Ints, symbol: int) -> None:
    """Encode a symbol under a row of K + 1 cumulative frequencies, cdf[0] = 0 and cdf[K] = 2**24."""
    push(words, head, cdf[symbol], cdf[symbol + 1] - cdf[symbol])


@inner
def pop_row(words: Words, head: Head, cdf: Ints) -> int:
    """Decode a symbol under a row of K + 1 cumulative frequencies; entries of frequency 0 are never met."""
    symbol = int(np.searchsorted(cdf, peek(head), side="right")) - 1
    drop(words, head, cdf[symbol], cdf[symbol + 1] - cdf[symbol])
    return symbol


@entry
def _push_rows(words: Words, head: Head, cdf: Ints, symbols: Ints) -> None:
    for n in range(len(symbols) - 1, -1, -1):
        push_row(words, head, cdf[min(n, len(cdf) - 1)], symbols[n])


@entry
def _pop_rows(words: Words, head: Head, cdf: Ints, symbols: Ints) -> None:
    for n in range(len(symbols)):
        symbols[n] = pop_row(words, head, cdf[min(n, len(cdf) - 1)])


@entry
def _push_uniform(words: Words, head: Head, values: Ints, bits: int) -> None:
    for n in range(len(values) - 1, -1, -1):
        push_bits(words, head, values[n], bits)


@entry
def _pop_uniform(words: Words, head: Head, values: Ints, bits: int) -> None:
    for n in range(len(values)):
        values[n] = pop_bits(words, head, bits)


class Stack:
    """A rANS message that starts as the bytes of something else.

    Args:
        data: bytes that have to be sent anyway; `release` gives them back.

    Attributes:
        words: [capacity] uint32, the first head[1] are in use.
        head: [2] uint64, state and count of words.
    """

    def __init__(self, data: bytes = b"") -> None:
        filled = data + b"\x01"  # the end of the data is the last byte that is not zero
        loaded = np.frombuffer(filled + b"\x00" * (-len(filled) % 4), "<u4").astype(np.uint32)
        self.words: Words = loaded.copy()
        self.head: Head = np.array([(1 << WORD_BITS) | int(loaded[-1]), len(loaded) - 1], np.uint64)

    @classmethod
    def from_payload(cls, payload: bytes) -> "Stack":
        """Return the stack that `payload` wrote.

        Raises:
            CorruptError: these bytes are not a stack.
        """
        if len(payload) < STATE_BYTES or len(payload) % 4:
            raise CorruptError(f"a stack of {len(payload)} bytes: expected a multiple of 4, {STATE_BYTES} or more")
        stack = cls()
        loaded = np.frombuffer(payload, "<u4").astype(np.uint32)
        stack.words = loaded[:-2].copy()
        stack.head = np.array([int(loaded[-1]) << WORD_BITS | int(loaded[-2]), len(loaded) - 2], np.uint64)
        if int(stack.head[0]) < 1 << WORD_BITS:
            raise CorruptError("the state of a stack is below 2**32")
        return stack

    def __len__(self) -> int:
        """Bits on the stack above the seal, rounded down."""
        return int(self.head[1]) * WORD_BITS + int(self.head[0]).bit_length() - 1

    def payload(self) -> bytes:
        """Return words and state as little-endian bytes."""
        state = int(self.head[0])
        return self.words[: int(self.head[1])].astype("<u4").tobytes() + state.to_bytes(STATE_BYTES, "little")

    def release(self) -> bytes:
        """Return the bytes that the stack began with, once everything pushed has been popped.

        Raises:
            CorruptError: something else is on the stack.
        """
        state = int(self.head[0])
        data = self.words[: int(self.head[1])].astype("<u4").tobytes() + (state & 0xFFFFFFFF).to_bytes(4, "little")
        trimmed = data.rstrip(b"\x00")
        if state >> WORD_BITS != 1 or len(data) - len(trimmed) > 3 or trimmed[-1:] != b"\x01":
            raise CorruptError("the stack does not end where it began")
        return trimmed[:-1]

    def check(self) -> None:
        """Raise ExhaustedError where primitives of `coding.rans` have popped more than there was."""
        if self.head[0] < _LOW:
            raise ExhaustedError(_EXHAUSTED)

    def reserve(self, pushes: int) -> None:
        """Make room for so many more pushes by the compiled primitives."""
        needed = int(self.head[1]) + pushes
        if needed > len(self.words):
            self.words = np.concatenate([self.words, np.zeros(needed + needed // 2 - len(self.words), np.uint32)])

    def push(self, symbols: npt.NDArray[Any], cdf: Ints) -> None:
        """Encode [N] symbols so that `pop` returns them in order.

        Args:
            symbols: [N] integers below K.
            cdf: [N, K + 1] cumulative frequencies up to 2**24, or [1, K + 1] for all.
        """
        self.reserve(len(symbols))
        _push_rows(self.words, self.head, cdf, symbols.astype(np.int64))

    def pop(self, count: int, cdf: Ints) -> Ints:
        """Decode `count` symbols under cdf, [count, K + 1] or [1, K + 1]; see `push`.

        Raises:
            ExhaustedError: the stack holds less.
        """
        symbols = np.zeros(count, np.int64)
        _pop_rows(self.words, self.head, cdf, symbols)
        return symbols

    def push_intervals(self, starts: IntArray, freqs: IntArray) -> None:
        """Encode intervals [N] of 2**24, frequencies at least 1, so that popping returns them in order."""
        self.reserve(len(starts))
        rans.push_reversed(self.words, self.head, starts, freqs, 0)

    def push_uniform(self, values: npt.NDArray[Any], bits: int) -> None:
        """Encode [N] values below 2**bits, bits <= 24, so that `pop_uniform` returns them in order."""
        self.reserve(len(values))
        _push_uniform(self.words, self.head, values.astype(np.int64), bits)

    def pop_uniform(self, count: int, bits: int) -> Ints:
        """Decode `count` values of `bits` uniform bits.

        Raises:
            ExhaustedError: the stack holds less.
        """
        values = np.zeros(count, np.int64)
        _pop_uniform(self.words, self.head, values, bits)
        return values
