"""The parses of libdeflate's levels 1 to 9 (Biggers), block by block, compiled.

Level 1 keeps the last two places of every hash; the others keep chains of places with the same four bytes, and the
last place of every three. Positions are entered in order, the first of all under the hash 0. Greedy (levels 2 to
4) takes the longest match, lazy (5 to 7) one that begins a byte later if it is worth that, lazy in two steps (8
and 9) also one two bytes later.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating, inner
from neuralzip.media.deflate.stream import DISTANCE_SYMBOL, LENGTH_SYMBOL, MAX_MATCH, MIN_MATCH

FASTEST, GREEDY, LAZY, LAZY_TWICE, NEAR_OPTIMAL = range(5)
LEVELS = (
    (FASTEST, 0, 32),
    (GREEDY, 6, 10),
    (GREEDY, 12, 14),
    (GREEDY, 16, 30),
    (LAZY, 16, 30),
    (LAZY, 35, 65),
    (LAZY, 100, 130),
    (LAZY_TWICE, 300, 258),
    (LAZY_TWICE, 600, 258),
    (NEAR_OPTIMAL, 35, 75),
    (NEAR_OPTIMAL, 100, 150),
    (NEAR_OPTIMAL, 300, 258),
)
"""Way, search depth and the length that ends a search, of the levels 1 to 12."""
WINDOW, NEVER = 1 << 15, -(1 << 30)
LONG_BLOCK, SHORT_BLOCK = 300_000, 5000
_FAST_BLOCK, _FAST_MATCHES, _MATCHES = 65535, 8192, 50_000
CHECKED = 512
"""A block may end after so many tokens more."""
_LEAST = np.repeat(np.array([9, 8, 7, 6, 5, 4], np.int64), [6, 2, 2, 6, 29, 35])
"""The shortest matches by the number of literals in use; 3 beyond."""


class Places(NamedTuple):
    """Where what was seen last.

    Attributes:
        three: [2**16] int64, the last place of three bytes; of four, with FASTEST.
        four: [2**16] int64, the last place of four bytes; the one before in `three`, with FASTEST.
        before: [2 * 2**15] int64, the place before with the same four bytes, or two children.
    """

    three: npt.NDArray[np.int64]
    four: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]


def places() -> Places:
    """Return empty ones."""
    return Places(*(np.full(1 << 16, NEVER, np.int64) for _ in range(3)))


@inner
def hash_of(data: Any, position: Any, count: int, bits: int) -> Any:
    """Hash three or four bytes; of the first position, nothing."""
    if position == 0:
        return np.int64(0)
    word = np.int64(data[position]) | np.int64(data[position + 1]) << 8 | np.int64(data[position + 2]) << 16
    if count == 4:
        word |= np.int64(data[position + 3]) << 24
    return ((word * 0x1E35A7BD) & 0xFFFFFFFF) >> (32 - bits)


@inner
def equal_bytes(data: Any, place: Any, position: Any, length: Any, most: Any) -> Any:
    """Return how many bytes are equal, `length` of which are known to be, up to `most`."""
    while length < most and data[place + length] == data[position + length]:
        length += 1
    return length


@inner
def _same(data: Any, place: Any, position: Any, count: int) -> bool:
    return bool(equal_bytes(data, place, position, np.int64(0), count) == count)


@inner
def _enter_last_two(data: Any, three: Any, four: Any, position: Any) -> Any:
    """Enter a position; return the last two places."""
    key = hash_of(data, position, 4, 15)
    first, second = four[key], three[key]
    four[key], three[key] = position, first
    return first, second


@inner
def _longest_of_two(data: Any, three: Any, four: Any, position: Any, most: Any, nice: Any) -> Any:
    """Enter a position; return the longest match of at least 4 bytes (else 0) and its place."""
    first, second = _enter_last_two(data, three, four, position)
    best, found = np.int64(0), position
    if first > position - WINDOW and _same(data, first, position, 4):
        best, found = equal_bytes(data, first, position, np.int64(4), most), first
    if second > position - WINDOW and best < nice and _same(data, second, position, 4):
        length = equal_bytes(data, second, position, np.int64(4), most)
        if length > best:
            best, found = length, second
    return best, found


@inner
def _enter(data: Any, three: Any, four: Any, before: Any, position: Any) -> Any:
    """Enter a position; return the last places of its three and four bytes."""
    key, wide = hash_of(data, position, 3, 15), hash_of(data, position, 4, 16)
    near, far = three[key], four[wide]
    three[key] = four[wide] = position
    before[position & (WINDOW - 1)] = far
    return near, far


@inner
def _longest(
    data: Any, three: Any, four: Any, before: Any, position: Any, best: Any, most: Any, nice: Any, depth: Any
) -> Any:
    """Enter a position; return the longest match over `best` bytes (else `best`) and its place."""
    found, limit = position, position - WINDOW
    if most < 5:
        return best, found
    near, place = _enter(data, three, four, before, position)
    if best < 4:
        if near <= limit:
            return best, found
        if best < 3 and _same(data, near, position, 3):
            best, found = np.int64(3), near
        # From here on nothing is as long as four bytes.
        floor = np.int64(4)
    else:
        floor = best + 1
        if best >= nice:
            return best, found
    while place > limit:
        if _same(data, place, position, 4):
            length = equal_bytes(data, place, position, np.int64(4), most)
            if length >= floor:
                best, found, floor = length, place, length + 1
                if best >= nice:
                    break
        place = before[place & (WINDOW - 1)]
        depth -= 1
        if depth == 0:
            break
    return best, found


@inner
def _bits_of_number(value: Any) -> Any:
    """Return the place of the highest bit."""
    place = np.int64(0)
    while value > 1:
        value >>= 1
        place += 1
    return place


@inner
def shortest_for(literals: Any, depth: Any) -> Any:
    """Return the shortest match to be taken, given how many literals are in use."""
    if literals >= _LEAST.size:
        return np.int64(3)
    least = _LEAST[literals]
    if depth < 16:
        least = min(least, np.int64(4 if depth < 5 else 5 if depth < 10 else 7))
    return least


@allocating
def first_shortest(data: Any, start: int, end: int, depth: int) -> Any:
    """Return the shortest match to be taken at the start of a block that may be as long as data[start:end]."""
    if end - start < 512:
        return np.int64(3)
    seen = np.zeros(256, np.int64)
    for position in range(start, min(end, start + 4096)):
        seen[data[position]] = 1
    return shortest_for(seen.sum(), depth)


@inner
def observe_literal(stats: Any, value: Any) -> None:
    """Count a literal; stats [2, 11]: new and old numbers of ten sorts of tokens, and of all."""
    stats[0, (value >> 5) & 6 | value & 1] += 1
    stats[0, 10] += 1


@inner
def observe_match(stats: Any, length: Any) -> None:
    """Count a match."""
    stats[0, 9 if length >= 9 else 8] += 1
    stats[0, 10] += 1


@inner
def merge(stats: Any) -> None:
    """Take the new numbers for old ones."""
    for sort in range(11):
        stats[1, sort] += stats[0, sort]
        stats[0, sort] = 0


@inner
def differs(stats: Any, length: Any) -> bool:
    """Say whether the new tokens differ so much from those before that a block of `length` bytes should end."""
    fresh, known = stats[0, 10], stats[1, 10]
    if known > 0:
        total = np.int64(0)
        for sort in range(10):
            total += abs(stats[1, sort] * fresh - stats[0, sort] * known)
        cutoff = fresh * 200 // 512 * known
        if length < 10000 and known + fresh < 8192:
            cutoff += cutoff * (8192 - known - fresh) // 8192
        if total + length // 4096 * known >= cutoff:
            return True
    merge(stats)
    return False


@inner
def may_end(stats: Any, start: Any, position: Any, size: Any) -> bool:
    """Say whether the end of a block is to be considered."""
    return bool(stats[0, 10] >= CHECKED and position - start >= SHORT_BLOCK and size - position >= SHORT_BLOCK)


@inner
def _put(tokens: Any, used: Any, near: Any, far: Any, stats: Any, token: Any) -> Any:
    """Append a token and count it; return the number of tokens."""
    tokens[used] = token
    if token < 65536:
        near[token] += 1
        observe_literal(stats, token)
    else:
        near[257 + LENGTH_SYMBOL[token >> 16]] += 1
        far[DISTANCE_SYMBOL[token & 65535]] += 1
        observe_match(stats, token >> 16)
    return used + 1


@inner
def _better(length: Any, distance: Any, later: Any, later_distance: Any, least: int) -> bool:
    """Say whether a match that begins later is worth more."""
    if later < length:
        return False
    return bool(4 * (later - length) + _bits_of_number(distance) - _bits_of_number(later_distance) > least)


@inner
def _used_literals(near: Any) -> Any:
    """Count the literals that are not rare."""
    total, used = np.int64(0), np.int64(0)
    for symbol in range(256):
        total += near[symbol]
    for symbol in range(256):
        if near[symbol] > total >> 10:
            used += 1
    return used


@allocating
def parse_block(
    data: Any,
    size: int,
    start: int,
    way: int,
    depth: int,
    nice: int,
    three: Any,
    four: Any,
    before: Any,
    tokens: Any,
    near: Any,
    far: Any,
) -> Any:
    """Choose the tokens of one block.

    Args:
        data: [size + PADDING] uint8.
        size: bytes of it.
        start: where the block begins.
        way: FASTEST to LAZY_TWICE; see LEVELS.
        depth: see LEVELS.
        nice: see LEVELS.
        three: see Places.
        four: see Places.
        before: see Places.
        tokens: [T] uint32, filled in from the start.
        near: [288] int64, how often each literal or length symbol occurs; zeros at first.
        far: [32] int64, the same of distance symbols.
    Returns:
        The number of tokens and the end of the block.
    """
    longest = _FAST_BLOCK if way == FASTEST else LONG_BLOCK
    end = size if size - start < longest + SHORT_BLOCK else start + longest
    stats = np.zeros((2, 11), np.int64)
    position, used, matches = np.int64(start), np.int64(0), np.int64(0)
    least = first_shortest(data, start, end, depth) if way != FASTEST else np.int64(4)
    recount = position + min(size - position, np.int64(10000))
    while True:
        left = size - position
        most, goal = min(np.int64(MAX_MATCH), left), min(np.int64(nice), left)
        if (way == LAZY or way == LAZY_TWICE) and position >= recount:
            least = shortest_for(_used_literals(near), depth)
            recount += min(size - recount, position - start)
        if way == FASTEST:
            length, place = np.int64(0), position
            if most >= 5:
                length, place = _longest_of_two(data, three, four, position, most, goal)
        else:
            length, place = _longest(data, three, four, before, position, least - 1, most, goal, depth)
        distance = position - place
        far_off = length == MIN_MATCH and distance > (4096 if way == GREEDY else 8192)
        if length < least or far_off:
            used = _put(tokens, used, near, far, stats, np.int64(data[position]))
            position += 1
        else:
            entered = position + 1
            looking = way >= LAZY
            while looking and length < goal:
                looking = False
                for step in range(1, 2 if way == LAZY else 3):
                    left = size - entered
                    most, goal = min(np.int64(MAX_MATCH), left), min(goal, left)
                    later, place = _longest(
                        data, three, four, before, entered, length - 1, most, goal, depth >> step
                    )
                    entered += 1
                    if _better(length, distance, later, entered - 1 - place, 2 if step == 1 else 6):
                        for _ in range(step):
                            used = _put(tokens, used, near, far, stats, np.int64(data[position]))
                            position += 1
                        length, distance, looking = later, position - place, True
                        break
            used = _put(tokens, used, near, far, stats, length << 16 | distance)
            matches += 1
            position += length
            # What is left of the match is entered, but not near the end of the data.
            if position - entered + 5 <= size - entered:
                while entered < position:
                    if way == FASTEST:
                        _enter_last_two(data, three, four, entered)
                    else:
                        _enter(data, three, four, before, entered)
                    entered += 1
            position = max(position, entered)
        if position >= end or matches >= (_FAST_MATCHES if way == FASTEST else _MATCHES):
            break
        if way != FASTEST and may_end(stats, start, position, size) and differs(stats, position - start):
            break
    return used, position
