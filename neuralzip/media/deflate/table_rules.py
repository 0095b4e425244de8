"""The matching rules of encoders that hash only where tokens start, as predictors of the next token, compiled.

stb_image_write keeps the last places of every hash in a bucket and takes no match where the next position has a
longer one; the fastest level of zlib-ng (deflate_quick) keeps one place for every hash.
"""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.media.deflate.hashes import KNUTH, four_bytes, hash_four, hash_mixed
from neuralzip.media.deflate.stream import MAX_MATCH, MIN_MATCH


@inner
def equal(data: Any, place: int, position: int, most: int) -> Any:
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
        length = equal(data, place, position, most)
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
    key = hash_mixed(data, position, bits)
    best, found = longest_in_bucket(data, size, head, chain, key, position, MIN_MATCH - 1)
    back, count = position - np.int64(head[key]), head.size // 2 + key
    chain[position & (chain.size - 1)] = back if back < chain.size else 0
    head[key] = position
    head[count] = (full // 2 if head[count] == full else max(head[count], 0)) + 1
    if found < 0:
        return 0, 0
    key = hash_mixed(data, position + 1, bits)
    later, _ = longest_in_bucket(data, size, head, chain, key, position + 1, best)
    return (0, 0) if later > best else (best, position - found)


@inner
def match_at_last(data: Any, size: int, head: Any, reach: int, position: int, nearest: int) -> Any:
    """Return the length (0 for a literal) and distance that zlib-ng's level 1 takes; enter the position.

    Places before `nearest` do not match: to zlib-ng an empty slot is place 0, which matches as others do.
    """
    if size - position < 4:
        return 0, 0
    key = hash_four(four_bytes(data, position), head.size - 1, KNUTH)
    place = max(np.int64(head[key]), np.int64(0))
    distance = position - place
    head[key] = position
    if place < nearest or distance < 1 or distance > reach:
        return 0, 0
    length = equal(data, place, position, min(MAX_MATCH, size - position))
    return (length, distance) if length >= 4 else (0, 0)
