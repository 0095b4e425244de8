"""The parse of libdeflate's levels 10 to 12 (Biggers): the cheapest way through a block, repeatedly, compiled.

Costs, in sixteenths of a bit, are at first guessed from how many literals there are and how the block differs from
the one before, then taken from the codes of the tokens chosen.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating, inner
from neuralzip.media.deflate.libdeflate_parse import shortest_for
from neuralzip.media.deflate.libdeflate_trees import (
    DISTANCES,
    EXTRA_BITS,
    FAR_EXTRA,
    LITERALS,
    MAX_NEAR,
    bits_of,
    code_lengths,
    header_of,
)
from neuralzip.media.deflate.stream import (
    CODE_LENGTHS,
    DISTANCE_SYMBOL,
    END_OF_BLOCK,
    FIXED_LENGTHS,
    LENGTH_SYMBOL,
    MAX_BITS,
    MAX_MATCH,
    MIN_MATCH,
)

_BIT = 16
"""Units of cost in a bit."""
_UNSEEN, _UNSEEN_FAR = 13, 10
"""Bits assumed for symbols that have no code."""
_FAR_COST = 78
_BEYOND = 1 << 31
PASSES = ((2, 32, 32, 0), (4, 16, 16, 1000), (10, 1, 1, 10000))
"""Of the levels 10 to 12: passes at most, bits that one must save for another to follow, bits for which an earlier
one is gone back to, and the longest block for which the fixed codes are tried."""


def _guessed_costs() -> npt.NDArray[np.int64]:
    """Return the costs of a literal [3, 257] by the number of those in use, where matches are few to many.

    16 log2(n / p), rounded down, p = 3/4, 1/2, 1/4 the share of literals; with 29 / (1 - p) in the place of n / p
    those of a length, in the place of no literals.
    """
    shares = ((4, 3), (2, 1), (4, 1))
    return np.array(
        [[((top * n) ** 16 // bottom**16).bit_length() - 1 for n in range(1, 257)] for top, bottom in shares]
    )


_GUESSED = _guessed_costs()
_LENGTH_GUESSED = np.array([109, 93, 84], np.int64)


@inner
def _price(prices: Any, near: Any, far: Any) -> None:
    """Take costs from code lengths."""
    for symbol in range(256):
        prices[symbol] = _BIT * (np.int64(near[symbol]) if near[symbol] > 0 else _UNSEEN)
    for length in range(MIN_MATCH, MAX_MATCH + 1):
        symbol = 257 + LENGTH_SYMBOL[length]
        bits = np.int64(near[symbol]) if near[symbol] > 0 else _UNSEEN
        prices[256 + length] = _BIT * (bits + EXTRA_BITS[symbol])
    for symbol in range(30):
        bits = np.int64(far[symbol]) if far[symbol] > 0 else _UNSEEN_FAR
        prices[515 + symbol] = _BIT * (bits + FAR_EXTRA[symbol])


@inner
def _guessed_price(index: Any, literal: Any, length: Any) -> Any:
    """Return the guessed cost of a literal, length or distance symbol, by its place among the prices."""
    if index < 256:
        return literal
    if index < 515:
        return length + _BIT * EXTRA_BITS[257 + LENGTH_SYMBOL[index - 256]]
    return _FAR_COST + _BIT * FAR_EXTRA[index - 515]


@inner
def _change(stats: Any) -> Any:
    """Return how much the block differs from the one before, 0 to 4."""
    total = np.int64(0)
    for sort in range(10):
        total += abs(stats[2, sort] * stats[1, 10] - stats[1, sort] * stats[2, 10])
    cutoff = stats[2, 10] * stats[1, 10] * 200 // 512
    if total > 3 * cutoff:
        return 4
    if 4 * total > 9 * cutoff:
        return 3
    if 2 * total > 3 * cutoff:
        return 2
    return 1 if 2 * total > cutoff else 0


@inner
def _guess_prices(
    data: Any, start: Any, size: Any, fresh: bool, depth: Any, near: Any, stats: Any, lengths: Any, prices: Any
) -> None:
    """Guess costs, given how often each literal occurs in the block; those of the one before have a say."""
    used, share, matched = np.int64(0), np.int64(size), np.int64(0)
    for symbol in range(256):
        if near[symbol] > size >> 11:
            used += 1
    used = max(used, np.int64(1))
    for length in range(shortest_for(used, depth), MAX_MATCH + 1):
        matched += lengths[1, length]
        share -= length * lengths[1, length]
    share = max(share, np.int64(0))
    row = 2 if matched > share else 1 if 4 * matched > share else 0
    change = 4 if fresh else _change(stats)
    for index in range(545):
        guess, old = _guessed_price(index, _GUESSED[row, used - 1], _LENGTH_GUESSED[row]), prices[index]
        if change == 0:
            guess = (guess + 3 * old) // 4
        elif change == 1:
            guess = (guess + old) // 2
        elif change == 2:
            guess = (5 * guess + 3 * old) // 8
        elif change == 3:
            guess = (3 * guess + old) // 4
        prices[index] = guess


@inner
def _find_path(
    data: Any, start: Any, size: Any, listed: Any, first: Any, prices: Any, items: Any, costs: Any, counts: Any
) -> None:
    """Find the cheapest way through a block, and count its symbols: counts [2, 288], distances in the second."""
    for row in range(size + 1, size + MAX_MATCH):
        costs[row] = _BEYOND
    costs[size] = 0
    for row in range(size - 1, -1, -1):
        item = np.int64(data[start + row])
        best, length = prices[item] + costs[row + 1], np.int64(MIN_MATCH)
        for slot in range(first[row], first[row + 1]):
            match = listed[slot]
            price, last = prices[515 + DISTANCE_SYMBOL[match & 65535]], match >> 16
            while length <= last:
                cost = price + prices[256 + length] + costs[row + length]
                if cost < best:
                    best, item = cost, length << 16 | (match & 65535)
                length += 1
        costs[row], items[row] = best, item
    for symbol in range(LITERALS):
        counts[0, symbol] = counts[1, symbol] = 0
    place: Any = np.int64(0)
    while place < size:
        item = np.int64(items[place])
        if item < 65536:
            counts[0, item] += 1
        else:
            counts[0, 257 + LENGTH_SYMBOL[item >> 16]] += 1
            counts[1, DISTANCE_SYMBOL[item & 65535]] += 1
        place += max(item >> 16, np.int64(1))
    counts[0, END_OF_BLOCK] += 1


@allocating
def optimize_block(
    data: Any,
    start: int,
    size: int,
    depth: int,
    passes: Any,
    listed: Any,
    first: Any,
    items: Any,
    costs: Any,
    prices: Any,
    stats: Any,
    lengths: Any,
    counts: Any,
    tokens: Any,
) -> Any:
    """Choose the tokens of a block data[start:start + size].

    Args:
        data: [N + PADDING] uint8.
        start: see above.
        size: see above.
        depth: search depth of the level.
        passes: a row of PASSES.
        listed: see Search.
        first: see Search.
        items: see Search.
        costs: see Search.
        prices: see Search.
        stats: see Search.
        lengths: see Search.
        counts: [2, 288] int64, filled in: how often each literal or length symbol occurs, each distance symbol.
        tokens: [T] uint32, filled in from the start.
    Returns:
        The number of tokens, and whether they are literals only.
    """
    most, gain, back, fixed_most = passes
    near, far = np.zeros(LITERALS, np.uint8), np.zeros(DISTANCES, np.uint8)
    runs, meta = np.zeros((320, 2), np.int64), np.zeros(CODE_LENGTHS, np.uint8)
    literals = np.zeros((2, LITERALS), np.int64)
    for position in range(start, start + size):
        literals[0, data[position]] += 1
    literals[0, END_OF_BLOCK] = 1
    best = fixed = np.int64(1) << 40
    plain = _true_cost(literals, near, far, runs, meta)
    if size <= fixed_most:
        prices[1] = prices[0]
        _price(prices[0], FIXED_LENGTHS, np.full(DISTANCES, 5, np.uint8))
        _find_path(data, start, size, listed, first, prices[0], items, costs, counts)
        fixed = costs[0] // _BIT + 7
        prices[0] = prices[1]
    _guess_prices(data, start, size, start == 0, depth, literals[0], stats, lengths, prices[0])
    cost = np.int64(0)
    for _ in range(most):
        _find_path(data, start, size, listed, first, prices[0], items, costs, counts)
        cost = _true_cost(counts, near, far, runs, meta)
        if cost + gain > best:
            break
        best = cost
        prices[1] = prices[0]
        _price(prices[0], near, far)
    if min(plain, fixed) < best:
        if plain < fixed:
            counts[:] = literals
            _true_cost(counts, near, far, runs, meta)
            _price(prices[0], near, far)
            for row in range(size):
                tokens[row] = data[start + row]
            return size, True
        _price(prices[0], FIXED_LENGTHS, np.full(DISTANCES, 5, np.uint8))
        _find_path(data, start, size, listed, first, prices[0], items, costs, counts)
    elif cost >= best + back:
        prices[0] = prices[1]
        _find_path(data, start, size, listed, first, prices[0], items, costs, counts)
        _true_cost(counts, near, far, runs, meta)
        _price(prices[0], near, far)
    used = 0
    place: Any = np.int64(0)
    while place < size:
        tokens[used] = items[place]
        place += max(np.int64(items[place]) >> 16, np.int64(1))
        used += 1
    return used, False


@allocating
def _true_cost(counts: Any, near: Any, far: Any, runs: Any, meta: Any) -> Any:
    """Make the codes of symbols that occur so often; return the bits of the block."""
    code_lengths(counts[0], MAX_NEAR, near)
    code_lengths(counts[1, :DISTANCES], MAX_BITS, far)
    return header_of(near, far, runs, meta)[4] + bits_of(counts[0], counts[1, :DISTANCES], near, far)
