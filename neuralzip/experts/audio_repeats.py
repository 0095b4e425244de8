"""Samples that come again exactly, from any distance: loops, copied notes, synthetic tones, digital silence.

A recording that was put together from parts repeats them to the last bit, further back than filters reach. A
rolling hash of a channel's last RUN samples leads to an earlier place with the same ones; what followed there is
then expected here, for as long as it comes. Where experience says that it nearly always does, one decision says
whether a sample is the expected one, and only one that is not goes through the predictors' model. Recordings
without exact repeats take no such decision and cost nothing.

Source: the match models of Mahoney's PAQ, as in `match`, carried over to samples. C channels, T frames.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.bits import BitCoder, code_bit
from neuralzip.experts.counters import map_p, map_updated

Samples = npt.NDArray[np.int32]

RUN = 32
"""So many samples must have come again before more of them are expected."""
STRIDE = 8
"""Every so many samples a place is remembered."""
_LONGEST = RUN << 15
_CLASSES = 8
_LIMIT = 1023
_START = np.uint32((1 << 32) - (1 << 26) | 6)
"""Trust at first: 63/64, as if seen six times."""
_SURE = 61440
_SURE_WHEN_QUIET = 65472
"""What trust must be to ask, in 2**-16; a quiet sample costs little without, and less than asking in vain."""
_QUIET = 1 << 16
"""Mean error of the predictors, in 2**-16 sample units, below which a channel is quiet."""
_FACTOR = 0x9E3779B97F4A7C15
_LEAVING = np.uint64(pow(_FACTOR, RUN, 1 << 64))
_LOG2_HEADS = (8, 17)


class Repeats(NamedTuple):
    """State of all channels of a group; make it with `new_repeats`.

    Attributes:
        heads: [C, 2**k] int32, end of an earlier run by the hash of its samples, 0 for none.
        hashes: [C] uint64, of the last RUN samples; those before the first are zero.
        lags: [C] int64, how far back the expected sample lies.
        lengths: [C] int64, how many of the last samples were as expected.
        misses: [C] int64, last outcomes of expectations, newest in bit 0 (a one is a miss).
        trust: [C, _CLASSES * 8] uint32, map entries: probability that the expected sample comes.
    """

    heads: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.uint64]
    lags: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    misses: npt.NDArray[np.int64]
    trust: npt.NDArray[np.uint32]


def new_repeats(channels: int, length: int) -> Repeats:
    """Return the state of channels of so many samples that have not begun."""
    least, most = _LOG2_HEADS
    return Repeats(
        heads=np.zeros((channels, 1 << min(max((length // STRIDE).bit_length(), least), most)), np.int32),
        hashes=np.zeros(channels, np.uint64),
        lags=np.zeros(channels, np.int64),
        lengths=np.zeros(channels, np.int64),
        misses=np.zeros(channels, np.int64),
        trust=np.full((channels, _CLASSES * 8), _START, np.uint32),
    )


@inner
def _entry(r: Repeats, c: int) -> int:
    """Return the entry of trust in use, by the length so far and the last misses."""
    kind, length = 0, r.lengths[c] // (2 * RUN)
    while length and kind < _CLASSES - 1:
        kind, length = kind + 1, length >> 1
    return (kind * 4 + (r.misses[c] & 3)) * 2 + (1 if r.misses[c] & 252 else 0)


@inner
def code_repeat(r: Repeats, coder: BitCoder, samples: Samples, c: int, t: int, scale: int) -> int:
    """Code whether sample t of channel c is the expected one, samples[c, t - r.lags[c]]; return 0 where none is.

    Args:
        r: state.
        coder: encoder or decoder.
        samples: [C, T], known before t; in encoding at t too.
        c: channel.
        t: number of the sample.
        scale: mean error of the predictors, in 2**-16 sample units.
    """
    if r.lengths[c] < RUN:
        return 0
    p = map_p(r.trust[c, _entry(r, c)])
    if p < (_SURE_WHEN_QUIET if scale < _QUIET else _SURE):
        return 0
    return code_bit(coder, 1 if samples[c, t] == samples[c, t - r.lags[c]] else 0, min(p, 65535))


@inner
def learn_repeat(r: Repeats, samples: Samples, c: int, t: int) -> None:
    """Take in sample t of channel c, and look for a run like the last one where nothing is expected."""
    if r.lags[c]:
        hit = samples[c, t] == samples[c, t - r.lags[c]]
        if r.lengths[c] >= RUN:
            entry = _entry(r, c)
            r.trust[c, entry] = map_updated(r.trust[c, entry], 1 if hit else 0, _LIMIT)
            r.misses[c] = (r.misses[c] << 1 | (0 if hit else 1)) & 255
        r.lengths[c] = min(r.lengths[c] + 1, _LONGEST) if hit else 0
    slot = _slot(r, samples, c, t)
    if r.lengths[c] < RUN:
        _look(r, samples, c, t, np.int64(r.heads[c, slot]))
    if t % STRIDE == 0:
        r.heads[c, slot] = t + 1


@inner
def _slot(r: Repeats, samples: Samples, c: int, t: int) -> np.int64:
    """Move the hash on by sample t; return the place in `heads` of the run that ends there."""
    r.hashes[c] = r.hashes[c] * np.uint64(_FACTOR) + np.uint64(samples[c, t])
    if t >= RUN:
        r.hashes[c] -= np.uint64(samples[c, t - RUN]) * _LEAVING
    return np.int64((r.hashes[c] ^ r.hashes[c] >> np.uint64(29)) * np.uint64(_FACTOR) >> np.uint64(40)) & (
        r.heads.shape[1] - 1
    )


@inner
def _look(r: Repeats, samples: Samples, c: int, t: int, end: int) -> None:
    """Follow the run that ends before `end` if its samples are the last ones."""
    lag = t + 1 - end
    if end < RUN or lag == r.lags[c]:
        return
    for i in range(RUN):
        if samples[c, t - i] != samples[c, t - i - lag]:
            return
    r.lags[c], r.lengths[c] = lag, RUN
