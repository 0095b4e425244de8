"""Coding the tokens of encoders that search for the cheapest parse (libdeflate, zopfli and their kin).

Such encoders weigh every literal and match by the bits that it takes. The code lengths of a block, coded first,
say what those bits are, so the cheapest way from each position to the end of the block can be found here as well.
A token is coded as "the cheapest?", "the next cheapest?" and so on. The order of choices of equal cost, and the
rule that no match is sought inside of a long one, are those of libdeflate (Biggers).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError
from neuralzip.exact.compiled import allocating
from neuralzip.media.bitcoder import NUMBER_CONTEXTS, BitCoder, code_bit, code_bits, code_number
from neuralzip.media.deflate.stream import (
    COUNT,
    DISTANCE_EXTRA,
    DISTANCE_SYMBOL,
    DYNAMIC,
    FIXED_LENGTHS,
    LENGTH_EXTRA,
    LENGTH_SYMBOL,
    MAX_MATCH,
    MIN_MATCH,
    STORED,
    Bytes,
    DeflateStream,
)
from neuralzip.media.deflate.tokens import code_blocks
from neuralzip.media.deflate.trees import code_header_after

MAX_DATA = 1 << 26
"""Larger streams are not searched for their cheapest parse: memory and time."""
_STEP, _OVERLAP = 1 << 17, 1 << 10
_LISTED = 16
STYLES = ((300, 258, 0), (1000, 258, 1), (100, 150, 0), (35, 75, 0))
"""Search depth, length that ends a search, and whether of equal costs the longest comes first. Those of
libdeflate's level 12, of zopfli, and of libdeflate's levels 11 and 10. Part of the format."""
_BASE, _DONE, _SKIP, _BITS, _LENGTH_TRIED, _DEPTH, _NICE, _LONGEST_FIRST = range(8)
_NEVER = 1 << 60
_ABSENT = 14
"""Bits assumed for what has no code in the block: positions from which no other way leads are not cut off."""
_MOST_GUESSES = 24
_GUESS = 0
_LENGTH = _GUESS + 6 * 4 * 8 * 16
_LITERAL = _LENGTH + 256
_STYLE = _LITERAL + 1
_DISTANCE = _STYLE + 4
OPTIMAL_CONTEXTS = _DISTANCE + NUMBER_CONTEXTS


def code_cheapest(
    coder: BitCoder,
    bases: tuple[int, int, int],
    data: Bytes,
    size: int,
    stream: DeflateStream | None,
    style: int = 0,
) -> DeflateStream:
    """Code blocks, headers and tokens of a stream.

    Args:
        coder: encodes `stream`, or decodes one.
        bases: first contexts for blocks, headers and tokens.
        data: [size + PADDING] uint8 that the stream decodes to.
        size: bytes of it.
        stream: None when decoding.
        style: index in STYLES, used to encode.
    Raises:
        CorruptError: what is decoded is no stream.
    """
    blocks = code_sizes(coder, bases[0], size, stream)
    found = DeflateStream(np.zeros(0, np.uint32), blocks.copy(), [])
    before, position, used = None, 0, 0
    parts = [np.zeros(0, np.uint32)]
    search = _Search(coder, bases[2], data, size, style)
    for index, (kind, _, count) in enumerate(blocks.tolist()):
        if kind != STORED:
            lengths = (FIXED_LENGTHS, np.full(30, 5, np.uint8))
            if kind == DYNAMIC:
                known = stream.headers[len(found.headers)] if stream else None
                before = code_header_after(coder, bases[1], before, known)
                found.headers.append(before)
                lengths = before.code_lengths()
            tokens = stream.tokens[used : used + int(stream.blocks[index, COUNT])] if stream else None
            parts.append(search.block(position, position + count, *lengths, tokens))
            found.blocks[index, COUNT] = len(parts[-1])
            used += len(parts[-1])
        position += count
    return found._replace(tokens=np.concatenate(parts))


def code_sizes(coder: BitCoder, base: int, size: int, stream: DeflateStream | None) -> npt.NDArray[np.int64]:
    """Code the block table [B, 3] with bytes in the place of tokens; raise CorruptError for an impossible one."""
    number = int(code_number(coder, base, len(stream.blocks) if stream else 0))
    if number > 64 + size // 16:
        raise CorruptError("deflate: impossible number of blocks")
    blocks = np.zeros((number, 3), np.int64)
    if stream:
        blocks[:] = stream.blocks
        ends = np.concatenate([[0], np.cumsum(np.maximum(stream.tokens >> 16, 1))])
        token = 0
        for block in blocks:
            if block[0] != STORED:
                token, start = token + int(block[COUNT]), token
                block[COUNT] = ends[token] - ends[start]
    code_blocks(coder, base + NUMBER_CONTEXTS, blocks, 0, size)
    if number and blocks[-1, 0] != STORED:
        blocks[-1, COUNT] = max(size - blocks[:-1, COUNT].sum(), 0)
    if blocks[:, COUNT].sum() != size or (blocks[:, 0] > DYNAMIC).any():
        raise CorruptError("deflate: impossible blocks")
    if (blocks[blocks[:, 0] == STORED, COUNT] >= 1 << 16).any():
        raise CorruptError("deflate: impossible blocks")
    return blocks


class _Search:
    """Buffers of the search, and how far it went."""

    def __init__(self, coder: BitCoder, base: int, data: Bytes, size: int, style: int) -> None:
        room = _STEP + 2 * _OVERLAP
        self._coder, self._base, self._data, self._size = coder, base, data, size
        self._matches = np.zeros((room, _LISTED), np.uint32)
        self._costs = np.zeros(room + 1, np.int64)
        self._heads = np.full((3, 1 << 16), -1, np.int64)
        self._children = np.full(1 << 16, -1, np.int64)
        self.state = np.zeros(8, np.int64)
        self.state[_DEPTH:] = STYLES[code_bits(coder, base + _STYLE, 2, style)]

    def block(
        self, position: int, end: int, near: Bytes, far: Bytes, tokens: npt.NDArray[np.uint32] | None
    ) -> npt.NDArray[np.uint32]:
        """Code the tokens of data[position:end] under a block's code lengths; return them."""
        costs = (self._costs, *_costs(near, far))
        found = np.zeros(end - position, np.uint32)
        if tokens is not None:
            found[: len(tokens)] = tokens
        used = 0
        while position < end:
            stop = min(position + _STEP + _OVERLAP, end)
            self._find(position, stop)
            _find_costs(self._data, position, stop, self._matches, *costs)
            span = (position, end if stop == end else position + _STEP, stop, end)
            part = found[used:]
            plan = (self._matches, *costs, part, self.state)
            count, position = _code_tokens(self._coder, self._base, self._data, *span, *plan)
            if position < 0:
                raise CorruptError("deflate: tokens do not fit the data")
            used += int(count)
        return found[:used]

    def _find(self, position: int, stop: int) -> None:
        """Make the list of matches start at a position, and reach `stop`."""
        base, done = int(self.state[_BASE]), int(self.state[_DONE])
        kept = self._matches[position - base : done - base].copy() if done > position else self._matches[:0]
        if done < position:
            # A stored block in between: enter its positions into the trees, a buffer at a time.
            for place in range(done, position, _STEP):
                self.state[_BASE] = place
                self._extend(min(place + _STEP, position))
        self._matches[: len(kept)] = kept
        self.state[_BASE] = position
        self._extend(stop)

    def _extend(self, stop: int) -> None:
        _find_matches(self._data, self._size, stop, self._matches, self._heads, self._children, self.state)


