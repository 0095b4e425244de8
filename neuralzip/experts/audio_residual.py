"""One sample, given several predictions of it, as a path of binary decisions through the mixing engine.

Each prediction, and a blend of them that favours those with small recent errors, is the centre of three logistic
distributions whose scales follow its recent, its longer and its latest errors. The path starts at the blend:

    not below it?  ->  outward in steps of about half the mean error, "stop here?" each (steps double later on)
                   ->  the bits of the place within the step, highest first

For the first decisions each distribution gives one logit and every context two more; gated mixers and two adaptive
probability maps join them. The lowest bits, nearly uniform, follow the blend alone or are stored.

Contexts: recent errors against longer ones, the last two errors, the partner channel's last error, level, how far
predictions disagree. Fixed point: predictions and distances in 2**-8, mean errors in 2**-16, logits in 1/256 nat.
C channels, K predictions, Q = K + 1 centres.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts import apm, mixer
from neuralzip.experts.apm import adapt, refine
from neuralzip.experts.audio_bank import PREDICTIONS
from neuralzip.experts.audio_logistic import log_expm1, softplus
from neuralzip.experts.bits import BitCoder, code_bit, drop, peek, put
from neuralzip.experts.counters import NODE_NEW, node_p, node_updated
from neuralzip.experts.logistic import P_ONE, clamp_st, squash, stretch
from neuralzip.experts.mixer import Mixer, learn, mix, select, select_final

Longs = npt.NDArray[np.int64]

K = PREDICTIONS
Q = K + 1
SCALES = 3
LOGITS = SCALES * Q
POINT = 8
NODES = 16
"""Decisions with weights of their own: 0 side, 1..13 steps outward, 14 and 15 the first bits within a step."""
_STEP_NODES = 13
_LOW_NODE = 14
_DOUBLING = 11
ROLES = 2
"""What is learnt across files is kept apart for the first (or only) channel of a group and the second."""
_CONTEXT_SIZES = np.array([NODES * 3 * size for size in (16, 64, 64, 32, 128, 128, 128, 16)])
_CONTEXTS = len(_CONTEXT_SIZES)
_CONTEXT_STARTS = np.cumsum(_CONTEXT_SIZES) - _CONTEXT_SIZES
_CONTEXT_NODES = int(_CONTEXT_SIZES.sum())
_SETS = (NODES * 16, NODES * 64, NODES * 32)
_MAPS = (NODES * 3 * 16, NODES * 3 * 32)
_INPUTS = (LOGITS + 1 + 2 * _CONTEXTS + 7) // 8 * 8
_LIGHT_INPUTS = (LOGITS + 1 + 7) // 8 * 8
_BIAS = 77
_RATE = 0.005
_FINAL_RATE = 0.005
_LIMIT = 127
_FARTHEST = 1 << 34
MAX_DECISIONS = 96
"""Bound on what the coder is given for one sample: 1 side, under 46 steps, up to 35 bits within, 3 flat parts."""
_MAX_ERROR = 1 << 40
_MAX_DISTANCE = (1 << 36) - 1
_FLAT = 10
"""Bits within a step are stored once the blend's scale is this many times the width left."""

(_C, _RATIO, _LAST1, _LAST2, _PARTNER, _LEVEL, _APART, _SHAPE, _PHASE, _SIGN1, _SIGN2, _SIDE) = range(12)


