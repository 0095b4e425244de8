"""Code graphics in raster order: repeats of whole pixels, the rest sample by sample around plain predictions."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.experts.bits import BitCoder
from neuralzip.experts.image_contexts import find_centres, find_contexts
from neuralzip.experts.image_cues import enter_cues, find_cues
from neuralzip.experts.image_repeats import PAD as REPEAT_PAD
from neuralzip.experts.image_repeats import (
    PROPOSALS,
    SOURCES,
    Repeats,
    code_guess,
    code_repeat,
    enter,
    learn_colour,
)
from neuralzip.experts.image_repeats import STRIDE as REPEAT_STRIDE
from neuralzip.experts.image_residual import code_residual
from neuralzip.experts.image_sparse_squares import SQUARES, learn_last, predict
from neuralzip.experts.image_state import (
    BASE,
    CENTRE,
    CENTRES,
    ERRORS,
    HEIGHT,
    LIMITS,
    RESIDUAL,
    SIZE,
    STRIDE,
    VALUE,
    WIDTH,
    Ints,
    State,
    Words,
    extend,
)
from neuralzip.experts.image_walk import enter_sample
from neuralzip.experts.least_squares import PAD

_PLAIN = 6
PREDICTIONS = _PLAIN + SQUARES
"""Plain ones, then those of least squares."""
_SMALL_ERROR = 2


@inner
def _median(w: int, n: int, nw: int) -> int:
    """Return the median of west, north and their plane."""
    return min(max(w + n - nw, min(w, n)), max(w, n))


@inner
def _predict(samples: Words, shape: Ints, scratch: Ints, place: int, plane: int) -> None:
    """Enter the plain predictions: medians, means and slopes, of samples or of differences to the plane before."""
    up = place - shape[STRIDE]
    top = up - shape[STRIDE] + 1
    w, n = np.int64(samples[place - 1, VALUE]), np.int64(samples[up, VALUE])
    nw, ne = np.int64(samples[up - 1, VALUE]), np.int64(samples[up + 1, VALUE])
    centres = scratch[CENTRE:]
    centres[0] = _median(w, n, nw) * 64
    centres[1] = (3 * w + 2 * n + ne - 2 * nw) * 16 if plane == 0 else 0
    centres[2], centres[3] = (w + n) * 32, (w + ne) * 32
    centres[4], centres[5] = (n + ne - samples[top, VALUE]) * 64, (2 * w - samples[place - 2, VALUE]) * 64
    if plane > 0:
        size = shape[SIZE]
        a = np.int64(samples[place - size, VALUE])
        dw = w - samples[place - size - 1, VALUE]
        dn = n - samples[up - size, VALUE]
        centres[1] = (a + _median(dw, dn, nw - samples[up - size - 1, VALUE])) * 64
        centres[2] = a * 64 + (dw + dn) * 32
        slope = ne - samples[up - size + 1, VALUE] - samples[top, VALUE] + samples[top - size, VALUE]
        centres[4] = (a + dn + slope) * 64
        centres[5] = (a + dw) * 64
    low, high = shape[LIMITS + 2 * plane] * 64, shape[LIMITS + 2 * plane + 1] * 64
    for k in range(_PLAIN, PREDICTIONS):
        centres[k] = centres[min(plane, 1)]
    for k in range(PREDICTIONS):
        centres[k] = min(max(centres[k], low), high)


@inner
def _copy_colour(state: State, place: int, colour: int, planes: int) -> None:
    """Enter the samples of a repeated pixel."""
    samples, size = state.samples, state.shape[SIZE]
    for plane in range(planes):
        at = place + plane * size
        samples[at, VALUE] = (colour >> (16 * plane)) & 0xFFFF
        samples[at, RESIDUAL] = 0
        for k in range(state.shape[CENTRES]):
            samples[at, ERRORS + k] = _SMALL_ERROR


@inner
def _skip_samples(state: State, place: int, colour: int, first: int, planes: int) -> None:
    """Enter the samples of planes `first` on, which were guessed."""
    for plane in range(first, planes):
        at = place + plane * state.shape[SIZE]
        _predict(state.samples, state.shape, state.scratch, at, plane)
        find_centres(state, at, plane)
        enter_sample(state, at, (colour >> (16 * plane)) & 0xFFFF)


@inner
def _code_samples(
    state: State, repeats: Repeats, coder: BitCoder, at: int, place: int, x: int, y: int, colour: int, planes: int
) -> np.int64:
    """Code a pixel's samples one by one, guessing the rest after each; return its colour."""
    coded, shape = np.int64(0), state.shape
    for plane in range(planes):
        sample = place + plane * shape[SIZE]
        _predict(state.samples, shape, state.scratch, sample, plane)
        limits = shape[LIMITS + 2 * plane : LIMITS + 2 * plane + 2]
        for k in range(SQUARES):
            solved = predict(state.squares, k, state.samples, shape[STRIDE], shape[SIZE], sample, plane, x, limits)
            state.scratch[CENTRE + _PLAIN + k] = solved
        find_centres(state, sample, plane)
        find_contexts(state, sample, x, y)
        base = state.scratch[BASE]
        find_cues(state.cues, repeats.colours, at, shape[STRIDE], plane, coded, base)
        value = code_residual(state, coder, (colour >> (16 * plane)) & 0xFFFF, state.mixtures[0, 0])
        learn_last(state.squares, plane, x, value)
        enter_cues(state.cues, value, base)
        enter_sample(state, sample, value)
        coded |= value << (16 * plane)
        if plane + 1 < planes:
            guessed = code_guess(repeats, coder, at, colour if not coder.decoding else coded, plane + 1)
            if guessed >= 0:
                _skip_samples(state, place, guessed, plane + 1, planes)
                return guessed
    return coded


@entry
def code_rows(
    state: State, repeats: Repeats, coder: BitCoder, colours: npt.NDArray[np.int64], first: int, stop: int
) -> None:
    """Code rows first .. stop - 1 of `colours` [H, W]; decoding fills it."""
    shape = state.shape
    width = colours.shape[1]
    planes = (len(shape) - LIMITS) // 2
    for y in range(first, stop):
        for x in range(width):
            at = (y + REPEAT_PAD) * repeats.scratch[REPEAT_STRIDE] + REPEAT_PAD + x
            place = (y + PAD) * shape[STRIDE] + PAD + x
            source = code_repeat(repeats, coder, at, colours[y, x])
            if source < SOURCES:
                colour = repeats.scratch[PROPOSALS + source]
                _copy_colour(state, place, colour, planes)
            else:
                colour = _code_samples(state, repeats, coder, at, place, x, y, colours[y, x], planes)
                learn_colour(repeats, at, colour, planes)
            colours[y, x] = colour
            enter(repeats, at, colour, x == width - 1)
            for plane in range(planes):
                edge = place + plane * shape[SIZE]
                extend(state.samples, shape[STRIDE], edge, x == 0, x == shape[WIDTH] - 1, y == shape[HEIGHT] - 1)
