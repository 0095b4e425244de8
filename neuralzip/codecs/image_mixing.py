"""The default image model: chooses, for each picture, the lattice of its colours and how planes are coded.

    body = kind (1), then for a kind of image_lattice (0 none), or JOINT:
               lowest and highest value of each plane (2 + 2), size of misses (4), misses, words of image_planes,
               or of image_joint
           for GRAPHICS:
               body of image_graphics

On a colour lattice the three planes coded are C1, C2, Y, their limits offset to be positive; `misses` are the
pixels off it, packed. Otherwise planes are coded as given; JOINT, the mixing model hears a trained net as well.
Kinds + STARTED, of GRAPHICS and JOINT, begin from a learnt start. P planes, H rows, W columns.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from neuralzip.codecs import image_misses, side
from neuralzip.codecs.image_graphics import (
    MOST_PLANES,
    SURELY_GRAPHICS,
    SURELY_PHOTO,
    decode_graphics,
    encode_graphics,
    repeat_share,
)
from neuralzip.codecs.image_planes import (
    Limits,
    Planes,
    Report,
    Samples,
    code_samples,
    decode_samples,
    finish_words,
)
from neuralzip.errors import CorruptError
from neuralzip.experts import image_lattice

if TYPE_CHECKING:
    from neuralzip.experts.image_photo_prior import PhotoPrior
    from neuralzip.experts.image_prior import Prior
    from neuralzip.nets.pixelcnn_exact import IntPixelCNN

Loaded = TypeVar("Loaded")


def _absent() -> None:
    """Load nothing."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What is installed, loaded when it is needed; each returns None where it is not installed.

    Attributes:
        net: the net that photos hear.
        graphics: where graphics start.
        photos: where photos start.
    """

    net: "Callable[[], IntPixelCNN | None]" = _absent
    graphics: "Callable[[], Prior | None]" = _absent
    photos: "Callable[[], PhotoPrior | None]" = _absent


NO_WEIGHTS = Weights()

GRAPHICS, JOINT, STARTED = 16, 32, 64
_JOINT_PIXELS, _JOINT_ROWS = 1 << 12, 8
"""Fewer pixels, or fewer a step, have no use for a net."""
_TRIAL_SAMPLES = 1 << 19
_TRIAL_STRIPS, _STRIP_ROWS = 3, 64
_CODED_ORDER, _RGB_ORDER = (1, 2, 0), (1, 0, 2)
_LIMIT_OFFSET = 1 << 12


def encode_picture(planes: Planes, report: Report | None = None, weights: Weights = NO_WEIGHTS) -> bytes:
    """Return the body of planes [P, H, W], P >= 1, in coding order; three planes are G, R, B."""
    share = repeat_share(planes) if len(planes) <= MOST_PLANES else 0.0
    if share <= SURELY_PHOTO:
        return _encode_photo(planes, report, weights)
    if share >= SURELY_GRAPHICS:
        return _encode_graphics(planes, report, weights)
    if planes.size <= _TRIAL_SAMPLES:
        graphics = _encode_graphics(planes, report, weights)
        return min(_encode_photo(planes, report, weights), graphics, key=len)
    if _graphics_win(planes, weights):
        return _encode_graphics(planes, report, weights)
    return _encode_photo(planes, report, weights)


def _encode_graphics(planes: Planes, report: Report | None, weights: Weights) -> bytes:
    prior = weights.graphics()
    return bytes([GRAPHICS + STARTED * (prior is not None)]) + encode_graphics(planes, report, prior)


def needs(body: bytes) -> set[str]:
    """Return which of Weights decoding a body takes."""
    kind = body[0] if body else 0
    needed = {"net"} if kind & ~STARTED == JOINT else set()
    if kind & STARTED:
        needed.add("graphics" if kind & ~STARTED == GRAPHICS else "photos")
    return needed


def decode_picture(
    body: bytes, shape: tuple[int, int, int], report: Report | None = None, weights: Weights = NO_WEIGHTS
) -> Planes:
    """Return the planes [P, H, W] of a body.

    Raises:
        CorruptError: no planes of this shape have this body.
    """
    first = body[0] if body else 0
    kind, started = first & ~STARTED, bool(first & STARTED)
    if kind == GRAPHICS:
        return decode_graphics(body[1:], shape, report, _loaded(weights.graphics) if started else None)
    limits, misses, words = _parsed(body, kind, shape)
    if kind == JOINT and not _suits_net(shape, limits):
        raise CorruptError("damaged: impossible picture for a net")
    if started and kind != JOINT:
        raise CorruptError("damaged: impossible picture for a learnt start")
    if kind == JOINT:
        from neuralzip.codecs.image_joint import decode_joint

        prior = _loaded(weights.photos) if started else None
        return decode_joint(_loaded(weights.net), words, shape, limits, report, prior).astype(np.uint16)
    return _from_lattice(kind, decode_samples(words, shape, limits, report), misses)


def _loaded(load: Callable[[], Loaded | None]) -> Loaded:
    """Return weights that decoding takes."""
    weights = load()
    if weights is None:
        raise CorruptError("damaged: a picture names no weights")
    return weights


def _parsed(body: bytes, kind: int, shape: tuple[int, int, int]) -> tuple[Limits, bytes, bytes]:
    """Return (limits of each plane, packed misses, words) of a body that is no graphics."""
    words = 1 + 4 * shape[0]
    if len(body) < words + 4 or kind not in (image_lattice.NONE, JOINT, *image_lattice.KINDS):
        raise CorruptError("damaged: impossible head of a picture")
    if kind in image_lattice.KINDS and shape[0] != 3:
        raise CorruptError("damaged: impossible head of a picture")
    offset = _LIMIT_OFFSET if kind in image_lattice.KINDS else 0
    values = [value - offset for value in struct.unpack_from(f"<{2 * shape[0]}H", body, 1)]
    limits = list(zip(values[::2], values[1::2], strict=True))
    misses = words + 4 + int.from_bytes(body[words : words + 4], "little")
    if any(low > high for low, high in limits) or misses > len(body):
        raise CorruptError("damaged: impossible values of a picture")
    return limits, body[words + 4 : misses], body[misses:]


def _are_deep(limits: Limits) -> bool:
    """Say whether some value is none that the net can see."""
    return max(high for _, high in limits) > 255


def _is_slow(shape: tuple[int, int, int]) -> bool:
    """Say whether a net is not worth its time for planes [P, H, W]."""
    _, height, width = shape
    return height * width < max(_JOINT_PIXELS, _JOINT_ROWS * (width + 2 * height))


def _suits_net(shape: tuple[int, int, int], limits: Limits) -> bool:
    """Say whether planes, G, R, B or a grey one, can be heard beside a net, and are worth it."""
    return shape[0] in (1, 3) and not _are_deep(limits) and not _is_slow(shape)


def _encode_photo(planes: Planes, report: Report | None, weights: Weights) -> bytes:
    """Return the body of planes coded sample by sample."""
    kind, samples, misses = _to_lattice(planes)
    limits = [(int(plane.min()), int(plane.max())) for plane in samples]
    plain = kind == image_lattice.NONE
    net = weights.net() if plain and _suits_net(samples.shape, limits) else None
    prior = None if net is None else weights.photos()
    offset = 0 if plain else _LIMIT_OFFSET
    head = bytearray([(kind if net is None else JOINT) + STARTED * (prior is not None)])
    for low, high in limits:
        head += struct.pack("<HH", low + offset, high + offset)
    head += struct.pack("<I", len(misses)) + misses
    if net is None:
        return bytes(head) + finish_words(code_samples(samples, limits, report))
    from neuralzip.codecs.image_joint import code_joint

    return bytes(head) + finish_words(code_joint(net, samples, limits, report, prior))


def _graphics_win(planes: Planes, weights: Weights) -> bool:
    """Say whether strips of a large picture are smaller as graphics."""
    height = planes.shape[1]
    rows = np.concatenate(
        [
            np.arange(first, min(first + _STRIP_ROWS, height))
            for first in np.linspace(0, max(0, height - _STRIP_ROWS), _TRIAL_STRIPS).astype(int)
        ]
    )
    strips = np.ascontiguousarray(planes[:, np.unique(rows)])
    return len(_encode_graphics(strips, None, weights)) < len(_encode_photo(strips, None, weights))


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
    packed = side.pack(image_misses.join(places, rgb.reshape(-1, 3)[places].astype(np.uint8)))
    return kind, np.ascontiguousarray(triples.transpose(2, 0, 1)[list(_CODED_ORDER)]), packed


def _from_lattice(kind: int, samples: Samples, misses: bytes) -> Planes:
    """Return the planes that were coded as `samples` on a lattice of some kind."""
    if kind == image_lattice.NONE:
        return samples.astype(np.uint16)
    rgb = image_lattice.colours(kind, samples[np.argsort(_CODED_ORDER)].transpose(1, 2, 0)).reshape(-1, 3)
    places, colours = image_misses.split(side.unpack(misses), 3, len(rgb))
    rgb[places] = colours
    shape = (*samples.shape[1:], 3)
    return np.ascontiguousarray(rgb.reshape(shape).transpose(2, 0, 1)[list(_RGB_ORDER)]).astype(np.uint16)