class Residual(NamedTuple):
    """Adaptive state of all channels of a group; make it with `new_residual`.

    Attributes:
        mixer: gated mixers, rows by role.
        nodes: [ROLES * _CONTEXT_NODES] adaptive probabilities.
        maps: [ROLES * sum(_MAPS), KNOTS] adaptive probability maps.
        errors: [C, Q, SCALES] mean absolute errors of the centres: recent, longer and latest, in 2**-16.
        last: [C, 2] the blend's last two errors in 2**-POINT.
        means: [Q] centres in 2**-POINT; the first K are to be filled before `code_sample`.
        inverse: [LOGITS] 2**40 over the scales in 2**-16: turns distances into logits.
        offsets: [Q] distance of the start of the path from each centre, outward.
        facts: [12] what contexts are made of.
        slots: [contexts] nodes in use for this decision.
        light: one set of mixers, no counters, no maps.
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


class Prior(NamedTuple):
    """What was learnt from other recordings: weights and final of the mixer, nodes and maps of a Residual."""

    weights: npt.NDArray[np.int32]
    final: npt.NDArray[np.int32]
    nodes: npt.NDArray[np.uint32]
    maps: npt.NDArray[np.int32]


def new_residual(channels: int, light: bool = False, prior: Prior | None = None) -> Residual:
    """Return the state of channels that have not begun.

    Args:
        channels: one or two.
        light: leave out counters and maps.
        prior: where the rest starts from.
    """
    sizes = tuple(size * ROLES for size in (_SETS[:1] if light else _SETS))
    inputs = _LIGHT_INPUTS if light else _INPUTS
    residual = Residual(
        mixer=mixer.new_mixer(inputs, sizes, NODES * ROLES, 1.1 / LOGITS, _RATE, _FINAL_RATE),
        nodes=np.full(0 if light else ROLES * _CONTEXT_NODES, NODE_NEW, np.uint32),
        maps=apm.new_maps(0 if light else ROLES * sum(_MAPS)),
        errors=np.full((channels, Q, SCALES), 50 << 16, np.int64),
        last=np.zeros((channels, 2), np.int64),
        means=np.zeros(Q, np.int64),
        inverse=np.zeros(LOGITS, np.int64),
        offsets=np.zeros(Q, np.int64),
        facts=np.zeros(12, np.int64),
        slots=np.zeros(_CONTEXTS, np.int64),
        light=light,
    )
    if prior is not None:
        for part, start in zip(parts(residual), prior, strict=True):
            part[:] = start
    return residual


def parts(residual: Residual) -> Prior:
    """Return what a state has learnt that holds for other recordings too (the arrays themselves)."""
    return Prior(residual.mixer.weights, residual.mixer.final, residual.nodes, residual.maps)


@inner
def _log2(x: int) -> int:
    """Return about 8 * log2(x) for x >= 1, linear between powers of two."""
    top = 0
    for step in (32, 16, 8, 4, 2, 1):
        if x >> (top + step):
            top += step
    return 8 * top + ((x << 3 >> top) & 7)


@inner
def code_sample(r: Residual, coder: BitCoder, c: int, partner: int, value: int) -> int:
    """Code sample `value` of channel c around r.means (ignored in decoding) and learn from it.

    Args:
        r: adaptive state.
        coder: encoder or decoder.
        c: channel.
        partner: the other channel of the pair, c itself where there is none.
        value: the sample, in encoding.

    Returns:
        the sample.
    """
    _blend(r, c)
    width = _prepare(r, c, partner)
    base = (r.means[K] + (1 << (POINT - 1))) >> POINT
    start = (base << POINT) - (1 << (POINT - 1))
    for q in range(Q):
        r.offsets[q] = min(max(start - r.means[q], -_MAX_DISTANCE), _MAX_DISTANCE)
    above = _code_side(r, coder, 1 if value >= base else 0)
    if not above:
        for q in range(Q):
            r.offsets[q] = -r.offsets[q]
    distance = _code_distance(r, coder, value - base if above else base - 1 - value, width)
    value = base + distance if above else base - 1 - distance
    _learn_errors(r, c, value)
    return value


@inner
def _blend(r: Residual, c: int) -> None:
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
def _prepare(r: Residual, c: int, partner: int) -> np.int64:
    """Set scales and facts; return the width of the first steps, a power of two."""
    for q in range(Q):
        recent, longer = r.errors[c, q, 0], r.errors[c, q, 1]
        r.inverse[q] = (np.int64(1) << 40) // (((27 * recent + 8 * longer) >> 6) + 9830)
        r.inverse[Q + q] = (np.int64(1) << 40) // (((29 * longer) >> 6) + 9830)
        r.inverse[2 * Q + q] = (np.int64(1) << 40) // (((27 * r.errors[c, q, 2] + 8 * recent) >> 6) + 9830)
    recent, longer = r.errors[c, K, 0], r.errors[c, K, 1]
    scale = (6 * recent + 4 * longer) // 10 + 1
    shift = 0
    while (np.int64(2) << (16 + shift)) < scale * 7 // 10:
        shift += 1
    width = np.int64(1) << shift
    fine = POINT + shift
    facts = r.facts
    facts[_C] = c
    facts[_RATIO] = min(max((3 * (_log2(recent + 1) - _log2(longer + 656)) >> 3) + 8, 0), 15)
    facts[_LEVEL] = min(max((_log2(scale + 19661) >> 2) - 28, 0), 31)
    facts[_LAST1] = min(7, (3 * abs(r.last[c, 0])) >> (fine + 1))
    facts[_LAST2] = min(7, (3 * abs(r.last[c, 1])) >> (fine + 1))
    facts[_PARTNER] = min(7, (3 * abs(r.last[partner, 0])) >> (fine + 1))
    facts[_APART] = min(7, (abs(r.means[0] - r.means[K - 1]) << 2) >> fine)
    facts[_SHAPE] = ((6 * scale) >> (16 + shift)) & 15
    facts[_PHASE] = ((r.means[K] + (1 << (POINT - 1))) >> (POINT - 4)) & 15
    facts[_SIGN1] = 1 if r.last[c, 0] > 0 else 0
    facts[_SIGN2] = 1 if r.last[partner, 0] > 0 else 0
    facts[_SIDE] = 0
    return width


@inner
def _logit(r: Residual, q: int, distance: int) -> int:
    """Return a distance in 2**-POINT over scale q, in 1/256 nat, within about +-2**14."""
    return min(max((min(max(distance, -_MAX_DISTANCE), _MAX_DISTANCE) * r.inverse[q]) >> 24, -16384), 16383)


@inner
def _code_side(r: Residual, coder: BitCoder, bit: int) -> int:
    """Code whether the sample is at or above the start of the path."""
    for q in range(LOGITS):
        r.mixer.inputs[q] = clamp_st(-_logit(r, q, r.offsets[q % Q]))
    bit = _decide(r, coder, bit, 0)
    r.facts[_SIDE] = 1 + bit
    return bit


@inner
def _code_distance(r: Residual, coder: BitCoder, distance: int, width: int) -> int:
    """Code a distance >= 0 from the start of the path."""
    at = np.int64(0)
    step = 0
    while at < _FARTHEST:
        for q in range(LOGITS):
            near = _logit(r, q, r.offsets[q % Q] + (at << POINT))
            wide = _logit(r, q, width << POINT)
            r.mixer.inputs[q] = clamp_st(log_expm1(wide) - softplus(-near))
        if _decide(r, coder, 1 if distance < at + width else 0, 1 + min(step, _STEP_NODES - 1)):
            break
        at += width
        step += 1
        if step >= _DOUBLING:
            width <<= 1
    return _code_within(r, coder, distance, at, width)


@inner
def _code_within(r: Residual, coder: BitCoder, distance: int, at: int, width: int) -> int:
    """Code the place of a distance within [at, at + width)."""
    node = _LOW_NODE
    while width > 1:
        if node == NODES and ((width << POINT) * r.inverse[K]) >> 24 < 256 // _FLAT:
            return _code_flat(coder, distance, at, width)
        half = width >> 1
        if node < NODES:
            for q in range(LOGITS):
                r.mixer.inputs[q] = _half_logit(r, q, at, width)
            bit = _decide(r, coder, 1 if distance < at + half else 0, node)
            node += 1
        else:
            bit = code_bit(coder, 1 if distance < at + half else 0, squash(_half_logit(r, K, at, width)))
        if not bit:
            at += half
        width = half
    return at


@inner
def _half_logit(r: Residual, q: int, at: int, width: int) -> int:
    near = _logit(r, q, r.offsets[q % Q] + (at << POINT))
    wide = _logit(r, q, width << POINT)
    return clamp_st(softplus(near + wide) - softplus(near) - (wide >> 1))


@inner
def _code_flat(coder: BitCoder, distance: int, at: int, width: int) -> int:
    """Code a place within [at, at + width), all alike; at most 16 bits at a time."""
    while width > 1:
        part = int(min(width, 1 << 16))
        size = width // part
        freq = (np.int64(1) << 24) // part
        if coder.decoding:
            place = peek(coder) // freq
            drop(coder, place * freq, freq)
        else:
            place = (distance - at) // size
            put(coder, place * freq, freq)
        at += place * size
        width = size
    return at


@inner
def _choose_contexts(r: Residual, node: int) -> None:
    """Choose the counters and the mixers' rows for one decision."""
    f, slots = r.facts, r.slots
    row = f[_C] * NODES + node
    select(r.mixer, 0, row * 16 + f[_RATIO])
    select_final(r.mixer, row)
    if r.light:
        return
    here = node * 3 + f[_SIDE]
    last1, partner = f[_LAST1], f[_PARTNER]
    if node == 0:  # only here the signs of errors matter
        last1, partner = (last1 >> 1) + 4 * f[_SIGN1], (partner >> 1) + 4 * f[_SIGN2]
    slots[0] = here * 16 + f[_RATIO]
    slots[1] = (here * 8 + last1) * 8 + f[_LAST2]
    slots[2] = (here * 8 + partner) * 8 + last1
    slots[3] = here * 32 + f[_LEVEL]
    slots[4] = (here * 8 + f[_APART]) * 16 + f[_RATIO]
    slots[5] = (here * 16 + f[_SHAPE]) * 8 + last1
    slots[6] = (here * 16 + f[_RATIO]) * 8 + partner
    slots[7] = here * 16 + f[_PHASE]
    for i in range(_CONTEXTS):
        slots[i] += f[_C] * _CONTEXT_NODES + _CONTEXT_STARTS[i]
    select(r.mixer, 1, (row * 8 + last1) * 8 + f[_LAST2])
    select(r.mixer, 2, row * 32 + f[_LEVEL])


