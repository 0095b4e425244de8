"""A FLAC frame taken apart: the choices of its encoder, and its samples.

Residuals are not kept: they follow from samples and choices. Source: RFC 9639, section 9. C channels, N samples a
channel of a frame (1..MAX_SAMPLES), P partitions of a residual.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

Ints = npt.NDArray[np.int64]

MAX_CHANNELS, MAX_SAMPLES, MAX_ORDER, MAX_PARTITION_ORDER = 8, 65535, 32, 15

STRATEGY, SIZE_CODE, RATE_CODE, CHANNEL_CODE, BITS_CODE, NUMBER, SAMPLES, RATE = range(8)
"""Fields of a head: variable block sizes (0, 1), codes as in the frame header, number of the frame or of its first
sample, samples a channel, and the sampling rate where the header spells it out (codes 12 to 14, else 0)."""
HEAD_FIELDS = 8
CONSTANT, VERBATIM, FIXED, LPC = range(4)
KIND, ORDER, WASTED, PRECISION, SHIFT, METHOD, PARTITION_ORDER, COEFFICIENTS = range(8)
"""Fields of a subframe: one of the four kinds above, order of its predictor, wasted bits, bits of a coefficient,
right shift of a prediction, residual coding method (0, 1), log2 of P; then the coefficients."""
SUBFRAME_FIELDS = COEFFICIENTS + MAX_ORDER
ESCAPE = 64
"""A partition's parameter from here on: ESCAPE + bits of each of its residuals, which are written plainly."""
LEFT_SIDE, SIDE_RIGHT, MID_SIDE = 8, 9, 10
"""Channel codes of stereo frames that are written as a difference and something else."""


class Frame(NamedTuple):
    """Room for one frame, used again and again.

    Attributes:
        head: [HEAD_FIELDS].
        subframes: [MAX_CHANNELS, SUBFRAME_FIELDS].
        parameters: [MAX_CHANNELS, 2**MAX_PARTITION_ORDER] Rice parameters.
        channels: [MAX_CHANNELS, MAX_SAMPLES] samples as they are written: left and side, mid and side ...
        residual: [MAX_SAMPLES] of the subframe at work.
    """

    head: Ints
    subframes: Ints
    parameters: Ints
    channels: Ints
    residual: Ints


def new_frame() -> Frame:
    """Return an empty frame."""
    return Frame(
        np.zeros(HEAD_FIELDS, np.int64),
        np.zeros((MAX_CHANNELS, SUBFRAME_FIELDS), np.int64),
        np.zeros((MAX_CHANNELS, 1 << MAX_PARTITION_ORDER), np.int64),
        np.zeros((MAX_CHANNELS, MAX_SAMPLES), np.int64),
        np.zeros(MAX_SAMPLES, np.int64),
    )


@inner
def channel_count(code: int) -> int:
    """Return the channels of a channel code, 0..10."""
    return code + 1 if code < LEFT_SIDE else 2


@inner
def sample_bits(code: int, channel: int, bits: int) -> int:
    """Return the bits of a written sample: a difference has one more."""
    if code == SIDE_RIGHT:
        return bits + 1 - channel
    return bits + channel if code == LEFT_SIDE or code == MID_SIDE else bits


@inner
def set_fixed(subframe: Ints) -> None:
    """Set coefficients and shift of a FIXED subframe of order 0..4."""
    order = subframe[ORDER]
    value, sign = order, 1
    for j in range(order):  # binomial coefficients with alternating signs
        subframe[COEFFICIENTS + j] = sign * value
        value = value * (order - 1 - j) // (j + 2)
        sign = -sign
    subframe[SHIFT] = 0


@inner
def predict(subframe: Ints, samples: Ints, t: int) -> int:
    """Return the prediction of samples[t], t >= order."""
    total = np.int64(0)
    for j in range(subframe[ORDER]):
        total += subframe[COEFFICIENTS + j] * samples[t - 1 - j]
    return total >> subframe[SHIFT]


@inner
def find_residual(subframe: Ints, samples: Ints, count: int, residual: Ints) -> None:
    """Set residual[order:count] of a FIXED or LPC subframe."""
    for t in range(subframe[ORDER], count):
        residual[t] = samples[t] - predict(subframe, samples, t)


@inner
def split_stereo(code: int, channels: Ints, count: int) -> None:
    """Turn left and right into what the channel code says, in place."""
    for t in range(count):
        left, right = channels[0, t], channels[1, t]
        if code == LEFT_SIDE:
            channels[1, t] = left - right
        elif code == SIDE_RIGHT:
            channels[0, t] = left - right
        elif code == MID_SIDE:
            channels[0, t], channels[1, t] = (left + right) >> 1, left - right


@inner
def join_stereo(code: int, channels: Ints, count: int) -> None:
    """Undo `split_stereo`."""
    for t in range(count):
        first, second = channels[0, t], channels[1, t]
        if code == LEFT_SIDE:
            channels[1, t] = first - second
        elif code == SIDE_RIGHT:
            channels[0, t] = first + second
        elif code == MID_SIDE:
            twice = first * 2 + (second & 1)
            channels[0, t], channels[1, t] = (twice + second) >> 1, (twice - second) >> 1
