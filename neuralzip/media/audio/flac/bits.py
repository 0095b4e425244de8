"""Reading and writing bits, most significant first, and the two checksums of FLAC frames, in compiled code.

A cursor is [3] int64: place in bits, end in bits, and whether the end was overrun.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

AT, END, OVERRUN = range(3)
MARGIN = 8
"""Bytes that an array to read from has beyond its end."""
MOST_BITS = 57
"""`take` and `put` move at most so many."""


def _checksums(polynomial: int, width: int) -> Ints:
    """Return the checksum [256] of each byte."""
    table = np.zeros(256, np.int64)
    for byte in range(256):
        value = byte << (width - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (width - 1) else 0)
        table[byte] = value
    return table


_CRC8 = _checksums(0x107, 8)
_CRC16 = _checksums(0x18005, 16)


def new_cursor(start: int, end: int) -> Ints:
    """Return a cursor from byte `start` to byte `end`."""
    return np.array([8 * start, 8 * end, 0], np.int64)


@inner
def _window(data: Bytes, place: int) -> np.uint64:
    """Return the bits from a place on, at least MOST_BITS of them, at the top of a word; zeros follow."""
    word = np.uint64(0)
    for i in range(MARGIN):
        word = (word << np.uint64(8)) | np.uint64(data[(place >> 3) + i])
    return word << np.uint64(place & 7)


@inner
def take(data: Bytes, cursor: Ints, count: int) -> Any:
    """Return the next `count` bits, 0..MOST_BITS; 0 where there are not so many."""
    place = cursor[AT]
    if place + count > cursor[END]:
        cursor[OVERRUN] = 1
        return 0
    cursor[AT] = place + count
    if count == 0:
        return 0
    return np.int64(_window(data, place) >> np.uint64(64 - count))


@inner
def take_signed(data: Bytes, cursor: Ints, count: int) -> int:
    """Return the next `count` bits as a number in two's complement."""
    value = take(data, cursor, count)
    return value - (np.int64(1) << count) if count and value >> (count - 1) else value


@inner
def take_unary(data: Bytes, cursor: Ints) -> int:
    """Return the number of zeros before the next one, which is taken as well."""
    place, end, zeros = cursor[AT], cursor[END], 0
    while place < end:
        word = _window(data, place)
        if word == np.uint64(0):
            zeros += MOST_BITS
            place += MOST_BITS
            continue
        while word >> np.uint64(63) == np.uint64(0):
            word = word << np.uint64(1)
            zeros += 1
            place += 1
        if place < end:
            cursor[AT] = place + 1
            return zeros
    cursor[OVERRUN] = 1
    return 0


@inner
def put(out: Bytes, cursor: Ints, value: int, count: int) -> None:
    """Write the low `count` bits of a value, 0..MOST_BITS, into zeroed bytes."""
    place = cursor[AT]
    if place + count > cursor[END]:
        cursor[OVERRUN] = 1
        return
    cursor[AT] = place + count
    left = count
    while left > 0:
        room = 8 - (place & 7)
        step = min(room, left)
        part = (value >> (left - step)) & ((1 << step) - 1)
        out[place >> 3] |= np.uint8(part << (room - step))
        place += step
        left -= step


@inner
def put_unary(out: Bytes, cursor: Ints, zeros: int) -> None:
    """Write zeros and a one."""
    if zeros < 0 or zeros >= cursor[END] - cursor[AT]:
        cursor[OVERRUN] = 1
        return
    cursor[AT] += zeros
    put(out, cursor, 1, 1)


@inner
def crc8(data: Bytes, start: int, end: int) -> Any:
    """Return the checksum of a frame header."""
    value = np.int64(0)
    for i in range(start, end):
        value = _CRC8[value ^ np.int64(data[i])]
    return value


@inner
def crc16(data: Bytes, start: int, end: int) -> Any:
    """Return the checksum of a frame."""
    value = np.int64(0)
    for i in range(start, end):
        value = ((value << 8) & 0xFFFF) ^ _CRC16[(value >> 8) ^ np.int64(data[i])]
    return value
