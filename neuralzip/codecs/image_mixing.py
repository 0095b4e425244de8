"""The default image model: chooses, for each picture, the lattice of its colours and how planes are coded.

    body = kind (1), then for a kind of image_lattice (0 none), or JOINT:
               lowest and highest value of each plane (2 + 2), size of misses (4), misses, words of image_planes,
               or of image_joint
           for GRAPHICS, or STARTED:
               body of image_graphics, coded from nothing or from a learnt start

On a colour lattice the three planes coded are C1, C2, Y, their limits offset to be positive; `misses` are the
pixels off it, packed. Otherwise planes are coded as given; JOINT, the
mixing model hears a trained net as well, which was offered to the encoder. P planes, H rows, W columns.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from neuralzip.codecs import side
from neuralzip.codecs.image_graphics import (
    MOST_PLANES,
    SURELY_GRAPHICS,
    SURELY_PHOTO,
    decode_graphics,
    encode_graphics,
    repeat_share,
)
from neuralzip.codecs.image_planes import Limits, Planes, Report, Samples, decode_samples, encode_samples
from neuralzip.errors import CorruptError
from neuralzip.experts import image_lattice

if TYPE_CHECKING:
    from neuralzip.experts.image_prior import Prior
    from neuralzip.nets.pixelcnn_exact import IntPixelCNN

Start = Callable[[], "Prior | None"]
"""Loads the start of graphics when it is needed; None where it is not installed."""
Net = Callable[[], "IntPixelCNN | None"]
"""Loads the net when it is needed; None where it is not installed."""
GRAPHICS, STARTED, JOINT = 16, 17, 32
_JOINT_PIXELS, _JOINT_ROWS = 1 << 12, 8
"""Fewer pixels, or fewer a step, have no use for a net."""
_TRIAL_SAMPLES = 1 << 19
_TRIAL_STRIPS, _STRIP_ROWS = 3, 64
_CODED_ORDER, _RGB_ORDER = (1, 2, 0), (1, 0, 2)
_LIMIT_OFFSET = 1 << 12


def encode_picture(
    planes: Planes, report: Report | None = None, net: Net | None = None, start: Start | None = None
) -> bytes:
    """Return the body of planes [P, H, W], P >= 1, in coding order; three planes are G, R, B."""
    share = repeat_share(planes) if len(planes) <= MOST_PLANES else 0.0
    if share <= SURELY_PHOTO:
        return _encode_photo(planes, report, net)
    if share >= SURELY_GRAPHICS:
        return _encode_graphics(planes, report, start)
    if planes.size <= _TRIAL_SAMPLES:
        graphics = _encode_graphics(planes, report, start)
        return min(_encode_photo(planes, report, net), graphics, key=len)
    if _graphics_win(planes):
        return _encode_graphics(planes, report, start)
    return _encode_photo(planes, report, net)


def _encode_graphics(planes: Planes, report: Report | None, start: Start | None) -> bytes:
    prior = None if start is None else start()
    return bytes([GRAPHICS if prior is None else STARTED]) + encode_graphics(planes, report, prior)


def is_joint(body: bytes) -> bool:
    """Say whether decoding a body needs the net."""
    return body[:1] == bytes([JOINT])


def is_started(body: bytes) -> bool:
    """Say whether decoding a body needs the start of graphics."""
    return body[:1] == bytes([STARTED])


def decode_picture(
    body: bytes,
    shape: tuple[int, int, int],
    report: Report | None = None,
    net: Net | None = None,
    start: Start | None = None,
) -> Planes:
    """Return the planes [P, H, W] of a body.

    Raises:
        CorruptError: no planes of this shape have this body.
    """
    if body[:1] == bytes([GRAPHICS]):
        return decode_graphics(body[1:], shape, report)
    if is_started(body):
        prior = start() if start is not None else None
        if prior is None:
            raise CorruptError("damaged: a picture names no weights to start from")
        return decode_graphics(body[1:], shape, report, prior)
    words = 1 + 4 * shape[0]
    kind = image_lattice.NONE if is_joint(body) else body[0] if body else 0
    if len(body) < words + 4 or kind > max(image_lattice.KINDS) or (body[0] and shape[0] != 3):
        raise CorruptError("damaged: impossible head of a picture")
    offset = _LIMIT_OFFSET if kind else 0
    values = [value - offset for value in struct.unpack_from(f"<{2 * shape[0]}H", body, 1)]
    limits = list(zip(values[::2], values[1::2], strict=True))
    misses = words + 4 + int.from_bytes(body[words : words + 4], "little")
    if any(low > high for low, high in limits) or misses > len(body):
        raise CorruptError("damaged: impossible values of a picture")
    if is_joint(body):
        return _decode_joint(body[words + 4 :], shape, limits, report, net)
    samples = decode_samples(body[misses:], shape, limits, report)
    return _from_lattice(kind, samples, body[words + 4 : misses])


def _decode_joint(
    words: bytes, shape: tuple[int, int, int], limits: Limits, report: Report | None, net: Net | None
) -> Planes:
    """Return the planes of the words of image_joint."""
    if _are_deep(limits) or _is_slow(shape):
        raise CorruptError("damaged: impossible picture for a net")
    loaded = net() if net is not None else None
    if loaded is None:
        raise CorruptError("damaged: a picture names no weights")
    from neuralzip.codecs.image_joint import decode_joint

    return decode_joint(loaded, words, shape, limits, report).astype(np.uint16)


def _are_deep(limits: Limits) -> bool:
    """Say whether some value is none that the net can see."""
    return max(high for _, high in limits) > 255


def _is_slow(shape: tuple[int, int, int]) -> bool:
    """Say whether a net is not worth its time for planes [3, H, W]."""
    _, height, width = shape
    return height * width < max(_JOINT_PIXELS, _JOINT_ROWS * (width + 2 * height))


def _encode_photo(planes: Planes, report: Report | None, net: Net | None = None) -> bytes:
    """Return the body of planes coded sample by sample."""
    kind, samples, misses = _to_lattice(planes)
    suits = kind == image_lattice.NONE and len(planes) == 3 and not _is_slow(samples.shape)
    limits = [(int(plane.min()), int(plane.max())) for plane in samples]
    head = bytearray([kind])
    for low, high in limits:
        head += struct.pack("<HH", low + _LIMIT_OFFSET * (kind > 0), high + _LIMIT_OFFSET * (kind > 0))
    loaded = net() if net is not None and suits and not _are_deep(limits) else None
    if loaded is not None:
        from neuralzip.codecs.image_joint import encode_joint

        head[0] = JOINT
        return bytes(head) + struct.pack("<I", 0) + encode_joint(loaded, samples, limits, report)
    return bytes(head) + struct.pack("<I", len(misses)) + misses + encode_samples(samples, limits, report)


def _graphics_win(planes: Planes) -> bool:
    """Say whether strips of a large picture are smaller as graphics."""
    height = planes.shape[1]
    rows = np.concatenate(
        [
            np.arange(first, min(first + _STRIP_ROWS, height))
            for first in np.linspace(0, max(0, height - _STRIP_ROWS), _TRIAL_STRIPS).astype(int)
        ]
    )
    strips = np.ascontiguousarray(planes[:, np.unique(rows)])
    return len(encode_graphics(strips)) < len(_encode_photo(strips, None))


def _to_lattice(planes: Planes) -> tuple[int, Samples, bytes]:
    """Return the kind of lattice, the planes to be coded and the packed misses."""
    if len(planes) != 3 or planes.max() > 255:
        return image_lattice.NONE, planes.astype(np.int32), b""
    rgb = np.ascontiguousarray(planes[list(_RGB_ORDER)].transpose(1, 2, 0)).astype(np.int32)
    kind = image_lattice.detect(rgb)
    if kind == image_lattice.NONE:
        return kind, planes.astype(np.int32), b""
    triples, missed = image_lattice.fit(kind, rgb)
    places = np.flatnonzero(missed)
    steps = np.diff(places, prepend=0).astype("<u4")
    colours = rgb.reshape(-1, 3)[places].astype(np.uint8)
    packed = side.pack(steps.view(np.uint8).reshape(-1, 4).T.tobytes() + colours.T.tobytes())
    return kind, np.ascontiguousarray(triples.transpose(2, 0, 1)[list(_CODED_ORDER)]), packed


def _from_lattice(kind: int, samples: Samples, misses: bytes) -> Planes:
    """Return the planes that were coded as `samples` on a lattice of some kind."""
    if kind == image_lattice.NONE:
        return samples.astype(np.uint16)
    rgb = image_lattice.colours(kind, samples[np.argsort(_CODED_ORDER)].transpose(1, 2, 0)).reshape(-1, 3)
    data = np.frombuffer(side.unpack(misses), np.uint8)
    if len(data) % 7:
        raise CorruptError("damaged: impossible list of colours")
    count = len(data) // 7
    steps = np.ascontiguousarray(data[: 4 * count].reshape(4, count).T).view("<u4").reshape(-1)
    places = np.cumsum(steps, dtype=np.int64)
    if count and places[-1] >= len(rgb):
        raise CorruptError("damaged: colour of a pixel outside the picture")
    rgb[places] = data[4 * count :].reshape(3, count).T
    shape = (*samples.shape[1:], 3)
    return np.ascontiguousarray(rgb.reshape(shape).transpose(2, 0, 1)[list(_RGB_ORDER)]).astype(np.uint16)
