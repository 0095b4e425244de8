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

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.experts.apm import adapt, refine
from neuralzip.experts.audio_logistic import log_expm1, softplus
from neuralzip.experts.audio_opinion import half_logit, pass_on, set_out, side_logit, stop_logit, take_half
from neuralzip.experts.audio_state import (
    CONTEXT_NODES,
    CONTEXT_STARTS,
    CONTEXTS,
    LOGITS,
    MAPS,
    NET,
    NODES,
    POINT,
    ROLES,
    K,
    Q,
    Residual,
    inverse_of,
    learn_errors,
    log2_eighths,
    running_scale,
)
from neuralzip.experts.bits import BitCoder, code_bit, drop, peek, put
from neuralzip.experts.counters import node_p, node_updated
from neuralzip.experts.logistic import P_ONE, clamp_st, squash, stretch
from neuralzip.experts.mixer import learn, mix, select, select_final

_STEP_NODES = 13
_LOW_NODE = 14
_DOUBLING = 11
_BIAS = 77
_LIMIT = 127
_FARTHEST = 1 << 34
MAX_DECISIONS = 96
"""Bound on what the coder is given for one sample: 1 side, under 46 steps, up to 35 bits within, 3 flat parts."""
_MAX_DISTANCE = (1 << 36) - 1
_FLAT = 10
"""Bits within a step are stored once the blend's scale is this many times the width left."""

(_C, _RATIO, _LAST1, _LAST2, _PARTNER, _LEVEL, _APART, _SHAPE, _PHASE, _SIGN1, _SIGN2, _SIDE) = range(12)


@inner
def code_sample(r: Residual, coder: BitCoder, c: int, partner: int, value: int, zeros: int) -> int:
    """Code sample `value` of channel c (ignored in decoding) around r.means, after `blend`, and learn from it.

    Args:
        r: adaptive state.
        coder: encoder or decoder.
        c: channel.
        partner: the other channel of the pair, c itself where there is none.
        value: the sample, in encoding.
        zeros: low bits of the sample that are known to be zero; the path goes in steps of 2**zeros.

    Returns:
        the sample.
    """
    unit = np.int64(1) << zeros
    width = max(prepare(r, c, partner), unit)
    base = (r.means[K] + (unit << (POINT - 1))) >> (POINT + zeros) << zeros
    start = (base << POINT) - (unit << (POINT - 1))
    for q in range(Q):
        r.offsets[q] = min(max(start - r.means[q], -_MAX_DISTANCE), _MAX_DISTANCE)
    above = _code_side(r, coder, 1 if value >= base else 0)
    if not above:
        for q in range(Q):
            r.offsets[q] = -r.offsets[q]
    distance = _code_distance(r, coder, value - base if above else base - unit - value, width, unit)
    value = base + distance if above else base - unit - distance
    learn_errors(r, c, value)
    return value


@inner
def prepare(r: Residual, c: int, partner: int) -> np.int64:
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
    facts[_RATIO] = min(max((3 * (log2_eighths(recent + 1) - log2_eighths(longer + 656)) >> 3) + 8, 0), 15)
    facts[_LEVEL] = min(max((log2_eighths(scale + 19661) >> 2) - 28, 0), 31)
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
    said = side_logit(r.opinion, inverse_of(running_scale(r, r.facts[_C])), r.offsets[K])
    bit = _decide(r, coder, bit, 0, said)
    set_out(r.opinion, bit)
    r.facts[_SIDE] = 1 + bit
    return bit


@inner
def _code_distance(r: Residual, coder: BitCoder, distance: int, width: int, unit: int) -> int:
    """Code a distance >= 0 from the start of the path, a multiple of the unit as width is."""
    at = np.int64(0)
    step = 0
    while at < _FARTHEST:
        for q in range(LOGITS):
            near = _logit(r, q, r.offsets[q % Q] + (at << POINT))
            wide = _logit(r, q, width << POINT)
            r.mixer.inputs[q] = clamp_st(log_expm1(wide) - softplus(-near))
        said = stop_logit(r.opinion, r.offsets[K] + ((at + width) << POINT))
        if _decide(r, coder, 1 if distance < at + width else 0, 1 + min(step, _STEP_NODES - 1), said):
            break
        pass_on(r.opinion)
        at += width
        step += 1
        if step >= _DOUBLING:
            width <<= 1
    return _code_within(r, coder, distance, at, width, unit)


