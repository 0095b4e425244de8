"""Where a table's bytes stand: column, cell, row above, and what three simple experts expect of the cell.

    expectation 0   the cell above, as written
    expectation 1   least squares from this row and the two above, written in the column's layout
    expectation 2   the cell that came in this column after the same left neighbour

Each expectation is a text; while the cell agrees with it the next byte is predicted, after the first difference
its sign says whether the number came out larger or smaller.

C columns; columns further right share the last one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts import regression
from neuralzip.experts.counters import hash_start, hash_step
from neuralzip.experts.decimals import NOT_A_NUMBER, is_padding, parse_hex, parse_number, write_hex, write_number

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

COLUMNS = 1024
EXPECTATIONS = 3
ABOVE, FITTED, REPEATED = range(EXPECTATIONS)
LENGTH = 64
NEWLINE, SPACE, QUOTE = 10, 32, 34
AGREES, ONE_UP, ONE_DOWN, LARGER, SMALLER = range(5)
COLUMN, START, QUOTED, UNDER_WAY = range(4)
_SEEN_BITS = 16


class Cells(NamedTuple):
    """State of the walk over a table.

    Attributes:
        place: [4] int64: column, start of the cell in work, whether inside quotes, whether the cell has begun.
        delimiter: [2] int64, the byte between cells, and the base: 10, or the bits of floats in hex.
        above: [C, 2] int64, start and end of the column's last cell; end 0 for none.
        hashes: [2, C] uint64, of the cells of this row and of the row above.
        prefix: [1] uint64, hash of the cell in work so far.
        values: [3, C + 1] float64, numbers of this row, the one above and the second above; 0 where there is none.
        layouts: [C] int64, of the column's last number, NOT_A_NUMBER before.
        expected: [EXPECTATIONS, LENGTH] uint8.
        lengths: [EXPECTATIONS] int64, of `expected`, 0 for none.
        course: [EXPECTATIONS] int64, AGREES .. SMALLER.
        seen: [2**16] int64, start of the last cell after a left neighbour, by hash.
        fit: the least squares.
    """

    place: Ints
    delimiter: Ints
    above: Ints
    hashes: npt.NDArray[np.uint64]
    prefix: npt.NDArray[np.uint64]
    values: npt.NDArray[np.float64]
    layouts: Ints
    expected: Bytes
    lengths: Ints
    course: Ints
    seen: Ints
    fit: regression.Regression


def new_cells(delimiter: int, base: int) -> Cells:
    """Return the state before the first byte of a table; base is 10, or the bits of floats in hex."""
    return Cells(
        place=np.zeros(4, np.int64),
        delimiter=np.array([delimiter, base], np.int64),
        above=np.zeros((COLUMNS, 2), np.int64),
        hashes=np.zeros((2, COLUMNS), np.uint64),
        prefix=np.zeros(1, np.uint64),
        values=np.zeros((3, COLUMNS + 1)),
        layouts=np.full(COLUMNS, NOT_A_NUMBER, np.int64),
        expected=np.zeros((EXPECTATIONS, LENGTH), np.uint8),
        lengths=np.zeros(EXPECTATIONS, np.int64),
        course=np.zeros(EXPECTATIONS, np.int64),
        seen=np.zeros(1 << _SEEN_BITS, np.int64),
        fit=regression.new_regression(),
    )


@inner
def _left_hash(cells: Cells, column: int) -> np.uint64:
    """Return the hash of the left neighbour, for the first column that of the cell above."""
    return cells.hashes[0, column - 1] if column > 0 else cells.hashes[1, 0]


@inner
def _seen_slot(cells: Cells, column: int) -> np.int64:
    mixed = hash_step(_left_hash(cells, column), column)
    return np.int64(mixed >> np.uint64(64 - _SEEN_BITS))


@inner
def _copy(cells: Cells, which: int, text: Bytes, start: int, end: int) -> None:
    """Let an expectation be text[start:end] up to the next delimiter or end of line."""
    length = 0
    while length < LENGTH and start + length < end:
        byte = text[start + length]
        if byte == cells.delimiter[0] or byte == NEWLINE:
            break
        cells.expected[which, length] = byte
        length += 1
    cells.lengths[which] = length


@inner
def _write_fitted(cells: Cells, column: int) -> None:
    """Let the second expectation be the fitted number, in the layout and with the padding of the cell above."""
    value = regression.predict(cells.fit, cells.values, column)
    out, base = cells.expected[FITTED], cells.delimiter[1]
    if base != 10:
        cells.lengths[FITTED] = write_hex(value, base, out)
        return
    length = write_number(value, cells.layouts[column], out)
    above, whole, padding = cells.expected[ABOVE], cells.lengths[ABOVE], 0
    while padding < whole and is_padding(above[padding]):
        padding += 1
    trailing = 0
    while trailing < whole - padding and is_padding(above[whole - 1 - trailing]):
        trailing += 1
    if padding and above[0] == SPACE:  # aligned to the right: the end stays where it is
        padding = max(whole - trailing - length, 0)
    if length == 0 or padding + length > LENGTH:
        cells.lengths[FITTED] = 0
        return
    for i in range(length - 1, -1, -1):
        out[padding + i] = out[i]
    for i in range(padding):
        out[i] = above[i] if is_padding(above[i]) else SPACE
    cells.lengths[FITTED] = padding + length


@inner
def begin(cells: Cells, text: Bytes, position: int) -> None:
    """Start a cell at `position`: form the expectations."""
    column = cells.place[COLUMN]
    cells.place[START] = position
    cells.place[UNDER_WAY] = 1
    cells.prefix[0] = hash_start(0)
    cells.lengths[:] = 0
    cells.course[:] = AGREES
    if cells.above[column, 1] > 0:
        _copy(cells, ABOVE, text, cells.above[column, 0], cells.above[column, 1])
    if column < regression.COLUMNS and cells.layouts[column] != NOT_A_NUMBER:
        _write_fitted(cells, column)
    earlier = cells.seen[_seen_slot(cells, column)]
    if earlier > 0:
        _copy(cells, REPEATED, text, earlier - 1, position)


@inner
def next_byte(cells: Cells, which: int, offset: int) -> int | np.int64:
    """Return the byte that an expectation has at an offset in the cell; the delimiter at its end, 0 behind."""
    length = cells.lengths[which]
    if offset < length:
        return np.int64(cells.expected[which, offset])
    return cells.delimiter[0] if offset == length and length > 0 else 0


@inner
def _follow_expectations(cells: Cells, offset: int, byte: int) -> None:
    for which in range(EXPECTATIONS):
        if cells.course[which] == AGREES:
            wanted = next_byte(cells, which, offset)
            if byte == wanted + 1:
                cells.course[which] = ONE_UP
            elif byte == wanted - 1:
                cells.course[which] = ONE_DOWN
            elif byte != wanted:
                cells.course[which] = LARGER if byte > wanted else SMALLER


@inner
def _end(cells: Cells, text: Bytes, end: int, last: bool) -> None:
    """Take in the cell that ends at `end`, the last one of its row or not."""
    column, start = cells.place[COLUMN], cells.place[START]
    if cells.delimiter[1] == 10:
        layout, value = parse_number(text, start, end)
    else:
        layout, value = parse_hex(text, start, end, cells.delimiter[1])
    cells.seen[_seen_slot(cells, column)] = start + 1
    if layout != NOT_A_NUMBER:
        if column < regression.COLUMNS and cells.layouts[column] != NOT_A_NUMBER:
            regression.learn(cells.fit, column, value)
        cells.layouts[column] = layout
    cells.values[0, column] = value
    cells.hashes[0, column] = cells.prefix[0]
    cells.above[column, 0], cells.above[column, 1] = start, end
    if not last:
        cells.place[COLUMN] = min(column + 1, COLUMNS - 1)
        return
    for c in range(column + 1):
        cells.values[2, c] = cells.values[1, c]
        cells.values[1, c] = cells.values[0, c]
        cells.values[0, c] = 0.0
        cells.hashes[1, c] = cells.hashes[0, c]
    cells.place[COLUMN] = 0


@inner
def follow(cells: Cells, text: Bytes, position: int) -> None:
    """Move on after the byte text[position]; where it ends a cell, the next one has to be begun."""
    byte = np.int64(text[position])
    _follow_expectations(cells, position - cells.place[START], byte)
    if byte == QUOTE:
        cells.place[QUOTED] ^= 1
    ends_row = byte == NEWLINE
    if (byte == cells.delimiter[0] or ends_row) and cells.place[QUOTED] == 0:
        _end(cells, text, position, ends_row)
        cells.place[UNDER_WAY] = 0
    else:
        cells.prefix[0] = hash_step(cells.prefix[0], byte)
