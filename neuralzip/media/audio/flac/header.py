"""FLAC frame headers, read and written (RFC 9639, section 9.1)."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.media.audio.flac.bits import AT, OVERRUN, crc8, put, take
from neuralzip.media.audio.flac.frame import (
    BITS_CODE,
    CHANNEL_CODE,
    MID_SIDE,
    NUMBER,
    RATE,
    RATE_CODE,
    SAMPLES,
    SIZE_CODE,
    STRATEGY,
)

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

BITS = (0, 8, 12, 0, 16, 20, 24, 32)
"""Bits of a sample by code; code 0 refers to the stream's, 3 is reserved."""
_SYNC = 0b11111111111110
_BYTE_SIZE, _WORD_SIZE = 6, 7
_FIRST_SPELT_RATE, _INVALID_RATE = 12, 15


@inner
def _size_of(code: int) -> int:
    """Return the samples that a block size code stands for, 0 where the header spells them out."""
    if code == 1:
        return 192
    if 2 <= code <= 5:
        return 576 << (code - 2)
    return 256 << (code - 8) if code >= 8 else 0


@inner
def _rate_bits(code: int) -> int:
    """Return the bits of a rate that is spelt out."""
    if code < _FIRST_SPELT_RATE:
        return 0
    return 8 if code == _FIRST_SPELT_RATE else 16


@inner
def _number_length(number: int) -> int:
    """Return the bytes of a coded number."""
    length = 1
    if number >= 1 << 7:
        length = 2
        while number >> (5 * length + 1) > 0:
            length += 1
    return length


@inner
def _take_number(data: Bytes, cursor: Ints) -> int:
    """Return a coded number, -1 where it is not in its shortest form."""
    first = take(data, cursor, 8)
    length = 0
    while length < 8 and (first >> (7 - length)) & 1:
        length += 1
    if length == 0:
        return first
    if length == 1 or length == 8:
        return -1
    number = first & ((1 << (7 - length)) - 1)
    for _ in range(length - 1):
        byte = take(data, cursor, 8)
        if byte >> 6 != 2:
            return -1
        number = (number << 6) | (byte & 63)
    return number if _number_length(number) == length else -1


@inner
def _put_number(out: Bytes, cursor: Ints, number: int) -> None:
    length = _number_length(number)
    if length == 1:
        put(out, cursor, number, 8)
        return
    mark = (0xFF00 >> length) & 0xFF
    put(out, cursor, mark | (number >> (6 * (length - 1))), 8)
    for i in range(length - 2, -1, -1):
        put(out, cursor, 0x80 | ((number >> (6 * i)) & 63), 8)


@inner
def read_header(data: Bytes, cursor: Ints, head: Ints) -> bool:
    """Read a header into `head`; False where there is none."""
    start = cursor[AT] >> 3
    if take(data, cursor, 14) != _SYNC or take(data, cursor, 1):
        return False
    head[STRATEGY] = take(data, cursor, 1)
    head[SIZE_CODE] = take(data, cursor, 4)
    head[RATE_CODE] = take(data, cursor, 4)
    head[CHANNEL_CODE] = take(data, cursor, 4)
    head[BITS_CODE] = take(data, cursor, 3)
    if take(data, cursor, 1) or head[SIZE_CODE] == 0 or head[CHANNEL_CODE] > MID_SIDE:
        return False
    if head[RATE_CODE] == _INVALID_RATE or head[BITS_CODE] == 3:
        return False
    head[NUMBER] = _take_number(data, cursor)
    head[SAMPLES] = _size_of(head[SIZE_CODE])
    if head[SIZE_CODE] == _BYTE_SIZE:
        head[SAMPLES] = take(data, cursor, 8) + 1
    elif head[SIZE_CODE] == _WORD_SIZE:
        head[SAMPLES] = take(data, cursor, 16) + 1
    head[RATE] = take(data, cursor, _rate_bits(head[RATE_CODE]))
    checksum = crc8(data, start, cursor[AT] >> 3)
    good = head[NUMBER] >= 0 and head[SAMPLES] <= 0xFFFF
    return take(data, cursor, 8) == checksum and good and cursor[OVERRUN] == 0


@inner
def write_header(out: Bytes, cursor: Ints, head: Ints) -> None:
    """Write a header; the cursor stands at a whole byte."""
    start = cursor[AT] >> 3
    put(out, cursor, _SYNC << 2 | head[STRATEGY], 16)
    put(out, cursor, head[SIZE_CODE] << 4 | head[RATE_CODE], 8)
    put(out, cursor, head[CHANNEL_CODE] << 4 | head[BITS_CODE] << 1, 8)
    _put_number(out, cursor, head[NUMBER])
    if head[SIZE_CODE] == _BYTE_SIZE:
        put(out, cursor, head[SAMPLES] - 1, 8)
    elif head[SIZE_CODE] == _WORD_SIZE:
        put(out, cursor, head[SAMPLES] - 1, 16)
    put(out, cursor, head[RATE], _rate_bits(head[RATE_CODE]))
    put(out, cursor, crc8(out, start, cursor[AT] >> 3), 8)
