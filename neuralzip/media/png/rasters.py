"""A raster of a PNG file: its zlib stream on one side, a picture and coded choices of the encoder on the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.bitcoder import NUMBER_CONTEXTS, BitCoder, code_bits, code_number
from neuralzip.media.deflate import zlib_stream
from neuralzip.media.deflate.stream import PADDING
from neuralzip.media.png.chunks import Chunk, Group
from neuralzip.media.png.filters import FILTER_CONTEXTS, code_filters, unfilter
from neuralzip.media.png.layout import Bytes, Layout, Pass, pack_rows, read_layout, unpack_rows
from neuralzip.media.types import Picture

_EXCESS = FILTER_CONTEXTS
_EXCESS_BYTES = _EXCESS + NUMBER_CONTEXTS
STREAM = _EXCESS_BYTES + 256
"""First context of zlib streams."""
CONTEXTS = STREAM + zlib_stream.STREAM_CONTEXTS
_MAX_BYTES = 1 << 30


def layouts(items: Sequence[Chunk | Group]) -> list[Layout]:
    """Return the layout of each group of image data: that of the file, or of its animation frame."""
    if not items or items[0].type != b"IHDR" or isinstance(items[0], Group):
        raise UnsupportedError("PNG: no header chunk")
    whole = frame = read_layout(items[0].data)
    found = []
    for item in items:
        if isinstance(item, Group):
            found.append(frame if item.type == b"fdAT" else whole)
        elif item.type == b"fcTL":
            width, height = item.data[4:8], item.data[8:12]
            frame = whole.resized(int.from_bytes(width, "big"), int.from_bytes(height, "big"))
    return found


def palette(items: Sequence[Chunk | Group]) -> npt.NDArray[np.uint8] | None:
    """Return the colours of the palette, [N, 3], or [N, 4] where tRNS gives them opacities."""
    chunks = {item.type: item.data for item in items if isinstance(item, Chunk)}
    colours = np.frombuffer(chunks.get(b"PLTE", b""), np.uint8)
    if colours.size == 0 or colours.size % 3:
        return None
    colours = colours.reshape(-1, 3)
    opacities = np.frombuffer(chunks.get(b"tRNS", b"")[: len(colours)], np.uint8)
    if opacities.size == 0:
        return colours
    alpha = np.full((len(colours), 1), 255, np.uint8)
    alpha[: opacities.size, 0] = opacities
    return np.concatenate([colours, alpha], axis=1)


def encode(
    coder: BitCoder, form: Layout, stream: bytes, colours: npt.NDArray[np.uint8] | None
) -> tuple[Picture, bytes]:
    """Decode one zlib stream and code the choices of its encoder.

    Returns:
        The picture, and the bits that pad its rows (empty where they are zeros).
    Raises:
        UnsupportedError: the stream is damaged, or larger than the limits.
    """
    size = form.filtered_size
    if size > _MAX_BYTES:
        raise UnsupportedError("PNG: over 2**30 bytes of pixels")
    source = zlib_stream.read(stream, size)
    _code_number(coder, source.size - size)
    pixels, paddings, position = form.empty(), [], 0
    for part in form.passes():
        width = form.row_bytes(part.columns)
        rows = np.empty(part.rows * width, np.uint8)
        shape = (part.rows, width, form.step)
        if not unfilter(source.data, position, *shape, rows):
            raise UnsupportedError("PNG: unknown filter type")
        code_filters(coder, 0, rows, *shape, source.data, position)
        position += part.rows * (width + 1)
        raw = rows.reshape(part.rows, width)
        samples = unpack_rows(raw, part.columns, form)
        if form.interlaced:
            _window(pixels, part)[:] = samples
        else:
            pixels = samples
        if form.depth < 8:
            paddings.append(raw[:, -1] ^ pack_rows(samples, form)[:, -1])
    _code_excess(coder, source.data[size : source.size])
    zlib_stream.encode(coder, STREAM, source, _piece(form))
    padding = np.concatenate(paddings) if paddings else np.zeros(0, np.uint8)
    kept = colours if form.kind == "palette" else None
    return Picture(pixels, form.kind, form.depth, kept), padding.tobytes() if padding.any() else b""


def decode(coder: BitCoder, form: Layout, picture: Picture, padding: bytes, kinds_told: bool = False) -> bytes:
    """Return the zlib stream that `encode` was given; raise CorruptError where there can be none.

    `kinds_told`: see `zlib_stream.decode`.
    """
    pixels = picture.pixels
    if pixels.shape != (form.height, form.width, form.channels):
        raise CorruptError(f"PNG: a picture {pixels.shape} where the header says {form}")
    size = form.filtered_size
    excess = _code_number(coder, 0)
    if excess > zlib_stream.MAX_EXCESS:
        raise CorruptError("PNG: impossible image data")
    data = np.zeros(size + excess + PADDING, np.uint8)
    position = row = 0
    for part in form.passes():
        rows = pack_rows(_window(pixels, part), form)
        if padding:
            rows[:, -1] ^= np.frombuffer(padding[row : row + part.rows].ljust(part.rows, b"\0"), np.uint8)
        shape = (part.rows, rows.shape[1], form.step)
        if not code_filters(coder, 0, rows.reshape(-1), *shape, data, position):
            raise CorruptError("PNG: impossible filter type")
        position += part.rows * (rows.shape[1] + 1)
        row += part.rows
    _code_excess(coder, data[size : size + excess])
    return zlib_stream.decode(coder, STREAM, data, size + excess, kinds_told, _piece(form))


def _piece(form: Layout) -> int:
    """Return the bytes that libpng hands to zlib at a time: a row; 0 where rows differ."""
    return 0 if form.interlaced else form.row_bytes(form.width) + 1


def _window(pixels: npt.NDArray[Any], part: Pass) -> npt.NDArray[Any]:
    """Return the pixels of a pass as a view."""
    return pixels[part.top :: part.row_step, part.left :: part.column_step]


def _code_number(coder: BitCoder, value: int) -> int:
    return int(code_number(coder, _EXCESS, value))


def _code_excess(coder: BitCoder, data: Bytes) -> None:
    """Code the bytes behind the last row in place."""
    for index in range(len(data)):
        data[index] = code_bits(coder, _EXCESS_BYTES, 8, int(data[index]))
