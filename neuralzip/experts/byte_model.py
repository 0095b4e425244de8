"""The byte model: a byte is a path of eight decisions, each mixed from contexts, a match and a net.

    for lane in lanes:                     # at one time step, in order; all lanes share what is learnt
        hash the lane's contexts
        for each bit from the highest:     # node 1, 2..3, 4..7, ... of the tree over the 256 values
            opinions -> mixer -> probability maps -> code the bit -> learn

What the byte values say depends on the file, but what a counter's state, a match length or a mixer's context says
is much the same everywhere: a block starts from those parts as they were after training (`byte_prior`).

L lanes, S steps. The net's opinion is 256 logits for each lane and step; their exponentials are summed up over the
tree.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner, merged
from neuralzip.experts import apm, counters, match, mixer
from neuralzip.experts.bits import BitCoder, code_bit
from neuralzip.experts.byte_contexts import (
    CONTEXTS,
    END,
    EXPECTED,
    FIELD,
    POSITION,
    PRIMED,
    TOKEN,
    Lanes,
    aligned,
    back,
    follow,
    hash_contexts,
    new_lanes,
)
from neuralzip.experts.byte_prior import Learned
from neuralzip.experts.logistic import P_ONE, clamp_st, exp_weight, squash, stretch
from neuralzip.experts.prefetch import prefetch
from neuralzip.experts.primer import Primer, bucket_of, no_primer, prime

NET_INPUTS = 2
PLAIN_INPUTS = 3
INPUTS = 2 * CONTEXTS + PLAIN_INPUTS + NET_INPUTS
_MATCH, _ORDER0, _BIAS, _NET = 2 * CONTEXTS, 2 * CONTEXTS + 1, 2 * CONTEXTS + 2, 2 * CONTEXTS + 3
_PLACES = 64
"""Fields, or else tokens, of a line that are told apart."""
_SETS = (256 * 3, 256 * 8, match.LENGTH_CLASSES * 8 * 4, 2048, 24 * 8 * 2, _PLACES * 9 * 2, 257 * 8, 2048)
_FINAL_SETS = (256, match.LENGTH_CLASSES * 8 * 8, 256, _PLACES * 9 * 2)
RATE = 8
"""A learning rate of the mixer that suits text."""
_HASTE = (8, 2)
"""How much faster its rows learn at first."""
_COUNT_LIMIT = 127
_MAP_LIMIT = 1023
_ORDER1 = 256
_ORDER2 = _ORDER1 + (1 << 16)
_PLACE = _ORDER2 + (1 << 16)
"""First probability maps by the last byte, the last two and the place in the line; those before are the net's."""
_PACE = 5
"""Probability maps move by 2**-pace towards each bit."""
_LINE = 16
"""Words of a cache line."""


class ByteModel(NamedTuple):
    """Everything that the byte model knows and learns.

    Attributes:
        text: [N] uint8, the block; bytes not yet decoded are zero when decoding.
        lanes: the lanes' contexts.
        match: the match model.
        table: hashed slots of all contexts.
        primer: what new slots start from.
        order0: [256] uint32 nodes.
        maps: [CONTEXTS, 2, MAP_STATES] uint32 history maps, for the upper and the lower nibble.
        mixer: the mixer.
        refined: [256 + 65536 + 65536 + 64 * 256, KNOTS] int32 probability maps: of the net's opinion, and the
            final ones by the last byte, by a hash of the last two and by the place in the line, of each node.
        hashes: [CONTEXTS] uint64 of the byte in work.
        nibbles: [CONTEXTS] uint64 of the nibble in work.
        slots: [CONTEXTS] int64, slots of the nibble in work.
        tree: [512] int64, the net's weights summed over the tree.
    """

    text: npt.NDArray[np.uint8]
    lanes: Lanes
    match: match.Match
    table: npt.NDArray[np.uint32]
    primer: Primer
    order0: npt.NDArray[np.uint32]
    maps: npt.NDArray[np.uint32]
    mixer: mixer.Mixer
    refined: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.uint64]
    nibbles: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.int64]
    tree: npt.NDArray[np.int64]


