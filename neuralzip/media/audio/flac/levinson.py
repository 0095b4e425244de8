"""Predicting the coefficients of a linear predictor: window, autocorrelation, Levinson-Durbin recursion.

Encoders compute them in floating point, each in its own order, so that they cannot be found again everywhere;
doubles in a fixed order come so near that what is coded, the difference, is mostly zero. The encoder says which
window is nearest.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.media.audio.flac import windows
from neuralzip.media.audio.flac.frame import COEFFICIENTS, MAX_ORDER, MAX_SAMPLES, ORDER, PRECISION, SHIFT, Ints
from neuralzip.media.bitcoder import DECODING, NUMBER_CONTEXTS, BitCoder, code_bit, code_bits, code_number

Reals = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

CANDIDATES = windows.COUNT + 6
"""The windows; then a root less each of its thirds: all lags, and all but the last one, as libFLAC has it."""
_CANDIDATE_BITS = 5
_CLASSES = 6
_MAX_SHIFT = 15
_SAME_SHIFT = 0
_SHIFT = _SAME_SHIFT + 1
_CANDIDATE = _SHIFT + 16
_STEP = _CANDIDATE + (1 << _CANDIDATE_BITS)
CONTEXTS = _STEP + 3 * _CLASSES * NUMBER_CONTEXTS
_LARGEST = 1e9


class Analysis(NamedTuple):
    """What the prediction of coefficients needs.

    Attributes:
        size: [1] samples that `windows` are for.
        windows: [windows.COUNT, MAX_SAMPLES].
        shaped: [MAX_SAMPLES] samples through a window.
        sums: [CANDIDATES, MAX_ORDER + 1] autocorrelations.
        filter: [MAX_ORDER] coefficients, not yet quantised.
    """

    size: Ints
    windows: Singles
    shaped: Singles
    sums: Reals
    filter: Reals


def new_analysis() -> Analysis:
    """Return the state before the first frame."""
    return Analysis(
        np.zeros(1, np.int64),
        np.zeros((windows.COUNT, MAX_SAMPLES), np.float32),
        np.zeros(MAX_SAMPLES, np.float32),
        np.zeros((CANDIDATES, MAX_ORDER + 1)),
        np.zeros(MAX_ORDER),
    )


def prepare(analysis: Analysis, count: int) -> None:
    """Make the windows for frames of `count` samples."""
    if analysis.size[0] != count:
        windows.set_windows(analysis.windows, count)
        analysis.size[0] = count


@inner
def code_coefficients(
    coder: BitCoder, base: int, samples: Ints, count: int, subframe: Ints, analysis: Analysis
) -> bool:
    """Code shift and coefficients of a subframe of known order and precision; False where they are impossible.

    Args:
        coder: of the run of frames.
        base: first context.
        samples: [count], as the predictor sees them.
        count: samples of the frame; `prepare` was called for them.
        subframe: is filled when decoding.
        analysis: windows and scratch.
    """
    choice = np.int64(0)
    if coder[DECODING] == 0:
        choice = _nearest(samples, count, subframe, analysis)
    choice = code_bits(coder, base + _CANDIDATE, _CANDIDATE_BITS, choice)
    if choice >= CANDIDATES:
        return False
    order, precision = subframe[ORDER], subframe[PRECISION]
    _find_filter(choice, samples, count, order, analysis)
    likely = _likely_shift(analysis.filter, order, precision)
    if code_bit(coder, base + _SAME_SHIFT, 1 if subframe[SHIFT] == likely else 0):
        subframe[SHIFT] = likely
    else:
        subframe[SHIFT] = code_bits(coder, base + _SHIFT, 4, subframe[SHIFT])
    rest, size = 0.0, 0
    for j in range(order):
        rest += analysis.filter[j] * (1 << subframe[SHIFT])
        guess = _rounded(rest, precision)
        step = subframe[COEFFICIENTS + j] - guess
        context = base + _STEP + (_CLASSES * min(j // 2, 2) + size) * NUMBER_CONTEXTS
        number = code_number(coder, context, step << 1 ^ step >> 63)
        step = number >> 1 ^ -(number & 1)
        subframe[COEFFICIENTS + j] = guess + step
        rest -= float(guess + step)
        size = min(_bit_length(abs(step)), _CLASSES - 1)
        limit = np.int64(1) << (precision - 1)
        if not -limit <= guess + step < limit:
            return False
    return True


@inner
def _nearest(samples: Ints, count: int, subframe: Ints, analysis: Analysis) -> Any:
    """Return the candidate whose coefficients differ least from the subframe's."""
    order, precision = subframe[ORDER], subframe[PRECISION]
    best, least = np.int64(0), np.int64(1 << 40)
    for choice in range(CANDIDATES):
        _find_filter(choice, samples, count, order, analysis)
        cost, rest = np.int64(0), 0.0
        for j in range(order):
            rest += analysis.filter[j] * (1 << subframe[SHIFT])
            step = subframe[COEFFICIENTS + j] - _rounded(rest, precision)
            rest -= float(subframe[COEFFICIENTS + j])
            cost += _bit_length(abs(step))
        if cost < least:
            best, least = np.int64(choice), cost
    return best


