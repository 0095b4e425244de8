"""Uncompressed rasters (BMP, PNM, TIFF): pixels on one side, everything else on the other, byte for byte.

`parse` verifies itself: what it accepts, `rebuild` restores. `stripes` does so piece by piece with a large raster.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.raster import bmp, pnm, tiff
from neuralzip.media.raster.assembly import Found, put_together, take_apart
from neuralzip.media.types import ImageFile

__all__ = ["FORMATS", "is_raster", "parse", "rebuild", "stripes"]

_PARSERS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], list[Found]]]] = {
    "bmp": (bmp.is_bmp, bmp.find),
    "pnm": (pnm.is_pnm, pnm.find),
    "tiff": (tiff.is_tiff, tiff.find),
}
FORMATS = tuple(_PARSERS)
"""Values of `ImageFile.format` that `rebuild` takes."""


def is_raster(head: bytes) -> bool:
    """Say whether a file that starts with these bytes (at least 26 of them) calls itself one of FORMATS."""
    return any(claims(head) for claims, _ in _PARSERS.values())


def parse(data: bytes) -> ImageFile:
    """Take a raster file apart.

    Raises:
        UnsupportedError: of no known form, damaged, or `rebuild` would not restore it.
    """
    name, found = _find(data)
    return _verified(name, data, found)


def stripes(data: bytes, rows_at_once: Callable[[int, int], int]) -> Iterator[tuple[int, ImageFile]]:
    """Take a raster file apart in pieces of whole rows.

    Args:
        data: the file.
        rows_at_once: returns the rows of a piece, given channels and width.

    Yields:
        (size, file) of each piece: so many bytes of `data` on from the piece before, and what `rebuild` makes
        them from. One piece where the file has several rasters, or one in scattered strips.

    Raises:
        UnsupportedError: as `parse`, once the piece is reached.
    """
    name, found = _find(data)
    start = 0
    for end, piece in _pieces(found, len(data), rows_at_once):
        yield end - start, _verified(name, data[start:end], piece)
        start = end


def _find(data: bytes) -> tuple[str, list[Found]]:
    """Return the name of a file's form, and its rasters."""
    for name, (claims, find) in _PARSERS.items():
        if claims(data[:64]):
            return name, find(data)
    raise UnsupportedError("raster: of no known form")


def _pieces(
    found: list[Found], total: int, rows_at_once: Callable[[int, int], int]
) -> Iterator[tuple[int, list[Found]]]:
    """Yield (end in the file, rasters seen from the start of the piece) of each piece."""
    layout = found[0].layout
    rows = rows_at_once(layout.channels, layout.width)
    if len(found) > 1 or len(layout.spans) > 1 or layout.height <= rows:
        yield total, found
        return
    lead = place = layout.spans[0][0]
    for first in range(0, layout.height, rows):
        count = min(rows, layout.height - first)
        size = count * layout.row_bytes
        place += size
        piece = replace(layout, height=count, spans=((lead, size),))
        yield total if first + count == layout.height else place, [found[0]._replace(layout=piece)]
        lead = 0


def _verified(name: str, data: bytes, found: list[Found]) -> ImageFile:
    """Take bytes apart and see that they come back."""
    file = take_apart(name, data, found)
    try:
        restored = rebuild(file)
    except CorruptError as error:
        raise UnsupportedError(f"{name}: not restorable ({error})") from error
    if restored != data:
        raise UnsupportedError(f"{name}: not restored exactly")
    return file


def rebuild(file: ImageFile) -> bytes:
    """Return the file that `parse` took apart.

    Raises:
        CorruptError: side information and pictures do not fit.
    """
    return put_together(file)
