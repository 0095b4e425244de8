"""Adaptive probabilities of a bit in a context, and hashed tables of them.

A *node* is one uint32:  probability of a one (18 bits) | times seen (7 bits) | last outcomes (7 bits).
It learns with rate 1 / (times seen + 1.5) down to the rate of a limit, so it averages first and follows later; the
last outcomes (a leading one, then at most six bits) say what the average has forgotten. A *history map* learns
what such outcomes mean: an indirect probability, adapted for each kind of context.

A *slot* of a hashed table is 16 words, one cache line: a check word and the 15 nodes of four binary decisions.
Sources: Mahoney's PAQ and lpaq (nibble slots, indirect modelling); layout and formats are our own.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

Words = npt.NDArray[np.uint32]

NODE_NEW = np.uint32((1 << 31) | 1)
"""Probability one half, never seen, no outcomes."""
COUNT_MAX = 127
MAP_NEW = np.uint32(1 << 31)
MAP_STATES = 512
"""States of a history map: last outcomes (7 bits) and how often the node was seen, in four classes."""

RATE = np.array([(2 << 16) // (2 * n + 3) for n in range(COUNT_MAX + 1)], np.int64)
_MAP_LIMIT = 1023
_MAP_RATE = np.array([(2 << 16) // (2 * n + 3) for n in range(_MAP_LIMIT + 1)], np.int64)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


def new_nodes(count: int) -> Words:
    """Return `count` nodes that have seen nothing."""
    return np.full(count, NODE_NEW, np.uint32)


def new_maps(count: int) -> Words:
    """Return [count, MAP_STATES] history maps, each state started from its own outcomes."""
    row = np.full(MAP_STATES, MAP_NEW, np.uint32)
    for state in range(1, 128):
        length = state.bit_length() - 1
        ones = bin(state).count("1") - 1
        p = ((2 * ones + 1) << 22) // (2 * length + 2)
        row[state::128] = np.uint32(min(p, (1 << 22) - 1) << 10)
    return np.tile(row, (count, 1))


def new_table(log2_slots: int) -> Words:
    """Return an empty hashed table of 2**log2_slots slots."""
    table = np.full((1 << log2_slots, 16), NODE_NEW, np.uint32)
    table[:, 0] = 0
    return table.reshape(-1)


@inner
def node_p(node: np.uint32) -> np.int64:
    """Return the probability of a one in 2**-16."""
    return np.int64(node >> np.uint32(16))


@inner
def node_count(node: np.uint32) -> np.int64:
    """Return how often the node was seen, at most its limit."""
    return np.int64((node >> np.uint32(7)) & np.uint32(127))


@inner
def node_state(node: np.uint32) -> np.int64:
    """Return the state of the node for a history map, within [0, MAP_STATES)."""
    count = (node >> np.uint32(7)) & np.uint32(127)
    level = 0
    if count > 6:
        level = 1
    if count > 16:
        level = 2
    if count > 48:
        level = 3
    return np.int64(node & np.uint32(127)) | (level << 7)


@inner
def node_updated(node: np.uint32, bit: int, limit: int) -> np.uint32:
    """Return the node after it has seen a bit; `limit` <= 127 bounds the count, hence the slowest rate."""
    p = np.int64(node >> np.uint32(14))
    count = np.int64((node >> np.uint32(7)) & np.uint32(127))
    outcomes = np.int64(node & np.uint32(127))
    if bit:
        p += (((1 << 18) - 1 - p) * RATE[count]) >> 16
    else:
        p -= (p * RATE[count]) >> 16
    if count < limit:
        count += 1
    outcomes = (outcomes << 1) | bit
    if outcomes > 127:
        outcomes = (outcomes & 63) | 64
    return np.uint32((p << 14) | (count << 7) | outcomes)


@inner
def map_p(entry: np.uint32) -> np.int64:
    """Return the probability of a map entry (22 bits of probability, 10 of count), in 2**-16."""
    return np.int64(entry >> np.uint32(16))


@inner
def map_updated(entry: np.uint32, bit: int, limit: int) -> np.uint32:
    """Return a map entry after it has seen a bit; `limit` <= 1023."""
    p = np.int64(entry >> np.uint32(10))
    count = np.int64(entry & np.uint32(1023))
    if bit:
        p += (((1 << 22) - 1 - p) * _MAP_RATE[count]) >> 16
    else:
        p -= (p * _MAP_RATE[count]) >> 16
    if count < limit:
        count += 1
    return np.uint32((p << 10) | count)


@inner
def hash_step(state: np.uint64, value: int) -> np.uint64:
    """Return the hash of (what state is the hash of, value)."""
    mixed = (state + np.uint64(value) + np.uint64(1)) * _MIX
    return mixed ^ (mixed >> _HALF)


@inner
def hash_start(kind: int) -> np.uint64:
    """Return the hash of an empty context of some kind; kinds never share slots but by collision."""
    return np.uint64(kind + 1) * _GOLDEN


@inner
def _mixed(context: np.uint64) -> np.uint64:
    """Return the bits of a context stirred: the low ones choose its slots, the high ones are its check."""
    mixed = context * _MIX
    return mixed ^ (mixed >> np.uint64(29))


@inner
def slot_of(table: Words, context: np.uint64) -> np.int64:
    """Return the index of the slot where a context is looked for first; the second is its neighbour."""
    return np.int64(_mixed(context) & np.uint64(len(table) // 16 - 1)) * 16


@inner
def find_slot(table: Words, context: np.uint64) -> np.int64:
    """Return the index of the check word of the slot of a context, taking over the less used of two."""
    check = np.uint32(_mixed(context) >> np.uint64(40)) | np.uint32(1)
    first = slot_of(table, context)
    if table[first] == check:
        return first
    second = first ^ 16
    if table[second] == check:
        return second
    if node_count(table[second + 1]) < node_count(table[first + 1]):
        first = second
    table[first] = check
    for i in range(first + 1, first + 16):
        table[i] = NODE_NEW
    return first