def _costs(near: Bytes, far: Bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the bits of each literal and match length [256 + 259], and of each distance symbol [30]."""
    literals, distances = np.full(288, _ABSENT, np.int64), np.full(32, _ABSENT, np.int64)
    literals[: len(near)][near > 0] = near[near > 0]
    distances[: len(far)][far > 0] = far[far > 0]
    symbols = LENGTH_SYMBOL[MIN_MATCH:]
    matches = literals[257 + symbols] + LENGTH_EXTRA[symbols]
    return np.concatenate([literals[:256], np.full(3, _NEVER), matches]), distances[:30] + DISTANCE_EXTRA


@allocating
def _find_matches(data: Any, size: int, stop: int, matches: Any, heads: Any, children: Any, state: Any) -> None:
    """List, up to `stop`, matches of increasing length, each the nearest of its length, closed by a zero.

    libdeflate's binary trees: of the places with the same four bytes, newest at the root, in the order of what
    follows; and the last two places with the same three bytes.
    """
    position = state[_DONE]
    while position < stop:
        row, listed, best = position - state[_BASE], np.int64(0), np.int64(MIN_MATCH)
        most = min(MAX_MATCH, size - position)
        goal = min(state[_NICE], most)
        matches[row, 0] = 0
        if most > MIN_MATCH + 1:
            seeking = position >= state[_SKIP]
            word = (
                np.int64(data[position]) | np.int64(data[position + 1]) << 8 | np.int64(data[position + 2]) << 16
            )
            key = ((word * 0x1E35A7BD) & 0xFFFFFFFF) >> 16
            for turn in range(2):
                place = heads[turn, key]
                known = np.int64(data[place]) | np.int64(data[place + 1]) << 8 | np.int64(data[place + 2]) << 16
                if seeking and listed == 0 and 0 <= place and position - place < 32768 and known == word:
                    matches[row, 0] = MIN_MATCH << 16 | (position - place)
                    listed += 1
            heads[1, key], heads[0, key] = heads[0, key], position
            word |= np.int64(data[position + 3]) << 24
            key = ((word * 0x1E35A7BD) & 0xFFFFFFFF) >> 16
            place, heads[2, key] = heads[2, key], position
            lower, higher = 2 * (position & 32767), 2 * (position & 32767) + 1
            length = low_length = high_length = depth = np.int64(0)
            while place >= 0 and position - place < 32768 and depth < state[_DEPTH] and length < goal:
                while length < most and data[place + length] == data[position + length]:
                    length += 1
                if seeking and length > best:
                    best = length
                    # With more than fits, the longest takes the place of the last.
                    listed = min(listed + 1, np.int64(_LISTED))
                    matches[row, listed - 1] = length << 16 | (position - place)
                child = 2 * (place & 32767)
                if length >= goal:
                    children[lower], children[higher] = children[child], children[child + 1]
                    lower = -1
                elif data[place + length] < data[position + length]:
                    children[lower] = place
                    lower, low_length = child + 1, length
                    place, length = children[lower], min(length, high_length)
                else:
                    children[higher] = place
                    higher, high_length = child, length
                    place, length = children[higher], min(length, low_length)
                depth += 1
            if lower >= 0:
                children[lower] = children[higher] = -1
            if listed > 0 and best >= goal:
                state[_SKIP] = position + best
        if listed < _LISTED:
            matches[row, listed] = 0
        position += 1
    state[_DONE] = position


@allocating
def _find_costs(data: Any, start: int, stop: int, matches: Any, costs: Any, near_cost: Any, far_cost: Any) -> None:
    """Fill in the bits from each position to `stop` on the cheapest way."""
    costs[stop - start] = 0
    for row in range(stop - start - 1, -1, -1):
        best = near_cost[data[start + row]] + costs[row + 1]
        length = MIN_MATCH
        for slot in range(_LISTED):
            match = np.int64(matches[row, slot])
            if match == 0:
                break
            bits = far_cost[DISTANCE_SYMBOL[match & 65535]]
            last: Any = min(match >> 16, stop - start - row)
            while length <= last:
                best = min(best, bits + near_cost[256 + length] + costs[row + length])
                length += 1
        costs[row] = best


@allocating
def _next_cheapest(
    literal: int, row: int, rows: int, matches: Any, costs: Any, near_cost: Any, far_cost: Any, state: Any
) -> Any:
    """Return the choice that follows the last one (state) by its bits, then its rank; -1 for none."""
    sign = 1 - 2 * state[_LONGEST_FIRST]
    after, after_rank = state[_BITS], state[_LENGTH_TRIED]
    best, best_rank, best_token = near_cost[literal] + costs[row + 1], sign, np.int64(literal)
    if best < after or (best == after and sign <= after_rank):
        best, best_token = np.int64(_NEVER), np.int64(-1)
    length = np.int64(MIN_MATCH)
    for slot in range(_LISTED):
        match = np.int64(matches[row, slot])
        if match == 0:
            break
        bits = far_cost[DISTANCE_SYMBOL[match & 65535]]
        last: Any = min(match >> 16, rows - row)
        while length <= last:
            cost, rank = bits + near_cost[256 + length] + costs[row + length], sign * length
            if cost > after or (cost == after and rank > after_rank):
                if cost < best or (cost == best and rank < best_rank):
                    best, best_rank, best_token = cost, rank, length << 16 | (match & 65535)
            length += 1
    state[_BITS], state[_LENGTH_TRIED] = best, best_rank
    return best_token


@allocating
def _code_tokens(
    coder: BitCoder,
    base: int,
    data: Any,
    start: int,
    last: int,
    stop: int,
    end: int,
    matches: Any,
    costs: Any,
    near_cost: Any,
    far_cost: Any,
    tokens: Any,
    state: Any,
) -> Any:
    """Code tokens from `start` until `last` is reached; return their number and the position, -1 if impossible."""
    position: Any = start
    used: Any = np.int64(0)
    history = used
    while position < last:
        literal, row = np.int64(data[position]), position - start
        token: Any = np.int64(tokens[used])
        chosen, rank = np.int64(-1), np.int64(0)
        state[_BITS], state[_LENGTH_TRIED] = -1, 0
        guess = _next_cheapest(literal, row, stop - start, matches, costs, near_cost, far_cost, state)
        while guess >= 0 and rank < _MOST_GUESSES and chosen < 0:
            bits, length = state[_BITS], guess >> 16
            following = _next_cheapest(literal, row, stop - start, matches, costs, near_cost, far_cost, state)
            gap: Any = min(state[_BITS] - bits, 7) if following >= 0 else 7
            shape = length if length < 12 else 12 + min(length >> 5, 3)
            aside: Any = history & 3 if rank == 0 else min(bits - costs[row], 3)
            context = ((np.int64(min(int(rank), 5)) * 4 + aside) * 8 + gap) * 16
            if code_bit(coder, base + _GUESS + context + shape, 1 if token == guess else 0) == 1:
                chosen = guess
            guess = following
            rank += 1
        history = history << 1 & 3 | (0 if rank == 1 and chosen >= 0 else 1)
        if chosen < 0 and code_bit(coder, base + _LITERAL, 1 if token == literal else 0) == 1:
            chosen = literal
        if chosen < 0:
            length = code_bits(coder, base + _LENGTH, np.int64(8), (token >> 16) - MIN_MATCH) + MIN_MATCH
            distance = code_number(coder, base + _DISTANCE, token & 65535)
            if length > min(MAX_MATCH, end - position) or distance < 1 or distance > min(position, 32768):
                return used, -1
            chosen = length << 16 | distance
        tokens[used] = chosen
        used += 1
        position += max(chosen >> 16, 1)
        if position > end:
            return used, -1
    return used, position
