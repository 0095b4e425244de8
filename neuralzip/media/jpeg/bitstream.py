"""Bits of an entropy-coded segment: Huffman tables, a reader and the numbers behind symbols.

Source: ITU-T T.81 (1992), annexes C and F.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner


class Table(NamedTuple):
    """A Huffman table both ways; a size of 0 stands for no such code."""

    found: npt.NDArray[np.int32]  # [65536] of the next 16 bits: size * 256 + symbol
    codes: npt.NDArray[np.int64]  # [256] of a symbol
    sizes: npt.NDArray[np.int64]  # [256]


def new_table(counts: bytes, symbols: bytes) -> Table:
    """Return the table of DHT fields that `markers.huffman_tables` checked."""
    table = Table(np.zeros(1 << 16, np.int32), np.zeros(256, np.int64), np.zeros(256, np.int64))
    lengths = [length for length, count in enumerate(counts, 1) for _ in range(count)]
    at = 0
    for length, symbol in zip(lengths, symbols, strict=True):
        after = at + (1 << (16 - length))
        table.found[at:after] = length << 8 | symbol
        table.codes[symbol], table.sizes[symbol] = at >> (16 - length), length
        at = after
    return table


class Reader(NamedTuple):
    """Where the reading is; `state` is (offset, buffer, bits in it, bits in it that the file lacks)."""

    data: npt.NDArray[np.uint8]
    state: npt.NDArray[np.int64]


@inner
def fill(reader: Reader) -> None:
    """Have at least 32 bits in the buffer; before a marker and at the end of the file zeros come in."""
    data, state = reader.data, reader.state
    while state[2] <= 32:
        at, byte = state[0], np.int64(0)
        escaped = at + 1 < len(data) and data[at] == 0xFF and data[at + 1] == 0
        if escaped or (at < len(data) and data[at] != 0xFF):
            byte = np.int64(data[at])
            state[0] += 2 if escaped else 1
        else:
            state[3] += 8
        state[1] = ((state[1] << 8) | byte) & ((1 << 40) - 1)
        state[2] += 8


@inner
def take_bits(reader: Reader, count: int) -> int:
    """Read up to 16 bits."""
    fill(reader)
    reader.state[2] -= count
    return (reader.state[1] >> reader.state[2]) & ((1 << count) - 1)


@inner
def take_symbol(reader: Reader, table: Table) -> int:
    """Read a symbol; -1 where no code matches."""
    fill(reader)
    entry = np.int64(table.found[(reader.state[1] >> (reader.state[2] - 16)) & 0xFFFF])
    reader.state[2] -= entry >> 8
    return entry & 255 if entry else -1


@inner
def take_number(reader: Reader, size: int) -> int:
    """Read the number that a symbol gave a size of 0..15 bits (T.81, F.2.2.1: EXTEND)."""
    bits = take_bits(reader, size)
    return bits if size == 0 or bits >> (size - 1) else bits - (1 << size) + 1
