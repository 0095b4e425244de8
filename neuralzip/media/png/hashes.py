"""The hashes of zlib and its kin: which earlier places an encoder compares with, compiled."""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import inner

ROLLING, CHROMIUM, KNUTH = range(3)
"""zlib's hash of three bytes; those of Chromium's zlib and of zlib-ng, a product of four."""


@inner
def hash_three(data: Any, position: int, bits: int) -> Any:
    """Return zlib's hash of three bytes."""
    shift = (bits + 2) // 3
    first, second, third = np.int64(data[position]), np.int64(data[position + 1]), np.int64(data[position + 2])
    return ((first << (2 * shift)) ^ (second << shift) ^ third) & ((1 << bits) - 1)


@inner
def four_bytes(data: Any, position: int) -> Any:
    """Return four bytes as a number, the first the lowest."""
    low = np.int64(data[position]) | np.int64(data[position + 1]) << 8
    return low | np.int64(data[position + 2]) << 16 | np.int64(data[position + 3]) << 24


@inner
def hash_four(word: Any, mask: int, hashing: int) -> Any:
    """Return a hash of four bytes, CHROMIUM or KNUTH."""
    product = word * 66521 + 66521 if hashing == CHROMIUM else word * 2654435761
    return ((product & 0xFFFFFFFF) >> 16) & mask


@inner
def hash_mixed(data: Any, position: int, bits: int) -> Any:
    """Return stb_image_write's hash of three bytes."""
    word = np.int64(data[position]) | np.int64(data[position + 1]) << 8 | np.int64(data[position + 2]) << 16
    word ^= (word << 3) & 0xFFFFFFFF
    word = (word + (word >> 5)) & 0xFFFFFFFF
    word ^= (word << 4) & 0xFFFFFFFF
    word = (word + (word >> 17)) & 0xFFFFFFFF
    word ^= (word << 25) & 0xFFFFFFFF
    word = (word + (word >> 6)) & 0xFFFFFFFF
    return word & ((1 << bits) - 1)
