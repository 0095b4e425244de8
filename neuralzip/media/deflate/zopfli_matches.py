"""All matches that zopfli finds (Alakuijala and Vandevenne): for each place and length, the nearest distance.

Candidates come along a chain of places with the same three bytes; once a match covers a run of equal bytes, along
a second chain of places where such a run has the same length as well. At most _CHAIN are tried. Neither the
matches nor their order depends on what the parse makes of them, so a segment is searched once for all its parses.

A segment is data[start:end]; matches reach back into the window before it, and never past its end.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating
from neuralzip.media.deflate.stream import MAX_MATCH, MIN_MATCH
from neuralzip.media.deflate.zopfli_trees import inner

WINDOW = 1 << 15
_MASK = WINDOW - 1
_HASHES = 1 << 16
_CHAIN = 8192
_MOST_SAME = 65535
_NONE = -1


class Matches(NamedTuple):
    """The matches of a segment of N bytes.

    Attributes:
        first: [N + 1] int64, where the steps of each place begin in `steps`.
        steps: uint32, length << 16 | distance: up to this length, and beyond the step before, it is the nearest.
        same: [N] uint16, how many bytes behind each place equal it.
    """

    first: npt.NDArray[np.int64]
    steps: npt.NDArray[np.uint32]
    same: npt.NDArray[np.uint16]


@inner
def _enter(heads: Any, before: Any, values: Any, value: int, place: int) -> None:
    """Enter a place (within the window) into the chain of a hash."""
    head = heads[value]
    before[place] = head if head != _NONE and values[head] == value else place
    values[place], heads[value] = value, place


@inner
def _same_run(data: Any, position: int, end: int, before: int) -> int:
    """Return how many bytes behind a position equal it, given that number for the position before."""
    run = before - 1 if before > 1 else 0
    while position + run + 1 < end and data[position] == data[position + run + 1] and run < _MOST_SAME:
        run += 1
    return run


@inner
def _search(data: Any, position: int, end: int, before: Any, values: Any, runs: Any, steps: Any, used: int) -> int:
    """Append the steps of a position; return the number of all.

    before, values: [2, WINDOW], of both chains; runs: [WINDOW], how many bytes behind each place equal it.
    """
    limit, best, which = min(MAX_MATCH, end - position), 1, 0
    here = position & _MASK
    place: Any = here
    same = runs[here]
    following = np.int64(before[0, here])
    distance = (place - following) & _MASK
    if distance == 0 or limit < MIN_MATCH:
        return used
    for _ in range(_CHAIN):
        length: Any = 0
        if position + best >= end or data[position + best] == data[position + best - distance]:
            if data[position] == data[position - distance]:
                length = min(same, runs[(position - distance) & _MASK], limit)
            while length < limit and data[position + length] == data[position + length - distance]:
                length += 1
        if length > best:
            best = length
            steps[used] = length << 16 | distance
            used += 1
            if length >= limit:
                break
        if which == 0 and best >= same and values[1, here] == values[1, following]:
            which = 1
        place, following = following, np.int64(before[which, following])
        if following == place:
            break
        distance += (place - following) & _MASK
        if distance >= WINDOW:
            break
    return used


@allocating
def find_matches(data: Any, start: int, end: int) -> Any:
    """Return the fields of Matches for a segment."""
    heads = np.full((2, _HASHES), _NONE, np.int64)
    before, values = np.zeros((2, WINDOW), np.int64), np.full((2, WINDOW), _NONE, np.int64)
    runs = np.zeros(WINDOW, np.int64)
    first, same = np.zeros(end - start + 1, np.int64), np.zeros(end - start, np.uint16)
    steps = np.zeros(4 * (end - start) + 2 * MAX_MATCH, np.uint32)
    begin = max(0, start - WINDOW)
    hashed = ((np.int64(data[begin]) << 5) ^ np.int64(data[begin + 1])) & _MASK
    used, run = 0, 0
    for position in range(begin, end):
        here = position & _MASK
        following = np.int64(data[position + 2]) if position + MIN_MATCH <= end else 0
        hashed = ((hashed << 5) ^ following) & _MASK
        _enter(heads[0], before[0], values[0], hashed, here)
        run = _same_run(data, position, end, run)
        runs[here] = run
        _enter(heads[1], before[1], values[1], ((run - MIN_MATCH) & 255) ^ hashed, here)
        if position >= start:
            if used + MAX_MATCH > steps.size:
                larger = np.zeros(2 * steps.size, np.uint32)
                larger[:used] = steps[:used]
                steps = larger
            same[position - start] = run
            used = _search(data, position, end, before, values, runs, steps, used)
            first[position - start + 1] = used
    return first, steps[:used].copy(), same


@inner
def nearest(first: Any, steps: Any, place: int, length: int) -> Any:
    """Return the nearest distance at which a place of the segment has a match of this length; 0 for none."""
    for k in range(first[place], first[place + 1]):
        if np.int64(steps[k]) >> 16 >= length:
            return np.int64(steps[k]) & 65535
    return 0


@inner
def longest(first: Any, steps: Any, place: int) -> Any:
    """Return the longest match at a place, as a step; 0 for none."""
    if first[place] == first[place + 1]:
        return 0
    return np.int64(steps[first[place + 1] - 1])
