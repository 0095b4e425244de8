"""Entropy-coded segments of a scan, both ways: MCU by MCU, with restarts (ITU-T T.81, E.1.4 and E.2.4).

M MCUs, B blocks of each, N blocks of all components.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.jpeg.bitstream import Reader, Tables, Writer, end_segment, is_behind, pad, put_restart
from neuralzip.media.jpeg.coefficients import MAX_COMPONENTS
from neuralzip.media.jpeg.progressive import (
    Band,
    end_run,
    read_ac,
    read_dc,
    refine_ac,
    refine_dc,
    write_ac,
    write_ac_bit,
    write_dc,
    write_dc_bit,
)
from neuralzip.media.jpeg.sequential import Block, Ints, read_block, write_block

SEQUENTIAL, DC, DC_BIT, AC, AC_BIT = range(5)
"""Kinds of scans: all of a block, the first or one more bit of its DC, the same of a band without DC."""
Blocks = npt.NDArray[np.int16]


class Scan(NamedTuple):
    """What a scan's headers say.

    Attributes:
        kind: SEQUENTIAL to AC_BIT.
        order: [M, B] index of each block.
        places: [B] place of the component of each in the scan header.
        dc: [MAX_COMPONENTS] Huffman table of each.
        ac: the same.
        interval: MCUs between restarts, 0 for none.
        last: [MAX_COMPONENTS] DC of the block before.
        band: what the scan holds of each block.
    """

    kind: int
    order: Ints
    places: Ints
    dc: Ints
    ac: Ints
    interval: int
    last: Ints
    band: Band


def new_last() -> Ints:
    """Return the state that scans begin with."""
    return np.zeros(MAX_COMPONENTS, np.int64)


@inner
def _restarts(scan: Scan, mcu: int) -> bool:
    return bool(scan.interval and mcu and mcu % scan.interval == 0)


@inner
def _take_restart(reader: Reader, number: int) -> bool:
    """Read a restart marker; return whether it is there."""
    at = reader.state[0]
    reader.state[0] += 2
    return bool(at + 1 < len(reader.data) and reader.data[at] == 0xFF and reader.data[at + 1] == 0xD0 + number)


@inner
def _read(reader: Reader, tables: Tables, scan: Scan, place: int, block: Block) -> int:
    """Read what the scan holds of a block; return whether it is sound."""
    dc, ac, last = scan.dc[place], scan.ac[place], scan.last[place]
    if scan.kind == SEQUENTIAL:
        return read_block(reader, tables, dc, ac, last, block, scan.band.zigzag)
    if scan.kind == DC:
        return read_dc(reader, tables, dc, scan.band, last, block)
    if scan.kind == DC_BIT:
        return refine_dc(reader, scan.band, block)
    if scan.kind == AC:
        return read_ac(reader, tables, ac, scan.band, block)
    return refine_ac(reader, tables, ac, scan.band, block)


@inner
def _write(writer: Writer, tables: Tables, scan: Scan, place: int, block: Block) -> int:
    """Write what the scan holds of a block; return whether the tables have what it needs."""
    dc, ac, last = scan.dc[place], scan.ac[place], scan.last[place]
    if scan.kind == SEQUENTIAL:
        return write_block(writer, tables, dc, ac, last, block, scan.band.zigzag)
    if scan.kind == DC:
        return write_dc(writer, tables, dc, scan.band, last, block)
    if scan.kind == DC_BIT:
        return write_dc_bit(writer, scan.band, block)
    if scan.kind == AC:
        return write_ac(writer, tables, ac, scan.band, block)
    return write_ac_bit(writer, tables, ac, scan.band, block)


@inner
def _end_segment(writer: Writer, tables: Tables, scan: Scan, padding: int) -> int:
    """Write what is held back; return whether the table has what it needs."""
    sound = end_run(writer, tables, scan.ac[0], scan.band)
    pad(writer, padding)
    return sound


@entry
def read_scan(reader: Reader, tables: Tables, scan: Scan, blocks: Blocks) -> int:
    """Read a scan's blocks; the reader stands behind it then.

    Args:
        reader: stands behind the scan header.
        tables: Huffman tables.
        scan: what the headers say.
        blocks: [N, 64] in natural order, as the scans before left them.

    Returns:
        The bit that pads bytes (2 where none is padded), -1 for a scan that is damaged.
    """
    padding = 2
    for mcu in range(scan.order.shape[0]):
        if _restarts(scan, mcu):
            own = end_segment(reader)
            padding = min(padding, own)
            if own < 0 or not _take_restart(reader, (mcu // scan.interval - 1) & 7):
                return -1
            scan.last[:] = 0
            scan.band.run[:] = 0
        for b in range(scan.order.shape[1]):
            place, block = scan.places[b], blocks[scan.order[mcu, b]]
            if not _read(reader, tables, scan, place, block):
                return -1
            scan.last[place] = block[0]
        if is_behind(reader):
            return -1
    return min(padding, end_segment(reader))


@entry
def write_scan(writer: Writer, tables: Tables, scan: Scan, blocks: Blocks, padding: int) -> int:
    """Write a scan's blocks.

    Args:
        writer: takes the bytes.
        tables: Huffman tables.
        scan: what the headers say.
        blocks: [N, 64] in natural order.
        padding: the bit that pads bytes.

    Returns:
        Whether the tables have all symbols and the writer had room.
    """
    sound = 1
    for mcu in range(scan.order.shape[0]):
        if _restarts(scan, mcu):
            sound &= _end_segment(writer, tables, scan, padding)
            put_restart(writer, (mcu // scan.interval - 1) & 7)
            scan.last[:] = 0
        for b in range(scan.order.shape[1]):
            place, block = scan.places[b], blocks[scan.order[mcu, b]]
            sound &= _write(writer, tables, scan, place, block)
            scan.last[place] = block[0]
        if not sound or writer.state[0] > len(writer.data):
            return 0
    sound &= _end_segment(writer, tables, scan, padding)
    return sound if writer.state[0] <= len(writer.data) else 0
