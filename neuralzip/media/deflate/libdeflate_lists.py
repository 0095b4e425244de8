"""The blocks of libdeflate's levels 10 to 12 (Biggers), and all matches in them, compiled.

Matches come from binary trees of the places with the same four bytes, and from the last two places of every three.
Where a block is seen to differ towards its end, it ends before that; what was found belongs to the next one.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating, inner
from neuralzip.media.deflate.libdeflate_parse import (
    LONG_BLOCK,
    NEVER,
    SHORT_BLOCK,
    WINDOW,
    differs,
    equal_bytes,
    first_shortest,
    hash_of,
    may_end,
    merge,
    observe_literal,
    observe_match,
)
from neuralzip.media.deflate.stream import MAX_MATCH, MIN_MATCH

_ROOM = 5 * LONG_BLOCK
"""A block ends where so many positions and matches are listed."""


class Search(NamedTuple):
    """Buffers of a stream.

    Attributes:
        three: [2, 2**16] int64, the last two places of three bytes.
        four: [2**16] int64, the last place of four bytes.
        children: [2 * 2**15] int64, the trees.
        listed: [M] int64, matches (length << 16 | distance) at the positions from the start of the block.
        first: [N + 1] int64, where those of each position begin in `listed`.
        items: [N + 1] uint32, the token on the cheapest way from each position.
        costs: [N + 259] int64, the cost of that way.
        prices: [2, 256 + 259 + 32] int64: costs of literals, lengths and distance symbols; those to go back to.
        stats: [3, 11] int64: new and old numbers of sorts of tokens, and old ones of the block before.
        lengths: [2, 259] int64, new and old numbers of matches by length.
        state: [2] int64: next position, whether the block before had literals only.
    """

    three: npt.NDArray[np.int64]
    four: npt.NDArray[np.int64]
    children: npt.NDArray[np.int64]
    listed: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    items: npt.NDArray[np.uint32]
    costs: npt.NDArray[np.int64]
    prices: npt.NDArray[np.int64]
    stats: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    state: npt.NDArray[np.int64]


def search(size: int) -> Search:
    """Return empty buffers for `size` bytes."""
    rows = min(size, LONG_BLOCK + SHORT_BLOCK) + MAX_MATCH + 1
    return Search(
        three=np.full((2, 1 << 16), NEVER, np.int64),
        four=np.full(1 << 16, NEVER, np.int64),
        children=np.full(2 * WINDOW, NEVER, np.int64),
        listed=np.empty(min(size * 256, _ROOM) + MAX_MATCH, np.int64),
        first=np.zeros(rows + 1, np.int64),
        items=np.zeros(rows + 1, np.uint32),
        costs=np.zeros(rows + MAX_MATCH + 1, np.int64),
        prices=np.zeros((2, 547), np.int64),
        stats=np.zeros((3, 11), np.int64),
        lengths=np.zeros((2, MAX_MATCH + 1), np.int64),
        state=np.zeros(2, np.int64),
    )


@inner
def _walk_tree(
    data: Any, four: Any, children: Any, position: Any, most: Any, nice: Any, depth: Any, listed: Any, used: Any
) -> Any:
    """Enter a position as the root of its tree; list matches over 3 bytes if `used` >= 0; return `used`."""
    key, limit, listing = hash_of(data, position, 4, 16), position - WINDOW, used >= 0
    place, four[key] = four[key], position
    lower, higher = 2 * (position & (WINDOW - 1)), 2 * (position & (WINDOW - 1)) + 1
    length = low_length = high_length = np.int64(0)
    best = np.int64(MIN_MATCH)
    while place > limit and depth > 0:
        child = 2 * (place & (WINDOW - 1))
        if data[place + length] == data[position + length]:
            length = equal_bytes(data, place, position, length + 1, most if listing else nice)
            if listing and length > best:
                best = length
                listed[used] = length << 16 | (position - place)
                used += 1
            if (best == length or not listing) and length >= nice:
                children[lower], children[higher] = children[child], children[child + 1]
                return used
        if data[place + length] < data[position + length]:
            children[lower] = place
            lower, low_length = child + 1, length
            place, length = children[lower], min(length, high_length)
        else:
            children[higher] = place
            higher, high_length = child, length
            place, length = children[higher], min(length, low_length)
        depth -= 1
    children[lower] = children[higher] = NEVER
    return used


@inner
def _list_matches(
    data: Any,
    three: Any,
    four: Any,
    children: Any,
    position: Any,
    most: Any,
    nice: Any,
    depth: Any,
    listed: Any,
    used: Any,
) -> Any:
    """Enter a position; list its matches where `used` >= 0; return the new `used`."""
    key = hash_of(data, position, 3, 16)
    if used >= 0:
        for turn in range(2):
            place = three[turn, key]
            if place <= position - WINDOW:
                break
            if equal_bytes(data, place, position, np.int64(0), MIN_MATCH) == MIN_MATCH:
                listed[used] = MIN_MATCH << 16 | (position - place)
                used += 1
                break
    three[1, key], three[0, key] = three[0, key], position
    return _walk_tree(data, four, children, position, most, nice, depth, listed, used)


@allocating
def find_block(
    data: Any,
    size: int,
    start: int,
    depth: int,
    nice: int,
    three: Any,
    four: Any,
    children: Any,
    listed: Any,
    first: Any,
    stats: Any,
    lengths: Any,
    state: Any,
) -> Any:
    """List the matches of a block that starts at `start`, from position state[0] on; return its end.

    If that lies before state[0], what is listed behind it belongs to the next block.
    """
    end = size if size - start < LONG_BLOCK + SHORT_BLOCK else start + LONG_BLOCK
    position, checked = state[0], np.int64(-1)
    observed = position
    least = np.int64(MAX_MATCH + 1) if state[1] == 1 else first_shortest(data, start, end, depth)
    while True:
        row = position - start
        used = first[row]
        most, goal = min(np.int64(MAX_MATCH), size - position), min(np.int64(nice), size - position)
        best = np.int64(0)
        if most >= 5:
            used = _list_matches(data, three, four, children, position, most, goal, depth, listed, used)
            if used > first[row]:
                best = listed[used - 1] >> 16
        if position >= observed:
            if best >= least:
                observe_match(stats, best)
                lengths[0, best] += 1
                observed = position + best
            else:
                observe_literal(stats, np.int64(data[position]))
                observed = position + 1
        first[row + 1] = used
        position += 1
        if best >= MIN_MATCH and best >= goal:
            # Inside of a long match no other is sought.
            for _ in range(best - 1):
                goal = min(np.int64(nice), size - position)
                if min(np.int64(MAX_MATCH), size - position) >= 5:
                    _list_matches(data, three, four, children, position, goal, goal, depth, listed, np.int64(-1))
                position += 1
                first[position - start] = used
        if position >= end or used + position - start >= _ROOM:
            break
        if not may_end(stats, start, position, size):
            continue
        if differs(stats, position - start):
            if checked >= 0:
                state[0] = position
                return checked
            break
        _merge_lengths(lengths)
        checked = position
    merge(stats)
    _merge_lengths(lengths)
    state[0] = position
    return position


@inner
def _merge_lengths(lengths: Any) -> None:
    """Take the new numbers for old ones."""
    for length in range(259):
        lengths[1, length] += lengths[0, length]
        lengths[0, length] = 0


@allocating
def leave_block(start: int, end: int, listed: Any, first: Any, stats: Any, lengths: Any, state: Any) -> None:
    """Move what is listed behind a block to the front; keep its numbers as those of the block before."""
    base, rows = first[end - start], state[0] - end
    for row in range(rows + 1):
        first[row] = first[end - start + row] - base
    for slot in range(first[rows]):
        listed[slot] = listed[base + slot]
    stats[2] = stats[1]
    stats[1] = 0
    lengths[1] = 0
