"""Coding the tokens of a deflate stream under zlib's rules: only what differs from the prediction costs bits.

One walk serves three ends: counting how often a set of rules is wrong (to choose among rules), coding the
differences in either direction, and making all tokens by the rules alone.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.bitcoder import DECODING, NUMBER_CONTEXTS, BitCoder, code_bit, code_bits, code_number
from neuralzip.media.deflate.chains import DISTANCE, LATER, LENGTH, SCHEME
from neuralzip.media.deflate.stream import COUNT, DYNAMIC, MAX_MATCH, MIN_MATCH, STORED, TYPE
from neuralzip.media.deflate.zlib_rules import FAST, GO_LAZY, LAZY, MEDIUM, STORE, advance, predict

COMPARE, CODE, TRUST = 0, 1, 2
"""Count differences, code them, or take every prediction."""

_HIT = 0
_IS_LITERAL = _HIT + 2048
_SAME_DISTANCE = _IS_LITERAL + 256
_MATCH_LENGTH = _SAME_DISTANCE + 256
_HOPS = _MATCH_LENGTH + 3 * 256
_DISTANCE = _HOPS + 4 * NUMBER_CONTEXTS
_KIND = _DISTANCE + NUMBER_CONTEXTS
KINDS = 5
"""Kinds of the block before: three, none, and none where there is little data."""
_LAST = _KIND + 4 * KINDS
_FULL = _LAST + 2
_COUNTS = _FULL + 8
TOKEN_CONTEXTS = _COUNTS + 2 * NUMBER_CONTEXTS
_MAX_HOPS = 2048
_SMALL = 1500
"""A first block of less data may well have the fixed codes."""
_IMPOSSIBLE = -1


def code_blocks(
    coder: BitCoder, base: int, blocks: npt.NDArray[np.int64], full: int, size: int, stored: int | None = None
) -> None:
    """Code types, ends and sizes of the blocks [B, 3] of `size` bytes in place; most hold `full` tokens.

    The size of the last one follows from the data; a decoder leaves it zero, unless it is stored. With contexts
    `stored` (KINDS of them), only whether blocks are stored is coded; the others become DYNAMIC.
    """
    before, before_count = 4 if size < _SMALL else 0, full
    for index, block in enumerate(blocks):
        kind, last, count = (int(each) for each in block)
        last = code_bit(coder, base + _LAST + (1 if index + 1 == len(blocks) else 0), last)
        if stored is None:
            kind = code_bits(coder, base + _KIND + 4 * before, 2, kind)
        else:
            kind = STORED if code_bit(coder, stored + before, int(kind == STORED)) else DYNAMIC
        if index + 1 == len(blocks) and kind != STORED:
            block[:] = kind, last, count
            break
        expected = before_count if kind == before == STORED else full
        if code_bit(coder, base + _FULL + 4 * last + kind, int(count == expected)):
            count = expected
        else:
            count = code_number(coder, base + _COUNTS + (NUMBER_CONTEXTS if kind == STORED else 0), count)
        block[:] = kind, last, count
        before, before_count = kind, count


@entry
def walk(
    coder: BitCoder,
    base: int,
    data: Any,
    size: int,
    head: Any,
    chain: Any,
    memory: Any,
    blocks: Any,
    tokens: Any,
    mode: int,
    most_tokens: int,
    most_misses: int,
) -> tuple[int, int, int]:
    """Go through the tokens of all blocks.

    Args:
        coder: used by CODE only.
        base: first context of the coder.
        data: [size + PADDING] uint8, what the stream decodes to.
        size: bytes of it.
        head: see Matcher.
        chain: see Matcher.
        memory: see Matcher.
        blocks: [B, 3] as in DeflateStream; the last one ends with the data, whatever its size says.
        tokens: [T] uint32; written by TRUST, and by CODE when it decodes.
        mode: COMPARE, CODE or TRUST.
        most_tokens: stop after that many.
        most_misses: stop at more wrong predictions than that.
    Returns:
        The number of wrong predictions, the position reached (-1 for a token that cannot be), and the number of
        tokens.
    """
    position: Any = np.int64(0)
    used = misses = history = position
    for block in range(len(blocks)):
        left, stored = blocks[block, COUNT], blocks[block, TYPE] == STORED
        if stored and memory[SCHEME] == STORE:
            position += left
            left = 0
        if block + 1 == len(blocks) and not stored:
            left = size - position
        while left > 0:
            if position >= size:
                return misses, -1, used
            predict(data, size, head, chain, memory, position)
            length = memory[LENGTH]
            guess = length << 16 | memory[DISTANCE] if length > 0 else np.int64(data[position])
            if stored:
                # The tokens of a stored block were thrown away; zlib had made those that the rules predict.
                length = min(max(length, 1), left)
                left -= length
            else:
                token = np.int64(tokens[used]) if mode != TRUST else guess
                if mode == CODE:
                    token = _code_token(coder, base, data, size, chain, memory, position, token, guess, history)
                    if token == _IMPOSSIBLE:
                        return misses, -1, used
                tokens[used] = token
                history = (history << 1 | (0 if token == guess else 1)) & 255
                misses += history & 1
                length = max(token >> 16, 1)
                left -= length if block + 1 == len(blocks) else 1
                used += 1
            advance(data, size, head, chain, memory, position, length)
            position += length
            if used >= most_tokens or misses > most_misses:
                return misses, position, used
    return misses, position, used


@inner
def _magnitude(value: int) -> int:
    """Return the number of bits of a value."""
    width = 0
    while value > 0:
        value >>= 1
        width += 1
    return width


@inner
def _code_token(
    coder: BitCoder,
    base: int,
    data: Any,
    size: int,
    chain: Any,
    memory: Any,
    position: int,
    token: int,
    guess: int,
    history: int,
) -> Any:
    """Code one token under the predicted one; return it, or _IMPOSSIBLE."""
    length, distance = memory[LENGTH], memory[DISTANCE]
    # The length in 16 classes, and the binary logarithm of the distance.
    shape = (length if length < 12 else min(8 + _magnitude(length), 15)) * 16 + _magnitude(distance)
    kind = 2 if length > 0 else 0
    slot = _HIT + (shape * 4 + (history & 3)) * 2 + (1 if memory[LATER] > 0 else 0)
    literal = np.int64(data[position])
    actual: Any = token >> 16
    far: Any = token & 65535
    if code_bit(coder, base + slot, 1 if token == guess else 0) == 1:
        return guess
    if kind > 0:
        if code_bit(coder, base + _IS_LITERAL + shape, 1 if token == literal else 0) == 1:
            return literal
        kind -= code_bit(coder, base + _SAME_DISTANCE + shape, 1 if far == distance else 0)
    actual = MIN_MATCH + code_bits(coder, base + _MATCH_LENGTH + 256 * kind, np.int64(8), actual - MIN_MATCH)
    if actual > min(MAX_MATCH, size - position):
        return _IMPOSSIBLE
    if kind == 1:
        far = distance
    else:
        far = _code_distance(coder, base, data, chain, memory, position, actual, far)
    if far < 1 or far > min(position, 32768):
        return _IMPOSSIBLE
    return actual << 16 | far


@inner
def _code_distance(
    coder: BitCoder, base: int, data: Any, chain: Any, memory: Any, position: int, length: int, distance: int
) -> Any:
    """Code a distance as the number of nearer matches of the same length in the hash chain, or plainly."""
    decoding = coder[DECODING] == 1
    scheme = memory[SCHEME]
    hashed = scheme == FAST or scheme == LAZY or scheme == MEDIUM or scheme == GO_LAZY
    most: Any = -1
    if decoding:
        most = code_number(coder, base + _HOPS + NUMBER_CONTEXTS * min(length - MIN_MATCH, 3), np.int64(0)) - 1
    hops: Any = -1
    steps, found, run = 0, 0, 0
    back: Any = 0
    if hashed:
        back = np.int64(chain[position & (chain.size - 1)])
    while back > 0 and steps < _MAX_HOPS and found == 0:
        candidate = position - back
        run = 0
        if back <= chain.size:
            while run < length and data[candidate + run] == data[position + run]:
                run += 1
        hops += 1 if run == length else 0
        if run == length and (hops == most if decoding else back == distance):
            found = back
        following = np.int64(chain[candidate & (chain.size - 1)])
        back = back + following if following > 0 and back + following <= chain.size else 0
        steps += 1
    if not decoding:
        most = hops if found > 0 else -1
        code_number(coder, base + _HOPS + NUMBER_CONTEXTS * min(length - MIN_MATCH, 3), most + 1)
    if most >= 0:
        return found if decoding else distance
    return code_number(coder, base + _DISTANCE, distance)
