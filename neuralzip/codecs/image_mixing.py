"""The default image model: least-squares experts, contexts and mixing over every sample of a picture.

A body describes itself but for its shape:

    lattice (1), lowest and highest value of each plane (2 + 2, signed), size of misses (4), misses, rANS words

On a colour lattice the three planes coded are C1, C2, Y; `misses` are the pixels off it, packed. Otherwise planes
are coded as given. P planes, H rows, W columns.
"""

import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from neuralzip.codecs import side
from neuralzip.errors import CorruptError
from neuralzip.experts import bits, image_lattice
from neuralzip.experts.image_state import State, new_state
from neuralzip.experts.image_walk import code_steps, steps_of
from neuralzip.experts.least_squares import Bank, Learner, new_bank

Planes = npt.NDArray[np.uint16]
Samples = npt.NDArray[np.int32]
Limits = list[tuple[int, int]]
Report = Callable[[float], None]

STEPS_AT_ONCE = 64
DECISIONS_A_SAMPLE = 48
"""More than any sample takes."""
_CODED_ORDER, _RGB_ORDER = (1, 2, 0), (1, 0, 2)
_LIMIT_OFFSET = 1 << 12
_NEAR = (
    *((-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2), (-2, -1), (2, -1), (-1, -2), (1, -2), (-2, -2)),
    *((2, -2), (-3, 0), (0, -3), (-1, -3), (1, -3), (-4, 0), (-3, -1), (3, -1), (3, -2)),
)
"""Places (dx, dy) before a sample, nearest first."""
_AHEAD = ((0, 0), (1, 0), (-1, 1), *_NEAR)
"""Places of a plane that leads by one lag or more."""
_SIZES = (
    ((20, 0, 0), (18, 7, 7), (14, 11, 7), (12, 10, 10)),
    ((12, 0, 0), (10, 3, 3), (8, 6, 2), (6, 6, 4)),
    ((6, 0, 0), (6, 1, 1), (4, 4, 0), (3, 3, 2)),
)
"""Inputs of learners from (own, nearest, other) planes: of a picture of one plane, then of planes 0, 1 and 2."""
_MEMORIES = ((0.97, 0.05), (0.85, 0.15), (0.7, 0.3))
"""Their `keep` and `above`: the fewer inputs, the faster they may follow."""


def encode_picture(planes: Planes, report: Report | None = None) -> bytes:
    """Return the body of planes [P, H, W], P >= 1, in coding order; three planes are G, R, B."""
    kind, samples, misses = _to_lattice(planes)
    limits = [(int(plane.min()), int(plane.max())) for plane in samples]
    head = bytearray([kind])
    for low, high in limits:
        head += struct.pack("<HH", low + _LIMIT_OFFSET * (kind > 0), high + _LIMIT_OFFSET * (kind > 0))
    return bytes(head) + struct.pack("<I", len(misses)) + misses + encode_samples(samples, limits, report)


def decode_picture(body: bytes, shape: tuple[int, int, int], report: Report | None = None) -> Planes:
    """Return the planes [P, H, W] of a body.

    Raises:
        CorruptError: no planes of this shape have this body.
    """
    start = 1 + 4 * shape[0]
    if len(body) < start + 4 or body[0] > max(image_lattice.KINDS) or (body[0] and shape[0] != 3):
        raise CorruptError("damaged: impossible head of a picture")
    offset = _LIMIT_OFFSET if body[0] else 0
    values = [value - offset for value in struct.unpack_from(f"<{2 * shape[0]}H", body, 1)]
    limits = list(zip(values[::2], values[1::2], strict=True))
    misses = start + 4 + int.from_bytes(body[start : start + 4], "little")
    if any(low > high for low, high in limits) or misses > len(body):
        raise CorruptError("damaged: impossible values of a picture")
    samples = decode_samples(body[misses:], shape, limits, report)
    return _from_lattice(body[0], samples, body[start + 4 : misses])


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


def _inputs(plane: int, planes: int, sizes: tuple[tuple[int, int, int], ...]) -> tuple[tuple[int, int, int], ...]:
    """Return a learner's inputs: own samples, then those of the other planes, nearest plane first."""
    own, near, far = sizes[0 if planes == 1 else min(plane, 2) + 1]
    chosen = [(plane, dx, dy) for dx, dy in _NEAR[:own]]
    others = [plane - 1, plane - 2] if plane > 1 else [1 - plane, 2]
    for other, count in zip(others, (near, far), strict=True):
        places = _AHEAD if other < plane else _NEAR
        chosen += [(other, dx, dy) for dx, dy in places[:count] if other < planes]
    return tuple(chosen)


def _learners(planes: int) -> tuple[Learner, ...]:
    """Return the learners of every plane."""
    return tuple(
        Learner(plane, _inputs(plane, planes, sizes), keep, above)
        for plane in range(planes)
        for sizes, (keep, above) in zip(_SIZES, _MEMORIES, strict=True)
    )


def _start(planes: int, height: int, width: int, limits: Limits) -> tuple[State, Bank]:
    learners = _learners(planes)
    state = new_state(planes, height, width, len(learners) // planes, limits)
    return state, new_bank(learners, height, width, limits)


def grown(coder: bits.BitCoder, room: int) -> bits.BitCoder:
    """Return an encoder that goes on where `coder` stands, with room for as many more decisions."""
    count = bits.logged(coder)
    if count + room <= len(coder.log):
        return coder
    larger = bits.encoder(2 * count + room)
    larger.log[:count] = coder.log[:count]
    larger.head[:] = coder.head
    return larger


def encode_samples(samples: Samples, limits: Limits, report: Report | None = None) -> bytes:
    """Return the rANS words of planes [P, H, W] with the given ranges of values."""
    state, bank = _start(*samples.shape, limits)
    coder, steps = bits.encoder(1 << 16), steps_of(*samples.shape)
    room = STEPS_AT_ONCE * min(samples.shape[1], samples.shape[2]) * samples.shape[0] * DECISIONS_A_SAMPLE
    for first in range(0, steps, STEPS_AT_ONCE):
        coder = grown(coder, room)
        code_steps(state, bank, coder, samples, first, min(first + STEPS_AT_ONCE, steps))
        if report is not None:
            report(first / steps)
    return bits.finish(coder)


def decode_samples(payload: bytes, shape: tuple[int, int, int], limits: Limits, report: Report | None = None) -> Samples:
    """Return the planes [P, H, W] of rANS words.

    Raises:
        CorruptError: the words are not those of such planes.
    """
    state, bank = _start(*shape, limits)
    coder, samples, steps = bits.decoder(payload), np.zeros(shape, np.int32), steps_of(*shape)
    for first in range(0, steps, STEPS_AT_ONCE):
        code_steps(state, bank, coder, samples, first, min(first + STEPS_AT_ONCE, steps))
        if report is not None:
            report(first / steps)
    if not bits.is_exhausted(coder):
        raise CorruptError("damaged: samples of a picture do not end where they should")
    return samples
