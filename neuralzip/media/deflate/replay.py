"""Streams that are made again from their data alone, by the rules of the encoder and the level that wrote them."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from neuralzip.media.deflate import libdeflate, miniz
from neuralzip.media.deflate.stream import DYNAMIC, STORED, Bytes, DeflateStream, Header

_Tokens = npt.NDArray[np.uint32]
_Blocks = Iterator[tuple[list[list[int]], _Tokens, Header | None]]
"""Of each block its rows of the block table (stored ones may be several), its tokens, its header if dynamic."""
_Encoder = tuple[Callable[[Bytes, int, int], _Blocks], int, Callable[[_Tokens], Header]]
_ENCODERS: tuple[_Encoder, ...] = (
    *((libdeflate.blocks_of, 1 + level, libdeflate.header_for) for level in range(libdeflate.LEVELS)),
    *((miniz.blocks_of, miniz.FIRST_LEVEL + level, miniz.header_for) for level in range(miniz.LEVELS)),
)
"""Blocks of data, a level, and the header of a block's tokens. Places are part of the format."""
ENCODERS = len(_ENCODERS)
_LIKELY_BY_HINT = ((0,), (4, 3, 2, 1), (16, 5, 6), (19, 11, 10, 9, 8, 7))
"""Those that announce themselves by each hint of a zlib header, the likeliest and quickest first."""


def replay(data: Bytes, size: int, encoder: int) -> DeflateStream:
    """Return the stream that an encoder makes of data [size + PADDING]."""
    blocks_of, level, _ = _ENCODERS[encoder]
    rows, tokens, headers = [], [np.zeros(0, np.uint32)], []
    for part, chosen, header in blocks_of(data, size, level):
        rows += part
        tokens.append(chosen)
        headers += [header] if header else []
    return DeflateStream(np.concatenate(tokens), np.array(rows, np.int64).reshape(-1, 3), headers)


def find_encoder(stream: DeflateStream, data: Bytes, size: int, hint: int) -> int | None:
    """Return which encoder makes a stream, None for none of them; `hint` as in the zlib header."""
    writers = {header_for for _, _, header_for in _ENCODERS}
    alike = {header_for for header_for in writers if _looks_like(stream, header_for)}
    for encoder in dict.fromkeys((*_LIKELY_BY_HINT[hint], *range(ENCODERS))):
        if _ENCODERS[encoder][2] in alike and _makes(stream, data, size, encoder):
            return encoder
    return None


def _looks_like(stream: DeflateStream, header_for: Callable[[_Tokens], Header]) -> bool:
    """Say whether the first header is what an encoder writes for the tokens of its block."""
    token = 0
    for kind, _, count in stream.blocks.tolist():
        if kind == DYNAMIC:
            return header_for(stream.tokens[token : token + count]) == stream.headers[0]
        token += count if kind != STORED else 0
    return True


def _makes(stream: DeflateStream, data: Bytes, size: int, encoder: int) -> bool:
    """Say whether an encoder makes the stream, block for block."""
    blocks_of, level, _ = _ENCODERS[encoder]
    row = token = header = 0
    for rows, tokens, given in blocks_of(data, size, level):
        if not np.array_equal(stream.blocks[row : row + len(rows)], rows):
            return False
        if not np.array_equal(stream.tokens[token : token + len(tokens)], tokens):
            return False
        if given and stream.headers[header] != given:
            return False
        row, token, header = row + len(rows), token + len(tokens), header + bool(given)
    return row == len(stream.blocks)
