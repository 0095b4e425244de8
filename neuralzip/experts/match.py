"""The match model: the longest earlier place with the same recent bytes predicts the next byte.

Two hashes of the last LONG and SHORT bytes lead to candidate places; a candidate is verified backwards, so a
prediction always has the length that it claims. How far to trust a length is learnt (one adaptive probability for
each length class and recent miss). Works over all lanes: a place is usable once its byte is decoded.

Source: the match models of Mahoney's PAQ and lpaq; selection and formats are our own.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.counters import MAP_NEW, hash_start, hash_step, map_p, map_updated
from neuralzip.experts.logistic import stretch

LONG, SHORT = 12, 5
MAX_LENGTH = 400
LENGTH_CLASSES = 16
_TRUST_LIMIT = 255


class Match(NamedTuple):
    """State of a match model over L lanes.

    Attributes:
        starts: [L] int64, first place of each lane.
        heads: [2, 2**k] int32, last place (exclusive end) of a hash of LONG and of SHORT bytes, 0 for none.
        pointer: [L] int64, place of the predicted byte.
        length: [L] int64, verified length, 0 for no match.
        misses: [L] int64, last outcomes of predictions, newest in bit 0 (a one is a miss).
        trust: [LENGTH_CLASSES * 4 * 2] uint32, map entries: probability that the expected bit comes.
        entry: [1] int64, the entry in use for this bit, -1 for none.
    """

    starts: npt.NDArray[np.int64]
    heads: npt.NDArray[np.int32]
    pointer: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    misses: npt.NDArray[np.int64]
    trust: npt.NDArray[np.uint32]
    entry: npt.NDArray[np.int64]


def new_match(starts: npt.NDArray[np.int64], log2_heads: int) -> Match:
    """Return a match model that has seen nothing, of lanes that begin at `starts`."""
    lanes = len(starts)
    return Match(
        starts=starts,
        heads=np.zeros((2, 1 << log2_heads), np.int32),
        pointer=np.zeros(lanes, np.int64),
        length=np.zeros(lanes, np.int64),
        misses=np.zeros(lanes, np.int64),
        trust=np.full(LENGTH_CLASSES * 8, MAP_NEW, np.uint32),
        entry=np.full(1, -1, np.int64),
    )


@inner
def length_class(length: int) -> int:
    """Return the class of a match length, 0 for none, at most LENGTH_CLASSES - 1."""
    if length < 16:
        return (length + 1) // 2
    return min(8 + (length - 16) // 8, 12) if length < 64 else min(12 + length // 128, LENGTH_CLASSES - 1)


@inner
def lane_of(match: Match, place: int) -> int:
    """Return the lane that a place belongs to."""
    low, high = 0, len(match.starts)
    while high - low > 1:
        middle = (low + high) // 2
        if match.starts[middle] <= place:
            low = middle
        else:
            high = middle
    return low


@inner
def _verified(match: Match, text: npt.NDArray[np.uint8], lane: int, end: int, place: int) -> int:
    """Return how many bytes before `place` equal those before `end`, each within its own lane."""
    limit = min(MAX_LENGTH, end - match.starts[lane], place - match.starts[lane_of(match, place - 1)])
    length = 0
    while length < limit and text[place - 1 - length] == text[end - 1 - length]:
        length += 1
    return length


@inner
def _hash_of(text: npt.NDArray[np.uint8], end: int, count: int, size: int) -> np.int64:
    state = hash_start(count)
    for i in range(count):
        state = hash_step(state, text[end - 1 - i])
    return np.int64(state >> np.uint64(20)) & (size - 1)


@inner
def advance(match: Match, lane: int, text: npt.NDArray[np.uint8], end: int) -> None:
    """Move a lane on after its byte text[end - 1]: follow the match, and look for a longer one."""
    if match.length[lane] > 0:
        hit = text[match.pointer[lane]] == text[end - 1]
        match.misses[lane] = (match.misses[lane] << 1 | (0 if hit else 1)) & 255
        match.pointer[lane] += 1
        match.length[lane] = min(match.length[lane] + 1, MAX_LENGTH) if hit else 0
    size = match.heads.shape[1]
    for which, count in ((0, LONG), (1, SHORT)):
        if end - match.starts[lane] < count:
            continue
        slot = _hash_of(text, end, count, size)
        place = np.int64(match.heads[which, slot])
        match.heads[which, slot] = end
        if place > 0 and match.length[lane] < LONG + 4 and place != match.pointer[lane]:
            length = _verified(match, text, lane, end, place)
            if length >= count and length > match.length[lane]:
                match.pointer[lane], match.length[lane] = place, length


@inner
def expected(match: Match, lane: int, text: npt.NDArray[np.uint8], known: bool) -> np.int64:
    """Return the expected byte of a lane, -1 for none; `known` says whether the place pointed at is decoded."""
    if match.length[lane] == 0 or not known:
        return np.int64(-1)
    return np.int64(text[match.pointer[lane]])


@inner
def expected_bit(expected_byte: int, node: int) -> int:
    """Return the expected bit at a node, -1 where the path has left the expected byte."""
    if expected_byte < 0:
        return -1
    whole, depth = expected_byte | 256, 0
    while node >> (depth + 1):
        depth += 1
    if whole >> (8 - depth) != node:
        return -1
    return (whole >> (7 - depth)) & 1


@inner
def opinion(match: Match, lane: int, expected_bit: int) -> int:
    """Return the logit of a one, 0 where expected_bit is -1; `learn` needs the entry that this leaves."""
    if expected_bit < 0:
        match.entry[0] = -1
        return 0
    recent = match.misses[lane] & 3
    match.entry[0] = (length_class(match.length[lane]) * 4 + recent) * 2 + (1 if match.misses[lane] & 60 else 0)
    st = stretch(map_p(match.trust[match.entry[0]]))
    return st if expected_bit else -st


@inner
def learn(match: Match, expected_bit: int, bit: int) -> None:
    """Learn whether the expected bit came."""
    entry = match.entry[0]
    if entry >= 0:
        match.trust[entry] = map_updated(match.trust[entry], 1 if bit == expected_bit else 0, _TRUST_LIMIT)
