"""Take the rasters out of a file, and put them back.

Side information is everything else: the layouts, the padding of rows where it is not zero, and all bytes of the
file outside the rasters, in file order.

    side = number of pictures, { layout, padding }*, outside
    padding = size, bytes                                        size 0 stands for zeros

H rows, W columns, C channels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.raster.layout import Layout, read_layout
from neuralzip.media.raster.samples import pack_rows, unpack_rows
from neuralzip.media.types import ColourKind, ImageFile, Picture


class Found(NamedTuple):
    """A raster as a parser finds it: where it lies and what it means."""

    layout: Layout
    kind: ColourKind
    palette: npt.NDArray[np.uint8] | None = None


def take_apart(name: str, data: bytes, found: Sequence[Found]) -> ImageFile:
    """Return a file's pictures and everything else.

    Raises:
        UnsupportedError: spans overlap or lie outside the file.
    """
    outside = _outside([layout for layout, _, _ in found], len(data))
    writer = FieldWriter()
    writer.number(len(found))
    pictures = []
    for layout, kind, palette in found:
        rows = b"".join(data[offset : offset + size] for offset, size in layout.spans)
        pixels, padding, constant = unpack_rows(rows, layout)
        replace(layout, constant_value=constant).write(writer)
        writer.string(padding)
        pictures.append(Picture(pixels, "rgb" if constant >= 0 else kind, layout.bits, palette))
    for start, end in outside:
        writer.raw(data[start:end])
    return ImageFile(name, tuple(pictures), bytes(writer))


def put_together(file: ImageFile) -> bytes:
    """Return the bytes that `take_apart` was given.

    Raises:
        CorruptError: the side information does not fit the pictures.
    """
    reader = FieldReader(file.side)
    count = reader.number()
    if count != len(file.pictures):
        raise CorruptError(f"side information tells of {count} pictures, found {len(file.pictures)}")
    layouts, rasters = [], []
    for picture in file.pictures:
        layout = read_layout(reader)
        rasters.append(pack_rows(picture.pixels, layout, reader.string()))
        layouts.append(layout)
    return _merge(layouts, rasters, reader.rest())


def _merge(layouts: Sequence[Layout], rasters: Sequence[bytes], rest: bytes) -> bytes:
    """Put rasters and the bytes outside them where they were."""
    total = sum(layout.size for layout in layouts) + len(rest)
    data = np.empty(total, np.uint8)
    try:
        outside = _outside(layouts, total)
    except UnsupportedError as error:
        raise CorruptError(f"side information of a picture: {error}") from error
    for layout, raster in zip(layouts, rasters, strict=True):
        done = 0
        for offset, size in layout.spans:
            data[offset : offset + size] = np.frombuffer(raster, np.uint8, size, done)
            done += size
    done = 0
    for start, end in outside:
        data[start:end] = np.frombuffer(rest, np.uint8, end - start, done)
        done += end - start
    return data.tobytes()


def _outside(layouts: Sequence[Layout], total: int) -> list[tuple[int, int]]:
    """Return the (start, end) of the bytes of a file in no span."""
    gaps, place = [], 0
    for offset, size in sorted(span for layout in layouts for span in layout.spans):
        if offset < place or offset + size > total:
            raise UnsupportedError("rasters overlap or reach outside the file")
        gaps.append((place, offset))
        place = offset + size
    return [*gaps, (place, total)]
