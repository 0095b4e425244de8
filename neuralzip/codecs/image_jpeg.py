"""Pictures that a JPEG decoder made, as the coefficients that it made them of.

    body = components, + STARTED if coefficients begin from a learnt start (1), factors (1), size of the head (4),
           head, payload of codecs.jpeg_coefficients
    head = packed bytes of: quantisation steps of each component (64 each, natural order), list of pixels
           (codecs.image_misses)

Components are one, of greys, or Y, Cb, Cr; `factors` is the place in FACTORS of those by which Cb and Cr are
subsampled. The list has what to add to the decoded pixels, modulo 256. P planes: one, or G, R, B; H rows, W
columns.
"""

import struct
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neuralzip.codecs import image_misses, jpeg_coefficients, side
from neuralzip.codecs.jpeg_coefficients import Report
from neuralzip.errors import CorruptError
from neuralzip.media.jpeg.coefficients import FACTORS, MAX_SIDE, Coefficients, Component, block_shapes

if TYPE_CHECKING:
    from neuralzip.experts.jpeg_prior import JpegPrior

Planes = npt.NDArray[np.uint16]
Pixels = npt.NDArray[np.uint8]

STARTED = 128
_HEAD = struct.Struct("<BBI")
_ORDER = (1, 0, 2)
"""Of G, R, B in R, G, B, and the other way round."""


def suits(planes: npt.NDArray[np.integer]) -> bool:
    """Say whether planes [P, H, W] may be those of a JPEG decoder."""
    return len(planes) in (1, 3) and max(planes.shape[1:]) <= MAX_SIDE and int(planes.max()) <= 255


def recover(planes: Planes) -> Coefficients | None:
    """Return the coefficients of planes that suit; None for those that no JPEG decoder made."""
    from neuralzip.media.jpeg import recovery  # compiled code: only when a picture is met

    pixels = _pixels(planes)
    return recovery.recover(pixels[:, :, :1] if (pixels == pixels[:, :, :1]).all() else pixels)


def encode(
    planes: Planes,
    coefficients: Coefficients,
    report: Report | None = None,
    prior: "JpegPrior | None" = None,
) -> tuple[bytes, float]:
    """Return (body, ideal code length in bits) of planes and what was recovered of them."""
    from neuralzip.media.jpeg import decoder  # compiled code: only when a picture is met

    pixels = _pixels(planes)
    components = coefficients.components
    off = (pixels - decoder.decode(coefficients)).reshape(-1, len(planes))
    places = np.flatnonzero(off.any(1))
    steps = b"".join(each.quantisation.astype(np.uint8).tobytes() for each in components)
    head = side.pack(steps + image_misses.join(places, off[places]))
    factors = decoder.factors_of(components[-1], components[0])
    payload, nll_bits = jpeg_coefficients.encode(coefficients, report, prior)
    count = len(components) + STARTED * (prior is not None)
    body = _HEAD.pack(count, FACTORS.index(factors), len(head)) + head + payload
    return body, nll_bits + 8 * (_HEAD.size + len(head))


def is_started(body: bytes) -> bool:
    """Say whether decoding a body takes the start that it was coded from."""
    return bool(body[:1]) and body[0] >= STARTED


def decode(
    body: bytes, shape: tuple[int, int, int], report: Report | None = None, prior: "JpegPrior | None" = None
) -> Planes:
    """Return the planes [P, H, W] of a body.

    Raises:
        CorruptError: no planes of this shape have this body.
    """
    from neuralzip.media.jpeg import decoder  # compiled code: only when a picture is met

    planes, height, width = shape
    empty, missed, payload = _parsed(body, shape)
    places, off = image_misses.split(missed, planes, height * width)
    decoded = decoder.decode(jpeg_coefficients.decode(payload, empty, report, prior))
    pixels = decoded.repeat(planes // decoded.shape[2], axis=2)
    flat = pixels.reshape(-1, planes)
    flat[places] += off
    return _planes(pixels)


def _parsed(body: bytes, shape: tuple[int, int, int]) -> tuple[Coefficients, bytes, bytes]:
    """Return (sizes and quantisation, list of pixels, payload of the coefficients) of a body."""
    planes, height, width = shape
    if len(body) < _HEAD.size or planes not in (1, 3) or max(height, width) > MAX_SIDE:
        raise CorruptError("damaged: impossible stack of JPEG coefficients")
    count, factors, size = _HEAD.unpack_from(body)
    count -= STARTED * is_started(body)
    end = _HEAD.size + size
    if count not in (1, planes) or factors >= (1 if count == 1 else len(FACTORS)) or end > len(body):
        raise CorruptError("damaged: impossible head of JPEG coefficients")
    head = side.unpack(body[_HEAD.size : end])
    steps = np.frombuffer(head[: 64 * count], np.uint8).astype(np.int32)
    if len(steps) < 64 * count or not steps.all():
        raise CorruptError("damaged: impossible quantisation of JPEG coefficients")
    sampling = [FACTORS[factors], (1, 1), (1, 1)][:count]
    shapes = block_shapes(width, height, sampling)
    components = tuple(
        Component(*sampling[c], steps[64 * c : 64 * c + 64].reshape(8, 8), np.zeros((*shapes[c], 8, 8), np.int16))
        for c in range(count)
    )
    return Coefficients(width, height, components), head[64 * count :], body[end:]


def _pixels(planes: Planes) -> Pixels:
    """Return pixels [H, W, P], R, G, B if three."""
    ordered = planes[list(_ORDER)] if len(planes) == 3 else planes
    return np.ascontiguousarray(ordered.transpose(1, 2, 0)).astype(np.uint8)


def _planes(pixels: Pixels) -> Planes:
    """Return planes [P, H, W], G, R, B if three."""
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.uint16)
    return planes[list(_ORDER)] if len(planes) == 3 else planes
