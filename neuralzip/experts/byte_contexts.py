"""What a byte may depend on: the contexts of the byte model, hashed at each byte boundary.

A lane is a segment of the block that is decoded side by side with the others. Its contexts look at its own bytes
only (words, lines, fields, records); counters and matches are shared by all lanes.

Kinds of context, in the order of CONTEXTS: orders 1..6 and 8; word, word after word, word skipping one; the text
above (column, the line before); fields of separated values; records of a detected length; sparse bytes; what
followed the same bytes last time (indirect); brackets and quotes; the line before, aligned by separators; the
shape of the last bytes, all digits and all letters taken for one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.counters import hash_start, hash_step

CONTEXTS = 30
"""Hashed contexts of a byte."""
EXPECTED = 25
"""The one made of the match model's expected byte."""

MAX_RECORD = 1024
_NEST_BITS = 8

# Columns of Lanes.state.
START, END, POSITION, LINE, ABOVE_LINE, FIELD, INDENT, RECORD, FIRST, ALIGNED = range(10)
# Columns of Lanes.words.
WORD, LAST_WORD, WORD_BEFORE, FIELD_HASH, NEST, LAST_SENTENCE, SHAPE = range(7)


class Lanes(NamedTuple):
    """What the contexts of L lanes remember.

    Attributes:
        state: [L, 10] int64, positions within the block and small counts.
        words: [L, 7] uint64, running hashes.
        last_seen: [L, 256] int64, last position of each byte value, -1 for none.
        last_gap: [L, 256] int64, its distance to the one before.
        votes: [MAX_RECORD] int32, how often a distance repeated; shared.
        followers: [65536 + 256] uint32, the last bytes that followed one and two bytes; shared.
    """

    state: npt.NDArray[np.int64]
    words: npt.NDArray[np.uint64]
    last_seen: npt.NDArray[np.int64]
    last_gap: npt.NDArray[np.int64]
    votes: npt.NDArray[np.int32]
    followers: npt.NDArray[np.uint32]


def new_lanes(bounds: npt.NDArray[np.int64]) -> Lanes:
    """Return the lanes [bounds[l], bounds[l + 1])."""
    lanes = len(bounds) - 1
    state = np.zeros((lanes, 10), np.int64)
    state[:, START] = state[:, POSITION] = state[:, LINE] = bounds[:-1]
    state[:, END] = bounds[1:]
    state[:, ABOVE_LINE] = -1
    return Lanes(
        state=state,
        words=np.zeros((lanes, 7), np.uint64),
        last_seen=np.full((lanes, 256), -1, np.int64),
        last_gap=np.zeros((lanes, 256), np.int64),
        votes=np.zeros(MAX_RECORD, np.int32),
        followers=np.zeros(65536 + 256, np.uint32),
    )


@inner
def back(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], distance: int) -> np.int64:
    """Return the byte `distance` before the position of a lane, 0 from before its start."""
    place = lanes.state[lane, POSITION] - distance
    return np.int64(text[place]) if place >= lanes.state[lane, START] else np.int64(0)


@inner
def above(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], ahead: int) -> np.int64:
    """Return the byte above the position (`ahead` columns on) in the line before, 0 where there is none."""
    state = lanes.state[lane]
    if state[ABOVE_LINE] < 0:
        return np.int64(0)
    place = state[ABOVE_LINE] + state[POSITION] - state[LINE] + ahead
    return np.int64(text[place]) if place < state[LINE] else np.int64(0)


@inner
def aligned(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], ahead: int) -> np.int64:
    """Return the byte of the line before that stands where this line is, counted in separators and bytes after."""
    state = lanes.state[lane]
    if state[ABOVE_LINE] < 0:
        return np.int64(0)
    place = state[ALIGNED] + ahead
    return np.int64(text[place]) if place < state[LINE] else np.int64(0)


@inner
def _is_separator(byte: int) -> bool:
    return (
        byte == 32
        or byte == 44
        or byte == 9
        or byte == 59
        or byte == 124
        or byte == 58
        or byte == 61
        or byte == 34
    )


