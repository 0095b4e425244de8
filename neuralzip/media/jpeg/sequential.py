"""Blocks of sequential scans (ITU-T T.81, F.2.2)."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.media.jpeg.bitstream import Reader, Table, take_number, take_symbol


@inner
def read_block(
    reader: Reader, dc: Table, ac: Table, last: int, block: npt.NDArray[np.int16], zigzag: npt.NDArray[np.int64]
) -> int:
    """Read a block [64], zero before, in natural order; `last` is the DC before it. Return whether it is sound."""
    size = take_symbol(reader, dc)
    if size < 0 or size > 15:
        return 0
    value = last + take_number(reader, size)
    if abs(value) > 32767:
        return 0
    block[0] = value
    k = 1
    while k < 64:
        symbol = take_symbol(reader, ac)
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
