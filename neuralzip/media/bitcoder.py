"""An adaptive binary range coder in one array: one function codes a bit in both directions.

Models of side information call `code_bit`; whether it writes the given bit or returns the next one is a
property of the coder, so encoder and decoder are the same code. All arithmetic is on integers. Carry-less
32-bit range coding as in Mahoney's lpaq; a probability is 22 bits with a 10-bit count of its age.

A coder is one int64 array, since compiled functions are quick to compile and call with few arguments: its
state, then the contexts (probability of a one << 10 | age), then the coded bytes, eight to an element.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry

BitCoder = npt.NDArray[np.int64]

LOW, HIGH, WORD, POSITION, DECODING, START, SIZE, CONTEXTS = range(8)
"""Low and high end of the range, the word that is decoded, byte position, 1 if decoding, element where the bytes
start, number of bytes; then the contexts."""
MAX_AGE = 250
"""A context averages over about this many bits: the smaller, the faster it forgets."""
NUMBER_CONTEXTS = 96
"""Contexts that one call site of `code_number` occupies."""
_BELOW_HALF = (11, 28, 75, 151, 301, 597, 976, 1582, 2534, 3992, 6146, 9159, 13091, 17773, 22733, 28785)
START_CHANCES = np.array([*_BELOW_HALF, *(65536 - chance for chance in reversed(_BELOW_HALF))], np.int64)
"""What a context may begin with instead of one half, in 2**-16, named by the upper five bits of a byte; the lower
three name its age. A zero byte is a fresh context."""
START_AGES = np.array([0, 1, 2, 4, 8, 16, 32, 64], np.int64)
_MASK = 0xFFFFFFFF
_FRESH = 1 << 31


def encoder(capacity: int, contexts: int, starts: bytes = b"") -> BitCoder:
    """Start a coder that writes at most `capacity` bytes; more are dropped. `starts`: see START_CHANCES."""
    return _coder(bytes(capacity), contexts, starts)


def decoder(data: bytes, contexts: int, starts: bytes = b"") -> BitCoder:
    """Start a coder that reads what `finish` returned; zeros follow. `starts` as for the encoder."""
    coder = _coder(data, contexts, starts)
    coder[WORD] = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
    coder[POSITION], coder[DECODING] = 4, 1
    return coder


def _coder(data: bytes, contexts: int, starts: bytes) -> BitCoder:
    """Lay out the array; contexts behind the last of `starts` are fresh."""
    body = np.frombuffer(data + bytes(-len(data) % 8), "<i8")
    coder = np.zeros(CONTEXTS + contexts + len(body), np.int64)
    coder[HIGH], coder[START], coder[SIZE] = _MASK, CONTEXTS + contexts, len(data)
    coder[CONTEXTS : CONTEXTS + contexts] = _FRESH
    known = np.frombuffer(starts, np.uint8)[:contexts].astype(np.int64)
    entries = (START_CHANCES[known >> 3] << 16) | START_AGES[known & 7]
    coder[CONTEXTS : CONTEXTS + len(known)] = np.where(known == 0, _FRESH, entries)
    coder[CONTEXTS + contexts :] = body
    return coder


def overflowed(coder: BitCoder) -> bool:
    """Say whether an encoder ran out of its capacity."""
    return int(coder[POSITION]) > int(coder[SIZE])


def finish(coder: BitCoder) -> bytes:
    """Return the written bytes, closed by as few more as name the range; trailing zeros are left out."""
    low, high = int(coder[LOW]), int(coder[HIGH])
    body = coder[coder[START] :].astype("<i8").tobytes()[: int(coder[POSITION])]
    for size in range(5):
        step = 1 << (32 - 8 * size)
        value = -(-low // step) * step
        if value <= high:
            break
    return (body + value.to_bytes(5, "big")[1 : 1 + size]).rstrip(b"\0")


@entry
def code_bit(coder: BitCoder, context: int, bit: int) -> int:
    """Write `bit`, or read and return one, under an adaptive context."""
    entry = coder[CONTEXTS + context]
    chance, age = entry >> 10, entry & 1023
    low, high, word = coder[LOW], coder[HIGH], coder[WORD]
    span = high - low
    weight = min(max(chance >> 6, 1), 65535)
    middle = low + (span >> 16) * weight + (((span & 65535) * weight) >> 16)
    decoding = coder[DECODING]
    if decoding == 1:
        bit = 1 if word <= middle else 0
    if bit == 1:
        high = middle
    else:
        low = middle + 1
    chance += ((bit << 22) - bit - chance) * 2 // (2 * age + 3)
    coder[CONTEXTS + context] = (chance << 10) | min(age + 1, MAX_AGE)
    while (low ^ high) & 0xFF000000 == 0:
        # One settled byte leaves the window, and a new one enters it.
        position = coder[POSITION]
        place, shift = coder[START] + (position >> 3), (position & 7) * 8
        byte = 0
        if position < coder[SIZE]:
            if decoding == 1:
                byte = (coder[place] >> shift) & 255
            else:
                coder[place] |= (high >> 24) << shift
        coder[POSITION] = position + 1
        word = ((word << 8) & _MASK) | byte
        low, high = (low << 8) & _MASK, ((high << 8) & _MASK) | 255
    coder[LOW], coder[HIGH], coder[WORD] = low, high, word
    return bit


@entry
def code_bits(coder: BitCoder, context: int, width: int, value: int) -> Any:
    """Code a `width`-bit value most significant bit first, by a tree of 2**width contexts."""
    node: Any = np.int64(1)
    for level in range(width):
        node = 2 * node + code_bit(coder, context + node, (value >> (width - 1 - level)) & 1)
    return node - (1 << width)


@entry
def code_number(coder: BitCoder, context: int, value: int) -> Any:
    """Code a number 0 .. 2**40: its length in unary, then its bits (Elias gamma, adaptive)."""
    wide = value + 1
    length: Any = np.int64(0)
    step, result = length, length + 1
    unary = True
    while unary or step < length:
        if unary:
            slot, bit = length, 1 if wide >> (length + 1) != 0 else 0
        else:
            # The leading bits have a shape worth learning; the low ones share a context by their weight.
            shift = length - 1 - step
            slot, bit = 40 + (shift if step > 1 else 40 + min(length, 5) * 2 + result - 1), (wide >> shift) & 1
        bit = code_bit(coder, context + slot, bit)
        if not unary:
            result = 2 * result + bit
            step += 1
        else:
            length += bit
            unary = bit == 1 and length < 40
    return result - 1
