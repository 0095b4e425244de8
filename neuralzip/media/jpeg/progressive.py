"""Blocks of progressive scans, both ways (ITU-T T.81, annex G).

Blocks of which nothing is left in a band are counted (a run), as libjpeg does: the count is written when a block
has something, at a restart, and when it gets to 2**15 - 1 or to more correction bits than are held back.
"""

from typing import NamedTuple

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.media.jpeg.bitstream import (
    Reader,
    Tables,
    Writer,
    put_bits,
    put_number,
    put_symbol,
    size_of,
    take_bits,
    take_number,
    take_symbol,
)
from neuralzip.media.jpeg.coefficients import MAX_COEFFICIENT
from neuralzip.media.jpeg.sequential import ZEROS, Block, Ints, read_difference, write_difference

_MAX_RUN = (1 << 15) - 1
_HELD_BITS = 937  # correction bits that end a run when there are more
_RUN, _HELD = 0, 1


class Band(NamedTuple):
    """The coefficients that a scan holds of each block, and its run.

    Attributes:
        first: first zigzag index.
        last: last one.
        high: 0 for the first scan of these coefficients, else the lowest bit that was held before.
        low: lowest bit held.
        run: [2] blocks of the run, and how many correction bits are held back.
        held: [_HELD_BITS + 64] those bits.
        zigzag: [64] natural index of each zigzag index.
    """

    first: int
    last: int
    high: int
    low: int
    run: Ints
    held: Ints
    zigzag: Ints


def new_band(first: int, last: int, high: int, low: int, zigzag: Ints) -> Band:
    """Return a band without a run."""
    return Band(first, last, high, low, np.zeros(2, np.int64), np.zeros(_HELD_BITS + 64, np.int64), zigzag)


@inner
def read_dc(reader: Reader, tables: Tables, table: int, band: Band, last: int, block: Block) -> int:
    """Read the first scan's DC of a block; return whether it is sound."""
    value = read_difference(reader, tables, table, last >> band.low) << band.low
    if abs(value) > MAX_COEFFICIENT:
        return 0
    block[0] = value
    return 1


@inner
def refine_dc(reader: Reader, band: Band, block: Block) -> int:
    """Read one more bit of a block's DC."""
    block[0] |= take_bits(reader, 1) << band.low
    return 1


@inner
def read_ac(reader: Reader, tables: Tables, table: int, band: Band, block: Block) -> int:
    """Read the first scan of a block's band; return whether it is sound."""
    if band.run[_RUN]:
        band.run[_RUN] -= 1
        return 1
    k = band.first
    while k <= band.last:
        symbol = take_symbol(reader, tables, table)
        run, size = symbol >> 4, symbol & 15
        if symbol < 0:
            return 0
        if size == 0 and run < 15:
            band.run[_RUN] = (1 << run) + take_bits(reader, run) - 1
            return 1
        k += run
        if k > band.last:
            return 0
        value = take_number(reader, size) << band.low
        if abs(value) > MAX_COEFFICIENT:
            return 0
        block[band.zigzag[k]] = value
        k += 1
    return 1


@inner
def _correct(reader: Reader, band: Band, block: Block, k: int) -> None:
    """Read one more bit of a coefficient that is not zero."""
    place = band.zigzag[k]
    if take_bits(reader, 1) and not (abs(np.int64(block[place])) >> band.low) & 1:
        block[place] += (1 << band.low) if block[place] > 0 else -(1 << band.low)


@inner
def refine_ac(reader: Reader, tables: Tables, table: int, band: Band, block: Block) -> int:
    """Read one more bit of a block's band; return whether it is sound."""
    k = band.first
    while k <= band.last and not band.run[_RUN]:
        symbol = take_symbol(reader, tables, table)
        run, size = symbol >> 4, symbol & 15
        if symbol < 0 or size > 1:
            return 0
        if size == 0 and run < 15:
            band.run[_RUN] = (1 << run) + take_bits(reader, run)
            break
        value = 0
        if size:
            value = (1 << band.low) if take_bits(reader, 1) else -(1 << band.low)
        while k <= band.last and (run or block[band.zigzag[k]]):
            if block[band.zigzag[k]]:
                _correct(reader, band, block, k)
            else:
                run -= 1
            k += 1
        if k > band.last:
            return 0
        block[band.zigzag[k]] = value
        k += 1
    if band.run[_RUN]:
        for i in range(k, band.last + 1):
            if block[band.zigzag[i]]:
                _correct(reader, band, block, i)
        band.run[_RUN] -= 1
    return 1