class Around(NamedTuple):
    """What stays as it is for the eight decisions of a byte.

    Attributes:
        expected: the byte after the match, -1 without one.
        length: class of the match's length.
        c1, c2, c3: the last bytes, the last one first.
        place: number of the field, or else of the token, in its line.
        above: the byte at this place of the line before.
    """

    expected: int
    length: int
    c1: int
    c2: int
    c3: int
    place: int
    above: int


def table_bits(size: int) -> int:
    """Return the log2 of the slots for a block of `size` bytes (64 bytes a slot, at most 256 MiB)."""
    return min(max((size * CONTEXTS).bit_length(), 14), 22)


def new_model(
    text: npt.NDArray[np.uint8],
    bounds: npt.NDArray[np.int64],
    start: Learned | None = None,
    known: Primer | None = None,
    rate: int = RATE,
) -> ByteModel:
    """Return a model of a block that has seen nothing of it.

    Args:
        text: [N] uint8, the block (encoding) or zeros (decoding); written to when decoding.
        bounds: [L + 1] int64, lane l is text[bounds[l] : bounds[l + 1]].
        start: what was learnt in training, None for the plain start.
        known: what contexts usually lead to, None for nothing.
        rate: learning rate of the mixer's first layer in 2**-12.
    """
    model = ByteModel(
        text=text,
        lanes=new_lanes(bounds),
        match=match.new_match(bounds[:-1].copy(), min(max(len(text).bit_length(), 10), 20)),
        table=counters.new_table(table_bits(len(text))),
        primer=no_primer() if known is None else known,
        order0=counters.new_nodes(256),
        maps=counters.new_maps(2 * CONTEXTS).reshape(CONTEXTS, 2, counters.MAP_STATES),
        mixer=mixer.new_mixer(INPUTS, _SETS, _FINAL_SETS, 0.14, rate / 4096, 0.002, _HASTE),
        refined=apm.new_maps(_PLACE + _PLACES * 256),
        hashes=np.zeros(CONTEXTS, np.uint64),
        nibbles=np.zeros(CONTEXTS, np.uint64),
        slots=np.zeros(CONTEXTS, np.int64),
        tree=np.zeros(512, np.int64),
    )
    if start is not None:
        for mine, theirs in zip(learned(model), start, strict=True):
            mine[...] = theirs
    return model


def learned(model: ByteModel) -> Learned:
    """Return views of the parts of a model that carry over."""
    mix = model.mixer
    return Learned(mix.weights, mix.final, model.maps, model.match.trust, model.refined[:_ORDER1])


@inner
def _grow_tree(tree: npt.NDArray[np.int64], logits: npt.NDArray[np.int32]) -> None:
    largest = logits[0]
    for value in range(1, 256):
        largest = max(largest, logits[value])
    for value in range(256):
        tree[256 + value] = exp_weight(np.int64(largest) - logits[value])
    for node in range(255, 0, -1):
        tree[node] = tree[2 * node] + tree[2 * node + 1]


@inner
def _is_known(model: ByteModel, lane: int) -> bool:
    """Say whether the byte that a lane's match points at is decoded, by whichever lane it belongs to."""
    place = model.match.pointer[lane]
    return place < model.lanes.state[match.lane_of(model.match, place), POSITION]


@merged
def _find_slots(model: ByteModel, node: int) -> None:
    """Find the slots of a nibble; node is 1 for the upper one, 16..31 for the lower one."""
    for k in range(CONTEXTS):
        context = model.hashes[k]
        if node > 1:
            context = counters.hash_step(context, node)
        model.nibbles[k] = context
        prefetch(model.table, counters.slot_of(model.table, context))
        if k < PRIMED and len(model.primer.entries):
            prefetch(model.primer.entries, bucket_of(context, len(model.primer.entries)))
    for k in range(CONTEXTS):
        context = model.nibbles[k]
        slot = counters.find_slot(model.table, context)
        if k < PRIMED and model.table[slot + 1] == counters.NODE_NEW:  # the first node of a used slot was seen
            prime(model.primer, model.table, slot, context)
        model.slots[k] = slot


