"""State of the model of DCT coefficients, and how it codes a number: binary decisions mixed from contexts.

Source: Mahoney's PAQ for mixing. R rows, C columns of blocks; natural order of 64 coefficients:
8 * vertical + horizontal frequency.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts import apm, counters, mixer
from neuralzip.experts.bits import BitCoder, code_bit
from neuralzip.experts.counters import hash_step
from neuralzip.experts.logistic import P_ONE, squash, stretch

Blocks = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]

MOST_DECISIONS = 64 * 36
"""Decisions of a block, at most."""
CONTEXTS = 14
INPUTS = 2 * CONTEXTS + 1
CLASSES = 3
"""Components further on share the contexts of the third."""
INNER_COUNT, ROW_COUNT, COLUMN_COUNT, PLACES = 64, 65, 66, 67
_NODES = 16
_LEVELS = 16
_SETS = (CLASSES * PLACES * _NODES, _NODES * _LEVELS * _LEVELS, _NODES * _LEVELS * _LEVELS, _NODES * _LEVELS)
_STEPS = 8
"""Bits of a magnitude's length with a counter of their own."""
_HIGH_BIT, _SIGN, _SECOND_BIT, _LOW_BIT = 9, 13, 14, 15
_COUNT_LIMIT, _MAP_LIMIT, _REFINE_RATE = 127, 255, 6


class JpegModel(NamedTuple):
    """Everything that the model knows and learns.

    Attributes:
        table: hashed slots of all contexts.
        maps: [PLACES, CONTEXTS, MAP_STATES] uint32 history maps.
        mixer: the mixer.
        refined: [.., KNOTS] probability maps.
        hashes: [CONTEXTS] uint64 of the number in work.
        slots: [CONTEXTS] int64.
        levels: [3] int64 within [0, _LEVELS): select the mixer's rows.
        left: [8] int64, what the coefficients of each vertical frequency have still to add up to on the left.
        top: [8] int64, the same at the upper border, of each horizontal frequency.
    """

    table: npt.NDArray[np.uint32]
    maps: npt.NDArray[np.uint32]
    mixer: mixer.Mixer
    refined: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.uint64]
    slots: Ints
    levels: Ints
    left: Ints
    top: Ints


class Plane(NamedTuple):
    """One component.

    Attributes:
        blocks: [R + 1, C + 2, 64] int16, with zeros above, to the left and to the right; decoding fills it.
        counts: [R + 1, C + 2, 3] uint8, coefficients not zero inside, in the first row, in the first column.
        steps: [64] int64, quantisation.
        number: of the component, at most CLASSES - 1.
    """

    blocks: Blocks
    counts: npt.NDArray[np.uint8]
    steps: Ints
    number: int


def new_model(blocks: int) -> JpegModel:
    """Return a model that has seen nothing, for a picture of so many blocks in all components."""
    return JpegModel(
        table=counters.new_table(min(max((blocks * 32).bit_length(), 12), 20)),
        maps=np.tile(counters.new_maps(CONTEXTS), (PLACES, 1, 1)),
        mixer=mixer.new_mixer(INPUTS, _SETS, (CLASSES * PLACES,), 0.14, 0.0024, 0.002, (8, 2)),
        refined=apm.new_maps(_SETS[0] + _SETS[1]),
        hashes=np.zeros(CONTEXTS, np.uint64),
        slots=np.zeros(CONTEXTS, np.int64),
        levels=np.zeros(3, np.int64),
        left=np.zeros(8, np.int64),
        top=np.zeros(8, np.int64),
    )


@inner
def level(size: int) -> int:
    """Return the class of a number >= 0: its binary length and the bit below the leading one, at most 15."""
    if size < 4:
        return size
    length = 2
    while size >> (length + 1):
        length += 1
    return min(2 * length + ((size >> (length - 1)) & 1), _LEVELS - 1)


@inner
def signed_level(value: int) -> int:
    """Return the class of a number by its sign and `level`, within [0, 31]."""
    return level(value) if value >= 0 else 31 - level(-value)