@inner
def _follow_alignment(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], byte: int) -> None:
    """Go on in the line before: to the place after its next such separator, else one byte on."""
    state = lanes.state[lane]
    if byte == 10:
        state[ALIGNED] = state[ABOVE_LINE]
        return
    if state[ABOVE_LINE] < 0:
        return
    place = state[ALIGNED]
    if _is_separator(byte):
        while place < state[LINE] and text[place] != byte:
            place += 1
        if place < state[LINE]:
            state[ALIGNED] = place + 1
    elif place < state[LINE] and not _is_separator(text[place]):
        state[ALIGNED] = place + 1


@inner
def _shape_of(byte: int) -> int:
    if 48 <= byte <= 57:
        return 1
    if 97 <= byte <= 122:
        return 2
    if 65 <= byte <= 90:
        return 3
    if byte >= 128:
        return 4
    return byte


@inner
def _is_wordy(byte: int) -> bool:
    return 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57 or byte >= 128


@inner
def _hash2(kind: int, a: int, b: int) -> np.uint64:
    return hash_step(hash_step(hash_start(kind), a), b)


@inner
def _hash3(kind: int, a: int, b: int, c: int) -> np.uint64:
    return hash_step(_hash2(kind, a, b), c)


@inner
def hash_orders(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], hashes: npt.NDArray[np.uint64]) -> int:
    """Fill the hashes of the plain orders; return how many there are."""
    state = hash_start(0)
    filled = 0
    for distance in range(1, 9):
        state = hash_step(state, back(lanes, lane, text, distance))
        if distance != 7:
            hashes[filled] = state
            filled += 1
    return filled


@inner
def hash_contexts(
    lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], expected: int, hashes: npt.NDArray[np.uint64]
) -> None:
    """Fill the [CONTEXTS] hashes for the next byte of a lane; `expected` is the match model's byte or -1."""
    state, words = lanes.state[lane], lanes.words[lane]
    k = hash_orders(lanes, lane, text, hashes)
    c1, c2, c3 = back(lanes, lane, text, 1), back(lanes, lane, text, 2), back(lanes, lane, text, 3)
    column = min(state[POSITION] - state[LINE], 255)
    up, up_next = above(lanes, lane, text, 0), above(lanes, lane, text, 1)
    word = np.int64(words[WORD] >> np.uint64(8))
    last = np.int64(words[LAST_WORD] >> np.uint64(8))
    hashes[k] = _hash2(k, word, c1)
    hashes[k + 1] = _hash2(k + 1, word, last)
    hashes[k + 2] = _hash2(k + 2, word, np.int64(words[WORD_BEFORE] >> np.uint64(8)))
    hashes[k + 3] = _hash3(k + 3, word, last, np.int64(words[WORD_BEFORE] >> np.uint64(8)))
    hashes[k + 4] = _hash2(k + 4, column, up)
    hashes[k + 5] = _hash3(k + 5, up, up_next, c1)
    hashes[k + 6] = _hash3(k + 6, state[FIELD], np.int64(words[FIELD_HASH] >> np.uint64(8)), up)
    hashes[k + 7] = _hash3(k + 7, state[INDENT], state[FIRST], word)
    record = max(state[RECORD], 1)
    r1, r2 = back(lanes, lane, text, record), back(lanes, lane, text, 2 * record)
    hashes[k + 8] = _hash3(k + 8, record, r1, c1)
    hashes[k + 9] = _hash3(k + 9, r1, r2, state[POSITION] % record)
    hashes[k + 10] = _hash2(k + 10, c2, c3)
    hashes[k + 11] = _hash3(k + 11, c3, back(lanes, lane, text, 4), 0)
    hashes[k + 12] = _hash3(k + 12, c1, c3, back(lanes, lane, text, 5))
    one, two = lanes.followers[65536 + c1], lanes.followers[c2 << 8 | c1]
    hashes[k + 13] = _hash2(k + 13, c1, np.int64(one & np.uint32(0xFFFF)))
    hashes[k + 14] = _hash2(k + 14, c1, np.int64(two & np.uint32(0xFFFFFF)))
    hashes[k + 15] = _hash3(k + 15, np.int64(words[NEST]), c1, word)
    hashes[k + 16] = _hash2(k + 16, np.int64(words[LAST_SENTENCE] >> np.uint64(8)), word)
    hashes[k + 17] = _hash2(k + 17, np.int64(two & np.uint32(0xFFFF)), np.int64(one & np.uint32(0xFF)))
    near, next_near = aligned(lanes, lane, text, 0), aligned(lanes, lane, text, 1)
    shape = words[SHAPE]
    hashes[26] = _hash3(26, near, next_near, c1)
    hashes[27] = _hash3(27, near, c1 << 8 | c2, state[FIELD])
    hashes[28] = _hash2(28, np.int64(shape & np.uint64(0xFFFFFFFF)), near)
    hashes[29] = _hash3(29, np.int64(shape & np.uint64(0xFFFF)), c1, state[FIELD])
    hashes[EXPECTED] = _hash2(EXPECTED, expected + 1, c1)


