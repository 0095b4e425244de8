"""The hashes of zlib and its kin: which earlier places an encoder compares with, compiled."""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import inner

ROLLING, CHROMIUM, KNUTH, GO = range(4)
"""zlib's hash of three bytes; those of Chromium's zlib, of zlib-ng and of Go, a product of four."""
BITS = (0, 0, 16, 17)
"""Binary logarithms of the hash tables whose size does not depend on zlib's memory level."""


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
    """Return a hash of four bytes, CHROMIUM, KNUTH or GO."""
    if hashing == GO:
        swapped = (word & 255) << 24 | (word & 0xFF00) << 8 | (word >> 8 & 0xFF00) | word >> 24
        return ((swapped * 0x1E35A7BD) & 0xFFFFFFFF) >> 15
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
