"""PNG files (ISO/IEC 15948, APNG included): pixels, and all else as side information, byte for byte.

Filter types and the deflate stream are stored as differences to what libpng and zlib would have written for
these pixels, made by compiled integer code of our own; no zlib library of the machine is asked to compress.
"""

from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import bitcoder
from neuralzip.media.png import packed, rasters
from neuralzip.media.png.chunks import (
    SIGNATURE,
    Chunk,
    Group,
    Packed,
    chunk_bytes,
    group_bytes,
    grouped,
    read_item,
    split,
    write_item,
)
from neuralzip.media.png.starts import STARTS
from neuralzip.media.types import ImageFile

__all__ = ["is_png", "parse", "rebuild"]

_KINDS_TOLD, _VERSION = 1, 2
"""Versions of the side information: of the first, and of what is written."""


def is_png(head: bytes) -> bool:
    """Say whether a file that starts with these bytes calls itself a PNG."""
    return head.startswith(SIGNATURE)


def parse(data: bytes) -> ImageFile:
    """Take a PNG file apart.

    Returns:
        One picture for each raster (IDAT, then APNG frames) and the side information.
    Raises:
        UnsupportedError: not a PNG, damaged, or `rebuild` would not restore it.
    """
    if not is_png(data):
        raise UnsupportedError("PNG: no signature")
    try:
        file = _parse(data)
        if rebuild(file) != data:
            raise UnsupportedError("PNG: not restored exactly")
    except CorruptError as error:
        raise UnsupportedError(f"PNG: not restorable ({error})") from error
    return file


def _parse(data: bytes) -> ImageFile:
    """Take a PNG file apart, not yet verified."""
    chunks, tail = split(data)
    parts = list(grouped(chunks))
    del chunks  # large files: no more copies than needed
    items = [item for item, _ in parts]
    streams = [stream for item, stream in parts if isinstance(item, Group)]
    if not streams:
        raise UnsupportedError("PNG: no image data")
    # Corrections that cost a third of the file are not worth it; the other two thirds are pixels.
    coder = bitcoder.encoder(len(data) // 3 + 256, rasters.CONTEXTS, STARTS)
    writer = FieldWriter()
    writer.number(_VERSION)
    writer.number(len(items))
    for item in items:
        chunk = packed.unpacked(coder, rasters.STREAM, item) if isinstance(item, Chunk) else item
        write_item(writer, chunk)
    writer.string(tail)
    palette = rasters.palette(items)
    pictures = []
    for form, stream in zip(rasters.layouts(items), streams, strict=True):
        picture, padding = rasters.encode(coder, form, stream, palette)
        if bitcoder.overflowed(coder):
            raise UnsupportedError("PNG: its encoder is too far from zlib")
        writer.string(padding)
        pictures.append(picture)
    writer.raw(bitcoder.finish(coder))
    return ImageFile("png", tuple(pictures), bytes(writer))


def rebuild(file: ImageFile) -> bytes:
    """Return the bytes that `parse` took apart; raise CorruptError where the parts do not fit together."""
    reader = FieldReader(file.side)
    version = reader.number()
    if version not in (_KINDS_TOLD, _VERSION):
        raise CorruptError("PNG: side information of an unknown version")
    read = [read_item(reader) for _ in range(reader.number())]
    tail = reader.string()
    paddings = [reader.string() for item in read if isinstance(item, Group)]
    coder = bitcoder.decoder(reader.rest(), rasters.CONTEXTS, STARTS)
    told = version == _KINDS_TOLD
    items = [
        packed.packed(coder, rasters.STREAM, item, told) if isinstance(item, Packed) else item for item in read
    ]
    forms = rasters.layouts(items)
    if len(forms) != len(file.pictures):
        raise CorruptError(f"PNG: {len(file.pictures)} pictures for {len(forms)} streams")
    streams = [rasters.decode(coder, *each, told) for each in zip(forms, file.pictures, paddings, strict=True)]
    return SIGNATURE + _join(items, streams) + tail


def _join(items: list[Chunk | Group], streams: list[bytes]) -> bytes:
    """Write all chunks, the streams in the groups."""
    left = iter(streams)
    return b"".join(
        group_bytes(item, next(left)) if isinstance(item, Group) else chunk_bytes(item.type, item.data, item.crc)
        for item in items
    )
