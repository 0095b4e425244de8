"""Bits of an entropy-coded segment: Huffman tables, a reader, a writer, and the numbers behind symbols.

Source: ITU-T T.81 (1992), annexes C and F. T tables.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

_FILLED = 32  # bits that a buffer holds at least before something is read
_BUFFER = (1 << 40) - 1


class Tables(NamedTuple):
    """Huffman tables both ways; a size of 0 stands for no such code."""

    found: npt.NDArray[np.int32]  # [T, 65536] of the next 16 bits: size * 256 + symbol
    codes: npt.NDArray[np.int64]  # [T, 256] of a symbol
    sizes: npt.NDArray[np.int64]  # [T, 256]


def new_tables(given: list[tuple[bytes, bytes]]) -> Tables:
    """Return the tables of (codes of each length, symbols) that `markers.huffman_tables` checked."""
    count = len(given)
    tables = Tables(np.zeros((count, 1 << 16), np.int32), *np.zeros((2, count, 256), np.int64))
    for t, (counts, symbols) in enumerate(given):
        lengths = [length for length, number in enumerate(counts, 1) for _ in range(number)]
        at = 0
        for length, symbol in zip(lengths, symbols, strict=True):
            after = at + (1 << (16 - length))
            tables.found[t, at:after] = length << 8 | symbol
            tables.codes[t, symbol], tables.sizes[t, symbol] = at >> (16 - length), length
            at = after
    return tables


class Reader(NamedTuple):
    """Where the reading is; `state` is (offset, buffer, bits in it, bits in it that the file lacks)."""

    data: npt.NDArray[np.uint8]
    state: npt.NDArray[np.int64]


@inner
def _fill(reader: Reader) -> None:
    """Have enough bits in the buffer; before a marker and at the end of the file zeros come in."""
    data, state = reader.data, reader.state
    while state[2] <= _FILLED:
        at, byte = state[0], np.int64(0)
        escaped = at + 1 < len(data) and data[at] == 0xFF and data[at + 1] == 0
        if escaped or (at < len(data) and data[at] != 0xFF):
            byte = np.int64(data[at])
            state[0] += 2 if escaped else 1
        else:
            state[3] += 8
        state[1] = ((state[1] << 8) | byte) & _BUFFER
        state[2] += 8


@inner
def take_bits(reader: Reader, count: int) -> int:
    """Read up to 16 bits."""
    _fill(reader)
    reader.state[2] -= count
    return (reader.state[1] >> reader.state[2]) & ((1 << count) - 1)


@inner
def take_symbol(reader: Reader, tables: Tables, table: int) -> int:
    """Read a symbol; -1 where no code matches."""
    _fill(reader)
    entry = np.int64(tables.found[table, (reader.state[1] >> (reader.state[2] - 16)) & 0xFFFF])
    reader.state[2] -= entry >> 8
    return int(entry & 255) if entry else -1


@inner
def take_number(reader: Reader, size: int) -> int:
    """Read the number that a symbol gave a size of 0..15 bits (T.81, F.2.2.1: EXTEND)."""
    bits = take_bits(reader, size)
    return bits if size == 0 or bits >> (size - 1) else bits - (1 << size) + 1


@inner
def is_behind(reader: Reader) -> bool:
    """Return whether bits were read that the segment does not have."""
    return bool(reader.state[3] > reader.state[2])


@inner
def end_segment(reader: Reader) -> int:
    """Leave a segment; return the bit that pads its last byte, 2 where none is needed, -1 where it goes on."""
    left = reader.state[2] - reader.state[3]
    if left < 0 or left > 7:
        return -1
    padding = (reader.state[1] >> reader.state[3]) & ((1 << left) - 1)
    reader.state[1:] = 0
    if left == 0:
        return 2
    return 0 if padding == 0 else 1


class Writer(NamedTuple):
    """Where the writing is; `state` is (offset, buffer, bits in it); what `data` has no room for is dropped."""

    data: npt.NDArray[np.uint8]
    state: npt.NDArray[np.int64]


@inner
def _put_byte(writer: Writer, byte: int) -> None:
    data, state = writer.data, writer.state
    if state[0] < len(data):
        data[state[0]] = byte
    state[0] += 1


@inner
def put_bits(writer: Writer, bits: int, count: int) -> None:
    """Write up to 16 bits; a zero follows a byte of ones."""
    state = writer.state
    state[1] = (state[1] << count) | bits
    state[2] += count
    while state[2] >= 8:
        state[2] -= 8
        byte = state[1] >> state[2]
        _put_byte(writer, byte)
        if byte == 0xFF:
            _put_byte(writer, 0)
        state[1] &= (1 << state[2]) - 1


@inner
def put_symbol(writer: Writer, tables: Tables, table: int, symbol: int) -> int:
    """Write a symbol; return whether the table has it."""
    put_bits(writer, tables.codes[table, symbol], tables.sizes[table, symbol])
    return 1 if tables.sizes[table, symbol] else 0


@inner
def put_number(writer: Writer, value: int, size: int) -> None:
    """Write the bits of a number behind the symbol that gives its size."""
    put_bits(writer, value if value >= 0 else value + (1 << size) - 1, size)


@inner
def size_of(value: int) -> int:
    """Return the bits of a number's magnitude."""
    size, left = 0, abs(value)
    while left:
        size += 1
        left >>= 1
    return size


@inner
def pad(writer: Writer, bit: int) -> None:
    """Fill the last byte of a segment."""
    count = -writer.state[2] & 7
    put_bits(writer, ((1 << count) - 1) * bit, count)


@inner
def put_restart(writer: Writer, number: int) -> None:
    """Write a restart marker, 0..7."""
    _put_byte(writer, 0xFF)
    _put_byte(writer, 0xD0 + number)