@inner
def _bit_length(value: int) -> int:
    length = 0
    while value >> length > 0:
        length += 1
    return length


@inner
def _rounded(value: float, precision: int) -> Any:
    """Return the nearest coefficient of so many bits, 0 for what is no number."""
    limit = np.int64(1) << (precision - 1)
    if not abs(value) < _LARGEST:
        return np.int64(0)
    nearest = np.int64(np.floor(abs(value) + 0.5))
    return min(max(nearest if value >= 0 else -nearest, -limit), limit - 1)


@inner
def _likely_shift(filter_: Reals, order: int, precision: int) -> int:
    """Return the largest shift with which all coefficients fit."""
    largest, limit = 0.0, float(np.int64(1) << (precision - 1))
    for j in range(order):
        largest = max(largest, abs(filter_[j]))
    shift = _MAX_SHIFT
    while shift > 0 and largest * (1 << shift) >= limit:
        shift -= 1
    return shift


@inner
def _find_filter(choice: int, samples: Ints, count: int, order: int, analysis: Analysis) -> None:
    """Set analysis.filter[:order]; a decoder needs only the windows of its choice."""
    sums = analysis.sums[choice]
    if choice < windows.COUNT:
        _correlate(samples, analysis.windows[choice], count, order, analysis.shaped, sums)
    else:
        third = windows.FIRST_THIRD + (choice - windows.COUNT) % 3
        part = analysis.sums[third]
        _correlate(samples, analysis.windows[windows.ROOT], count, order, analysis.shaped, sums)
        _correlate(samples, analysis.windows[third], count, order, analysis.shaped, part)
        for lag in range(order + 1):
            if lag == order and choice >= windows.COUNT + 3:
                sums[lag] = part[lag]
            else:
                sums[lag] -= part[lag]
    _recurse(sums, order, analysis.filter)


@inner
def _correlate(samples: Ints, window: Singles, count: int, order: int, shaped: Singles, sums: Reals) -> None:
    """Set sums[lag] for lags 0..order."""
    for t in range(count):
        shaped[t] = np.float32(samples[t]) * window[t]
    for lag in range(order + 1):
        sums[lag] = 0.0
    for t in range(count):
        value = np.float64(shaped[t])
        for lag in range(min(order, t) + 1):
            sums[lag] += value * np.float64(shaped[t - lag])


@inner
def _recurse(sums: Reals, order: int, filter_: Reals) -> None:
    """Set filter[:order], the predictor of this order for an autocorrelation; zeros where there is none."""
    error = sums[0]
    for i in range(order):
        if not error > 0.0:
            filter_[i] = 0.0
            continue
        reflection = sums[i + 1]
        for j in range(i):
            reflection -= filter_[j] * sums[i - j]
        reflection /= error
        filter_[i] = reflection
        for j in range(i >> 1):
            other = filter_[j]
            filter_[j] -= reflection * filter_[i - 1 - j]
            filter_[i - 1 - j] -= reflection * other
        if i & 1:
            filter_[i >> 1] -= filter_[i >> 1] * reflection
        error *= 1.0 - reflection * reflection
    for i in range(order):
        filter_[i] = np.float64(np.float32(filter_[i]))
