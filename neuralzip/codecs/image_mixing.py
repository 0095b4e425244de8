"""The default image model: least-squares experts, contexts and mixing over every sample of a picture."""

import numpy as np
import numpy.typing as npt

from neuralzip.experts import bits
from neuralzip.experts.image_state import State, new_state
from neuralzip.experts.image_walk import code_steps, steps_of
from neuralzip.experts.least_squares import Bank, Learner, new_bank

Samples = npt.NDArray[np.int32]

_NEAR = (
    *((-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2), (-2, -1), (2, -1), (-1, -2), (1, -2), (-2, -2)),
    *((2, -2), (-3, 0), (0, -3), (-1, -3), (1, -3), (-4, 0), (-3, -1), (3, -1), (3, -2)),
)
"""Places (dx, dy) before a sample, nearest first."""
_AHEAD = ((0, 0), (1, 0), (-1, 1), *_NEAR)
"""Places of a plane that leads by one lag or more."""


def _inputs(plane: int, sizes: tuple[int, int, int]) -> tuple[tuple[int, int, int], ...]:
    """Return inputs: own samples, then those of the other planes, nearest plane first."""
    own, near, far = sizes
    chosen = [(plane, dx, dy) for dx, dy in _NEAR[:own]]
    others = [plane - 1, plane - 2] if plane > 1 else [0, 2] if plane == 1 else [1, 2]
    for other, count in zip(others, (near, far), strict=True):
        places = _AHEAD if other < plane else _NEAR
        chosen += [(other, dx, dy) for dx, dy in places[:count]]
    return tuple(chosen)


def _learners(planes: int) -> tuple[Learner, ...]:
    """Return the learners of every plane."""
    shapes = (((18, 7, 7), (14, 11, 7), (12, 10, 10)), 0.95, 0.05), (((10, 3, 3), (8, 6, 2), (6, 6, 4)), 0.9, 0.1)
    chosen = []
    for plane in range(planes):
        for sizes, keep, above in shapes:
            inputs = [i for i in _inputs(plane, sizes[min(plane, 2)]) if i[0] < planes]
            chosen.append(Learner(plane, tuple(inputs), keep, above, 2.0, 100.0, 40.0))
    return tuple(chosen)


def _start(planes: int, height: int, width: int, limits: list[tuple[int, int]]) -> tuple[State, Bank]:
    learners = _learners(planes)
    state = new_state(planes, height, width, len(learners) // planes, limits)
    return state, new_bank(learners, height, width, limits)


def encode_samples(samples: Samples, limits: list[tuple[int, int]]) -> bytes:
    """Return the payload of planes [P, H, W]."""
    state, bank = _start(*samples.shape, limits)
    coder = bits.encoder(samples.size * 48)
    code_steps(state, bank, coder, samples, 0, steps_of(*samples.shape))
    return bits.finish(coder)


def decode_samples(payload: bytes, shape: tuple[int, int, int], limits: list[tuple[int, int]]) -> Samples:
    """Return the planes [P, H, W] of a payload."""
    state, bank = _start(*shape, limits)
    samples = np.zeros(shape, np.int32)
    code_steps(state, bank, bits.decoder(payload), samples, 0, steps_of(*samples.shape))
    return samples
