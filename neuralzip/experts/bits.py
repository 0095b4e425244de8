"""A binary rANS coder for compiled loops: one loop serves encoding and decoding.

    bit = code_bit(coder, bit, p1)

Encoding, `bit` is the symbol: its interval is logged and returned unchanged. rANS is a stack, so `finish` pushes
the log in reverse. Decoding, the argument is ignored and the bit comes off the stack. The loop around it cannot
tell the difference, hence both directions learn alike.

    0           p1 << 8                     2**24
    |--- one ---|----------- zero ----------|          start and freq of a bit, precision 24

State and words are those of constriction's AnsCoder (64-bit state, 32-bit words, 24-bit precision), word for word.
Source: Duda, "Asymmetric numeral systems" (2013), arXiv 1311.2540, section 4.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError
from neuralzip.exact.compiled import entry, inner

PRECISION = 24
_MASK = np.uint64((1 << PRECISION) - 1)
_WORD = np.uint64(32)
_LOW = np.uint64(1 << 32)
_SHIFT = np.uint64(PRECISION)
_FREQ_MASK = np.uint64(0xFFFFFFFF)


class BitCoder(NamedTuple):
    """State of a coder; make it with `encoder` or `decoder`.

    Attributes:
        head: [2] uint64: rANS state, and the cursor: intervals logged (encoding) or words left (decoding).
        log: encoding: [N] uint64, start << 32 | freq of each coded symbol; decoding: [0].
        words: decoding: [N] uint32, the compressed words; encoding: [0].
        decoding: which of the two.
    """

    head: npt.NDArray[np.uint64]
    log: npt.NDArray[np.uint64]
    words: npt.NDArray[np.uint32]
    decoding: bool


def encoder(capacity: int) -> BitCoder:
    """Return an encoder with room for `capacity` symbols between two calls of `finish`."""
    return BitCoder(np.zeros(2, np.uint64), np.zeros(capacity, np.uint64), np.zeros(0, np.uint32), False)


def decoder(payload: bytes) -> BitCoder:
    """Return a decoder of what `finish` returned.

    Raises:
        CorruptError: the payload cannot be the end of an rANS stream.
    """
    if len(payload) % 4 or payload[-4:] == b"\0\0\0\0":
        raise CorruptError("entropy-coded payload is not a whole number of words or ends in a zero word")
    words = np.frombuffer(payload, "<u4").astype(np.uint32)
    head = np.zeros(2, np.uint64)
    used = min(2, len(words))
    for word in words[len(words) - used :][::-1]:
        head[0] = np.uint64(int(head[0]) << 32 | int(word))
    head[1] = np.uint64(len(words) - used)
    return BitCoder(head, np.zeros(0, np.uint64), words, True)


def finish(coder: BitCoder) -> bytes:
    """Return the words of all symbols logged so far, little-endian, and start afresh."""
    words = np.empty(int(coder.head[1]) + 2, np.uint32)
    count = _push_all(coder.log, int(coder.head[1]), words)
    coder.head[:] = 0
    return words[:count].astype("<u4").tobytes()


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
def _push_all(log: npt.NDArray[np.uint64], count: int, words: npt.NDArray[np.uint32]) -> int:
    state = np.uint64(0)
    n = 0
    for i in range(count - 1, -1, -1):
        start, freq = log[i] >> _WORD, log[i] & _FREQ_MASK
        if state >> np.uint64(64 - PRECISION) >= freq:
            words[n] = np.uint32(state & _FREQ_MASK)
            n += 1
            state >>= _WORD
        quotient = state // freq
        state = (quotient << _SHIFT) + (state - quotient * freq) + start
    while state != np.uint64(0):
        words[n] = np.uint32(state & _FREQ_MASK)
        n += 1
        state >>= _WORD
    return n


@inner
def put(coder: BitCoder, start: int, freq: int) -> None:
    """Encoding: log the interval [start, start + freq) of [0, 2**24)."""
    cursor = coder.head[1]
    coder.log[cursor] = (np.uint64(start) << _WORD) | np.uint64(freq)
    coder.head[1] = cursor + np.uint64(1)


@inner
def peek(coder: BitCoder) -> np.int64:
    """Decoding: return the quantile in [0, 2**24) that the next symbol's interval contains."""
    return np.int64(coder.head[0] & _MASK)


@inner
def drop(coder: BitCoder, start: int, freq: int) -> None:
    """Decoding: take the symbol off the stack whose interval is [start, start + freq)."""
    state = coder.head[0]
    state = (state >> _SHIFT) * np.uint64(freq) + (state & _MASK) - np.uint64(start)
    left = coder.head[1]
    if state < _LOW and left > np.uint64(0):
        left -= np.uint64(1)
        state = (state << _WORD) | np.uint64(coder.words[left])
        coder.head[1] = left
    coder.head[0] = state


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
