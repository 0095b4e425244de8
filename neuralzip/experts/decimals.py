"""Numbers as they are written in tables: text -> float64 and back, in compiled code, the same on every machine.

Values only serve predictions, so that a rounding in the last place costs bits and never correctness; but both
sides must get the same, hence float64 +, -, *, / alone and in a fixed order.

A *layout* says how a column writes its numbers: its decimals, 0..18; + EXPONENT for d.ddde+dd; + BARE for .5
instead of 0.5. Arrays of floats are written in hex, by the bits of the number made to sort like it.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

Bytes = npt.NDArray[np.uint8]

EXPONENT, BARE = 32, 64
NOT_A_NUMBER = -1
HEX = 0
MAX_DECIMALS = 18
_RETURN, _SPACE, _QUOTE = 13, 32, 34
_PLUS, _MINUS, _POINT, _ZERO = 43, 45, 46, 48
_UPPER_E, _LOWER_A, _LOWER_E = 69, 97, 101
_MOST_DIGITS = 9e17
_LARGEST = 1e100


@inner
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@inner
def is_padding(byte: int) -> bool:
    """Say whether a byte may surround a number in its cell."""
    return byte == _SPACE or byte == _QUOTE or byte == _RETURN


@inner
def _scaled(value: float, exponent: int) -> float:
    """Return value * 10**exponent, exponent within [-400, 400]."""
    while exponent <= -22:
        value, exponent = value / 1e22, exponent + 22
    while exponent < 0:
        value, exponent = value / 10.0, exponent + 1
    while exponent >= 22:
        value, exponent = value * 1e22, exponent - 22
    while exponent > 0:
        value, exponent = value * 10.0, exponent - 1
    return value


@inner
def _exponent(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return (exponent, first place after it) of what follows an e."""
    negative = False
    if at < end and (text[at] == _MINUS or text[at] == _PLUS):
        negative = text[at] == _MINUS
        at += 1
    exponent = 0
    while at < end and _is_digit(text[at]):
        exponent = min(exponent * 10 + text[at] - _ZERO, 400)
        at += 1
    return (-exponent if negative else exponent), at


@inner
def parse_number(text: Bytes, start: int, end: int) -> tuple[int, float]:
    """Return (layout, value) of a cell text[start:end]; (NOT_A_NUMBER, 0) where it is none."""
    at = start
    while at < end and is_padding(text[at]):
        at += 1
    negative = False
    if at < end and (text[at] == _MINUS or text[at] == _PLUS):
        negative = text[at] == _MINUS
        at += 1
    value, digits, decimals, exponent = 0.0, 0, -1, 0
    layout = BARE if at < end and text[at] == _POINT else 0
    while at < end:
        byte = text[at]
        if _is_digit(byte):
            value = value * 10.0 + (np.int64(byte) - _ZERO)
            digits += 1
            if decimals >= 0:
                decimals += 1
        elif byte == _POINT and decimals < 0:
            decimals = 0
        else:
            break
        at += 1
    if digits and at < end and (text[at] == _LOWER_E or text[at] == _UPPER_E):
        exponent, at = _exponent(text, at + 1, end)
        layout += EXPONENT
    while at < end and is_padding(text[at]):
        at += 1
    decimals = max(decimals, 0)
    if digits == 0 or at < end or decimals > 300:
        return NOT_A_NUMBER, 0.0
    value = _scaled(value, exponent - decimals)
    if not value < _LARGEST:
        return NOT_A_NUMBER, 0.0
    return layout + min(decimals, MAX_DECIMALS), (-value if negative else value)


@inner
def _write_digits(number: int, decimals: int, out: Bytes, at: int) -> int:
    """Write number * 10**-decimals; return the first place after it."""
    count, rest = 1, number
    while rest >= 10:
        count, rest = count + 1, rest // 10
    count = max(count, decimals + 1)
    end = at + count + (1 if decimals else 0)
    for i in range(count):
        if decimals and i == decimals:
            end -= 1
            out[end] = _POINT
        end -= 1
        out[end] = _ZERO + number % 10
        number //= 10
    return at + count + (1 if decimals else 0)


