"""Tables written as text: which byte parts the cells, and which columns are printed binary numbers.

A program that prints a float64 with "%.18e" writes digits which follow from the first seventeen or fewer; such a
column is kept as the shortest text of the same number, and the printing is repeated on the way back. A column's
*style* says how: the conversion ("e", "f", "g"), its digits, and whether the numbers are float32. A number that
would not come back as it was stays as written, behind an ESCAPE. Printing and reading are those of Python, which
rounds correctly on every machine.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from neuralzip.errors import CorruptError

ESCAPE = "\x01"
DELIMITERS = b",;\t| "
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_PRINTED = re.compile(r"-?\d\.(\d+)e[+-]\d\d\d?")
_SAMPLE_ROWS = 300
_MIN_DIGITS = 9
_MIN_LINES = 2
_MIN_CELLS = 20
_STYLE_BYTES = 3
_MAX_DIGITS = 60


@dataclass(frozen=True, slots=True)
class Style:
    """How a column's numbers are printed.

    Attributes:
        conversion: "e", "f" or "g" as in printf; "" for a column kept as written.
        digits: the precision of the conversion.
        single: the numbers are float32 values.
    """

    conversion: str = ""
    digits: int = 0
    single: bool = False

    def long(self, short: str) -> str:
        """Return a cell as it was written from its short form."""
        if short.startswith(ESCAPE):
            return short[1:]
        if not self.conversion or not _NUMBER.fullmatch(short):
            return short
        return format(_rounded(float(short), self.single), f".{self.digits}{self.conversion}")

    def short(self, cell: str) -> str:
        """Return the short form of a cell, behind an ESCAPE where `long` could not undo it."""
        if not self.conversion or not _NUMBER.fullmatch(cell):
            return cell
        value = float(cell)
        text = _shortest_single(value) if self.single else repr(value)
        return text if self.long(text) == cell else ESCAPE + cell


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text with short numbers.

    Attributes:
        text: the bytes to code.
        delimiter: the byte between cells.
        styles: of each column from the left; further columns are kept as written.
    """

    text: bytes
    delimiter: int
    styles: tuple[Style, ...]


def _rounded(value: float, single: bool) -> float:
    if not single:
        return value
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return value


def _shortest_single(value: float) -> str:
    """Return the shortest text that reads as the float32 nearest to value."""
    nearest = _rounded(value, True)
    for digits in range(1, 10):
        text = format(nearest, f".{digits}g")
        if _rounded(float(text), True) == nearest:
            break
    return text


def find_delimiter(head: bytes) -> int | None:
    """Return the byte between cells if the beginning of a file looks like a table of numbers, else None."""
    whole = head.split(b"\n")
    if len(whole) > _MIN_LINES:
        whole = whole[:-1]  # the last line may be cut
    lines = [line for line in whole if line.strip()]
    if b"\0" in head or not lines:
        return None
    scores = {delimiter: _table_score(lines, bytes([delimiter])) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    return best if scores[best] > 0 else None


def _table_score(lines: list[bytes], delimiter: bytes) -> float:
    """Return how well a delimiter fits: cells a line, 0 where the lines disagree or hold few numbers."""
    counts = [line.count(delimiter) for line in lines]
    usual = max(set(counts), key=counts.count)
    rows = lines[1:] or lines
    cells = [cell.strip(b' "\r').decode("latin-1") for row in rows for cell in row.split(delimiter)]
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells) / max(len(cells), 1)
    if len(cells) < _MIN_CELLS:
        return 0.0
    if usual == 0:
        return 0.5 if delimiter == b"," and numbers > 0.9 else 0.0
    agreeing = counts.count(usual) / len(counts)
    return float(usual) if agreeing > 0.7 and numbers > 0.25 else 0.0


def parse(data: bytes, delimiter: int) -> Table:
    """Return the table of a text; `rebuild` gives the text back."""
    text = data.decode("latin-1")
    if ESCAPE in text:
        return Table(data, delimiter, ())
    rows = [line.split(chr(delimiter)) for line in text.split("\n")]
    styles = _find_styles(rows)
    if not any(style.conversion for style in styles):
        return Table(data, delimiter, ())
    return Table(_apply(rows, chr(delimiter), [style.short for style in styles]), delimiter, styles)


def rebuild(table: Table) -> bytes:
    """Return the text of a table.

    Raises:
        CorruptError: a number does not fit its column's style.
    """
    if not table.styles:
        return table.text
    rows = [line.split(chr(table.delimiter)) for line in table.text.decode("latin-1").split("\n")]
    try:
        return _apply(rows, chr(table.delimiter), [style.long for style in table.styles])
    except (ValueError, OverflowError) as error:
        raise CorruptError(f"damaged: a cell of the table cannot be printed: {error}") from error


def _apply(rows: list[list[str]], delimiter: str, changes: list[Callable[[str], str]]) -> bytes:
    lines = (
        delimiter.join([*(change(cell) for change, cell in zip(changes, row, strict=False)), *row[len(changes) :]])
        for row in rows
    )
    return "\n".join(lines).encode("latin-1")


def _find_styles(rows: list[list[str]]) -> tuple[Style, ...]:
    sample = rows[:_SAMPLE_ROWS]
    columns = max(len(row) for row in sample)
    return tuple(_style_of([row[c] for row in sample if len(row) > c]) for c in range(columns))


def _style_of(cells: list[str]) -> Style:
    """Return the style that makes a column's numbers shortest, the plain one if none gains a tenth."""
    numbers = [cell for cell in cells if _NUMBER.fullmatch(cell) and len(cell) > _MIN_DIGITS]
    if not numbers:
        return Style()
    candidates = {
        Style(conversion, digits, single)
        for cell in numbers[:20]
        for conversion, digits in _printings(cell)
        for single in (False, True)
    }
    lengths = {style: sum(len(style.short(cell)) for cell in numbers) for style in candidates}
    best = min(lengths, key=lambda s: (lengths[s], s.conversion, s.digits, s.single), default=Style())
    return best if lengths.get(best, 1 << 60) < 0.9 * sum(map(len, numbers)) else Style()


def _printings(cell: str) -> list[tuple[str, int]]:
    """Return the conversions that may have printed a number."""
    printed = _PRINTED.fullmatch(cell)
    if printed:
        return [("e", len(printed[1]))] if _MIN_DIGITS <= len(printed[1]) <= _MAX_DIGITS else []
    decimals = len(cell.partition(".")[2])
    significant = len(cell.replace("-", "").replace(".", "").lstrip("0"))
    fixed = [("f", decimals)] if _MIN_DIGITS <= decimals <= _MAX_DIGITS else []
    return [*fixed, ("g", significant)] if 15 <= significant <= 20 else fixed


def pack_styles(styles: tuple[Style, ...]) -> bytes:
    """Return styles as bytes, three a column."""
    return b"".join(
        bytes([ord(style.conversion) if style.conversion else 0, style.digits, style.single]) for style in styles
    )


def unpack_styles(data: bytes) -> tuple[Style, ...]:
    """Return what `pack_styles` packed.

    Raises:
        CorruptError: an impossible style.
    """
    styles = []
    for at in range(0, len(data), _STYLE_BYTES):
        conversion, digits, single = (*data[at : at + _STYLE_BYTES], 0, 0)[:3]
        if conversion not in (0, *b"efg") or digits > _MAX_DIGITS or single > 1 or len(data) % _STYLE_BYTES:
            raise CorruptError("damaged: unknown style of a table's column")
        styles.append(Style(chr(conversion) if conversion else "", digits, bool(single)))
    return tuple(styles)
