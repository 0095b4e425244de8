"""A binary rANS coder for compiled loops: one loop serves encoding and decoding.

    bit = code_bit(coder, bit, p1)

Encoding, `bit` is the symbol: its interval is logged and returned unchanged. rANS is a stack, so `finish` pushes
the log in reverse. Decoding, the argument is ignored and the bit comes off the stack. The loop around it cannot
tell the difference, hence both directions learn alike.

    0           p1 << 8                     2**24
    |--- one ---|----------- zero ----------|          start and freq of a bit, precision 24

State, words and their order are those of `coding.rans`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.coding import rans
from neuralzip.coding.rans import PRECISION, Head, Words
from neuralzip.exact.compiled import entry, inner

_WORD = np.uint64(rans.WORD_BITS)
_FREQ_MASK = np.uint64(0xFFFFFFFF)


class BitCoder(NamedTuple):
    """State of a coder; make it with `encoder` or `decoder`.

    Attributes:
        head: [2] uint64: rANS state, and the cursor: intervals logged (encoding) or words left (decoding).
        log: encoding: [N] uint64, start << 32 | freq of each coded symbol; decoding: [0].
        words: decoding: [N] uint32, the compressed words; encoding: [0].
        decoding: which of the two.
    """

    head: Head
    log: npt.NDArray[np.uint64]
    words: Words
    decoding: bool


def encoder(capacity: int) -> BitCoder:
    """Return an encoder with room for `capacity` symbols between two calls of `finish`."""
    return BitCoder(np.zeros(2, np.uint64), np.zeros(capacity, np.uint64), np.zeros(0, np.uint32), False)


def decoder(payload: bytes) -> BitCoder:
    """Return a decoder of what `finish` returned.

    Raises:
        CorruptError: the payload cannot be the end of an rANS stream.
    """
    return popping(rans.Decoder(payload))


def popping(stack: rans.Decoder) -> BitCoder:
    """Return a decoder that pops off a stack."""
    return BitCoder(stack.head, np.zeros(0, np.uint64), stack.words, True)


def finish(coder: BitCoder) -> bytes:
    """Return the words of all symbols logged so far, little-endian, and start afresh."""
    count, stack = logged(coder), rans.Encoder()
    stack.reserve(count)
    _push_reversed(coder.log[:count], stack.words, stack.head)
    coder.head[:] = 0
    return stack.payload()


def logged(coder: BitCoder) -> int:
    """Return how many symbols an encoder has logged."""
    return int(coder.head[1])


def logged_bits(coder: BitCoder) -> float:
    """Return the ideal code length, in bits, of the symbols that an encoder has logged."""
    widths = coder.log[: int(coder.head[1])] & _FREQ_MASK
    return float(PRECISION * len(widths) - np.log2(widths.astype(np.float64)).sum())


def is_exhausted(coder: BitCoder) -> bool:
    """Return whether a decoder has given back exactly what was encoded (true after a sound stream)."""
    return int(coder.head[0]) == 0 and int(coder.head[1]) == 0


@entry
def _push_reversed(log: npt.NDArray[np.uint64], words: Words, head: Head) -> None:
    for i in range(len(log) - 1, -1, -1):
        rans.push(words, head, np.int64(log[i] >> _WORD), np.int64(log[i] & _FREQ_MASK))


@inner
def put(coder: BitCoder, start: int, freq: int) -> None:
    """Encoding: log the interval [start, start + freq) of [0, 2**24)."""
    cursor = coder.head[1]
    coder.log[cursor] = (np.uint64(start) << _WORD) | np.uint64(freq)
    coder.head[1] = cursor + np.uint64(1)


@inner
def peek(coder: BitCoder) -> np.int64:
    """Decoding: return the quantile in [0, 2**24) that the next symbol's interval contains."""
    return np.int64(rans.peek(coder.head))


@inner
def drop(coder: BitCoder, start: int, freq: int) -> None:
    """Decoding: take the symbol off the stack whose interval is [start, start + freq)."""
    rans.drop(coder.words, coder.head, start, freq)


@inner
def code_bit(coder: BitCoder, bit: int, p1: int) -> int:
    """Code one decision; p1 is the probability of a one in 2**-16, within [1, 65535]. Returns the bit."""
    split = np.int64(p1) << 8
    if coder.decoding:
        bit = 1 if peek(coder) < split else 0
        if bit:
            drop(coder, 0, split)
        else:
            drop(coder, split, (1 << PRECISION) - split)
    elif bit:
        put(coder, 0, split)
    else:
        put(coder, split, (1 << PRECISION) - split)
    return bit
