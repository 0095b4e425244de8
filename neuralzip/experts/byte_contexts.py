"""What a byte may depend on: the contexts of the byte model, hashed at each byte boundary.

A lane is a segment of the block that is decoded side by side with the others. Its contexts look at its own bytes
only (words, lines, fields, records); counters and matches are shared by all lanes.

Kinds of context, in the order of their hashes: orders 1..6 and 8; words (this one, those before, brackets and
quotes, the sentence); sparse bytes (with gaps, what followed the same bytes last time, records of a detected
length); layout (column, field, indent, the line before, the shape of the last bytes: all digits and all letters
taken for one); tokens (the line's template, the token, the line before aligned by separators); the match's byte.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.counters import hash_start, hash_step

WORDS, SPARSE, LAYOUT, TOKENS, EXPECTED, CONTEXTS = 7, 13, 20, 26, 31, 32
"""First hash of each group, and how many there are."""
PRIMED = WORDS + 2
"""So many of the first contexts may be in the primer: orders, the word and two words."""

MAX_RECORD = 1024
_NEST_BITS = 8
_MAX_RUN = 31
_ONE, _TEMPLATES, _FOLLOWERS = 1 << 16, (1 << 16) + 256, (1 << 17) + 256
"""First places in `followers` of what followed one byte and a template, and how many places there are."""

START, END, POSITION, LINE, ABOVE_LINE, FIELD, INDENT, RECORD, FIRST, ALIGNED, TOKEN, SAME, RUN = range(13)
"""Columns of Lanes.state; the last three: tokens of the line, agreeing bytes (-1: no longer) and run of digits."""
WORD, LAST_WORD, WORD_BEFORE, FIELD_HASH, NEST, LAST_SENTENCE, SHAPE = range(7)
"""Columns of Lanes.words ..."""
TEMPLATE, PREFIX, LAST_TOKEN, LAST_FIELD = range(7, 11)
"""... of the line, its token, the token before and the field before."""


class Lanes(NamedTuple):
    """What the contexts of L lanes remember.

    Attributes:
        state: [L, 13] int64, positions within the block and small counts.
        words: [L, 11] uint64, running hashes.
        last_seen: [L, 256] int64, last position of each byte value, -1 for none.
        last_gap: [L, 256] int64, its distance to the one before.
        votes: [MAX_RECORD] int32, how often a distance repeated; shared.
        followers: [_FOLLOWERS] uint32, the last bytes that followed two bytes, one, and a line's template; shared.
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
    state = np.zeros((lanes, 13), np.int64)
    state[:, START] = state[:, POSITION] = state[:, LINE] = bounds[:-1]
    state[:, END] = bounds[1:]
    state[:, ABOVE_LINE] = -1
    return Lanes(
        state=state,
        words=np.zeros((lanes, 11), np.uint64),
        last_seen=np.full((lanes, 256), -1, np.int64),
        last_gap=np.zeros((lanes, 256), np.int64),
        votes=np.zeros(MAX_RECORD, np.int32),
        followers=np.zeros(_FOLLOWERS, np.uint32),
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
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@inner
def _shape_of(byte: int) -> int:
    if _is_digit(byte):
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
    return 97 <= byte <= 122 or 65 <= byte <= 90 or _is_digit(byte) or byte >= 128


@inner
def _hash2(kind: int, a: int, b: int) -> np.uint64:
    return hash_step(hash_step(hash_start(kind), a), b)


@inner
def _hash3(kind: int, a: int, b: int, c: int) -> np.uint64:
    return hash_step(_hash2(kind, a, b), c)


@inner
def _hash_orders(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], hashes: npt.NDArray[np.uint64]) -> None:
    state = hash_start(0)
    filled = 0
    for distance in range(1, 9):
        state = hash_step(state, back(lanes, lane, text, distance))
        if distance != 7:
            hashes[filled] = state
            filled += 1


@inner
def _short(state: np.uint64) -> np.int64:
    """Return a running hash as a number that can be hashed on."""
    return np.int64(state >> np.uint64(8))


