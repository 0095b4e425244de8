"""Uncompressed rasters (BMP, PNM, TIFF): pixels on one side, everything else on the other, byte for byte.

`parse` verifies itself: what it accepts, `rebuild` restores.
"""

from collections.abc import Callable

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.raster import bmp, pnm, tiff
from neuralzip.media.raster.assembly import Found, put_together, take_apart
from neuralzip.media.types import ImageFile

__all__ = ["FORMATS", "is_raster", "parse", "rebuild"]

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
    for name, (claims, find) in _PARSERS.items():
        if claims(data[:64]):
            return _verified(name, data, find)
    raise UnsupportedError("raster: of no known form")


def _verified(name: str, data: bytes, find: Callable[[bytes], list[Found]]) -> ImageFile:
    file = take_apart(name, data, find(data))
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
