"""Streams of zopfli: where its parses start and end, and after how many rounds their tokens are the stream's.

    blocks (with bytes in the place of tokens), then
    whether the parses are those of the blocks, else their number and sizes
    for each parse its rounds

A parse covers a block, or what zopfli's splitter thought to be one before it looked at the tokens once more; a
block of the fixed codes has one of its own. Only streams that come out exactly are coded so; headers follow from
the tokens.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError
from neuralzip.media.bitcoder import NUMBER_CONTEXTS, BitCoder, code_bit, code_number
from neuralzip.media.deflate.optimal import code_sizes
from neuralzip.media.deflate.stream import COUNT, DYNAMIC, FIXED, STORED, TYPE, Bytes, DeflateStream
from neuralzip.media.deflate.zopfli import Tokens, fixed_tokens, rounds, tokens_cost
from neuralzip.media.deflate.zopfli_split import split_points
from neuralzip.media.deflate.zopfli_trees import predict_header

Parse = tuple[int, int]
"""Bytes that a parse covers, and its rounds; no rounds where no block needs its tokens."""

_MOST_ROUNDS = 1000
_MOST_WORK = 1 << 25
"""Bytes times rounds, of all segments together; a fourth of a microsecond each."""
_WHOLE = 0
_PARSES = _WHOLE + 1
_SIZES = _PARSES + NUMBER_CONTEXTS
_ROUNDS = _SIZES + NUMBER_CONTEXTS
PARSE_CONTEXTS = _ROUNDS + NUMBER_CONTEXTS


def find_parses(data: Bytes, stream: DeflateStream) -> list[Parse] | None:
    """Return the parses that give the tokens of a stream, None where zopfli would not have made it.

    Args:
        data: what the stream decodes to, and some zeros.
        stream: its structure.
    """
    if not _has_its_codes(data, stream):
        return None
    wanted, left = _Wanted(stream), _MOST_WORK
    for sizes in _segmentations(data, wanted):
        starts, found = np.cumsum([0, *sizes]), [0] * len(sizes)
        for place in np.argsort(sizes, kind="stable").tolist():
            most = left // max(sizes[place], 1)
            number = wanted.rounds_of(data, int(starts[place]), int(starts[place + 1]), most)
            if number is None:
                break
            found[place], left = number, left - number * sizes[place]
        else:
            return list(zip(sizes, found, strict=True))
    return None


def _has_its_codes(data: Bytes, stream: DeflateStream) -> bool:
    """Say whether all code headers are zopfli's, and all blocks of the fixed codes are parsed for these."""
    headers, token, position = iter(stream.headers), 0, 0
    for kind, _, count in stream.blocks.tolist():
        tokens = stream.tokens[token : token + (count if kind != STORED else 0)]
        end = position + (int(np.maximum(tokens >> 16, 1).sum()) if kind != STORED else count)
        if kind == DYNAMIC and predict_header(tokens) != next(headers):
            return False
        if kind == FIXED and not np.array_equal(fixed_tokens(data, position, end), tokens):
            return False
        token, position = token + len(tokens), end
    return True


def _segmentations(data: Bytes, wanted: "_Wanted") -> Iterator[list[int]]:
    """Yield the sizes of segments that may have been parsed one by one."""
    yield wanted.blocks[:, COUNT].tolist()
    if len(wanted.blocks) > 1:
        ends = split_points(data, wanted.size)
        yield np.diff([0, *ends, wanted.size]).tolist()
        yield [wanted.size]


class _Wanted:
    """The tokens of a stream by their places.

    Attributes:
        size: bytes of the data.
        blocks: [B, 3] with bytes in the place of tokens.
    """

    def __init__(self, stream: DeflateStream) -> None:
        self.blocks = stream.blocks.copy()
        lengths = np.maximum(stream.tokens >> 16, 1).astype(np.int64)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        token = position = 0
        tokens, places = [np.zeros(0, np.uint32)], [np.zeros(0, np.int64)]
        for block in self.blocks:
            count = int(block[COUNT])
            if block[TYPE] != STORED:
                block[COUNT] = ends[token + count] - ends[token]
            if block[TYPE] == DYNAMIC:
                tokens.append(stream.tokens[token : token + count])
                places.append(position + ends[token : token + count] - ends[token])
            token += 0 if block[TYPE] == STORED else count
            position += int(block[COUNT])
        self.size = position
        self._tokens, self._places = np.concatenate(tokens), np.concatenate(places)

    def rounds_of(self, data: Bytes, start: int, end: int, most: int) -> int | None:
        """Return the rounds that make all tokens wanted of a segment, None if none does, 0 if none is wanted."""
        tokens, places = self._tokens, self._places
        inside = (places >= start) & (places < end)
        tokens, places = tokens[inside], places[inside]
        if not tokens.size:
            return 0
        # Rounds get ever cheaper: what costs more than the best so far never comes.
        whole = int(np.maximum(tokens >> 16, 1).sum()) == end - start
        cost = int(tokens_cost(tokens)) if whole else 0
        for count, (found, least) in enumerate(rounds(data, start, end), 1):
            if _agrees(found, start, tokens, places):
                return count
            if least < cost or count >= min(most, _MOST_ROUNDS):
                return None
        return None