@inner
def write_number(value: float, layout: int, out: Bytes) -> int:
    """Write a value in a column's layout into out [64]; return its length, 0 where it does not fit."""
    at, size = 0, abs(value)
    decimals = layout % EXPONENT
    if not size < 1e200:  # infinite and undefined values too
        return 0
    exponent = 0
    if layout & EXPONENT and size > 1e-200:
        while size >= 10.0:
            size, exponent = size / 10.0, exponent + 1
        while size < 1.0:
            size, exponent = size * 10.0, exponent - 1
    size = _scaled(size, decimals)
    if size > _MOST_DIGITS:
        return 0
    number = np.int64(size + 0.5)
    if value < 0 and number:
        out[at] = _MINUS
        at += 1
    start = at
    at = _write_digits(number, decimals, out, at)
    if layout & BARE and decimals and out[start] == _ZERO:
        at -= 1
        for i in range(start, at):
            out[i] = out[i + 1]
    if layout & EXPONENT:
        out[at] = _LOWER_E
        out[at + 1] = _MINUS if exponent < 0 else _PLUS
        at += 2
        if abs(exponent) >= 100:
            out[at] = _ZERO + abs(exponent) // 100
            at += 1
        out[at] = _ZERO + (abs(exponent) // 10) % 10
        out[at + 1] = _ZERO + abs(exponent) % 10
        at += 2
    return at


@inner
def _double_of(pattern: np.uint64) -> float:
    return float(np.uint64(pattern).view(np.float64))


@inner
def _single_of(pattern: np.uint32) -> float:
    return float(np.uint32(pattern).view(np.float32))


@inner
def _pattern_of(value: np.float64) -> np.uint64:
    return np.float64(value).view(np.uint64)


@inner
def _single_pattern_of(value: np.float32) -> np.uint64:
    return np.uint64(np.float32(value).view(np.uint32))


@inner
def parse_hex(text: Bytes, start: int, end: int, bits: int) -> tuple[int, float]:
    """Return (HEX, value) of a hex cell of 16, 32 or 64 bits; (NOT_A_NUMBER, 0) where it is none."""
    if end - start != bits // 4:
        return NOT_A_NUMBER, 0.0
    order = np.uint64(0)
    for at in range(start, end):
        digit = np.int64(text[at]) - (_ZERO if _is_digit(text[at]) else _LOWER_A - 10)
        order = (order << np.uint64(4)) | np.uint64(digit & 15)
    if bits == 16:
        return HEX, float(np.int64(order))
    top = np.uint64(1) << np.uint64(bits - 1)
    pattern = ~order
    if order & top:
        pattern = order ^ top
    if bits == 64:
        value = _double_of(pattern)
    else:
        value = _single_of(np.uint32(pattern & np.uint64(0xFFFFFFFF)))
    if not abs(value) < _LARGEST:
        return NOT_A_NUMBER, 0.0
    return HEX, value


@inner
def write_hex(value: float, bits: int, out: Bytes) -> int:
    """Write a value as `parse_hex` reads it into out [64]; return its length, 0 where it does not fit."""
    if not abs(value) < _LARGEST:
        return 0
    top = np.uint64(1) << np.uint64(bits - 1)
    if bits == 16:
        order = np.uint64(np.int64(min(max(value, 0.0), 65535.0)))
    else:
        if bits == 64:
            pattern = _pattern_of(np.float64(value))
        else:
            pattern = _single_pattern_of(np.float32(value))
        order = pattern | top
        if pattern & top:
            order = ~pattern
    for i in range(bits // 4):
        digit = np.int64((order >> np.uint64(bits - 4 - 4 * i)) & np.uint64(15))
        out[i] = digit + (_ZERO if digit < 10 else _LOWER_A - 10)
    return bits // 4