@inner
def _hash_words(words: npt.NDArray[np.uint64], c1: int, hashes: npt.NDArray[np.uint64]) -> None:
    word, last, before = _short(words[WORD]), _short(words[LAST_WORD]), _short(words[WORD_BEFORE])
    hashes[WORDS] = _hash2(7, word, c1)
    hashes[WORDS + 1] = _hash2(8, word, last)
    hashes[WORDS + 2] = _hash2(9, word, before)
    hashes[WORDS + 3] = _hash3(10, word, last, before)
    hashes[WORDS + 4] = _hash3(22, np.int64(words[NEST]), c1, word)
    hashes[WORDS + 5] = _hash2(23, _short(words[LAST_SENTENCE]), word)


@inner
def _hash_sparse(
    lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], c1: int, hashes: npt.NDArray[np.uint64]
) -> None:
    """Bytes with gaps between them: near ones, those a record ago, those that followed the last ones before."""
    state, c2, c3 = lanes.state[lane], back(lanes, lane, text, 2), back(lanes, lane, text, 3)
    hashes[SPARSE] = _hash2(17, c2, c3)
    hashes[SPARSE + 1] = _hash3(19, c1, c3, back(lanes, lane, text, 5))
    one, two = lanes.followers[_ONE + c1], lanes.followers[c2 << 8 | c1]
    hashes[SPARSE + 2] = _hash2(20, c1, np.int64(one & np.uint32(0xFFFF)))
    hashes[SPARSE + 3] = _hash2(21, c1, np.int64(two & np.uint32(0xFFFFFF)))
    hashes[SPARSE + 4] = _hash2(24, np.int64(two & np.uint32(0xFFFF)), np.int64(one & np.uint32(0xFF)))
    record = max(state[RECORD], 1)
    r1, r2 = back(lanes, lane, text, record), back(lanes, lane, text, 2 * record)
    hashes[SPARSE + 5] = _hash3(15, record, r1, c1)
    hashes[SPARSE + 6] = _hash3(16, r1, r2, state[POSITION] % record)


@inner
def _hash_layout(
    lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], c1: int, hashes: npt.NDArray[np.uint64]
) -> None:
    """The place in line and field, and what stands there in the line before."""
    state, words = lanes.state[lane], lanes.words[lane]
    near, shape = aligned(lanes, lane, text, 0), words[SHAPE]
    column, field = min(state[POSITION] - state[LINE], 255), _short(words[FIELD_HASH])
    hashes[LAYOUT] = _hash2(11, column, above(lanes, lane, text, 0))
    hashes[LAYOUT + 1] = _hash3(13, state[FIELD], field, near)
    hashes[LAYOUT + 2] = _hash3(14, state[INDENT], state[FIRST], _short(words[WORD]))
    hashes[LAYOUT + 3] = _hash2(28, np.int64(shape & np.uint64(0xFFFFFFFF)), near)
    hashes[LAYOUT + 4] = _hash3(29, np.int64(shape & np.uint64(0xFFFF)), c1, state[FIELD])
    hashes[LAYOUT + 5] = _hash3(35, state[FIELD], field, _short(words[LAST_FIELD]))


@inner
def _hash_tokens(
    lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], c1: int, hashes: npt.NDArray[np.uint64]
) -> None:
    """The line's template, its tokens, and how far this token agrees with the one aligned to it."""
    state, words = lanes.state[lane], lanes.words[lane]
    near, next_near = aligned(lanes, lane, text, 0), aligned(lanes, lane, text, 1)
    run, prefix = min(state[RUN], _MAX_RUN), _short(words[PREFIX])
    hashes[TOKENS] = _hash2(30, _short(words[TEMPLATE]), run)
    hashes[TOKENS + 1] = _hash2(31, min(state[TOKEN], 63), prefix)
    hashes[TOKENS + 2] = _hash3(32, near << 8 | next_near, min(state[SAME], 7), c1)
    hashes[TOKENS + 3] = _hash3(33, prefix, near, _short(words[LAST_TOKEN]))
    followers = lanes.followers[_template_follower(lanes, lane)]
    hashes[TOKENS + 4] = _hash2(34, np.int64(followers & np.uint32(0xFFFFFF)), run)


