"""Code one sample as binary decisions on its residual: zero, sign, bucket after bucket, place in the bucket.

For each decision, every centre's logistic and every context's counter gives an opinion; gated mixers join them and
two correction stages follow. The same loop encodes and decodes.
"""

import numpy as np

from neuralzip.exact.compiled import inner, merged
from neuralzip.experts.apm import adapt, refine
from neuralzip.experts.bits import BitCoder, code_bit
from neuralzip.experts.counters import MAP_STATES, map_p, map_updated, node_count, node_p, node_state, node_updated
from neuralzip.experts.image_cues import SIGN, STOP, UPPER, ZERO, fill_cues, learn_cues
from neuralzip.experts.image_logistic import sign_logit, stop_logit, upper_logit, zero_logit
from neuralzip.experts.image_opinion import mass_below
from neuralzip.experts.image_state import (
    APART,
    AROUND,
    BASE,
    CENTRE,
    CENTRES,
    DIRECT,
    ENERGIES,
    ENERGY,
    EXTRA,
    FRACTION,
    HASHED,
    HEARD,
    HISTORIES,
    LARGE_MAPS,
    LEADER,
    LIMITS,
    NODES,
    PLANE,
    PLANES,
    SLOTS,
    SMALL_MAPS,
    Ints,
    State,
    Words,
)
from neuralzip.experts.logistic import squash, stretch
from neuralzip.experts.mixer import learn, mix
from neuralzip.experts.odds import ALL, odds
from neuralzip.experts.prefetch import prefetch

