"""A layout and coefficients -> the JPEG file. N blocks of all components."""

from collections.abc import Iterator

import numpy as np

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.jpeg import entropy, markers
from neuralzip.media.jpeg.bitstream import Writer
from neuralzip.media.jpeg.coefficients import Coefficients, Component
from neuralzip.media.jpeg.entropy import Blocks
from neuralzip.media.jpeg.headers import Headers
from neuralzip.media.jpeg.layout import Layout
from neuralzip.media.jpeg.scans import frame_shapes


def coefficients_of(headers: Headers, blocks: Blocks) -> Coefficients:
    """Return the coefficients [N, 64] in the shape that the headers of a whole file say."""
    frame, place, components = headers.frame, 0, []
    for index, (each, (rows, columns)) in enumerate(zip(frame.components, frame_shapes(frame), strict=True)):
        own = blocks[place : place + rows * columns].reshape(rows, columns, 8, 8)
        steps = headers.steps.get(index, np.ones((8, 8), np.int32))
        components.append(Component(each.horizontal, each.vertical, steps, own))
        place += rows * columns
    return Coefficients(frame.width, frame.height, tuple(components))


def empty_coefficients(headers: Headers) -> Coefficients:
    """Return the sizes and quantisation that the headers of a whole file say, with coefficients of zero."""
    return coefficients_of(headers, np.zeros((headers.blocks, 64), np.int16))


def read_headers(layout: Layout) -> Headers:
    """Return what the headers of a layout say.

    Raises:
        CorruptError: impossible headers.
    """
    headers = Headers()
    try:
        for _ in _scans(layout, headers):
            pass
        _ = headers.frame
    except UnsupportedError as error:
        raise CorruptError(f"damaged: {error}") from error
    return headers


def _scans(layout: Layout, headers: Headers) -> Iterator[tuple[bytes, markers.ScanHeader]]:
    """Yield each part with the scan header at its end."""
    for part in layout.parts:
        found = list(markers.segments(part, 0))
        header = headers.read(found)
        if header is None or found[-1].end != len(part):
            raise CorruptError("damaged: part of a JPEG without a scan")
        yield part, header


def rebuild(layout: Layout, coefficients: Coefficients, most: int) -> bytes:
    """Return the file.

    Args:
        layout: all but the coefficients.
        coefficients: in the shape of `empty_coefficients`.
        most: bytes that the file has at most.

    Raises:
        CorruptError: the parts do not fit together, or the file is larger.
    """
    blocks = np.concatenate([each.coefficients.reshape(-1, 64) for each in coefficients.components])
    headers, writer = Headers(), Writer(np.zeros(most, np.uint8), np.zeros(3, np.int64))
    try:
        for part, header in _scans(layout, headers):
            _put(writer, part)
            tables, scan = headers.scan(header)
            if not entropy.write_scan(writer, tables, scan, blocks, layout.padding):
                raise CorruptError("damaged: JPEG whose coefficients do not fit its tables and size")
    except UnsupportedError as error:
        raise CorruptError(f"damaged: {error}") from error
    _put(writer, layout.tail)
    return writer.data[: writer.state[0]].tobytes()


def _put(writer: Writer, data: bytes) -> None:
    """Write bytes as they are."""
    at = int(writer.state[0])
    if at + len(data) > len(writer.data):
        raise CorruptError("damaged: JPEG larger than it should be")
    writer.data[at : at + len(data)] = np.frombuffer(data, np.uint8)
    writer.state[0] += len(data)
