"""Planes of a photo <-> rANS words, by least squares, contexts and mixing: which learners, in what order.

P planes, H rows, W columns.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError
from neuralzip.experts import bits
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


def start(planes: int, height: int, width: int, limits: Limits, components: int = 0) -> tuple[State, Bank]:
    """Return what is known before the first sample; `components` are those of a net's mixtures."""
    learners = _learners(planes)
    state = new_state(planes, height, width, len(learners) // planes, limits, components)
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
    planes, height, width = samples.shape
    state, bank = start(planes, height, width, limits)
    coder, steps = bits.encoder(1 << 16), steps_of(planes, height, width)
    room = STEPS_AT_ONCE * min(height, width) * planes * DECISIONS_A_SAMPLE
    for first in range(0, steps, STEPS_AT_ONCE):
        coder = grown(coder, room)
        code_steps(state, bank, coder, samples, first, min(first + STEPS_AT_ONCE, steps), False)
        if report is not None:
            report(first / steps)
    return bits.finish(coder)


def decode_samples(
    payload: bytes, shape: tuple[int, int, int], limits: Limits, report: Report | None = None
) -> Samples:
    """Return the planes [P, H, W] of rANS words.

    Raises:
        CorruptError: the words are not those of such planes.
    """
    state, bank = start(*shape, limits)
    coder, samples, steps = bits.decoder(payload), np.zeros(shape, np.int32), steps_of(*shape)
    for first in range(0, steps, STEPS_AT_ONCE):
        code_steps(state, bank, coder, samples, first, min(first + STEPS_AT_ONCE, steps), False)
        if report is not None:
            report(first / steps)
    if not bits.is_exhausted(coder):
        raise CorruptError("damaged: samples of a picture do not end where they should")
    return samples
