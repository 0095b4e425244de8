"""The model of quantised DCT coefficients, block by block.

A block is coded as the number of coefficients that are not zero in its 7 x 7 part, those coefficients, the same
for its first row and column, then DC; so the edges and DC are predicted by a nearly complete block.

Source: Horn and others, "The Design, Implementation, and Deployment of a System to Transparently Compress
Hundreds of Petabytes of Image Files" (2017) for the order.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.experts.bits import BitCoder
from neuralzip.experts.jpeg_contexts import begin_borders, set_contexts, set_count_contexts, set_dc_contexts, take
from neuralzip.experts.jpeg_state import INNER_COUNT, JpegModel, Plane, code_count, code_number


def _zigzag() -> npt.NDArray[np.int64]:
    """Return the natural index of each place of the zigzag order (T.81, figure A.6)."""
    cells = [(y, x) for y in range(8) for x in range(8)]
    cells.sort(key=lambda cell: (sum(cell), cell[0] if sum(cell) % 2 else cell[1]))
    return np.array([8 * y + x for y, x in cells], np.int64)


ZIGZAG = _zigzag()
INNER = np.array([place for place in ZIGZAG if place % 8 and place // 8], np.int64)


@inner
def _code_inside(model: JpegModel, coder: BitCoder, plane: Plane, other: Plane, row: int, column: int) -> None:
    """Code the 7 x 7 part of a block."""
    count = np.int64(plane.counts[row, column, 0])
    set_count_contexts(model, plane, other, row, column, 0)
    left = code_count(model, coder, plane.number, INNER_COUNT, 6, count)
    plane.counts[row, column, 0] = left
    for i in range(49):
        if left == 0:
            break
        place = INNER[i]
        set_contexts(model, plane, other, row, column, place, left)
        value = code_number(model, coder, plane.number, place, np.int64(plane.blocks[row, column, place]))
        if value:
            plane.blocks[row, column, place] = value
            take(model, plane, place, value)
            left -= 1


@inner
def _code_edge(
    model: JpegModel, coder: BitCoder, plane: Plane, other: Plane, row: int, column: int, which: int
) -> None:
    """Code the first row (which 1) or column (2) of a block but for DC, low frequencies first."""
    stride = 1 if which == 1 else 8
    set_count_contexts(model, plane, other, row, column, which)
    count = np.int64(plane.counts[row, column, which])
    left = code_count(model, coder, plane.number, INNER_COUNT + which, 3, count)
    plane.counts[row, column, which] = left
    for k in range(1, 8):
        if left == 0:
            break
        place = k * stride
        set_contexts(model, plane, other, row, column, place, left)
        value = code_number(model, coder, plane.number, place, np.int64(plane.blocks[row, column, place]))
        if value:
            plane.blocks[row, column, place] = value
            take(model, plane, place, value)
            left -= 1


@entry
def code_row(model: JpegModel, coder: BitCoder, plane: Plane, other: Plane, row: int) -> None:
    """Code a row of blocks; decoding writes it.

    Args:
        model: the model, which has coded the rows and components before.
        coder: encoder with room for MOST_DECISIONS a block, or decoder.
        plane: the component; decoding, its blocks and counts from this row on are zero.
        other: a component coded before, or one of a single block that is zero where there is none.
        row: of blocks, counted from 1.
    """
    for column in range(1, plane.blocks.shape[1] - 1):
        begin_borders(model, plane, row, column)
        _code_inside(model, coder, plane, other, row, column)
        for which in range(1, 3):
            _code_edge(model, coder, plane, other, row, column, which)
        middle = set_dc_contexts(model, plane, other, row, column)
        value = np.int64(plane.blocks[row, column, 0]) - middle
        value = code_number(model, coder, plane.number, 0, value)
        plane.blocks[row, column, 0] = middle + value
