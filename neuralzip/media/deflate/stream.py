"""A deflate stream as arrays: blocks, tokens and the symbols of their Huffman code headers (RFC 1951)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

STORED, FIXED, DYNAMIC = 0, 1, 2
TYPE, FINAL, COUNT = 0, 1, 2
MIN_MATCH, MAX_MATCH = 3, 258
LITERALS, DISTANCES, CODE_LENGTHS = 286, 30, 19
END_OF_BLOCK = 256
MAX_BITS = 15
PADDING = 300
"""Zero bytes behind the data, so that comparisons may look past its end."""

LENGTH_EXTRA = np.array([0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0], np.int64)
LENGTH_BASE = np.append(3 + np.cumsum(np.append(0, 1 << LENGTH_EXTRA[:27])), 258)
DISTANCE_EXTRA = np.maximum(np.arange(30) // 2 - 1, 0)
DISTANCE_BASE = 1 + np.cumsum(np.append(0, 1 << DISTANCE_EXTRA[:-1]))
CODE_LENGTH_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int64)
FIXED_LENGTHS = np.repeat(np.array([8, 9, 7, 8], np.uint8), [144, 112, 24, 8])
LENGTH_SYMBOL = np.searchsorted(LENGTH_BASE, np.arange(259), side="right").astype(np.int64) - 1
DISTANCE_SYMBOL = np.searchsorted(DISTANCE_BASE, np.arange(32769), side="right").astype(np.int64) - 1


class Header(NamedTuple):
    """The code lengths of a dynamic block as they were written.

    Attributes:
        literals: number of literal and length codes (HLIT), 257..286.
        distances: number of distance codes (HDIST), 1..30.
        used: number of lengths of the code length code that were written (HCLEN), 4..19.
        meta: [19] lengths of the code length code, by symbol.
        runs: pairs (symbol, number of code lengths that it stands for).
    """

    literals: int
    distances: int
    used: int
    meta: bytes
    runs: bytes

    def code_lengths(self) -> tuple[Bytes, Bytes]:
        """Return the lengths of the literal and length codes, and those of the distance codes."""
        lengths = bytearray()
        for symbol, run in zip(self.runs[::2], self.runs[1::2], strict=True):
            value = symbol if symbol < 16 else lengths[-1] if symbol == 16 else 0
            lengths += bytes((value,)) * run
        both = np.frombuffer(bytes(lengths), np.uint8).copy()
        return both[: self.literals], both[self.literals :]


class DeflateStream(NamedTuple):
    """Everything that a deflate stream says, beyond the bytes that it decodes to.

    Attributes:
        tokens: [T] uint32, a literal as its byte, a match as length << 16 | distance.
        blocks: [B, 3] int64: type, 1 for the last block, number of tokens (of bytes in a stored block).
        headers: one for each dynamic block.
    """

    tokens: npt.NDArray[np.uint32]
    blocks: npt.NDArray[np.int64]
    headers: list[Header]
