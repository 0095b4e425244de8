"""Where zopfli ends blocks (Alakuijala and Vandevenne): the largest block is split in two while that saves bits.

Costs are those of blocks of greedy tokens, before any is parsed.
"""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import allocating
from neuralzip.media.deflate.stream import DISTANCE_EXTRA, DISTANCE_SYMBOL, LENGTH_EXTRA, LENGTH_SYMBOL, Bytes
from neuralzip.media.deflate.zopfli import greedy_tokens, tokens_cost
from neuralzip.media.deflate.zopfli_matches import find_matches
from neuralzip.media.deflate.zopfli_trees import inner, insert

MASTER_BYTES = 1_000_000
"""zopfli cuts its input into pieces of this size first."""
_MOST_BLOCKS = 15
_SMALLEST = 10
_TRIES = 9
_EXHAUSTIVE = 1024
_FEW_TOKENS = 1000
_ENDLESS = 1 << 60


@inner
def _fixed_cost(tokens: Any) -> Any:
    """Return the bits of a block of the fixed codes."""
    bits = np.int64(3 + 7)
    for token in tokens:
        length, low = np.int64(token) >> 16, np.int64(token) & 65535
        if length == 0:
            bits += 8 if low < 144 else 9
        else:
            symbol = LENGTH_SYMBOL[length]
            bits += (7 if symbol < 23 else 8) + LENGTH_EXTRA[symbol] + 5 + DISTANCE_EXTRA[DISTANCE_SYMBOL[low]]
    return bits


@inner
def _block_cost(tokens: Any, few: bool) -> Any:
    """Return the bits of a block of the cheapest kind."""
    size = np.int64(0)
    for token in tokens:
        length: Any = np.int64(token) >> 16
        size += max(length, 1)
    least: Any = np.int64((size + 65534) // 65535 * 40 + size * 8)
    if few:
        least = min(least, _fixed_cost(tokens))
    return min(least, tokens_cost(tokens))


@inner
def _cost_of_split(tokens: Any, start: int, middle: int, end: int, few: bool) -> Any:
    return _block_cost(tokens[start:middle], few) + _block_cost(tokens[middle:end], few)


@inner
def _best_split(tokens: Any, start: int, end: int, few: bool) -> Any:
    """Return where to split a block, and the bits of its halves: all places are tried, or ever closer ones."""
    first, last = start + 1, end
    least, chosen = np.int64(_ENDLESS), first
    if last - first < _EXHAUSTIVE:
        for place in range(first, last):
            cost = _cost_of_split(tokens, start, place, end, few)
            if cost < least:
                least, chosen = cost, place
        return chosen, least
    places, costs = np.zeros(_TRIES, np.int64), np.zeros(_TRIES, np.int64)
    while last - first > _TRIES:
        for k in range(_TRIES):
            places[k] = first + (k + 1) * ((last - first) // (_TRIES + 1))
            costs[k] = least if places[k] == chosen else _cost_of_split(tokens, start, places[k], end, few)
        best = 0
        for k in range(1, _TRIES):
            best = k if costs[k] < costs[best] else best
        if costs[best] > least:
            break
        least, chosen = costs[best], places[best]
        first = places[best - 1] if best > 0 else first
        last = places[best + 1] if best + 1 < _TRIES else last
    return chosen, least


@allocating
def _split(tokens: Any, points: Any) -> int:
    """Fill the places in tokens at which blocks end, in order; return their number."""
    size, count, few = tokens.size, 0, tokens.size <= _FEW_TOKENS
    done = np.zeros(size + 1, np.bool_)
    start, end = 0, size
    while size >= _SMALLEST and count + 1 < _MOST_BLOCKS:
        place, cost = _best_split(tokens, start, end, few)
        if cost > _block_cost(tokens[start:end], few) or place == start + 1 or place == end:
            done[start] = True
        else:
            count = insert(points, count, place)
        longest = 0
        for k in range(count + 1):
            left = points[k - 1] if k > 0 else 0
            right = points[k] if k < count else size - 1
            if not done[left] and right - left > longest:
                start, end, longest = left, right, right - left
        if longest < _SMALLEST:
            break
    return count


def split_points(data: Bytes, size: int) -> list[int]:
    """Return the ends of the segments of data[:size] that zopfli parses one by one, but for the last."""
    ends: list[int] = []
    for start in range(0, size, MASTER_BYTES):
        stop = min(start + MASTER_BYTES, size)
        first, steps, _ = find_matches(data, start, stop)
        tokens = greedy_tokens(data, start, first, steps)
        points = np.zeros(_MOST_BLOCKS, np.int64)
        count = _split(tokens, points)
        reached = start + np.cumsum(np.maximum(tokens >> 16, 1), dtype=np.int64)
        ends += [int(reached[point - 1]) for point in points[:count]]
        if stop < size:
            ends.append(stop)
    return ends
