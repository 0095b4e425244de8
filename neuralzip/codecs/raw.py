"""Stored blocks: what guarantees that no input grows by more than n/2^14 + 64 bytes."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from neuralzip.codecs.base import Block, Options
from neuralzip.container import Buffer
from neuralzip.errors import CorruptError

BLOCK_BYTES = 1 << 20
_WINDOW_BYTES = 1 << 14
_LOW_ENTROPY_BITS = 7.9  # 16 KiB of random bytes measure 7.98..7.99
_ANCHOR_BITS = 10  # one position in 1024 is compared in the search for repeats


class Raw:
    """Stores bytes as they are, in blocks of BLOCK_BYTES."""

    name = "raw"
    id = 0

    def claims(self, head: bytes, options: Options) -> bool:
        """Take everything."""
        return True

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield stored blocks."""
        while data := file.read(BLOCK_BYTES):
            yield stored(data)

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the payload."""
        if len(block.payload) != block.raw_size or block.params or block.models:
            raise CorruptError(f"damaged: stored block of {len(block.payload)} bytes declares {block.raw_size}")
        return block.payload


def stored(data: bytes) -> Block:
    """Return the block that stores `data` as it is."""
    return Block(Raw.name, b"", data, len(data))


def looks_random(data: Buffer) -> bool:
    """Tell quickly whether compressing is hopeless: no skew in the bytes, no repeats (some 300 MB/s).

    Order-0 entropy is measured window by window; repeats are looked for between anchors, the places
    where a hash of four bytes ends in zeros, so that they are found at any distance and alignment.
    """
    if len(data) < _WINDOW_BYTES:
        return False
    symbols = np.frombuffer(data, np.uint8)
    last = len(symbols) - _WINDOW_BYTES
    for start in (*range(0, last, _WINDOW_BYTES), last):
        if _entropy_bits(symbols[start : start + _WINDOW_BYTES]) < _LOW_ENTROPY_BITS:
            return False
    return _repeated_anchors(symbols) < 0.01


def _entropy_bits(symbols: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> float:
    counts = np.bincount(symbols, minlength=256)
    share = counts[counts > 0] / len(symbols)
    return float(-(share * np.log2(share)).sum())


def _repeated_anchors(symbols: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> float:
    """Return the share of anchors whose eight bytes occur at another anchor too."""
    found = []
    for shift in range(4):
        words = symbols[shift : shift + (len(symbols) - shift) // 4 * 4].view("<u4")
        at = np.flatnonzero(words * np.uint32(0x9E3779B1) < np.uint32(1 << (32 - _ANCHOR_BITS)))[:-1]
        found.append(words[at].astype(np.uint64) << np.uint64(32) | words[at + 1])
    anchors = np.concatenate(found)
    return 1 - len(np.unique(anchors)) / max(len(anchors), 1)
