"""Hash chains as zlib and its kin keep them, and the search for the longest match in them, compiled.

Chain limits, the positions at which a sliding window cannot match, and the treatment of the end of the data follow
zlib (Gailly and Adler), whose choices have been the same since version 1.0, and where it is told, zlib-ng.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.media.deflate.hashes import GO, KNUTH, ROLLING, four_bytes, hash_four, hash_three
from neuralzip.media.deflate.stream import MAX_MATCH, MIN_MATCH

SCHEME, CHAIN, GOOD, LAZY_FROM, NICE, SHORTEST, TOO_FAR, WINDOW_BITS, HASH_BITS, SLACK = range(10)
HASHED, BASE, FOUND, PENDING_AT, PENDING_LENGTH, PENDING_DISTANCE = range(10, 16)
LENGTH, DISTANCE, LATER, HASHING, FILLED = range(16, 21)
_HURRIED = 32
"""zlib-ng's levels with shorter chains than this end a search at the first candidate that is no better."""


class Matcher(NamedTuple):
    """Hash chains and lazy-evaluation state; compiled functions take the three arrays.

    Attributes:
        head: [2**hash_bits] int32, the last position of each hash; with BUCKETS as many more, the places in each.
        chain: [2**window_bits] uint16, how far back from each position the same hash was last, 0 for never.
        memory: [21] int64: the rules, the kind's scheme in the place of the kind; the first position not yet
            hashed, start of zlib's window, place of the last match found, pending match (position, length,
            distance); of the last prediction its length (0 for a literal), its distance, and the length of the
            later match that was weighed against it; the hash; and how far the window is filled.
    """

    head: npt.NDArray[np.int32]
    chain: npt.NDArray[np.uint16]
    memory: npt.NDArray[np.int64]


@inner
def slide(memory: Any, window: int, position: int) -> None:
    """Move the start of the window.

    zlib moves the upper half of its double window down when less than the slack is left of it. What then lies at
    its start has position 0, which means "none" in the hash chains.
    """
    if memory[SLACK] > 0:
        base = memory[BASE]
        while position - base >= 2 * window - memory[SLACK] + 1:
            base += window
        memory[BASE] = base


@inner
def hash_up_to(data: Any, size: int, head: Any, chain: Any, memory: Any, end: int) -> None:
    """Enter all positions before `end` that are not yet in the hash chains."""
    bits, hashing = memory[HASH_BITS], memory[HASHING]
    wrap = chain.size - 1
    position = memory[HASHED]
    memory[HASHED] = max(end, position)
    end = min(end, size - MIN_MATCH + (0 if hashing == KNUTH or hashing == GO else 1))
    while position < end:
        if hashing == ROLLING:
            key = hash_three(data, position, bits)
        else:
            word = four_bytes(data, position)
            if position + MIN_MATCH == size and memory[BASE] > 0:
                # What zlib's window holds behind the data is what it held there before it was moved.
                word |= np.int64(data[size - chain.size]) << 24
            key = hash_four(word, head.size - 1, hashing)
        back = position - np.int64(head[key])
        chain[position & wrap] = back if back < 65536 else 0
        head[key] = position
        position += 1


@inner
def longest_match(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int, best: int) -> Any:
    """Hash up to a position; return the longest match zlib finds there, or `best`; memory[FOUND] is where."""
    hash_up_to(data, size, head, chain, memory, position + 1)
    window = chain.size
    slide(memory, window, position)
    base = memory[BASE]
    ahead, reach = size - position, window - memory[SLACK]
    back = np.uint64(chain[position & (window - 1)])
    left = memory[CHAIN] >> 2 if best >= memory[GOOD] else memory[CHAIN]
    if ahead < MIN_MATCH or back == 0 or np.int64(back) > reach or position - np.int64(back) <= base:
        return best
    hurried = memory[HASHING] == KNUTH and memory[CHAIN] < _HURRIED
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
                memory[FOUND], length = np.int64(place), run
                last, end = data[here + length - one], data[here + length]
            elif hurried and _seems_longer(data, place, here, length, run):
                break
        back = np.uint64(chain[place & mask])
        left -= 1
        # The first candidate may lie at the very limit, the others may not.
        if back == 0 or left == 0 or length >= nice or np.int64(place) - np.int64(back) <= limit:
            break
    return min(np.int64(length), ahead)


@inner
def _seems_longer(data: Any, place: Any, here: Any, length: Any, run: Any) -> bool:
    """Say whether zlib-ng compares a candidate in full: its first and last eight bytes are equal."""
    one = np.uint64(1)
    step = np.uint64(0)
    while step < np.uint64(8) and data[place + length - step] == data[here + length - step]:
        step += one
    return bool(step == np.uint64(8) and run >= np.uint64(8))