@merged
def _context_opinions(model: ByteModel, place: int, half: int) -> int:
    """Fill the inputs of all contexts; return how many of the orders 2..6 have been seen before."""
    inputs = model.mixer.inputs
    seen = 0
    for k in range(CONTEXTS):
        node = model.table[model.slots[k] + place]
        count = counters.node_count(node)
        if count == 0:
            inputs[2 * k] = 0
            inputs[2 * k + 1] = 0
            continue
        if 1 <= k <= 6:
            seen += 1
        inputs[2 * k] = stretch(counters.node_p(node))
        inputs[2 * k + 1] = stretch(counters.map_p(model.maps[k, half, counters.node_state(node)]))
    return seen


@merged
def _learn_contexts(model: ByteModel, place: int, half: int, bit: int) -> None:
    for k in range(CONTEXTS):
        at = model.slots[k] + place
        node = model.table[at]
        if counters.node_count(node):
            state = counters.node_state(node)
            model.maps[k, half, state] = counters.map_updated(model.maps[k, half, state], bit, _MAP_LIMIT)
        model.table[at] = counters.node_updated(node, bit, _COUNT_LIMIT)


@merged
def _net_opinion(model: ByteModel, node: int) -> int:
    """Return the logit of a one under the net's weights, 0 without a net."""
    total = model.tree[node]
    if total == 0:
        return 0
    return stretch(min(max((model.tree[2 * node + 1] << 16) // total, 0), P_ONE - 1))


@merged
def _select_rows(model: ByteModel, around: Around, node: int, expected: int, seen: int) -> None:
    """Choose the mixer's rows; `expected` is 1 + the expected bit, 0 without one."""
    bit_index = 0
    while node >> (bit_index + 1):
        bit_index += 1
    mix, told = model.mixer, 1 if expected else 0
    length = around.length if told else 0
    c1, c2, c3 = around.c1, around.c2, around.c3
    agrees = 1 + bit_index if (around.above | 256) >> (8 - bit_index) == node else 0
    layout = (around.place * 9 + agrees) * 2 + told
    net = (clamp_st(mix.inputs[_NET]) + 3072) >> 8
    mixer.select(mix, 0, node * 3 + expected)
    mixer.select(mix, 1, c1 * 8 + bit_index)
    mixer.select(mix, 2, (length * 8 + seen) * 4 + min(bit_index, 3))
    mixer.select(mix, 3, ((c1 >> 5) << 6 | (c2 >> 5) << 3 | (c3 >> 5)) * 4 + (bit_index >> 1))
    mixer.select(mix, 4, net * 16 + bit_index * 2 + told)
    mixer.select(mix, 5, layout)
    mixer.select(mix, 6, (around.expected + 1) * 8 + bit_index)
    mixer.select(mix, 7, c2 * 8 + bit_index)
    mixer.select_final(mix, 0, node)
    mixer.select_final(mix, 1, (length * 8 + seen) * 8 + bit_index)
    mixer.select_final(mix, 2, c1)
    mixer.select_final(mix, 3, layout)


@merged
def _code_one_bit(model: ByteModel, coder: BitCoder, lane: int, node: int, around: Around, bit: int) -> int:
    """Code the decision at a node of the tree; bit is the one to encode. Returns the bit."""
    half = 0 if node < 16 else 1
    place = node if node < 16 else _inner(node)
    expected_bit = match.expected_bit(around.expected, node)
    inputs = model.mixer.inputs
    order1 = _ORDER1 + (around.c1 << 8 | node)
    order2 = _ORDER2 + ((around.c1 * 0x9E3 + around.c2 * 0x1F35 + node * 0x2F0B) & 0xFFFF)
    in_line = _PLACE + around.place * 256 + node
    for k in range(0, apm.KNOTS, _LINE):
        prefetch(model.refined, order2 * apm.KNOTS + k)
    seen = _context_opinions(model, place, half)
    inputs[_MATCH] = match.opinion(model.match, lane, expected_bit)
    inputs[_ORDER0] = stretch(counters.node_p(model.order0[node]))
    inputs[_BIAS] = 128
    net = _net_opinion(model, node)
    inputs[_NET] = net
    inputs[_NET + 1] = stretch(apm.refine(model.refined, node, net)) if net else 0
    _select_rows(model, around, node, expected_bit + 1, seen)
    mixed = mixer.mix(model.mixer)
    p = squash(mixed)
    for which in (order1, order2, in_line):
        p += apm.refine(model.refined, which, mixed)
    p >>= 2
    bit = code_bit(coder, bit, min(max(p, 1), P_ONE - 1))
    mixer.learn(model.mixer, bit)
    for which in (order1, order2, in_line):
        apm.adapt(model.refined, which, mixed, bit, _PACE)
    if net:
        apm.adapt(model.refined, node, net, bit, _PACE)
    match.learn(model.match, expected_bit, bit)
    model.order0[node] = counters.node_updated(model.order0[node], bit, _COUNT_LIMIT)
    _learn_contexts(model, place, half, bit)
    return bit


@inner
def _inner(node: int) -> int:
    """Return the place of a lower node (16..255) in its slot: 1, 2..3, 4..7, 8..15 like an upper one."""
    depth = 0
    while node >> (5 + depth):
        depth += 1
    return (1 << depth) | (node & ((1 << depth) - 1))


@inner
def _look_around(model: ByteModel, lane: int) -> Around:
    state, text = model.lanes.state[lane], model.text
    return Around(
        expected=match.expected(model.match, lane, text, _is_known(model, lane)),
        length=match.length_class(model.match.length[lane]),
        c1=back(model.lanes, lane, text, 1),
        c2=back(model.lanes, lane, text, 2),
        c3=back(model.lanes, lane, text, 3),
        place=min(state[FIELD] if state[FIELD] else state[TOKEN], _PLACES - 1),
        above=aligned(model.lanes, lane, text, 0),
    )


@merged
def _code_byte(model: ByteModel, coder: BitCoder, lane: int) -> None:
    position = model.lanes.state[lane, POSITION]
    text = model.text
    around = _look_around(model, lane)
    hash_contexts(model.lanes, lane, text, around.expected, model.hashes)
    model.hashes[EXPECTED] = counters.hash_step(
        model.hashes[EXPECTED], around.length if around.expected >= 0 else 0
    )
    value = np.int64(text[position])
    node = 1
    for shift in range(7, -1, -1):
        if node == 1 or 16 <= node < 32:
            _find_slots(model, node)
        bit = _code_one_bit(model, coder, lane, node, around, (value >> shift) & 1)
        node = 2 * node + bit
    text[position] = node & 255
    follow(model.lanes, lane, text, node & 255)
    match.advance(model.match, lane, text, position + 1)


@entry
def code_steps(model: ByteModel, coder: BitCoder, steps: int, logits: npt.NDArray[np.int32]) -> None:
    """Code the next `steps` bytes of every lane, as far as the lane goes.

    Args:
        model: the model; decoding writes into its text.
        coder: encoder with room for 8 symbols a byte, or decoder.
        steps: S.
        logits: [L, S, 256] int32 in 1/256 nat, the net's logits of the byte values; [0, S, 256] without a net.
    """
    for step in range(steps):
        for lane in range(len(model.lanes.state)):
            if model.lanes.state[lane, POSITION] < model.lanes.state[lane, END]:
                if len(logits):
                    _grow_tree(model.tree, logits[lane, step])
                _code_byte(model, coder, lane)
