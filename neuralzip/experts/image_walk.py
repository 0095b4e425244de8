"""Walk the wavefronts of a plane: predict a step with least squares, then code its samples one after the other."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner, merged
from neuralzip.experts.bits import BitCoder
from neuralzip.experts.image_contexts import find_centres, find_contexts
from neuralzip.experts.image_residual import code_residual
from neuralzip.experts.image_state import (
    BIAS,
    CENTRE,
    CENTRES,
    DERIVED,
    ERROR_MAX,
    ERRORS,
    FINE,
    HEIGHT,
    RESIDUAL,
    SIZE,
    STRIDE,
    VALUE,
    WIDTH,
    State,
    extend_once,
)
from neuralzip.experts.least_squares import LAG, PAD, Bank, predict_step, reveal

PREDICT, CODE = 1, 2
_BIAS_RATE = 5
_BIAS_MOST = 1 << 20


def steps_of(planes: int, height: int, width: int) -> int:
    """Return how many steps a picture has."""
    return width + 2 * (height - 1) + LAG * (planes - 1)


@inner
def enter_sample(state: State, place: int, value: int) -> None:
    """Make a sample known: its errors, its residual, the corrections."""
    scratch, samples, count = state.scratch, state.samples, state.shape[CENTRES]
    samples[place, VALUE] = value
    for k in range(count):
        samples[place, ERRORS + k] = min(abs(value * 64 - scratch[CENTRE + k]) >> 2, ERROR_MAX)
    residual = value * 64 - scratch[CENTRE + count - DERIVED]
    samples[place, RESIDUAL] = residual >> (2 + state.shape[FINE])
    residual = min(max(residual, -_BIAS_MOST), _BIAS_MOST)
    for k in range(2):
        bias = np.int64(state.biases[scratch[BIAS + k]])
        state.biases[scratch[BIAS + k]] = bias + (((residual << 10) - bias) >> _BIAS_RATE)


@merged
def _code_sample(state: State, bank: Bank, coder: BitCoder, plane: int, x: int, y: int, value: int) -> int:
    """Code the sample of a plane at (x, y), which has been predicted."""
    shape, t = state.shape, x + 2 * y + LAG * plane
    for k in range(shape[CENTRES] - DERIVED):
        state.scratch[CENTRE + k] = bank.predictions[k, y]
    place = plane * shape[SIZE] + (y + PAD) * shape[STRIDE] + PAD + x
    find_centres(state, place, plane)
    find_contexts(state, place, x, y)
    value = code_residual(state, coder, value, state.mixtures[t % len(state.mixtures), y])
    enter_sample(state, place, value)
    extend_once(state.samples, shape[STRIDE], place, x == 0, x == shape[WIDTH] - 1, y == shape[HEIGHT] - 1)
    reveal(bank, plane, x, y, value)
    return value


@entry
def code_steps(
    state: State, bank: Bank, coder: BitCoder, samples: npt.NDArray[np.int32], first: int, stop: int, what: int
) -> None:
    """Walk steps first .. stop - 1 of one plane; decoding fills its samples [H, W].

    Step t needs all steps before it, of this plane and of planes before. `what`: PREDICT, CODE what has been
    predicted, or the sum of both. `bank` holds the learners of this plane.
    """
    height, width = samples.shape
    plane = bank.table[0, 0]
    for t in range(first, stop):
        if what & PREDICT:
            predict_step(bank, t)
        if what & CODE:
            lead = t - LAG * plane
            for y in range(max(0, (lead - width + 2) // 2), min(height, lead // 2 + 1)):
                x = lead - 2 * y
                if 0 <= x < width:
                    samples[y, x] = _code_sample(state, bank, coder, plane, x, y, samples[y, x])