@inner
def capped(size: int) -> int:
    """Return the nearest level to a number >= 0."""
    return min(size, _LEVELS - 1)


@inner
def clip(value: int, most: int) -> np.int64:
    """Return a number within [-most, most], counted from -most."""
    return np.int64(min(max(value, -most), most) + most)


@inner
def find_slots(model: JpegModel, place: int, part: int) -> None:
    """Find the slots of the contexts; `part` 0 is a number's, the others are those of parts of a count."""
    for k in range(CONTEXTS):
        own = hash_step(model.hashes[k], (part * PLACES + place) * 16 + k)
        model.slots[k] = counters.find_slot(model.table, own)


@inner
def _decide(model: JpegModel, coder: BitCoder, number: int, place: int, node: int, bit: int) -> int:
    """Code one decision; learn from it."""
    mix, table, maps, levels = model.mixer, model.table, model.maps[place], model.levels
    for k in range(CONTEXTS):
        counter = table[model.slots[k] + node]
        mix.inputs[2 * k] = 0
        mix.inputs[2 * k + 1] = 0
        if counters.node_count(counter):
            mix.inputs[2 * k] = stretch(counters.node_p(counter))
            mix.inputs[2 * k + 1] = stretch(counters.map_p(maps[k, counters.node_state(counter)]))
    mix.inputs[2 * CONTEXTS] = 80
    own = (number * PLACES + place) * _NODES + node
    near = (node * _LEVELS + levels[0]) * _LEVELS + levels[1]
    mixer.select(mix, 0, own)
    mixer.select(mix, 1, near)
    mixer.select(mix, 2, (node * _LEVELS + levels[2]) * _LEVELS + levels[0])
    mixer.select(mix, 3, node * _LEVELS + levels[1])
    mixer.select_final(mix, 0, number * PLACES + place)
    mixed = mixer.mix(mix)
    p = 2 * squash(mixed) + apm.refine(model.refined, own, mixed)
    p += apm.refine(model.refined, _SETS[0] + near, mixed)
    bit = code_bit(coder, bit, min(max(p >> 2, 1), P_ONE - 1))
    mixer.learn(mix, bit)
    apm.adapt(model.refined, own, mixed, bit, _REFINE_RATE)
    apm.adapt(model.refined, _SETS[0] + near, mixed, bit, _REFINE_RATE)
    for k in range(CONTEXTS):
        at = model.slots[k] + node
        counter = table[at]
        if counters.node_count(counter):
            state = counters.node_state(counter)
            maps[k, state] = counters.map_updated(maps[k, state], bit, _MAP_LIMIT)
        table[at] = counters.node_updated(counter, bit, _COUNT_LIMIT)
    return bit


@inner
def code_count(model: JpegModel, coder: BitCoder, number: int, place: int, bits: int, count: int) -> int:
    """Code a number of `bits` bits, three at a time; return it."""
    known = 0
    for part in range(bits // 3):
        find_slots(model, place, 1 + part * 8 + known)
        node = 1
        for i in range(3):
            bit = (count >> (bits - 1 - 3 * part - i)) & 1
            node = 2 * node + _decide(model, coder, number, place, node + 8 * part, bit)
        known = (known << 3) | (node & 7)
    return known


@inner
def code_number(model: JpegModel, coder: BitCoder, number: int, place: int, value: int) -> int:
    """Code a signed number: the binary length of its magnitude, its sign, the bits below the leading one."""
    find_slots(model, place, 0)
    size, length = abs(value), 0
    while length < 17:
        more = 1 if size >> length else 0
        if not _decide(model, coder, number, place, 1 + min(length, _STEPS - 1), more):
            break
        length += 1
    if length == 0:
        return 0
    negative = _decide(model, coder, number, place, _SIGN, 1 if value < 0 else 0)
    found = 1
    for i in range(length - 2, -1, -1):
        node = _LOW_BIT
        if i == length - 2:
            node = _HIGH_BIT + min(i, 3)
        elif i == length - 3:
            node = _SECOND_BIT
        found = 2 * found + _decide(model, coder, number, place, node, (size >> i) & 1)
    return -found if negative else found
