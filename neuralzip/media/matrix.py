"""Tables as matrices of integers: columns of decimals with a fixed number of places, in text or as an array.

Rows of a text that do not fit the columns' formats (headings, gaps, odd numbers) are exceptions, kept as written.

N rows, C columns.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError, UnsupportedError

MAX_SPREAD = 1 << 20
"""Values of a column span less than this."""
MAX_COLUMNS = 64
_DECIMAL = re.compile(r"-?\d+(?:\.(\d+))?")
_EXCEPTION_SHARE = 0.1
_HEAD = struct.Struct("<BBIII")

Values = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A parsed text.

    Attributes:
        values: [N, C] the numbers without their points.
        side: delimiter, places of the columns, exceptions.
    """

    values: Values
    side: bytes


def parse(data: bytes, delimiter: int) -> Matrix:
    """Return the matrix of a text; `rebuild` gives the text back.

    Raises:
        UnsupportedError: too few rows fit one format, or a column spans too much.
    """
    lines = data.decode("latin-1").split("\n")
    places = _places(lines, chr(delimiter))
    rows, exceptions = [], []
    for n, line in enumerate(lines):
        row = _read_row(line, chr(delimiter), places)
        if row is None:
            exceptions.append((n, line))
        else:
            rows.append(row)
    if not rows or len(exceptions) > 2 + _EXCEPTION_SHARE * len(lines):
        raise UnsupportedError("the rows of the table do not share one format")
    try:
        values = np.array(rows, np.int64)
    except OverflowError as error:
        raise UnsupportedError("a number of the table is too long") from error
    check_spread(values)
    return Matrix(values, _pack_side(delimiter, places, exceptions))


def check_spread(values: Values) -> None:
    """Refuse values [N, C] that span too much.

    Raises:
        UnsupportedError: a column does, or there are too many columns.
    """
    spread = values.max(axis=0) - values.min(axis=0)
    if values.shape[1] > MAX_COLUMNS or (spread >= MAX_SPREAD).any() or (spread < 0).any():
        raise UnsupportedError(f"more than {MAX_COLUMNS} columns, or one that spans {MAX_SPREAD} or more")


def rebuild(matrix: Matrix) -> bytes:
    """Return the text of a matrix.

    Raises:
        CorruptError: the side information does not fit the matrix.
    """
    delimiter, places, exceptions = _unpack_side(matrix.side)
    if len(places) != matrix.values.shape[1]:
        raise CorruptError("damaged: a table with another number of columns")
    odd = dict(exceptions)
    rows = iter(matrix.values.tolist())
    total = len(odd) + len(matrix.values)
    if odd and max(odd) >= total:
        raise CorruptError("damaged: an exception beyond the table")
    lines = [odd[n] if n in odd else _write_row(next(rows), chr(delimiter), places) for n in range(total)]
    return "\n".join(lines).encode("latin-1")


def _places(lines: Sequence[str], delimiter: str) -> tuple[int, ...]:
    """Return the usual number of places of each column."""
    sample = [line.rstrip("\r").split(delimiter) for line in lines[1:400]]
    width = max((len(row) for row in sample), key=[len(row) for row in sample].count, default=0)
    places = []
    for column in range(width):
        cells = [_DECIMAL.fullmatch(row[column]) for row in sample if len(row) == width]
        found = [len(match[1] or "") for match in cells if match]
        places.append(max(set(found), key=found.count) if found else 0)
    return tuple(places)


def _read_row(line: str, delimiter: str, places: tuple[int, ...]) -> list[int] | None:
    cells = line.split(delimiter)
    if len(cells) != len(places) or not all(_DECIMAL.fullmatch(cell) for cell in cells):
        return None
    row = [int(cell.replace(".", "")) for cell in cells]
    return row if _write_row(row, delimiter, places) == line else None


def _write_row(row: Sequence[int], delimiter: str, places: tuple[int, ...]) -> str:
    return delimiter.join(_write(value, digits) for value, digits in zip(row, places, strict=True))


def _write(value: int, places: int) -> str:
    if not places:
        return str(value)
    text = str(abs(value)).zfill(places + 1)
    return f"{'-' if value < 0 else ''}{text[:-places]}.{text[-places:]}"


def _pack_side(delimiter: int, places: tuple[int, ...], exceptions: list[tuple[int, str]]) -> bytes:
    text = "\n".join(line for _, line in exceptions).encode("latin-1")
    numbers = b"".join(struct.pack("<I", n) for n, _ in exceptions)
    head = _HEAD.pack(delimiter, 0, len(places), len(exceptions), len(text))
    return head + bytes(places) + numbers + text


def _unpack_side(side: bytes) -> tuple[int, tuple[int, ...], list[tuple[int, str]]]:
    try:
        delimiter, _, columns, count, size = _HEAD.unpack_from(side)
        places = tuple(side[_HEAD.size : _HEAD.size + columns])
        at = _HEAD.size + columns
        numbers = struct.unpack_from(f"<{count}I", side, at)
        text = side[at + 4 * count :]
    except struct.error as error:
        raise CorruptError("damaged: side information of a table is cut") from error
    lines = text.decode("latin-1").split("\n") if count else []
    if len(places) != columns or len(text) != size or len(lines) != count:
        raise CorruptError("damaged: impossible side information of a table")
    return delimiter, places, list(zip(numbers, lines, strict=True))