def _agrees(found: Tokens, start: int, tokens: Tokens, places: npt.NDArray[np.int64]) -> bool:
    """Say whether tokens from `start` on include those wanted at their places."""
    lengths = np.maximum(found >> 16, 1).astype(np.int64)
    at = np.zeros(int(lengths.sum()) + 1, np.int64)
    at[np.cumsum(lengths) - lengths] = found.astype(np.int64) + 1
    where = places - start
    return bool(where.max(initial=0) < len(at) and (at[where] == tokens.astype(np.int64) + 1).all())


def code_zopfli(
    coder: BitCoder,
    bases: tuple[int, int],
    data: Bytes,
    size: int,
    known: tuple[DeflateStream, list[Parse]] | None,
) -> DeflateStream:
    """Code a stream as parses of zopfli.

    Args:
        coder: encodes `known`, or decodes it.
        bases: first contexts for blocks and for parses.
        data: [size + PADDING] uint8 that the stream decodes to.
        size: bytes of it.
        known: the stream, and what `find_parses` says of it; None when decoding.
    Raises:
        CorruptError: what is decoded is no stream.
    """
    blocks = code_sizes(coder, bases[0], size, known[0] if known else None)
    parses = _code_parses(coder, bases[1], size, blocks, known[1] if known else None)
    if known is not None:
        return known[0]
    tokens, start = [], 0
    for count, number in parses:
        tokens.append(_parsed(data, start, start + count, number) if number else np.full(count, 0, np.uint32))
        start += count
    return _assembled(blocks, np.concatenate(tokens), data)


def _code_parses(
    coder: BitCoder, base: int, size: int, blocks: npt.NDArray[np.int64], parses: list[Parse] | None
) -> list[Parse]:
    """Code sizes and rounds of all parses."""
    sizes, own = blocks[:, COUNT].tolist(), [count for count, _ in parses or []]
    if not code_bit(coder, base + _WHOLE, int(own == sizes)):
        number = int(code_number(coder, base + _PARSES, len(own)))
        if number > len(blocks) * 4 + 1024:
            raise CorruptError("deflate: too many parses")
        sizes = []
        for index in range(number - 1):
            sizes.append(int(code_number(coder, base + _SIZES, own[index] if own else 0)))
        sizes.append(size - sum(sizes))
    if min(sizes, default=0) < 0 or sum(sizes) != size:
        raise CorruptError("deflate: impossible parses")
    numbers = [number for _, number in parses] if parses else [0] * len(sizes)
    numbers = [int(code_number(coder, base + _ROUNDS, number)) for number in numbers]
    found = list(zip(sizes, numbers, strict=True))
    work = sum(number * count for count, number in found)
    if max(numbers, default=0) > _MOST_ROUNDS or work > _MOST_WORK + size:
        raise CorruptError("deflate: too many rounds of a parse")
    return found


def _parsed(data: Bytes, start: int, end: int, number: int) -> Tokens:
    """Return the best tokens of a segment after so many rounds."""
    return next(islice(rounds(data, start, end), number - 1, None))[0]


def _assembled(blocks: npt.NDArray[np.int64], tokens: Tokens, data: Bytes) -> DeflateStream:
    """Return the stream of blocks, in bytes, and of tokens for all of the data."""
    ends = np.cumsum(np.maximum(tokens >> 16, 1), dtype=np.int64)
    position, parts, headers = 0, [np.zeros(0, np.uint32)], []
    found = blocks.copy()
    for block in found:
        end = position + int(block[COUNT])
        if block[TYPE] == DYNAMIC:
            first, last = np.searchsorted(ends, [position, end], side="right")
            parts.append(tokens[first:last])
            if int(np.maximum(parts[-1] >> 16, 1).sum()) != end - position:
                raise CorruptError("deflate: a block ends inside a match")
            headers.append(predict_header(parts[-1]))
        elif block[TYPE] == FIXED:
            parts.append(fixed_tokens(data, position, end))
        if block[TYPE] != STORED:
            block[COUNT] = len(parts[-1])
        position = end
    return DeflateStream(np.concatenate(parts), found, headers)
