"""The matching rules of encoders that hash only where tokens start, as predictors of the next token, compiled.

stb_image_write keeps the last places of every hash in a bucket and takes no match where the next position has a
longer one; the fastest level of zlib-ng (deflate_quick) keeps one place for every hash.
"""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.media.png.stream import MAX_MATCH, MIN_MATCH


@inner
def _hash_three(data: Any, position: int, bits: int) -> Any:
    """Return stb_image_write's hash of three bytes."""
    word = np.int64(data[position]) | np.int64(data[position + 1]) << 8 | np.int64(data[position + 2]) << 16
    word ^= (word << 3) & 0xFFFFFFFF
    word = (word + (word >> 5)) & 0xFFFFFFFF
    word ^= (word << 4) & 0xFFFFFFFF
    word = (word + (word >> 17)) & 0xFFFFFFFF
    word ^= (word << 25) & 0xFFFFFFFF
    word = (word + (word >> 6)) & 0xFFFFFFFF
    return word & ((1 << bits) - 1)


@inner
def _hash_four(data: Any, position: int, bits: int) -> Any:
    """Return zlib-ng's multiplicative hash of four bytes."""
    low = np.int64(data[position]) | np.int64(data[position + 1]) << 8
    high = np.int64(data[position + 2]) | np.int64(data[position + 3]) << 8
    return (((low | high << 16) * 2654435761) & 0xFFFFFFFF) >> (32 - bits)


@inner
def _equal(data: Any, place: int, position: int, most: int) -> Any:
    """Count equal bytes from two places, up to `most`."""
    length = 0
    while length < most and data[place + length] == data[position + length]:
        length += 1
    return length


@inner
def longest_in_bucket(data: Any, size: int, head: Any, chain: Any, key: int, position: int, best: int) -> Any:
    """Return the length and place of the nearest of the longest matches over `best` bytes in a bucket."""
    most, mask = min(MAX_MATCH, size - position), chain.size - 1
    place, left = np.int64(head[key]), np.int64(head[head.size // 2 + key])
    found: Any = np.int64(-1)
    while left > 0 and place >= 0 and position - place < chain.size:
        length = _equal(data, place, position, most)
        if length > best:
            best, found = length, place
        back = np.int64(chain[place & mask])
        place = place - back if back > 0 else np.int64(-1)
        left -= 1
    return best, found


@inner
def match_in_buckets(data: Any, size: int, head: Any, chain: Any, bits: int, full: int, position: int) -> Any:
    """Return the length (0 for a literal) and distance that stb_image_write takes; enter the position.

    A bucket of `full` places loses its older half when the next one comes.
    """
    if position >= size - MIN_MATCH:
        return 0, 0
    key = _hash_three(data, position, bits)
    best, found = longest_in_bucket(data, size, head, chain, key, position, MIN_MATCH - 1)
    back, count = position - np.int64(head[key]), head.size // 2 + key
    chain[position & (chain.size - 1)] = back if back < chain.size else 0
    head[key] = position
    head[count] = (full // 2 if head[count] == full else max(head[count], 0)) + 1
    if found < 0:
        return 0, 0
    key = _hash_three(data, position + 1, bits)
    later, _ = longest_in_bucket(data, size, head, chain, key, position + 1, best)
    return (0, 0) if later > best else (best, position - found)


@inner
def match_at_last(data: Any, size: int, head: Any, bits: int, reach: int, position: int) -> Any:
    """Return the length (0 for a literal) and distance that zlib-ng's level 1 takes; enter the position."""
    if size - position < 4:
        return 0, 0
    key = _hash_four(data, position, bits)
    place, distance = np.int64(head[key]), position - np.int64(head[key])
    head[key] = position
    if place <= 0 or distance > reach:
        return 0, 0
    length = _equal(data, place, position, min(MAX_MATCH, size - position))
    return (length, distance) if length >= 4 else (0, 0)
