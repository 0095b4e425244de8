"""Adaptive state behind the coding of audio samples: what mixing learns, mean errors, the blend of predictions.

Fixed point: predictions and distances in 2**-POINT, mean errors in 2**-16. C channels, K predictions, Q = K + 1
centres (the last one is the blend).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts import apm, mixer
from neuralzip.experts.audio_bank import PREDICTIONS
from neuralzip.experts.audio_opinion import Opinion, new_opinion
from neuralzip.experts.counters import NODE_NEW
from neuralzip.experts.mixer import Mixer

Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]

K = PREDICTIONS
Q = K + 1
SCALES = 3
LOGITS = SCALES * Q
POINT = 8
NODES = 16
"""Decisions with weights of their own: 0 side, 1..13 steps outward, 14 and 15 the first bits within a step."""
ROLES = 2
"""What is learnt across files is kept apart for the first (or only) channel of a group and the second."""
_CONTEXT_SIZES = np.array([NODES * 3 * size for size in (16, 64, 64, 32, 128, 128, 128, 16)])
CONTEXTS = len(_CONTEXT_SIZES)
CONTEXT_STARTS = np.cumsum(_CONTEXT_SIZES) - _CONTEXT_SIZES
CONTEXT_NODES = int(_CONTEXT_SIZES.sum())
_SETS = (NODES * 16, NODES * 64, NODES * 32)
MAPS = (NODES * 3 * 16, NODES * 3 * 32)
_NET_MAPS = NODES * 16
NET = LOGITS + 1 + 2 * CONTEXTS
"""Input of the net's opinion; the next one is what it turned out to mean."""
_INPUTS = (NET + 2 + 7) // 8 * 8
_LIGHT_INPUTS = (LOGITS + 1 + 7) // 8 * 8
_RATE = 0.005
_HEARD_RATE = 0.001
"""With a net, whose opinion alone is nearly as good as all together, faster learning costs more than it gains."""
_HEARD_SHARE = 0.85
"""What the net's opinion counts at first."""
LOUDEST = 2.0**31
"""Bound on the magnitude of samples, and of predictions of them."""
_MAX_ERROR = 1 << 40
NO_MIXTURE = np.zeros((3, 0), np.int32)
LEAST = 19661
"""Floor of the running scale, in 2**-SCALE_BITS sample units."""
SCALE_BITS = 16


class Residual(NamedTuple):
    """Adaptive state of all channels of a group; make it with `new_residual`.

    Attributes:
        mixer: gated mixers, rows by role.
        nodes: [ROLES * CONTEXT_NODES] adaptive probabilities.
        maps: [ROLES * sum(MAPS), KNOTS] adaptive probability maps.
        errors: [C, Q, SCALES] mean absolute errors of the centres: recent, longer and latest, in 2**-16.
        last: [C, 2] the blend's last two errors in 2**-POINT.
        means: [Q] centres in 2**-POINT; the first K are to be filled before `blend`.
        inverse: [LOGITS] 2**40 over the scales in 2**-16: turns distances into logits.
        offsets: [Q] distance of the start of the path from each centre, outward.
        facts: [12] what contexts are made of.
        slots: [contexts] nodes in use for this decision.
        light: one set of mixers, no counters, no maps.
        opinion: what a net says.
    """

    mixer: Mixer
    nodes: npt.NDArray[np.uint32]
    maps: npt.NDArray[np.int32]
    errors: Longs
    last: Longs
    means: Longs
    inverse: Longs
    offsets: Longs
    facts: Longs
    slots: Longs
    light: bool
    opinion: Opinion


class Prior(NamedTuple):
    """What was learnt from other recordings: weights and final of the mixer, nodes and maps of a Residual."""

    weights: npt.NDArray[np.int32]
    final: npt.NDArray[np.int32]
    nodes: npt.NDArray[np.uint32]
    maps: npt.NDArray[np.int32]