@inner
def _code_within(r: Residual, coder: BitCoder, distance: int, at: int, width: int, unit: int) -> int:
    """Code the place of a distance within [at, at + width)."""
    node = _LOW_NODE
    while width > unit:
        if node == NODES and ((width << POINT) * r.inverse[K]) >> 24 < 256 // _FLAT:
            return _code_flat(coder, distance, at, width, unit)
        half = width >> 1
        if node < NODES:
            for q in range(LOGITS):
                r.mixer.inputs[q] = _half_logit(r, q, at, width)
            said = half_logit(r.opinion, r.offsets[K] + ((at + half) << POINT))
            bit = _decide(r, coder, 1 if distance < at + half else 0, node, said)
            take_half(r.opinion, bit)
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
def _code_flat(coder: BitCoder, distance: int, at: int, width: int, unit: int) -> int:
    """Code a place within [at, at + width), all alike; at most 16 bits at a time."""
    while width > unit:
        part = int(min(width // unit, 1 << 16))
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
    select_final(r.mixer, 0, row)
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
    for i in range(CONTEXTS):
        slots[i] += f[_C] * CONTEXT_NODES + CONTEXT_STARTS[i]
    select(r.mixer, 1, (row * 8 + last1) * 8 + f[_LAST2])
    select(r.mixer, 2, row * 32 + f[_LEVEL])


@inner
def _decide(r: Residual, coder: BitCoder, bit: int, node: int, said: int) -> int:
    """Code one decision whose first LOGITS inputs are set, of which a net says `said`, and learn from it."""
    _choose_contexts(r, node)
    r.mixer.inputs[LOGITS] = _BIAS
    if r.light:
        mixed = mix(r.mixer)
        bit = code_bit(coder, bit, squash(mixed))
        learn(r.mixer, bit)
        return bit
    _consult(r)
    f = r.facts
    heard = (f[_C] * NODES + node) * 16 + f[_RATIO] + ROLES * (MAPS[0] + MAPS[1])
    if r.opinion.mixture.shape[1]:
        r.mixer.inputs[NET] = said
        r.mixer.inputs[NET + 1] = stretch(refine(r.maps, heard, said))
    mixed = mix(r.mixer)
    here = (f[_C] * NODES + node) * 3 + f[_SIDE]
    first = here * 16 + f[_RATIO] + f[_C] * MAPS[1]
    second = (here * 4 + (f[_PARTNER] >> 1)) * 8 + f[_APART] + (f[_C] + 1) * MAPS[0]
    p = (6 * squash(mixed) + refine(r.maps, first, mixed) + refine(r.maps, second, mixed) + 4) >> 3
    bit = code_bit(coder, bit, min(max(p, 1), P_ONE - 1))
    learn(r.mixer, bit)
    adapt(r.maps, first, mixed, bit, 6)
    adapt(r.maps, second, mixed, bit, 6)
    if r.opinion.mixture.shape[1]:
        adapt(r.maps, heard, said, bit, 6)
    for i in range(CONTEXTS):
        r.nodes[r.slots[i]] = node_updated(r.nodes[r.slots[i]], bit, _LIMIT)
    return bit


@inner
def _consult(r: Residual) -> None:
    """Set the counters' inputs: of each the logit, and how far it is from one half."""
    inputs = r.mixer.inputs
    for i in range(CONTEXTS):
        p = node_p(r.nodes[r.slots[i]])
        inputs[LOGITS + 1 + 2 * i] = stretch(p)
        inputs[LOGITS + 2 + 2 * i] = (p - P_ONE // 2) >> 7