@inner
def write_dc(writer: Writer, tables: Tables, table: int, band: Band, last: int, block: Block) -> int:
    """Write the first scan's DC of a block; return whether that is possible."""
    return write_difference(writer, tables, table, (np.int64(block[0]) >> band.low) - (last >> band.low))


@inner
def write_dc_bit(writer: Writer, band: Band, block: Block) -> int:
    """Write one more bit of a block's DC."""
    put_bits(writer, (np.int64(block[0]) >> band.low) & 1, 1)
    return 1


@inner
def _put_held(writer: Writer, band: Band, start: int, count: int) -> None:
    for i in range(start, start + count):
        put_bits(writer, band.held[i], 1)


@inner
def end_run(writer: Writer, tables: Tables, table: int, band: Band) -> int:
    """Write the run and the bits held back, if there are; return whether the table has its symbol."""
    run, sound = band.run[_RUN], 1
    if run:
        size = size_of(run) - 1
        sound = put_symbol(writer, tables, table, size << 4)
        put_bits(writer, run & ((1 << size) - 1), size)
        _put_held(writer, band, 0, band.run[_HELD])
    band.run[:] = 0
    return sound


@inner
def _lengthen(writer: Writer, tables: Tables, table: int, band: Band, held: int) -> int:
    """Count a block of which nothing more is left but so many correction bits."""
    band.run[_RUN] += 1
    band.run[_HELD] += held
    if band.run[_RUN] == _MAX_RUN or band.run[_HELD] > _HELD_BITS:
        return end_run(writer, tables, table, band)
    return 1


@inner
def write_ac(writer: Writer, tables: Tables, table: int, band: Band, block: Block) -> int:
    """Write the first scan of a block's band; return whether the table has what it needs."""
    sound, zeros = 1, 0
    for k in range(band.first, band.last + 1):
        whole = np.int64(block[band.zigzag[k]])
        value = abs(whole) >> band.low
        if value == 0:
            zeros += 1
            continue
        sound &= end_run(writer, tables, table, band)
        while zeros > 15:
            sound &= put_symbol(writer, tables, table, ZEROS)
            zeros -= 16
        size = size_of(value)
        sound &= put_symbol(writer, tables, table, zeros << 4 | size)
        put_number(writer, value if whole > 0 else -value, size)
        zeros = 0
    return sound & _lengthen(writer, tables, table, band, 0) if zeros else sound


@inner
def _last_new(band: Band, block: Block) -> int:
    """Return the zigzag index of the last coefficient that is not zero from this scan on, 0 for none."""
    for k in range(band.last, band.first - 1, -1):
        if abs(np.int64(block[band.zigzag[k]])) >> band.low == 1:
            return k
    return 0


@inner
def write_ac_bit(writer: Writer, tables: Tables, table: int, band: Band, block: Block) -> int:
    """Write one more bit of a block's band; return whether the table has what it needs."""
    sound, zeros, last_new = 1, 0, _last_new(band, block)
    start, count = band.run[_HELD], 0
    for k in range(band.first, band.last + 1):
        whole = np.int64(block[band.zigzag[k]])
        value = abs(whole) >> band.low
        if value == 0:
            zeros += 1
            continue
        while zeros > 15 and k <= last_new:
            sound &= end_run(writer, tables, table, band) & put_symbol(writer, tables, table, ZEROS)
            _put_held(writer, band, start, count)
            start, count = np.int64(0), 0
            zeros -= 16
        if value > 1:
            band.held[start + count] = value & 1
            count += 1
            continue
        sound &= end_run(writer, tables, table, band) & put_symbol(writer, tables, table, zeros << 4 | 1)
        put_bits(writer, 1 if whole > 0 else 0, 1)
        _put_held(writer, band, start, count)
        start, count = np.int64(0), 0
        zeros = 0
    return sound & _lengthen(writer, tables, table, band, count) if zeros or count else sound