def new_residual(
    channels: int, light: bool = False, prior: Prior | None = None, mixture: Words = NO_MIXTURE
) -> Residual:
    """Return the state of channels that have not begun.

    Args:
        channels: one or two.
        light: leave out counters and maps.
        prior: where the rest starts from.
        mixture: [3, components], where a net answers; not for light ones.
    """
    heard = mixture.size > 0
    sizes = tuple(size * ROLES for size in (_SETS[:1] if light else _SETS))
    rate = _HEARD_RATE if heard else _RATE
    inputs = _LIGHT_INPUTS if light else _INPUTS
    residual = Residual(
        mixer=mixer.new_mixer(inputs, sizes, (NODES * ROLES,), 1.1 / LOGITS, rate, rate),
        nodes=np.full(0 if light else ROLES * CONTEXT_NODES, NODE_NEW, np.uint32),
        maps=apm.new_maps(0 if light else ROLES * (sum(MAPS) + heard * _NET_MAPS)),
        errors=np.full((channels, Q, SCALES), 50 << 16, np.int64),
        last=np.zeros((channels, 2), np.int64),
        means=np.zeros(Q, np.int64),
        inverse=np.zeros(LOGITS, np.int64),
        offsets=np.zeros(Q, np.int64),
        facts=np.zeros(12, np.int64),
        slots=np.zeros(CONTEXTS, np.int64),
        light=light,
        opinion=new_opinion(mixture),
    )
    if heard:
        residual.mixer.weights[:] = round((1 - _HEARD_SHARE) * 1.1 / LOGITS * mixer.W_ONE)
        residual.mixer.weights[:, NET] = round(_HEARD_SHARE * mixer.W_ONE)
    if prior is not None:
        for part, start in zip(parts(residual), prior, strict=True):
            part[:] = start
    return residual


def parts(residual: Residual) -> Prior:
    """Return what a state has learnt that holds for other recordings too (the arrays themselves)."""
    return Prior(residual.mixer.weights, residual.mixer.final, residual.nodes, residual.maps)


@inner
def log2_eighths(x: int) -> int:
    """Return about 8 * log2(x) for x >= 1, linear between powers of two."""
    top = 0
    for step in (32, 16, 8, 4, 2, 1):
        if x >> (top + step):
            top += step
    return 8 * top + ((x << 3 >> top) & 7)


@inner
def running_scale(r: Residual, c: int) -> np.int64:
    """Return the blend's running mean error in channel c, the unit of a net, in 2**-SCALE_BITS sample units."""
    return max((6 * r.errors[c, K, 0] + 4 * r.errors[c, K, 1]) // 10, LEAST)


@inner
def inverse_of(scale: np.int64) -> np.int64:
    """Return 2**40 over a running scale."""
    return (np.int64(1) << 40) // scale


@inner
def blend(r: Residual, c: int) -> None:
    """Set the last centre to the mean of the others, weighted by the inverse fourth power of their errors."""
    least = np.int64(1) << 60
    for k in range(K):
        r.means[K] = 0
        r.inverse[k] = r.errors[c, k, 0] + (r.errors[c, k, 1] >> 1) + 6554
        least = min(least, r.inverse[k])
    total = np.int64(0)
    for k in range(K):
        ratio = (least << 14) // r.inverse[k]
        ratio = (ratio * ratio) >> 14
        ratio = (ratio * ratio) >> 14
        r.means[K] += ratio * r.means[k]
        total += ratio
    r.means[K] = (r.means[K] + (total >> 1)) // total


@inner
def learn_errors(r: Residual, c: int, value: int) -> None:
    """Move the mean errors and the blend's last errors."""
    for q in range(Q):
        error = min(abs((value << POINT) - r.means[q]), _MAX_ERROR) << 8
        r.errors[c, q, 0] += (error - r.errors[c, q, 0]) >> 4
        r.errors[c, q, 1] += (error - r.errors[c, q, 1]) >> 8
        r.errors[c, q, 2] += (error - r.errors[c, q, 2]) >> 2
    r.last[c, 1] = r.last[c, 0]
    r.last[c, 0] = (value << POINT) - r.means[K]
