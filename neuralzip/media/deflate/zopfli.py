"""The parse of zopfli (Alakuijala and Vandevenne), as a predictor of a whole segment's tokens.

    tokens <- greedy
    repeat: costs <- entropies of the tokens' symbols; tokens <- the cheapest way through the segment

The best tokens of all rounds are taken. When rounds make no difference any more, the counts of symbols are shaken
by a generator of random numbers; from then on counts are averaged with those before. The rounds are doubles, with
+, -, * and / in the order of zopfli, and logarithms of our own; the ways are summed up in single precision.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating
from neuralzip.media.deflate.stream import (
    DISTANCE_EXTRA,
    DISTANCE_SYMBOL,
    LENGTH_EXTRA,
    LENGTH_SYMBOL,
    MAX_MATCH,
    MIN_MATCH,
    Bytes,
)
from neuralzip.media.deflate.zopfli_matches import find_matches, longest, nearest
from neuralzip.media.deflate.zopfli_trees import FAR, NEAR, block_lengths, count_tokens, inner

Tokens = npt.NDArray[np.uint32]

_LARGE = 1e30
_SETTLED = 5
"""Rounds before counts may be shaken."""
_FAR_AWAY = 1024
_LN2_HIGH, _LN2_LOW = 0.6931471805598903, 5.497923018708371e-14
"""ln 2 in two parts, the first of 43 bits, so that its small multiples are exact."""
_INVERSE_LN2 = 1.4426950408889
_SPLITTER = 134217729.0


@inner
def _low_of_product(a: float, b: float, product: float) -> float:
    """Return a * b - product exactly (Dekker)."""
    part = _SPLITTER * a
    a_high = part - (part - a)
    part = _SPLITTER * b
    b_high = part - (part - b)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@allocating
def natural_log(value: int) -> float:
    """Return the natural logarithm of 1 <= value < 2**26, hardly ever anything but the nearest double."""
    power = 0
    while value >> (power + 1) > 0:
        power += 1
    scaled = value / (1 << power)
    if scaled > 1.4142135:
        power += 1
        scaled = scaled / 2
    # ln m = 2 atanh s, with s = (m - 1) / (m + 1) in two parts.
    above, below = scaled - 1.0, scaled + 1.0
    s = above / below
    product = s * below
    s_low = ((above - product) - _low_of_product(s, below, product)) / below
    square = s * s
    tail = 0.0
    for k in range(18, 0, -1):
        tail = square * (tail + 1.0 / (2 * k + 1))
    low = 2.0 * s_low + 2.0 * s * tail + power * _LN2_LOW
    high = power * _LN2_HIGH
    total = high + 2.0 * s
    return total + (low + (2.0 * s - (total - high) if abs(high) >= abs(2.0 * s) else high - (total - 2.0 * s)))


@allocating
def _entropies(counts: Any, bits: Any) -> None:
    """Fill the bits that symbols of these counts are worth."""
    total = counts.sum()
    whole = natural_log(total if total > 0 else counts.size) * _INVERSE_LN2
    for symbol in range(counts.size):
        bits[symbol] = whole
        if counts[symbol] > 0:
            bits[symbol] = whole - natural_log(counts[symbol]) * _INVERSE_LN2
        if -1e-5 < bits[symbol] < 0:
            bits[symbol] = 0.0


@inner
def _match_cost(length: int, distance_symbol: int, near: Any, far: Any) -> float:
    """Return the bits of a match."""
    symbol = LENGTH_SYMBOL[length]
    return (LENGTH_EXTRA[symbol] + DISTANCE_EXTRA[distance_symbol]) + near[257 + symbol] + far[distance_symbol]


@inner
def _least_match_cost(near: Any, far: Any) -> float:
    """Return the bits of the match made of the cheapest length and the cheapest distance."""
    length, symbol = MIN_MATCH, 0
    for other in range(MIN_MATCH, MAX_MATCH + 1):
        if _match_cost(other, 0, near, far) < _match_cost(length, 0, near, far):
            length = other
    for other in range(30):
        if _match_cost(MIN_MATCH, other, near, far) < _match_cost(MIN_MATCH, symbol, near, far):
            symbol = other
    return _match_cost(length, symbol, near, far)


@inner
def _skip_run(same: Any, place: int, costs: Any, lengths: Any, cost: float) -> int:
    """Inside of a long run of equal bytes, take the longest match for a while; return the place after that."""
    size, reach = lengths.size - 1, 2 * MAX_MATCH
    inside = MAX_MATCH + 1 < place < size - reach - 1 and same[place - MAX_MATCH] > MAX_MATCH
    if not inside or same[place] <= reach:
        return place
    for here in range(place, place + MAX_MATCH):
        costs[here + MAX_MATCH] = costs[here] + cost
        lengths[here + MAX_MATCH] = MAX_MATCH
    return place + MAX_MATCH


@inner
def _cheapest_ways(data: Any, start: int, first: Any, steps: Any, same: Any, near: Any, far: Any) -> Any:
    """Return the length of the last token [N + 1] on the cheapest way to each place."""
    size = same.size
    costs, lengths = np.full(size + 1, _LARGE, np.float32), np.zeros(size + 1, np.uint16)
    costs[0] = 0.0
    least, run_cost = _least_match_cost(near, far), _match_cost(MAX_MATCH, 0, near, far)
    place = 0
    while place < size:
        place = _skip_run(same, place, costs, lengths, run_cost)
        here = np.float64(costs[place])
        cost = near[data[start + place]] + here
        if cost < np.float64(costs[place + 1]):
            costs[place + 1], lengths[place + 1] = cost, 1
        length = MIN_MATCH
        for k in range(first[place], first[place + 1]):
            symbol, last = DISTANCE_SYMBOL[np.int64(steps[k]) & 65535], np.int64(steps[k]) >> 16
            while length <= last:
                if np.float64(costs[place + length]) > least + here:
                    cost = _match_cost(length, symbol, near, far) + here
                    if cost < np.float64(costs[place + length]):
                        costs[place + length], lengths[place + length] = cost, length
                length += 1
        place += 1
    return lengths


@inner
def _tokens_of_way(data: Any, start: int, first: Any, steps: Any, lengths: Any) -> Any:
    """Return the tokens that lead to the end."""
    size = lengths.size - 1
    place: Any = size
    count: Any = 0
    while place > 0:
        place -= lengths[place]
        count += 1
    tokens, place = np.zeros(count, np.uint32), size
    for index in range(count - 1, -1, -1):
        length = np.int64(lengths[place])
        place -= length
        far = nearest(first, steps, place, length) if length >= MIN_MATCH else 0
        tokens[index] = length << 16 | far if far > 0 else np.int64(data[start + place])
    return tokens


@allocating
def cheapest_tokens(data: Any, start: int, first: Any, steps: Any, same: Any, near: Any, far: Any) -> Any:
    """Return the cheapest tokens of a segment, given the bits of all symbols: near [NEAR], far [FAR]."""
    lengths = _cheapest_ways(data, start, first, steps, same, near, far)
    return _tokens_of_way(data, start, first, steps, lengths)


@inner
def _score(step: int) -> int:
    """Return how good a match is for the greedy parse."""
    return (step >> 16) - (1 if step & 65535 > _FAR_AWAY else 0)


@allocating
def greedy_tokens(data: Any, start: int, first: Any, steps: Any) -> Any:
    """Return the tokens of a segment by lazy evaluation: a match waits for a better one at the next place."""
    size = first.size - 1
    tokens, count = np.zeros(size, np.uint32), 0
    place: Any = 0
    waiting: Any = np.int64(0)
    while place < size:
        step = longest(first, steps, place)
        if waiting > 0 and _score(step) <= _score(waiting) + 1:
            tokens[count] = waiting
            count += 1
            place += (waiting >> 16) - 1
            waiting = np.int64(0)
            continue
        if waiting > 0:
            tokens[count] = data[start + place - 1]
            count += 1
        waiting = np.int64(0)
        if _score(step) >= MIN_MATCH and step >> 16 < MAX_MATCH:
            waiting = step
            place += 1
            continue
        tokens[count] = step if _score(step) >= MIN_MATCH else np.int64(data[start + place])
        count += 1
        place += max(step >> 16, 1) if _score(step) >= MIN_MATCH else 1
    return tokens[:count].copy()


@inner
def _random(state: Any) -> int:
    """Return the next random number of 32 bits (Marsaglia's multiply with carry)."""
    state[1] = (36969 * (state[1] & 65535) + (state[1] >> 16)) & 0xFFFFFFFF
    state[0] = (18000 * (state[0] & 65535) + (state[0] >> 16)) & 0xFFFFFFFF
    return ((state[1] << 16) + state[0]) & 0xFFFFFFFF


@inner
def _shake(state: Any, counts: Any) -> None:
    """Replace a third of the counts by others."""
    for symbol in range(counts.size):
        if (_random(state) >> 4) % 3 == 0:
            counts[symbol] = counts[_random(state) % counts.size]


@allocating
def _next_counts(tokens: Any, counts: Any, best: Any, state: Any, shaken: bool, settled: bool) -> None:
    """Update counts [NEAR + FAR] after a round: those of its tokens, averaged once shaken; shaken if settled."""
    before = counts.copy()
    count_tokens(tokens, counts[:NEAR], counts[NEAR:])
    if shaken:
        counts[:] = (2 * counts + before) // 2
        counts[256] = 1
    if settled:
        counts[:] = best
        _shake(state, counts[:NEAR])
        _shake(state, counts[NEAR:])
        counts[256] = 1


@allocating
def tokens_cost(tokens: Any) -> Any:
    """Return the bits of a dynamic block of these tokens."""
    counts = np.zeros(NEAR + FAR, np.int64)
    count_tokens(tokens, counts[:NEAR], counts[NEAR:])
    near, far = np.zeros(NEAR, np.uint8), np.zeros(FAR, np.uint8)
    return np.int64(block_lengths(counts[:NEAR], counts[NEAR:], near, far))


def rounds(data: Bytes, start: int, end: int) -> Iterator[tuple[Tokens, int]]:
    """Yield, round after round, the best tokens of data[start:end] so far, and their bits."""
    first, steps, same = find_matches(data, start, end)
    counts, bits = np.zeros(NEAR + FAR, np.int64), np.zeros(NEAR + FAR)
    best_counts, state = counts.copy(), np.array([1, 2], np.int64)
    tokens = best = greedy_tokens(data, start, first, steps)
    count_tokens(tokens, counts[:NEAR], counts[NEAR:])
    least, last, shaken, index = 1 << 60, 0, False, 0
    while True:
        _entropies(counts[:NEAR], bits[:NEAR])
        _entropies(counts[NEAR:], bits[NEAR:])
        tokens = cheapest_tokens(data, start, first, steps, same, bits[:NEAR], bits[NEAR:])
        cost = tokens_cost(tokens)
        if cost < least:
            best, least, best_counts = tokens, cost, counts.copy()
        yield best, least
        settled = index > _SETTLED and cost == last
        _next_counts(tokens, counts, best_counts, state, shaken, settled)
        shaken, last, index = shaken or settled, cost, index + 1


def fixed_tokens(data: Bytes, start: int, end: int) -> Tokens:
    """Return the tokens of data[start:end] for a block of the fixed codes."""
    near = np.repeat(np.array([8.0, 9, 7, 8]), [144, 112, 24, 8])
    parsed: Tokens = cheapest_tokens(data, start, *find_matches(data, start, end), near, np.full(FAR, 5.0))
    return parsed
