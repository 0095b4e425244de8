"""The matching rules of zlib's deflate.c (Gailly and Adler), as a predictor of the next token, compiled.

`predict` says what zlib would emit at a position, given the tokens that were really emitted before it, so that
after a difference it falls in step again. For a stream of zlib itself every prediction is right. Hash chains,
chain limits, lazy evaluation, the positions at which zlib's sliding window cannot match, and the treatment of
the end of the data follow zlib, whose choices have been the same since version 1.0.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.media.png.stream import MAX_MATCH, MIN_MATCH
from neuralzip.media.png.table_rules import match_at_last, match_in_buckets

STORE, FAST, LAZY, RUNS, LITERALS_ONLY, BUCKETS, QUICK = range(7)
_SLACK = MAX_MATCH + MIN_MATCH + 1
"""zlib keeps this many bytes of its window free (MIN_LOOKAHEAD)."""
_LEVELS = (
    (STORE, 0, 0, 0, 0),
    (FAST, 4, 4, 4, 8),
    (FAST, 8, 4, 5, 16),
    (FAST, 32, 4, 6, 32),
    (LAZY, 16, 4, 4, 16),
    (LAZY, 32, 8, 16, 32),
    (LAZY, 128, 8, 16, 128),
    (LAZY, 256, 8, 32, 128),
    (LAZY, 1024, 32, 128, 258),
    (LAZY, 4096, 32, 258, 258),
)
"""kind, chain, good, lazy and nice of the levels 0..9 (zlib's configuration_table)."""
KIND, CHAIN, GOOD, LAZY_FROM, NICE, SHORTEST, TOO_FAR, WINDOW_BITS, HASH_BITS, SLACK = range(10)
_HASHED, _BASE, _FOUND, _PENDING_AT, _PENDING_LENGTH, _PENDING_DISTANCE = range(10, 16)
LENGTH, DISTANCE, LATER = 16, 17, 18


class Rules(NamedTuple):
    """The choices of an encoder.

    Attributes:
        kind: STORE, FAST (greedy), LAZY, RUNS (matches of distance 1 only) or LITERALS_ONLY; BUCKETS
            (stb_image_write), QUICK (zlib-ng's level 1).
        chain: candidates that are compared at most; with BUCKETS, the places that a bucket holds at most.
        good: a pending match this long quarters `chain`.
        lazy: a match this long is taken at once; with FAST, the longest one whose inside is hashed.
        nice: a match this long ends the search.
        shortest: shorter matches are not taken by LAZY (6 in zlib's filtered strategy, else 3).
        too_far: LAZY takes no match of length 3 from farther away.
        window_bits: binary logarithm of the window.
        hash_bits: binary logarithm of the hash table.
        slack: bytes of the window that matches do not reach into; 0 for encoders other than zlib.
    """

    kind: int
    chain: int
    good: int
    lazy: int
    nice: int
    shortest: int = MIN_MATCH
    too_far: int = 4096
    window_bits: int = 15
    hash_bits: int = 15
    slack: int = _SLACK


def zlib_rules(level: int, filtered: bool = False, window_bits: int = 15, memory_level: int = 8) -> Rules:
    """Return the rules of a compression level 0..9 with the default or the filtered strategy."""
    shortest = 6 if filtered else MIN_MATCH
    # zlib raises a window of 256 bytes to 512.
    return Rules(*_LEVELS[level], shortest, window_bits=max(window_bits, 9), hash_bits=memory_level + 7)


STB_RULES = Rules(BUCKETS, 16, 0, 0, MAX_MATCH, hash_bits=14, slack=0)
"""stb_image_write at its default quality."""
QUICK_RULES = Rules(QUICK, 1, 0, 0, MAX_MATCH, hash_bits=16)
"""Level 1 of zlib-ng."""


class Matcher(NamedTuple):
    """Hash chains and lazy-evaluation state; compiled functions take the three arrays.

    Attributes:
        head: [2**hash_bits] int32, the last position of each hash; with BUCKETS as many more, the places in each.
        chain: [2**window_bits] uint16, how far back from each position the same hash was last, 0 for never.
        memory: [19] int64: the rules; the first position not yet hashed, start of zlib's window, place of the
            last match found, pending match of the lazy evaluation (position, length, distance); and of the last
            prediction its length (0 for a literal), its distance, and the length of the later match that was
            weighed against it.
    """

    head: npt.NDArray[np.int32]
    chain: npt.NDArray[np.uint16]
    memory: npt.NDArray[np.int64]


def matcher(rules: Rules) -> Matcher:
    """Return an empty matcher."""
    memory = np.zeros(19, np.int64)
    memory[:10] = rules
    memory[_PENDING_AT] = -1
    memory[_BASE] = 0 if rules.slack else -1
    head = np.full((2 if rules.kind == BUCKETS else 1) << rules.hash_bits, -65536, np.int32)
    return Matcher(head, np.zeros(1 << rules.window_bits, np.uint16), memory)


@inner
def _hash_up_to(data: Any, size: int, head: Any, chain: Any, memory: Any, end: int) -> None:
    """Enter all positions before `end` that are not yet in the hash chains."""
    shift = (memory[HASH_BITS] + 2) // 3
    mask, wrap = head.size - 1, chain.size - 1
    position = memory[_HASHED]
    memory[_HASHED] = max(end, position)
    end = min(end, size - MIN_MATCH + 1)
    while position < end:
        first, second, third = np.int64(data[position]), np.int64(data[position + 1]), np.int64(data[position + 2])
        key = ((first << (2 * shift)) ^ (second << shift) ^ third) & mask
        back = position - np.int64(head[key])
        chain[position & wrap] = back if back < 65536 else 0
        head[key] = position
        position += 1


@inner
def _longest_match(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int, best: int) -> Any:
    """Hash up to a position; return the longest match zlib finds there, or `best`; memory[_FOUND] is where."""
    _hash_up_to(data, size, head, chain, memory, position + 1)
    window, base = chain.size, memory[_BASE]
    if memory[SLACK] > 0:
        # zlib moves the upper half of its double window down when less than the slack is left of it. What then
        # lies at its start has position 0, which means "none" in the hash chains.
        while position - base >= 2 * window - memory[SLACK] + 1:
            base += window
        memory[_BASE] = base
    ahead, reach = size - position, window - memory[SLACK]
    back = np.uint64(chain[position & (window - 1)])
    left = memory[CHAIN] >> 2 if best >= memory[GOOD] else memory[CHAIN]
    if ahead < MIN_MATCH or back == 0 or np.int64(back) > reach or position - np.int64(back) <= base:
        return best
    limit, nice = max(base, position - reach), np.uint64(min(memory[NICE], ahead))
    # Unsigned indices spare the compiler the care for negative ones; this loop takes most of the time.
    here, mask, length = np.uint64(position), np.uint64(window - 1), np.uint64(best)
    one, most, place = np.uint64(1), np.uint64(MAX_MATCH), np.uint64(position)
    first, second, last, end = data[here], data[here + one], data[here + length - one], data[here + length]
    while True:
        place -= back
        if (
            data[place + length] == end
            and data[place + length - one] == last
            and data[place] == first
            and data[place + one] == second
        ):
            run = np.uint64(2)
            while run < most and data[place + run] == data[here + run]:
                run += one
            if run > length:
                memory[_FOUND], length = np.int64(place), run
                last, end = data[here + length - one], data[here + length]
        back = np.uint64(chain[place & mask])
        left -= 1
        # The first candidate may lie at the very limit, the others may not.
        if back == 0 or left == 0 or length >= nice or np.int64(place) - np.int64(back) <= limit:
            break
    return min(np.int64(length), ahead)


@inner
def predict(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int) -> None:
    """Set memory[LENGTH] and memory[DISTANCE] to the next token by zlib's rules; length 0 is a literal.

    Follows deflate_fast, deflate_slow, deflate_rle and deflate_huff.
    """
    memory[LENGTH] = memory[DISTANCE] = memory[LATER] = 0
    kind, length, distance = memory[KIND], 0, 1
    if kind == BUCKETS:
        bits, full = memory[HASH_BITS], memory[CHAIN]
        memory[LENGTH], memory[DISTANCE] = match_in_buckets(data, size, head, chain, bits, full, position)
    elif kind == QUICK:
        bits, reach = memory[HASH_BITS], chain.size - memory[SLACK]
        memory[LENGTH], memory[DISTANCE] = match_at_last(data, size, head, bits, reach, position)
    if kind == RUNS and position > 0:
        most = min(MAX_MATCH, size - position)
        while length < most and data[position + length] == data[position - 1]:
            length += 1
    if kind == LAZY and memory[_PENDING_AT] == position:
        memory[LENGTH], memory[DISTANCE] = memory[_PENDING_LENGTH], memory[_PENDING_DISTANCE]
    elif kind == LAZY or kind == FAST:
        length = _longest_match(data, size, head, chain, memory, position, MIN_MATCH - 1)
        distance = position - memory[_FOUND]
    if length >= MIN_MATCH and (kind != LAZY or _acceptable(memory, length, distance)):
        memory[LENGTH], memory[DISTANCE] = length, distance
    memory[_PENDING_AT] = -1
    length = memory[LENGTH]
    if kind == LAZY and MIN_MATCH <= length < memory[LAZY_FROM]:
        later = _longest_match(data, size, head, chain, memory, position + 1, length)
        distance = position + 1 - memory[_FOUND]
        memory[LATER] = later
        if later > length and _acceptable(memory, later, distance):
            memory[LENGTH] = memory[DISTANCE] = 0
            memory[_PENDING_AT] = position + 1
            memory[_PENDING_LENGTH], memory[_PENDING_DISTANCE] = later, distance


@inner
def _acceptable(memory: Any, length: int, distance: int) -> bool:
    """Say whether a match is long enough for the strategy and for its distance."""
    return bool(length >= memory[SHORTEST] and (length > MIN_MATCH or distance <= memory[TOO_FAR]))


@inner
def advance(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int, length: int) -> None:
    """Take note of a token that covers `length` >= 1 bytes."""
    end, kind = position + length, memory[KIND]
    if kind == LAZY or (kind == FAST and length <= memory[LAZY_FROM] and size - end >= MIN_MATCH):
        _hash_up_to(data, size, head, chain, memory, end)
    memory[_HASHED] = max(end, memory[_HASHED])
