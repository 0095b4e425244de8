"""The table model: bytes of a table, each a path of eight decisions mixed from the contexts of its cell.

Rows are walked as written. Contexts are the bytes before, the cell so far together with its column, its left
neighbours and the cell above, and what the experts of `cells` expect, so that text, integers and decimals need no
types: a column of any kind is learnt from what is in it.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.experts import apm, cells, counters, match, mixer
from neuralzip.experts.bits import BitCoder, code_bit
from neuralzip.experts.cells import ABOVE, AGREES, COLUMN, FITTED, REPEATED, START, UNDER_WAY, Cells
from neuralzip.experts.counters import hash_start, hash_step
from neuralzip.experts.logistic import P_ONE, squash, stretch

CONTEXTS = 16
PER_CONTEXT = 3
INPUTS = PER_CONTEXT * CONTEXTS + 2
_MATCH, _BIAS = PER_CONTEXT * CONTEXTS, PER_CONTEXT * CONTEXTS + 1
_SETS = (4096, 256 * 256, match.LENGTH_CLASSES * 128 * 4, 64 * 256)
_COUNT_LIMIT = 127
_MAP_LIMIT = 255
_COLUMN_MAPS = 256 * 256
_CELL_MAPS = 1 << 16


class TableModel(NamedTuple):
    """Everything that the table model knows and learns.

    Attributes:
        text: [N] uint8, the table; bytes not yet decoded are zero when decoding.
        cells: where the walk stands.
        match: the match model.
        table: hashed slots of all contexts.
        maps: [CONTEXTS, MAP_STATES] uint32 history maps.
        mixer: the mixer.
        refined: [.., KNOTS] probability maps by column, and by column and place in the cell.
        hashes: [CONTEXTS] uint64 of the byte in work.
        slots: [CONTEXTS] int64, slots of the nibble in work.
    """

    text: npt.NDArray[np.uint8]
    cells: Cells
    match: match.Match
    table: npt.NDArray[np.uint32]
    maps: npt.NDArray[np.uint32]
    mixer: mixer.Mixer
    refined: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.int64]


def new_model(text: npt.NDArray[np.uint8], delimiter: int, base: int = 10) -> TableModel:
    """Return a model of a table that has seen nothing.

    Args:
        text: [N] uint8, the table (encoding) or zeros (decoding); written to when decoding.
        delimiter: the byte between cells.
        base: 10 for numbers as people write them, 16, 32 or 64 for floats of so many bits in hex.
    """
    log2_slots = min(max((len(text) * 8).bit_length(), 12), 21)
    return TableModel(
        text=text,
        cells=cells.new_cells(delimiter, base),
        match=match.new_match(np.zeros(1, np.int64), min(max(len(text).bit_length(), 10), 20)),
        table=counters.new_table(log2_slots),
        maps=counters.new_maps(CONTEXTS),
        mixer=mixer.new_mixer(INPUTS, _SETS, (256,), 0.10, 0.012, 0.006),
        refined=apm.new_maps(_COLUMN_MAPS + _CELL_MAPS),
        hashes=np.zeros(CONTEXTS, np.uint64),
        slots=np.zeros(CONTEXTS, np.int64),
    )


@inner
def _byte_back(model: TableModel, position: int, distance: int) -> int:
    return int(model.text[position - distance]) if position >= distance else 0


@inner
def _hash_bytes(model: TableModel, position: int, column: int) -> None:
    """Set the contexts of the bytes before, orders 1 to 4."""
    state = hash_start(1)
    for order in range(1, 5):
        state = hash_step(state, _byte_back(model, position, order))
        model.hashes[order - 1] = state
    model.hashes[0] = hash_step(model.hashes[0], column)


@inner
def _hash_cell(model: TableModel, column: int) -> None:
    """Set the contexts of the cell so far with its neighbours."""
    table, hashes = model.cells, model.hashes
    so_far = hash_step(table.prefix[0], column)
    left = table.hashes[0, column - 1] if column > 0 else hash_start(2)
    second = table.hashes[0, column - 2] if column > 1 else hash_start(3)
    first = table.hashes[0, 0] if column > 1 else hash_start(4)
    hashes[4] = hash_step(so_far, 4)
    hashes[5] = hash_step(so_far + left, 5)
    hashes[6] = hash_step(so_far + table.hashes[1, column], 6)
    hashes[7] = hash_step(hash_step(so_far + left, 7) + second, 0)
    hashes[8] = hash_step(so_far + first, 8)


@inner
def _hash_expected(model: TableModel, column: int, offset: int, c1: int) -> None:
    """Set the contexts of what is expected next."""
    table, hashes = model.cells, model.hashes
    above, fitted = cells.next_byte(table, ABOVE, offset), cells.next_byte(table, FITTED, offset)
    repeated = cells.next_byte(table, REPEATED, offset)
    after = cells.next_byte(table, ABOVE, offset + 1)
    fitted_after = cells.next_byte(table, FITTED, offset + 1)
    second_after = cells.next_byte(table, FITTED, offset + 2)
    course = table.course
    here = hash_step(hash_start(9), column)
    hashes[9] = hash_step(hash_step(hash_step(here, course[ABOVE]), above << 8 | after), offset)
    hashes[10] = hash_step(hash_step(hash_step(here, 8 + course[FITTED]), fitted << 8 | fitted_after), 0)
    agrees = 1 if course[REPEATED] == AGREES else 0
    hashes[11] = hash_step(hash_step(hash_step(here, 16 + agrees), repeated << 8 | fitted), min(offset, 3))
    hashes[12] = hash_step(hash_step(here, 24), offset)
    anywhere = hash_step(hash_start(10), fitted << 16 | fitted_after << 8 | second_after)
    hashes[13] = hash_step(hash_step(anywhere, course[FITTED]), 1 if c1 == 46 else 0)
    hashes[14] = hash_step(
        hash_step(hash_start(11), above << 16 | fitted << 8 | repeated),
        course[ABOVE] * 25 + course[FITTED] * 5 + course[REPEATED],
    )
    hashes[15] = hash_step(hash_step(hash_step(here, 32), c1 << 8 | above), offset)


@inner
def _find_slots(model: TableModel, node: int) -> None:
    """Find the slots of a nibble; node is 1 for the upper one, 16..31 for the lower one."""
    for k in range(CONTEXTS):
        model.slots[k] = counters.find_slot(model.table, hash_step(model.hashes[k], node * CONTEXTS + k))


@inner
def _gather_opinions(model: TableModel, place: int) -> None:
    inputs = model.mixer.inputs
    for k in range(CONTEXTS):
        node = model.table[model.slots[k] + place]
        count, at = counters.node_count(node), PER_CONTEXT * k
        if count == 0:
            inputs[at] = inputs[at + 1] = inputs[at + 2] = 0
            continue
        p = counters.node_p(node)
        inputs[at] = stretch(p)
        inputs[at + 1] = ((p - P_ONE // 2) * min(count, 30)) >> 10
        inputs[at + 2] = stretch(counters.map_p(model.maps[k, counters.node_state(node)]))


@inner
def _learn_contexts(model: TableModel, place: int, bit: int) -> None:
    for k in range(CONTEXTS):
        at = model.slots[k] + place
        node = model.table[at]
        if counters.node_count(node):
            state = counters.node_state(node)
            model.maps[k, state] = counters.map_updated(model.maps[k, state], bit, _MAP_LIMIT)
        model.table[at] = counters.node_updated(node, bit, _COUNT_LIMIT)


@inner
def _select_rows(model: TableModel, node: int, depth: int, offset: int, expected_bit: int) -> None:
    table, mix = model.cells, model.mixer
    column = min(table.place[COLUMN], 255)
    length = match.length_class(model.match.length[0]) if expected_bit >= 0 else 0
    courses = min(table.course[ABOVE], 3) * 32 + min(table.course[FITTED], 3) * 8
    courses += min(table.course[REPEATED], 1) * 4
    mixer.select(mix, 0, (column * 32 + min(offset, 31)) & 4095)
    mixer.select(mix, 1, cells.next_byte(table, FITTED, offset) * 256 + node)
    mixer.select(mix, 2, (length * 128 + courses) * 4 + (depth >> 1))
    mixer.select(mix, 3, (column & 63) * 256 + node)
    mixer.select_final(mix, 0, node)


@inner
def _code_one_bit(
    model: TableModel, coder: BitCoder, node: int, depth: int, offset: int, expected_byte: int, bit: int
) -> int:
    """Code the decision at a node of the tree; bit is the one to encode. Returns the bit."""
    place = node if depth < 4 else (1 << (depth - 4)) | (node & ((1 << (depth - 4)) - 1))
    expected_bit = -1
    if expected_byte >= 0 and (expected_byte | 256) >> (8 - depth) == node:
        expected_bit = (expected_byte >> (7 - depth)) & 1
    column = model.cells.place[COLUMN]
    _gather_opinions(model, place)
    model.mixer.inputs[_MATCH] = match.opinion(model.match, 0, expected_bit)
    model.mixer.inputs[_BIAS] = 80
    _select_rows(model, node, depth, offset, expected_bit)
    mixed = mixer.mix(model.mixer)
    by_column = min(column, 255) * 256 + node
    by_place = _COLUMN_MAPS + (((column * 64 + min(offset, 63)) * 0x9E35 + node * 0x2F0B) & 0xFFFF)
    p = 2 * squash(mixed) + apm.refine(model.refined, by_column, mixed)
    p += apm.refine(model.refined, by_place, mixed)
    bit = code_bit(coder, bit, min(max(p >> 2, 1), P_ONE - 1))
    mixer.learn(model.mixer, bit)
    apm.adapt(model.refined, by_column, mixed, bit, 6)
    apm.adapt(model.refined, by_place, mixed, bit, 6)
    match.learn(model.match, expected_bit, bit)
    _learn_contexts(model, place, bit)
    return bit


@entry
def code_table(model: TableModel, coder: BitCoder, start: int, end: int) -> None:
    """Code the bytes start .. end of the text; decoding writes them.

    Args:
        model: the model, which has coded the bytes before start.
        coder: encoder with room for 8 symbols a byte, or decoder.
        start: first byte.
        end: first byte not to be coded.
    """
    text = model.text
    for position in range(start, end):
        if model.cells.place[UNDER_WAY] == 0:
            cells.begin(model.cells, text, position)
        column, offset = model.cells.place[COLUMN], position - model.cells.place[START]
        _hash_bytes(model, position, column)
        _hash_cell(model, column)
        _hash_expected(model, column, offset, _byte_back(model, position, 1))
        expected_byte = match.expected(model.match, 0, text, True)
        value, node = np.int64(text[position]), 1
        for depth in range(8):
            if depth == 0 or depth == 4:
                _find_slots(model, node)
            bit = (value >> (7 - depth)) & 1
            node = 2 * node + _code_one_bit(model, coder, node, depth, offset, expected_byte, bit)
        text[position] = node & 255
        cells.follow(model.cells, text, position)
        match.advance(model.match, 0, text, position + 1)
