"""Uncompressed TIFF in strips: grey, RGB, with or without alpha, and palettes; unsigned, up to 16 bits a sample.

Source: Adobe, "TIFF Revision 6.0" (1992), sections 2 to 8 and 18.
"""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from neuralzip.errors import UnsupportedError
from neuralzip.media.raster.assembly import Found
from neuralzip.media.raster.layout import Layout, merged
from neuralzip.media.types import ColourKind

_FORMATS = {1: "B", 3: "H", 4: "I"}
_MAX_PAGES = 1 << 10
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, CHANNELS, STRIP_SIZES, PLANAR, COLOUR_MAP, TILE_WIDTH, FORMAT = 273, 277, 279, 284, 320, 322, 339
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE = range(4)
_KINDS: dict[tuple[int, int], ColourKind] = {
    (_MIN_IS_WHITE, 1): "grey",
    (_MIN_IS_BLACK, 1): "grey",
    (_MIN_IS_BLACK, 2): "grey_alpha",
    (_RGB, 3): "rgb",
    (_RGB, 4): "rgba",
    (_PALETTE, 1): "palette",
}

Tags = Mapping[int, Sequence[int]]


def is_tiff(head: bytes) -> bool:
    """Say whether a file that starts with these bytes calls itself a TIFF (not BigTIFF)."""
    return head[:4] in (b"II*\0", b"MM\0*")


def find(data: bytes) -> list[Found]:
    """Return the rasters of all pages.

    Raises:
        UnsupportedError: a page is compressed, tiled, planar, signed, of floats, or damaged.
    """
    order = "<" if data[:2] == b"II" else ">"
    pages: list[Found] = []
    try:
        (place,) = struct.unpack_from(order + "I", data, 4)
        while place and len(pages) < _MAX_PAGES:
            tags, place = _read_tags(data, place, order)
            pages.append(_page(tags, order == ">"))
    except (struct.error, KeyError, IndexError) as error:
        raise UnsupportedError(f"TIFF: damaged or incomplete directory: {error}") from error
    if not pages:
        raise UnsupportedError("TIFF: no page")
    return pages


def _read_tags(data: bytes, place: int, order: str) -> tuple[Tags, int]:
    """Return (tags with integer values, place of the next directory) of the directory at a place."""
    (count,) = struct.unpack_from(order + "H", data, place)
    tags: dict[int, Sequence[int]] = {}
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, entry)
        if kind not in _FORMATS or values > len(data):
            continue
        form = f"{order}{values}{_FORMATS[kind]}"
        at = entry + 8
        if struct.calcsize(form) > 4:
            (at,) = struct.unpack_from(order + "I", data, at)
        tags[tag] = struct.unpack_from(form, data, at)
    (following,) = struct.unpack_from(order + "I", data, place + 2 + 12 * count)
    return tags, following


def _page(tags: Tags, big_endian: bool) -> Found:
    """Return the raster of one directory."""
    channels, bits = tags.get(CHANNELS, [1])[0], set(tags.get(BITS, [1]))
    kind = _KINDS.get((tags[PHOTOMETRIC][0], channels))
    plain = (
        tags.get(COMPRESSION, [1])[0] == 1
        and tags.get(PLANAR, [1])[0] == 1
        and tags.get(FILL_ORDER, [1])[0] == 1
        and set(tags.get(FORMAT, [1])) == {1}
        and TILE_WIDTH not in tags
        and len(bits) == 1
        and min(bits) in (1, 2, 4, 8, 16)
    )
    if not plain or kind is None:
        raise UnsupportedError("TIFF: compressed, tiled, planar, or of an unusual kind of sample")
    width, height, depth = tags[WIDTH][0], tags[HEIGHT][0], min(bits)
    row_bytes = -(-width * channels * depth // 8)
    spans = merged(_strips(tags, height * row_bytes))
    layout = Layout(height, width, channels, depth, row_bytes, spans, big_endian=big_endian)
    return Found(layout, kind, _palette(tags[COLOUR_MAP]) if kind == "palette" else None)


def _strips(tags: Tags, size: int) -> list[tuple[int, int]]:
    """Return the strips as (offset, size), the last one cut to what the raster needs."""
    strips, left = [], size
    for offset, strip in zip(tags[STRIP_OFFSETS], tags[STRIP_SIZES], strict=False):
        strips.append((offset, min(strip, left)))
        left -= min(strip, left)
    return [(offset, part) for offset, part in strips if part]


def _palette(colour_map: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Return the colours [N, 3] of a map that holds all reds, then greens, then blues, in 16 bits."""
    if len(colour_map) % 3:
        raise UnsupportedError("TIFF: the colour map is no multiple of three")
    return np.ascontiguousarray((np.array(colour_map, np.uint16) >> 8).astype(np.uint8).reshape(3, -1).T)
