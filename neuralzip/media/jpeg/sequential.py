"""Blocks of sequential scans, both ways (ITU-T T.81, F.1.2 and F.2.2)."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.media.jpeg.bitstream import (
    Reader,
    Tables,
    Writer,
    put_number,
    put_symbol,
    size_of,
    take_number,
    take_symbol,
)
from neuralzip.media.jpeg.coefficients import MAX_COEFFICIENT

Block = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]
ZEROS, _MAX_SIZE = 0xF0, 15


@inner
def read_difference(reader: Reader, tables: Tables, table: int, last: int) -> int:
    """Return a DC, given the one before it; beyond MAX_COEFFICIENT where there is none."""
    size = take_symbol(reader, tables, table)
    if size < 0 or size > _MAX_SIZE:
        return MAX_COEFFICIENT + 1
    return last + take_number(reader, size)


@inner
def read_block(reader: Reader, tables: Tables, dc: int, ac: int, last: int, block: Block, zigzag: Ints) -> int:
    """Read a block [64], zero before, in natural order; `last` is the DC before it. Return whether it is sound."""
    value = read_difference(reader, tables, dc, last)
    if abs(value) > MAX_COEFFICIENT:
        return 0
    block[0] = value
    k = 1
    while k < 64:
        symbol = take_symbol(reader, tables, ac)
        run, size = symbol >> 4, symbol & 15
        if symbol <= 0:
            return 1 if symbol == 0 else 0
        k += run
        if k > 63 or (size == 0 and run < 15):
            return 0
        if size:
            block[zigzag[k]] = take_number(reader, size)
        k += 1
    return 1


@inner
def write_difference(writer: Writer, tables: Tables, table: int, difference: int) -> int:
    """Write a DC less the one before it; return whether that is possible."""
    size = size_of(difference)
    sound = 1 if size <= _MAX_SIZE and put_symbol(writer, tables, table, size) else 0
    put_number(writer, difference, min(size, _MAX_SIZE))
    return sound


@inner
def write_block(writer: Writer, tables: Tables, dc: int, ac: int, last: int, block: Block, zigzag: Ints) -> int:
    """Write a block [64]; return whether the tables have what it needs."""
    sound = write_difference(writer, tables, dc, block[0] - last)
    run = 0
    for k in range(1, 64):
        value = np.int64(block[zigzag[k]])
        if value == 0:
            run += 1
            continue
        while run > 15:
            sound &= put_symbol(writer, tables, ac, ZEROS)
            run -= 16
        size = size_of(value)
        sound &= put_symbol(writer, tables, ac, run << 4 | size)
        put_number(writer, value, size)
        run = 0
    if run:
        sound &= put_symbol(writer, tables, ac, 0)
    return sound