@inner
def _decide(r: Residual, coder: BitCoder, bit: int, node: int) -> int:
    """Code one decision whose first LOGITS inputs are set, and learn from it."""
    _choose_contexts(r, node)
    r.mixer.inputs[LOGITS] = _BIAS
    if r.light:
        mixed = mix(r.mixer)
        bit = code_bit(coder, bit, squash(mixed))
        learn(r.mixer, bit, mixed)
        return bit
    _consult(r)
    mixed = mix(r.mixer)
    f = r.facts
    here = (f[_C] * NODES + node) * 3 + f[_SIDE]
    first = here * 16 + f[_RATIO] + f[_C] * _MAPS[1]
    second = (here * 4 + (f[_PARTNER] >> 1)) * 8 + f[_APART] + (f[_C] + 1) * _MAPS[0]
    p = (2 * squash(mixed) + refine(r.maps, first, mixed) + refine(r.maps, second, mixed) + 2) >> 2
    bit = code_bit(coder, bit, min(max(p, 1), P_ONE - 1))
    learn(r.mixer, bit, mixed)
    adapt(r.maps, first, mixed, bit, 6)
    adapt(r.maps, second, mixed, bit, 6)
    for i in range(_CONTEXTS):
        r.nodes[r.slots[i]] = node_updated(r.nodes[r.slots[i]], bit, _LIMIT)
    return bit


@inner
def _consult(r: Residual) -> None:
    """Set the counters' inputs: of each the logit, and how far it is from one half."""
    inputs = r.mixer.inputs
    for i in range(_CONTEXTS):
        p = node_p(r.nodes[r.slots[i]])
        inputs[LOGITS + 1 + 2 * i] = stretch(p)
        inputs[LOGITS + 2 + 2 * i] = (p - P_ONE // 2) >> 7


@inner
def _learn_errors(r: Residual, c: int, value: int) -> None:
    """Move the mean errors and the blend's last errors."""
    for q in range(Q):
        error = min(abs((value << POINT) - r.means[q]), _MAX_ERROR) << 8
        r.errors[c, q, 0] += (error - r.errors[c, q, 0]) >> 4
        r.errors[c, q, 1] += (error - r.errors[c, q, 1]) >> 8
        r.errors[c, q, 2] += (error - r.errors[c, q, 2]) >> 2
    r.last[c, 1] = r.last[c, 0]
    r.last[c, 0] = (value << POINT) - r.means[K]