@inner
def _follow_words(words: npt.NDArray[np.uint64], byte: int) -> None:
    if _is_wordy(byte):
        words[WORD] = hash_step(words[WORD], byte | 32 if byte < 128 else byte)
        return
    if words[WORD] != 0:
        words[WORD_BEFORE], words[LAST_WORD] = words[LAST_WORD], words[WORD]
        words[WORD] = np.uint64(0)
    if byte == 46 or byte == 10:
        words[LAST_SENTENCE] = words[LAST_WORD]


@inner
def _follow_nesting(words: npt.NDArray[np.uint64], byte: int) -> None:
    if byte == 40 or byte == 91 or byte == 123 or byte == 60:  # ( [ { <
        words[NEST] = (words[NEST] << np.uint64(_NEST_BITS)) | np.uint64(byte)
    elif byte == 41 or byte == 93 or byte == 125 or byte == 62:  # ) ] } >
        words[NEST] >>= np.uint64(_NEST_BITS)


@inner
def _follow_lines(lanes: Lanes, lane: int, byte: int) -> None:
    state, words = lanes.state[lane], lanes.words[lane]
    position = state[POSITION]  # of the byte after this one
    if byte == 10:
        state[ABOVE_LINE], state[LINE] = state[LINE], position
        state[FIELD], state[INDENT], state[FIRST] = 0, 0, 0
        words[FIELD_HASH] = np.uint64(0)
        return
    if byte == 32 and state[INDENT] == position - 1 - state[LINE]:
        state[INDENT] += 1
    elif state[FIRST] == 0:
        state[FIRST] = byte
    if byte == 44 or byte == 9 or byte == 59 or byte == 124:  # , tab ; |
        state[FIELD] += 1
        words[FIELD_HASH] = np.uint64(0)
    else:
        words[FIELD_HASH] = hash_step(words[FIELD_HASH], byte)


@inner
def _follow_records(lanes: Lanes, lane: int, byte: int) -> None:
    """Vote for the distance at which a byte value returned twice; the most voted one is the record length."""
    position = lanes.state[lane, POSITION]
    gap = position - lanes.last_seen[lane, byte] if lanes.last_seen[lane, byte] >= 0 else 0
    if 1 < gap < MAX_RECORD and gap == lanes.last_gap[lane, byte]:
        lanes.votes[gap] += 1
        if lanes.votes[gap] > lanes.votes[lanes.state[lane, RECORD]]:
            lanes.state[lane, RECORD] = gap
        if lanes.votes[gap] > 255:
            for i in range(MAX_RECORD):
                lanes.votes[i] >>= 1
    lanes.last_gap[lane, byte] = gap
    lanes.last_seen[lane, byte] = position


@inner
def follow(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], byte: int) -> None:
    """Move a lane on by the byte that has just been stored at its position."""
    c1, c2 = back(lanes, lane, text, 1), back(lanes, lane, text, 2)
    one = lanes.followers[65536 + c1]
    lanes.followers[65536 + c1] = (one << np.uint32(8)) | np.uint32(byte)
    two = lanes.followers[c2 << 8 | c1]
    lanes.followers[c2 << 8 | c1] = (two << np.uint32(8)) | np.uint32(byte)
    lanes.state[lane, POSITION] += 1
    _follow_words(lanes.words[lane], byte)
    _follow_nesting(lanes.words[lane], byte)
    _follow_lines(lanes, lane, byte)
    _follow_alignment(lanes, lane, text, byte)
    lanes.words[lane, SHAPE] = (lanes.words[lane, SHAPE] << np.uint64(8)) | np.uint64(_shape_of(byte))
    _follow_records(lanes, lane, byte)
