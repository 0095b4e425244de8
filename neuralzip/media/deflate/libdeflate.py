"""Streams that libdeflate (Biggers) wrote: tokens, blocks and headers follow from the data and a level."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from neuralzip.media.deflate import libdeflate_lists as lists
from neuralzip.media.deflate import libdeflate_optimal as optimal
from neuralzip.media.deflate import libdeflate_parse as parse
from neuralzip.media.deflate.libdeflate_trees import DISTANCES, LITERALS, choose
from neuralzip.media.deflate.stream import DYNAMIC, STORED, Bytes, Header
from neuralzip.media.deflate.trees import count_symbols

LEVELS = len(parse.LEVELS)
_MAX_STORED = 65535
Tokens = npt.NDArray[np.uint32]
_Part = tuple[int, Tokens, npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _quick_parts(data: Bytes, size: int, level: int) -> Iterator[_Part]:
    """Yield size, tokens and numbers of symbols of the blocks of levels 1 to 9."""
    places, tokens, start = parse.places(), np.zeros(parse.LONG_BLOCK + 2 * parse.SHORT_BLOCK, np.uint32), 0
    while start < size:
        near, far = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
        used, end = parse.parse_block(data, size, start, *parse.LEVELS[level - 1], *places, tokens, near, far)
        near[256] += 1
        yield end - start, tokens[:used].copy(), near, far
        start = end


def _optimal_parts(data: Bytes, size: int, level: int) -> Iterator[_Part]:
    """Yield the same of the blocks of levels 10 to 12."""
    buffers, start = lists.search(size), 0
    _, depth, nice = parse.LEVELS[level - 1]
    three, four, children, listed, first, items, costs, prices, stats, lengths, state = buffers
    tokens, counts = np.zeros(len(items), np.uint32), np.zeros((2, LITERALS), np.int64)
    while start < size:
        found = (data, size, start, depth, nice, three, four, children, listed, first, stats, lengths, state)
        end = int(lists.find_block(*found))
        plan = (listed, first, items, costs, prices, stats, lengths, counts, tokens)
        used, state[1] = optimal.optimize_block(data, start, end - start, depth, optimal.PASSES[level - 10], *plan)
        yield end - start, tokens[:used].copy(), counts[0].copy(), counts[1, :DISTANCES].copy()
        lists.leave_block(start, end, listed, first, stats, lengths, state)
        start = end


def blocks_of(data: Bytes, size: int, level: int) -> Iterator[tuple[list[list[int]], Tokens, Header | None]]:
    """Yield the blocks that a level makes of data [size + PADDING]: rows of the block table, tokens, header."""
    parts = _optimal_parts if level >= 10 else _quick_parts
    position = bits = 0
    for length, tokens, near, far in parts(data, size, level):
        position += length
        kind, header, cost = choose(near, far, length, bits & 7)
        bits += cost
        last = int(position == size)
        if kind == STORED:
            sizes = [_MAX_STORED] * ((length - 1) // _MAX_STORED)
            sizes.append(length - sum(sizes))
            rows = [[STORED, last * (index + 1 == len(sizes)), each] for index, each in enumerate(sizes)]
            yield rows, tokens[:0], None
        else:
            yield [[kind, last, len(tokens)]], tokens, header if kind == DYNAMIC else None


def header_for(tokens: Tokens) -> Header:
    """Return the header of the tokens of a dynamic block."""
    near, far = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    count_symbols(tokens, near, far)
    near[256] += 1
    return choose(near, far, 1, 0)[1]