@inner
def hash_contexts(
    lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], expected: int, hashes: npt.NDArray[np.uint64]
) -> None:
    """Fill the [CONTEXTS] hashes for the next byte of a lane; `expected` is the match model's byte or -1.

    A kind keeps the number that its hashes start from, because the primer knows contexts by their hashes.
    """
    c1 = back(lanes, lane, text, 1)
    _hash_orders(lanes, lane, text, hashes)
    _hash_words(lanes.words[lane], c1, hashes)
    _hash_sparse(lanes, lane, text, c1, hashes)
    _hash_layout(lanes, lane, text, c1, hashes)
    _hash_tokens(lanes, lane, text, c1, hashes)
    hashes[EXPECTED] = _hash2(25, expected + 1, c1)


@inner
def _template_follower(lanes: Lanes, lane: int) -> np.int64:
    """Return the place in `followers` of the line's template."""
    run = min(lanes.state[lane, RUN], _MAX_RUN)
    return _TEMPLATES + np.int64(hash_step(lanes.words[lane, TEMPLATE], run) >> np.uint64(48))


@inner
def _push(lanes: Lanes, place: int, byte: int) -> None:
    lanes.followers[place] = (lanes.followers[place] << np.uint32(8)) | np.uint32(byte)


@inner
def _is_joint(byte: int) -> bool:
    """Say whether a byte ends a token: a separator or one of .-/"""
    return _is_separator(byte) or byte == 46 or byte == 45 or byte == 47


@inner
def _is_hex_letter(byte: int) -> bool:
    return 97 <= (byte | 32) <= 102


@inner
def _follow_tokens(lanes: Lanes, lane: int, text: npt.NDArray[np.uint8], byte: int) -> None:
    """Follow the line's tokens and its template, where a run of digits, hexadecimal ones if it began the token, is
    taken for one digit: identifiers differ from line to line."""
    state, words = lanes.state[lane], lanes.words[lane]
    if byte == 10:
        state[TOKEN], state[SAME], state[RUN] = 0, 0, 0
        words[TEMPLATE], words[PREFIX] = np.uint64(0), np.uint64(0)
        return
    digit = _is_digit(byte) or (_is_hex_letter(byte) and (state[RUN] > 0 or words[PREFIX] == 0))
    if not digit or state[RUN] == 0:
        words[TEMPLATE] = hash_step(words[TEMPLATE], 48 if digit else byte)
    state[RUN] = state[RUN] + 1 if digit else 0
    if _is_joint(byte):
        state[TOKEN] += 1
        state[SAME] = 0
        words[LAST_TOKEN], words[PREFIX] = words[PREFIX], np.uint64(0)
    else:
        words[PREFIX] = hash_step(words[PREFIX], byte)
        agrees = state[SAME] >= 0 and aligned(lanes, lane, text, 0) == byte
        state[SAME] = state[SAME] + 1 if agrees else -1


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
        words[LAST_FIELD] = words[FIELD_HASH]
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
    _push(lanes, _ONE + c1, byte)
    _push(lanes, c2 << 8 | c1, byte)
    _push(lanes, _template_follower(lanes, lane), byte)
    _follow_tokens(lanes, lane, text, byte)
    lanes.state[lane, POSITION] += 1
    _follow_words(lanes.words[lane], byte)
    _follow_nesting(lanes.words[lane], byte)
    _follow_lines(lanes, lane, byte)
    _follow_alignment(lanes, lane, text, byte)
    lanes.words[lane, SHAPE] = (lanes.words[lane, SHAPE] << np.uint64(8)) | np.uint64(_shape_of(byte))
    _follow_records(lanes, lane, byte)
