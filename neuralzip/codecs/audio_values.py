"""Take out of samples what a simple rule explains: low bits that are always zero, values that never occur.

Low bits that are zero for a while only (tools leave them so that prepare recordings for FLAC) stay in the samples,
since predictors look back over them; how many there are is noted for every ZEROS_FRAMES of a channel.

Recordings made louder by a factor, or brought from fewer to more bits, use few of the values in their range;
coding ranks among the used ones instead saves log2(range / used) bits a sample.
"""

import struct

import numpy as np
import numpy.typing as npt

from neuralzip.codecs import side
from neuralzip.errors import CorruptError

Bytes = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.int32]

_MAP = struct.Struct("<iI")
ZEROS_FRAMES = 256
_MAX_ZEROS = 31
_MAX_RANGE = 1 << 24
_DENSE = 0.8
"""Share of used values, in the middle of the range, from which on a map is not worth a trial."""


def reduce(samples: Samples) -> tuple[Samples, int, bytes]:
    """Return (samples over 2**shift or ranks of them, shift, packed map or nothing)."""
    shift = _zero_bits(samples)
    plain = np.ascontiguousarray(samples >> shift)
    used = None if find_zeros(plain) is not None else _sparse_values(plain)
    if used is None:
        return plain, shift, b""
    table = _pack_map(used)
    saved = plain.size * np.log2((int(used[-1]) - int(used[0]) + 1) / len(used)) / 8
    if len(table) > saved / 2:
        return plain, shift, b""
    origin = np.searchsorted(used, 0)
    return (np.searchsorted(used, plain) - origin).astype(np.int32), shift, table


def restore(plain: Samples, shift: int, table: bytes) -> Samples:
    """Return the samples that `reduce` was given.

    Raises:
        CorruptError: impossible shift or map, or a rank beyond it.
    """
    if shift > 31:
        raise CorruptError(f"damaged: {shift} low bits of samples left out")
    if table:
        used = _unpack_map(table)
        ranks = plain.astype(np.int64) + np.searchsorted(used, 0)
        if ranks.size and (ranks.min() < 0 or ranks.max() >= len(used)):
            raise CorruptError("damaged: a sample's rank is beyond the map of values")
        plain = used[ranks].astype(np.int32)
    return plain << np.int32(shift)


def no_zeros(channels: int, length: int) -> Bytes:
    """Return the counts [C, ceil(T / ZEROS_FRAMES)] of samples whose low bits may be anything."""
    return np.zeros((channels, -(-length // ZEROS_FRAMES)), np.uint8)


def find_zeros(samples: Samples) -> Bytes | None:
    """Return how many low bits are zero in each stretch of each channel, None where it is not worth noting."""
    zeros = no_zeros(*samples.shape)
    starts = np.arange(0, samples.shape[1], ZEROS_FRAMES)
    unions = np.bitwise_or.reduceat(samples, starts, axis=1).astype(np.int64)
    for channel, union in zip(zeros, unions, strict=True):
        last = 0
        for i, bits in enumerate(map(int, union)):
            last = (bits & -bits).bit_length() - 1 if bits else last
            channel[i] = last
    saved = int(zeros.sum()) * ZEROS_FRAMES // 8
    return zeros if saved > 4 * len(pack_zeros(zeros)) else None


def pack_zeros(zeros: Bytes) -> bytes:
    """Return the counts as bytes."""
    return side.pack(zeros.tobytes())


def unpack_zeros(data: bytes, channels: int, length: int) -> Bytes:
    """Return the counts that were packed.

    Raises:
        CorruptError: impossible ones, or another number.
    """
    zeros = np.frombuffer(side.unpack(data), np.uint8)
    expected = no_zeros(channels, length)
    if zeros.size != expected.size or (zeros > _MAX_ZEROS).any():
        raise CorruptError("damaged: numbers of zero bits of samples")
    return zeros.reshape(expected.shape)


def _zero_bits(samples: Samples) -> int:
    """Return how many low bits are zero in all samples, 0 where everything is."""
    union = int(np.bitwise_or.reduce(samples, axis=None))
    return (union & -union).bit_length() - 1 if union else 0


def _sparse_values(samples: Samples) -> npt.NDArray[np.int64] | None:
    """Return the sorted values that occur where they are few in the range that most samples are in, else None."""
    low, high = int(samples.min()), int(samples.max())
    if high - low >= _MAX_RANGE or low == high:
        return None
    counts = np.bincount((samples.reshape(-1).astype(np.int64) - low), minlength=high - low + 1)
    running = np.cumsum(counts)
    first, last = np.searchsorted(running, [0.1 * running[-1], 0.9 * running[-1]])
    if np.count_nonzero(counts[first : last + 1]) > _DENSE * (last + 1 - first):
        return None
    return np.flatnonzero(counts) + low


def _pack_map(used: npt.NDArray[np.int64]) -> bytes:
    flags = np.zeros(int(used[-1] - used[0]) + 1, np.uint8)
    flags[used - used[0]] = 1
    return _MAP.pack(int(used[0]), len(flags)) + side.pack(np.packbits(flags).tobytes())


def _unpack_map(table: bytes) -> npt.NDArray[np.int64]:
    low, size = _MAP.unpack(table[: _MAP.size])
    packed = np.frombuffer(side.unpack(table[_MAP.size :]), np.uint8)
    if size > _MAX_RANGE or len(packed) != (size + 7) // 8:
        raise CorruptError("damaged: map of sample values")
    return np.flatnonzero(np.unpackbits(packed, count=size)).astype(np.int64) + low