SINGLES = 8
"""Buckets of one value each; after them come pairs of buckets of width 2, 4, 8 ..."""
_OWN_NODES = 6
"""Buckets to either side with a counter of their own in a slot."""
_SURE = 6
"""A counter seen this often is fully trusted."""
_TRUST = np.array([(min(n, _SURE) * 256) // _SURE for n in range(128)], np.int64)
_LIMIT = 127
_HISTORY_LIMIT = 1023


@inner
def width_bits(bucket: int) -> int:
    """Return log2 of the width of the bucket, counted from 1."""
    return 0 if bucket <= SINGLES else (bucket - SINGLES + 1) // 2


@merged
def _opinion(kind: int, centre: int, scale: int, start: int, bits: int) -> int:
    """Return what a logistic says of a decision."""
    if kind == ZERO:
        return zero_logit(centre, scale)
    if kind == SIGN:
        return sign_logit(centre, scale)
    if kind == STOP:
        return stop_logit(centre, scale, start, bits)
    return upper_logit(centre, scale, start, bits)


@merged
def _fill_logistics(
    inputs: Words, scratch: Ints, count: int, kind: int, negative: int, start: int, bits: int
) -> None:
    """Enter every centre's opinion, and the best one's with a narrower scale."""
    offset = scratch[BASE] * 64
    for k in range(count + 1):
        which = k if k < count else count - 2
        centre = scratch[CENTRE + which] - offset
        if negative:
            centre = -centre
        scale = scratch[CENTRE + count + which]
        inputs[k] = _opinion(kind, centre, scale if k < count else max(scale - 4, 0), start, bits)


@inner
def _tail(mixture: Words, limits: Ints, base: int, negative: int, reach: int) -> np.int64:
    """Return the mass of all residuals of a sign and of at least `reach` > 0."""
    if negative:
        return mass_below(mixture, base - reach + 1) if base - reach >= limits[0] else np.int64(0)
    return ALL - mass_below(mixture, base + reach) if base + reach <= limits[1] else np.int64(0)


@inner
def _net_opinion(mixture: Words, limits: Ints, base: int, kind: int, negative: int, start: int, bits: int) -> int:
    """Return what a net's mixture says of a decision."""
    if kind == ZERO or kind == SIGN:
        above, below = _tail(mixture, limits, base, 0, 1), _tail(mixture, limits, base, 1, 1)
        return odds(above, below) if kind == SIGN else odds(ALL - above - below, above + below)
    near, far = (
        _tail(mixture, limits, base, negative, start),
        _tail(mixture, limits, base, negative, start + (1 << bits)),
    )
    if kind == STOP:
        return odds(near - far, far)
    middle = _tail(mixture, limits, base, negative, start + (1 << (bits - 1)))
    return odds(middle - far, near - middle)


@merged
def _fill_net(state: State, mixture: Words, kind: int, step: int, negative: int, start: int, bits: int) -> None:
    """Enter the net's opinion, if there is a net, and what it turned out to mean."""
    if mixture.shape[1] == 0:
        return
    scratch, inputs, first = state.scratch, state.mixer.inputs, state.shape[CENTRES] + 1
    limits = LIMITS + 2 * scratch[PLANE]
    logit = _net_opinion(mixture, state.shape[limits : limits + 2], scratch[BASE], kind, negative, start, bits)
    inputs[first] = logit
    inputs[first + 1] = stretch(refine(state.maps, _net_map(state, step), logit))


@inner
def _net_map(state: State, step: int) -> int:
    """Return the correction of the net's opinion on a decision."""
    row = (state.shape[PLANES] + state.scratch[PLANE]) * NODES + step
    return state.shape[PLANES] * LARGE_MAPS + row * ENERGIES + state.scratch[ENERGY]


@merged
def _fill_counters(state: State, node: int) -> None:
    """Enter every counter's logit, weaker where it has seen little."""
    inputs, scratch = state.mixer.inputs, state.scratch
    k = state.shape[CENTRES] + 1 + EXTRA
    for i in range(DIRECT + HASHED):
        place = scratch[SLOTS + i] + node
        counter = state.nodes[place] if i < DIRECT else state.table[place]
        p, trust = node_p(counter), _TRUST[node_count(counter)]
        inputs[k] = (stretch(p) * trust) >> 8
        k += 1
    inputs[k] = 77
    k += 1 + len(state.cues.places)
    for i in range(len(state.heard)):
        counter = state.table[scratch[SLOTS + DIRECT + HEARD[i]] + node]
        state.heard[i] = (i * HISTORIES + min(node - 1, HISTORIES - 1)) * MAP_STATES + node_state(counter)
        inputs[k + i] = stretch(map_p(state.histories[state.heard[i]])) if node_count(counter) else 0


@merged
def _clear_counters(state: State) -> None:
    """Enter no opinion for every counter."""
    first = state.shape[CENTRES] + 1 + EXTRA
    for k in range(first, first + (DIRECT + HASHED)):
        state.mixer.inputs[k] = 0
    first += DIRECT + HASHED + 1 + len(state.cues.places)
    for k in range(first, first + len(state.heard)):
        state.mixer.inputs[k] = 0


@merged
def _learn_counters(state: State, node: int, bit: int) -> None:
    """Let every counter of a node see a bit."""
    scratch, nodes, table = state.scratch, state.nodes, state.table
    for place in state.heard:
        state.histories[place] = map_updated(state.histories[place], bit, _HISTORY_LIMIT)
    for i in range(DIRECT):
        place = scratch[SLOTS + i] + node
        nodes[place] = node_updated(nodes[place], bit, _LIMIT)
    for i in range(DIRECT, DIRECT + HASHED):
        place = scratch[SLOTS + i] + node
        table[place] = node_updated(table[place], bit, _LIMIT)


@merged
def _select_rows(state: State, step: int) -> None:
    """Choose the weight rows of a decision; `step` < NODES is its kind."""
    mixer, scratch = state.mixer, state.scratch
    energy = scratch[ENERGY]
    node = scratch[PLANE] * NODES + step
    rows, offsets = mixer.rows, mixer.offsets
    rows[0] = offsets[0] + node * ENERGIES + energy
    rows[1] = offsets[1] + node * 16 + scratch[LEADER]
    rows[2] = offsets[2] + node * 64 + scratch[AROUND]
    rows[3] = offsets[3] + node * 64 + scratch[FRACTION] * 8 + (energy >> 1)
    rows[4] = offsets[4] + node * 64 + scratch[APART] * 8 + (energy >> 1)
    if len(state.cues.places) > 0:
        rows[4] = offsets[4] + node * 64 + state.cues.votes[0]
    rows[5] = node * ENERGIES + energy
    if len(mixer.mixed) > 1:
        rows[6] = offsets[6] + node * 64 + scratch[AROUND]
        rows[7] = offsets[7] + node * 64 + state.cues.votes[0]
    for which in range(5):
        for k in range(0, mixer.weights.shape[1], 16):
            prefetch(mixer.weights, rows[which] * mixer.weights.shape[1] + k)


@merged
def _decide(state: State, coder: BitCoder, bit: int, step: int, node: int) -> int:
    """Code a decision whose logistic inputs are there; learn from it."""
    mixer, scratch, maps = state.mixer, state.scratch, state.maps
    _select_rows(state, step)
    if node:
        _fill_counters(state, node)
    else:
        _clear_counters(state)
    mixed = mix(mixer)
    row = scratch[PLANE] * NODES + step
    small = row * ENERGIES + scratch[ENERGY]
    large = state.shape[PLANES] * SMALL_MAPS + (row << 10) + ((scratch[AROUND] << 4) | scratch[LEADER])
    p = (2 * squash(mixed) + refine(maps, small, mixed) + refine(maps, large, mixed) + 2) >> 2
    bit = code_bit(coder, bit, min(max(p, 1), 65535))
    adapt(maps, small, mixed, bit, 6)
    adapt(maps, large, mixed, bit, 6)
    learn(mixer, bit)
    if state.mixtures.shape[3]:
        adapt(maps, _net_map(state, step), mixer.inputs[state.shape[CENTRES] + 1], bit, 6)
    learn_cues(state.cues, bit)
    if node:
        _learn_counters(state, node, bit)
    return bit


@inner
def _certain(kind: int, base: int, most: int, low: int, high: int, reach: int) -> int:
    """Return the only possible outcome of a decision, or -1: `reach` is what a no (a yes, if UPPER) needs."""
    if kind == SIGN:
        return 1 if base == low else 0 if base == high else -1
    if kind == STOP and reach > most:
        return 1
    if kind == UPPER and reach > most:
        return 0
    return -1


@inner
def _step_and_node(kind: int, bucket: int, negative: int) -> tuple[np.int64, np.int64]:
    """Return the kind of decision for mixers, and the word of a slot that counts it (0 for none)."""
    if kind == ZERO:
        return np.int64(0), np.int64(1)
    if kind == SIGN:
        return np.int64(1), np.int64(2)
    if kind == UPPER:
        return np.int64(NODES - 2 + negative), np.int64(0)
    node = 2 + bucket + _OWN_NODES * negative if bucket <= _OWN_NODES else 0
    return np.int64(2 + 2 * min(bucket - 1, SINGLES + 1) + negative), np.int64(node)


@merged
def code_residual(state: State, coder: BitCoder, value: int, mixture: Words) -> int:
    """Code a sample whose centres and contexts are there; return it."""
    shape, scratch = state.shape, state.scratch
    base, limits = scratch[BASE], LIMITS + 2 * scratch[PLANE]
    low, high = shape[limits], shape[limits + 1]
    if low == high:
        return low
    size, wanted = abs(value - base), np.int64(value == base)
    kind, negative, start, bucket, bits, reach, most = ZERO, 0, 1, 1, 0, 0, high - low
    while True:
        bit = _certain(kind, base, most, low, high, reach)
        if bit < 0:
            step, node = _step_and_node(kind, bucket, negative)
            _fill_logistics(state.mixer.inputs, scratch, shape[CENTRES], kind, negative, start, bits)
            _fill_net(state, mixture, kind, step, negative, start, bits)
            first = shape[CENTRES] + 1 + EXTRA + DIRECT + HASHED + 1
            fill_cues(state.cues, state.mixer.inputs, first, kind, negative, start, bits, reach)
            bit = _decide(state, coder, wanted, step, node)
        if kind == ZERO:
            if bit:
                return base
            kind, wanted = SIGN, np.int64(value > base)
            continue
        if kind == SIGN:
            kind, negative = STOP, 1 - bit
            most = base - low if negative else high - base
        elif kind == STOP:
            if bit:
                kind = UPPER
            else:
                start += 1 << bits
                bucket += 1
                bits = width_bits(bucket)
        else:
            bits -= 1
            if bit:
                start += 1 << bits
        if kind == UPPER:
            if bits == 0:
                return base - start if negative else base + start
            reach = start + (1 << (bits - 1))
            wanted = np.int64(size >= reach)
        else:
            reach = start + (1 << bits)
            wanted = np.int64(size < reach)
