"""BMP: uncompressed bitmaps of 1, 4, 8, 24 and 32 bits a pixel.

Source: Microsoft, "Bitmap storage", structures BITMAPFILEHEADER and BITMAPINFOHEADER to BITMAPV5HEADER.
"""

import struct

import numpy as np
import numpy.typing as npt

from neuralzip.errors import UnsupportedError
from neuralzip.media.raster.assembly import Found
from neuralzip.media.raster.layout import Layout

_CORE_HEADER = 12
_INFO_HEADERS = (40, 52, 56, 64, 108, 124)
_RGB, _BITFIELDS = 0, 3
_PLAIN_MASKS = (0xFF0000, 0xFF00, 0xFF)


def is_bmp(head: bytes) -> bool:
    """Say whether a file that starts with these bytes calls itself a BMP."""
    return head.startswith(b"BM") and len(head) >= 26


def find(data: bytes) -> list[Found]:
    """Return the raster of a BMP.

    Raises:
        UnsupportedError: compressed, 16 bits a pixel, odd masks, or damaged.
    """
    try:
        return [_found(data)]
    except struct.error as error:
        raise UnsupportedError("BMP: the header ends early") from error


def _found(data: bytes) -> Found:
    offset, size = struct.unpack_from("<II", data, 10)
    if size == _CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = _RGB
    elif size in _INFO_HEADERS:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise UnsupportedError(f"BMP: header of {size} bytes")
    plain = compression == _RGB or (
        compression == _BITFIELDS and bits == 32 and struct.unpack_from("<III", data, 54) == _PLAIN_MASKS
    )
    if not plain or bits not in (1, 4, 8, 24, 32):
        raise UnsupportedError(f"BMP: {bits} bits a pixel in compression {compression}")
    row_bytes = (width * bits + 31) // 32 * 4
    layout = Layout(
        height=abs(height),
        width=width,
        channels=max(bits // 8, 1),
        bits=min(bits, 8),
        row_bytes=row_bytes,
        spans=((offset, abs(height) * row_bytes),),
        bottom_up=height > 0,
        swapped=bits >= 24,
    )
    if bits > 8:
        return Found(layout, "rgb" if bits == 24 else "rgba")
    return Found(
        layout, "palette", _palette(data[14 + size : offset], 3 if size == _CORE_HEADER else 4, 1 << bits)
    )


def _palette(table: bytes, entry: int, limit: int) -> npt.NDArray[np.uint8]:
    """Return the colours [N, 3] of a table of BGR or BGRX entries."""
    count = min(len(table) // entry, limit)
    colours = np.frombuffer(table, np.uint8, count * entry).reshape(count, entry)
    return np.ascontiguousarray(colours[:, 2::-1])
