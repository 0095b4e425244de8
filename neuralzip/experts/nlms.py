"""Normalised least mean squares: long adaptive filters that predict what a shorter predictor left over.

The step follows the error's sign and size, with errors over twice their running mean cut to that (impulses in the
signal then do not tear the weights away), and shrinks for older taps. Doubles under the rules of
`audio_least_squares`: fixed order, no fastmath, + - * / only.

Source: B. Widrow and S. Stearns, "Adaptive Signal Processing" (1985), chapter 6. M taps, a multiple of
LANES; state lies in the flat memory that `audio_least_squares` describes.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.audio_least_squares import LANES, LIMIT, TINY, U, dot, on_grid

Reals = npt.NDArray[np.float64]

SPAN = 2048
"""Samples between two moves of the history to the front of its buffer."""
_MEAN_RATE = 0.005
_CUT = 2.0
_ENERGY, _MEAN, _OUTPUT, _HISTORY = (U(k) for k in (0, 1, 2, 8))
"""Places behind the weights [M] and the steps [M]: energy of the taps, mean error, latest output, history."""


class Taps(NamedTuple):
    """Where a filter lies in memory: `at` its weights, oldest tap first, and their number M."""

    at: np.uint64
    taps: np.uint64


def state_size(taps: int) -> int:
    """Return how many reals a filter needs."""
    return 3 * taps + int(_HISTORY) + SPAN


def start(memory: Reals, where: Taps, step: float, ageing: float) -> None:
    """Set the step sizes of a filter in memory that is zero: step / sqrt(1 + ageing * lag)."""
    at, taps = int(where.at), int(where.taps)
    if taps % LANES:
        raise ValueError(f"{taps} taps: expected a multiple of {LANES}")
    memory[at + taps : at + 2 * taps] = step / np.sqrt(1.0 + ageing * np.arange(taps - 1, -1, -1))


@inner
def predict_nlms(memory: Reals, where: Taps, t: np.uint64) -> float:
    """Return the filter's prediction of its input number t."""
    taps = where.taps
    state = where.at + taps * U(2)
    output = dot(memory, where.at, state + _HISTORY + t % U(SPAN), taps)
    if not abs(output) < LIMIT:  # run away, or not a number
        for k in range(taps):
            memory[where.at + k] = 0.0
        output = 0.0
    output = on_grid(output)
    memory[state + _OUTPUT] = output
    return output


@inner
def learn_nlms(memory: Reals, where: Taps, value: float, t: np.uint64) -> None:
    """Take in the true input number t."""
    taps = where.taps
    weights, steps, state = where.at, where.at + taps, where.at + taps * U(2)
    oldest = state + _HISTORY + t % U(SPAN)
    error = value - memory[state + _OUTPUT]
    mean = memory[state + _MEAN]
    mean = max(mean + (abs(error) - mean) * _MEAN_RATE, TINY)
    gain = min(max(error, -_CUT * mean), _CUT * mean) / (memory[state + _ENERGY] + 1.0)
    for k in range(taps):
        memory[weights + k] += (gain * memory[steps + k]) * memory[oldest + k]
    first = memory[oldest]
    memory[state + _MEAN] = mean
    memory[state + _ENERGY] = max(memory[state + _ENERGY] + (value * value - first * first), 0.0)
    memory[oldest + taps] = value
    if t % U(SPAN) == U(SPAN - 1):
        _rewind(memory, state, taps)


@inner
def _rewind(memory: Reals, state: np.uint64, taps: np.uint64) -> None:
    """Move the latest inputs to the front, and sum their energy afresh (the running sum collects rounding)."""
    front, latest = state + _HISTORY, state + _HISTORY + U(SPAN)
    energy = 0.0
    for k in range(taps):
        value = memory[latest + k]
        memory[front + k] = value
        energy += value * value
    memory[state + _ENERGY] = energy
