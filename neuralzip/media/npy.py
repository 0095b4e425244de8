"""NumPy's .npy files as text tables: one row a line, integers and short floats in decimal, other floats in hex.

The hex form of a float is its bits, made to sort like the number (negative ones inverted, the sign bit flipped
otherwise), so that near numbers share their first digits. The header of the file and what follows the array are
side information. Format: NumPy Enhancement Proposal 1, versions 1.0 to 3.0.
"""

import ast
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError, UnsupportedError

MAGIC = b"\x93NUMPY"
DELIMITER = ord(",")
MAX_BYTES = 1 << 24
MAX_COLUMNS = 1024
_SAMPLE = 2048
_SHORT_TEXT = {2: 5.0, 4: 7.5, 8: 13.0}
"""Mean length of a float's text by item size, up to which decimal is better than hex."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """A parsed .npy file.

    Attributes:
        text: rows of cells, each row ended by a newline.
        base: 10 for decimal cells; 16, 32 or 64 for the hex form of floats of so many bits.
        side: header and trailing bytes.
    """

    text: bytes
    base: int
    side: bytes


@dataclass(frozen=True, slots=True)
class _Header:
    """What a header says: bytes up to the array, type of an item, shape, and whether columns come first."""

    size: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    @property
    def count(self) -> int:
        product = 1
        for length in self.shape:
            product *= length
        return product


def _read_header(data: bytes) -> _Header:
    """Parse the header.

    Raises:
        UnsupportedError: not a header of a plain numeric array.
    """
    try:
        long = data[6] >= 2
        length = struct.unpack_from("<I" if long else "<H", data, 8)[0]
        size = (12 if long else 10) + length
        fields = ast.literal_eval(data[size - length : size].decode("latin-1").strip())
        dtype = np.dtype(fields["descr"])
        shape = tuple(int(n) for n in fields["shape"])
        fortran = bool(fields["fortran_order"])
    except (IndexError, KeyError, TypeError, ValueError, SyntaxError, struct.error) as error:
        raise UnsupportedError(f".npy header: {error}") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or any(n < 0 for n in shape):
        raise UnsupportedError(f".npy array of type {dtype}: only integers and floats up to 64 bits")
    return _Header(size, dtype, shape, fortran)


def _columns(header: _Header) -> int:
    last = header.shape[-1] if header.shape else 1
    return last if len(header.shape) > 1 and 0 < last <= MAX_COLUMNS else 1


def parse(data: bytes) -> ArrayFile:
    """Return the text of an array; `rebuild` gives the file back.

    Raises:
        UnsupportedError: not a numeric array, too large, or one that would not come back exactly.
    """
    header = _read_header(data)
    end = header.size + header.count * header.dtype.itemsize
    if len(data) > MAX_BYTES or end > len(data) or header.count == 0:
        raise UnsupportedError(f".npy file of {len(data)} bytes: empty, truncated or over {MAX_BYTES}")
    flat = np.frombuffer(data, header.dtype, header.count, header.size)
    items = flat.reshape(header.shape, order="F" if header.fortran else "C").reshape(-1)
    base = _base_of(items)
    text = _write(items, _columns(header), base)
    extra = struct.pack("<I", header.size) + data[: header.size] + data[end:]
    file = ArrayFile(text, base, extra)
    if rebuild(file) != data:
        raise UnsupportedError(".npy array cannot be restored exactly")
    return file


def rebuild(file: ArrayFile) -> bytes:
    """Return the bytes of the .npy file.

    Raises:
        CorruptError: text and header do not fit each other.
    """
    try:
        size = struct.unpack_from("<I", file.side)[0]
        head, tail = file.side[4 : 4 + size], file.side[4 + size :]
        header = _read_header(head)
        items = _read(file.text, header.dtype, file.base)
        shaped = items.reshape(header.shape)
    except (ValueError, OverflowError, UnsupportedError, struct.error) as error:
        raise CorruptError(f"damaged: array does not fit its header: {error}") from error
    return head + shaped.tobytes(order="F" if header.fortran else "C") + tail


def _base_of(items: Array) -> int:
    """Return the base of the cells: 10, or the bits of a float."""
    if items.dtype.kind != "f":
        return 10
    sample = items[:: max(len(items) // _SAMPLE, 1)]
    length = sum(len(str(x)) for x in sample) / len(sample)
    exact = items.dtype.itemsize < 8 or not np.isnan(items).any()
    if length <= _SHORT_TEXT[items.dtype.itemsize] and exact and not np.isnan(items).any():
        return 10
    return items.dtype.itemsize * 8


def _write(items: Array, columns: int, base: int) -> bytes:
    if base != 10:
        return _write_hex(items, columns, base)
    narrow = items.dtype.kind == "f" and items.dtype.itemsize < 8
    cells = _short(items) if narrow else [str(x) for x in items.tolist()]
    rows = (",".join(cells[at : at + columns]) for at in range(0, len(cells), columns))
    return ("\n".join(rows) + "\n").encode()


def _short(items: Array) -> list[str]:
    """Return the shortest texts of narrow floats."""
    return [np.format_float_positional(x, unique=True, trim="-") for x in items]


def _sortable(bits: Array) -> Array:
    """Return float bits (unsigned) changed so that their order is that of the numbers; see `_unsortable`."""
    top = bits.dtype.type(1 << (bits.dtype.itemsize * 8 - 1))
    return np.where(bits & top, ~bits, bits | top)


def _unsortable(order: Array) -> Array:
    """Undo `_sortable`."""
    top = order.dtype.type(1 << (order.dtype.itemsize * 8 - 1))
    return np.where(order & top, order ^ top, ~order)


def _write_hex(items: Array, columns: int, bits: int) -> bytes:
    unsigned = np.dtype(f"u{bits // 8}")
    order = _sortable(items.astype(items.dtype.newbyteorder("=")).view(unsigned))
    digits = np.frombuffer(order.astype(unsigned.newbyteorder(">")).tobytes().hex().encode(), np.uint8)
    cells = np.full((len(items), bits // 4 + 1), DELIMITER, np.uint8)
    cells[:, :-1] = digits.reshape(len(items), -1)
    cells[columns - 1 :: columns, -1] = ord("\n")
    return cells.tobytes()


def _read(text: bytes, dtype: np.dtype[Any], base: int) -> Array:
    if base != 10:
        digits = text.replace(b",", b"").replace(b"\n", b"").decode("ascii")
        order = np.frombuffer(bytes.fromhex(digits), f">u{base // 8}").astype(f"u{base // 8}")
        return _unsortable(order).view(f"f{base // 8}").astype(dtype)
    cells = text.decode("ascii").replace("\n", ",").rstrip(",").split(",")
    if dtype.kind == "f":
        return np.array([float(cell) for cell in cells], np.float64).astype(dtype)
    return np.array([int(cell) for cell in cells], object).astype(dtype)
