"""The matching rules of zlib-ng's deflate_medium (van de Ven), as a predictor of the next token, compiled.

A match is weighed against nothing; but the one that follows it is looked for first, and where that one can begin
earlier at the expense of this one, down to a byte or none, it does. What that needs of the input must be there:
zlib-ng reads a window, or what it is given at a time, and begins anew where less than the slack is left of it.
"""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.media.deflate.chains import (
    BASE,
    CHAIN,
    DISTANCE,
    FILLED,
    FOUND,
    HASHED,
    LAZY_FROM,
    LENGTH,
    PENDING_AT,
    PENDING_DISTANCE,
    PENDING_LENGTH,
    SLACK,
    TOO_FAR,
    hash_up_to,
    longest_match,
    slide,
)
from neuralzip.media.deflate.hashes import KNUTH, four_bytes, hash_four
from neuralzip.media.deflate.stream import MIN_MATCH

SHORTEST_FOUR = 4
_LOOKING_AHEAD = 32
"""Levels with shorter chains than this do not look for the match that follows."""


@inner
def fill(size: int, window: int, memory: Any, position: int) -> bool:
    """Move the window on and fill it as zlib-ng does before a token; say whether new input came.

    The input comes in pieces of memory[TOO_FAR] bytes, or all at once where that is 0.
    """
    slide(memory, window, position)
    end: Any = size
    if memory[TOO_FAR] > 0:
        pieces = (position + memory[SLACK] + memory[TOO_FAR] - 1) // memory[TOO_FAR]
        end = min(pieces * memory[TOO_FAR], size)
    end = min(end, memory[BASE] + 2 * window)
    needed = end > memory[FILLED]
    memory[FILLED] = end
    return bool(needed)


@inner
def _enter_again(data: Any, head: Any, chain: Any, memory: Any, position: int) -> None:
    """Enter the position before the next token, as zlib-ng does when new input came.

    Where both have the same hash and were entered, each is then found from the other.
    """
    if memory[HASHED] == position + 1 and position > 0:
        mask = head.size - 1
        key = hash_four(four_bytes(data, position), mask, KNUTH)
        if key == hash_four(four_bytes(data, position - 1), mask, KNUTH):
            head[key], memory[HASHED] = position - 1, position
            chain[(position - 1) & (chain.size - 1)] = 0


@inner
def _match_at(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int) -> Any:
    """Return the length of the match at a position, 1 for a literal; memory[FOUND] is where."""
    # A position that was entered before finds itself, and nothing else.
    if position < memory[HASHED]:
        return np.int64(1)
    length = longest_match(data, size, head, chain, memory, position, MIN_MATCH - 1)
    return length if length >= SHORTEST_FOUR else np.int64(1)


@inner
def _enter(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int, length: int) -> None:
    """Enter what a match covers, only its last position where it is very long."""
    end = position + length
    if length >= SHORTEST_FOUR and memory[FILLED] - position > length + SHORTEST_FOUR:
        if length > 16 * memory[LAZY_FROM]:
            memory[HASHED] = max(memory[HASHED], end - 1)
        hash_up_to(data, size, head, chain, memory, end)


@inner
def _bytes_moved(data: Any, memory: Any, window: int, position: int, length: int, place: int, found: int) -> Any:
    """Return how many bytes earlier the match of `found` bytes that follows one of `length` begins, 0 for none."""
    start, base, moved = position + length, memory[BASE], np.int64(0)
    if length - 1 > place - base or data[place - length + 1] != data[position + 1]:
        return moved
    limit = max(start - (window - memory[SLACK]), base)
    while (
        moved < length
        and start - moved > limit
        and found + moved < 256
        and place - moved > base + 1
        and data[place - moved - 1] == data[start - moved - 1]
    ):
        moved += 1
    return moved if length - moved <= 1 else np.int64(0)


@inner
def predict_medium(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int) -> None:
    """Set memory[LENGTH] and memory[DISTANCE] to the next token; length 0 is a literal."""
    window, length = chain.size, np.int64(0)
    while length == 0:
        if fill(size, window, memory, position):
            memory[PENDING_AT] = -1
            _enter_again(data, head, chain, memory, position)
        if memory[FILLED] - position < memory[SLACK]:
            memory[PENDING_AT] = -1
        if memory[PENDING_AT] == position:
            length, distance = memory[PENDING_LENGTH], memory[PENDING_DISTANCE]
        else:
            length = _match_at(data, size, head, chain, memory, position)
            distance = position - memory[FOUND]
        memory[PENDING_AT] = -1
        _enter(data, size, head, chain, memory, position, length)
        following = position + length
        near_end = following >= memory[BASE] + 2 * window - memory[SLACK]
        if memory[CHAIN] >= _LOOKING_AHEAD and memory[FILLED] - position > memory[SLACK] and not near_end:
            found, moved = _match_at(data, size, head, chain, memory, following), np.int64(0)
            place = memory[FOUND]
            if length > 1 and found >= SHORTEST_FOUR:
                moved = _bytes_moved(data, memory, window, position, length, place, found)
            memory[PENDING_AT], memory[PENDING_LENGTH] = following - moved, found + moved
            memory[PENDING_DISTANCE] = following - place
            length -= moved
    memory[LENGTH] = length if length >= SHORTEST_FOUR else 0
    memory[DISTANCE] = distance
