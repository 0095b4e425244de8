"""Entropy-coded segments of a scan, both ways: MCU by MCU, with restarts (ITU-T T.81, E.1.4 and E.2.4).

M MCUs, B blocks of each, N blocks of all components.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.jpeg.bitstream import Reader, Tables, Writer, end_segment, is_behind, pad, put_restart
from neuralzip.media.jpeg.coefficients import MAX_COMPONENTS
from neuralzip.media.jpeg.sequential import Ints, read_block, write_block

Blocks = npt.NDArray[np.int16]


class Scan(NamedTuple):
    """What a scan's headers say.

    Attributes:
        order: [M, B] index of each block.
        places: [B] place of the component of each in the scan header.
        dc: [MAX_COMPONENTS] Huffman table of each.
        ac: the same.
        interval: MCUs between restarts, 0 for none.
        last: [MAX_COMPONENTS] DC of the block before.
        zigzag: [64] natural index of each zigzag index.
    """

    order: Ints
    places: Ints
    dc: Ints
    ac: Ints
    interval: int
    last: Ints
    zigzag: Ints


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


@entry
def read_scan(reader: Reader, tables: Tables, scan: Scan, blocks: Blocks) -> int:
    """Read a scan's blocks; the reader stands behind it then.

    Args:
        reader: stands behind the scan header.
        tables: Huffman tables.
        scan: what the headers say.
        blocks: [N, 64] in natural order, those of this scan zero.

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
        for b in range(scan.order.shape[1]):
            place, block = scan.places[b], blocks[scan.order[mcu, b]]
            dc, ac = scan.dc[place], scan.ac[place]
            if not read_block(reader, tables, dc, ac, scan.last[place], block, scan.zigzag):
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
            pad(writer, padding)
            put_restart(writer, (mcu // scan.interval - 1) & 7)
            scan.last[:] = 0
        for b in range(scan.order.shape[1]):
            place, block = scan.places[b], blocks[scan.order[mcu, b]]
            dc, ac = scan.dc[place], scan.ac[place]
            sound &= write_block(writer, tables, dc, ac, scan.last[place], block, scan.zigzag)
            scan.last[place] = block[0]
        if not sound or writer.state[0] > len(writer.data):
            return 0
    pad(writer, padding)
    return 1 if writer.state[0] <= len(writer.data) else 0
