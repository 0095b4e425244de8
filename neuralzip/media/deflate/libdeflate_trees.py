"""Huffman codes, code headers and the choice of a block's kind as libdeflate (Biggers) makes them, compiled."""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating, inner
from neuralzip.media.deflate.stream import (
    CODE_LENGTH_ORDER,
    CODE_LENGTHS,
    DISTANCE_EXTRA,
    DYNAMIC,
    END_OF_BLOCK,
    FIXED,
    FIXED_LENGTHS,
    LENGTH_EXTRA,
    MAX_BITS,
    STORED,
    Header,
)

LITERALS, DISTANCES = 288, 32
"""Symbols of libdeflate's alphabets."""
MAX_NEAR = 14
"""libdeflate gives literals and lengths no longer codes."""
EXTRA_BITS = np.zeros(LITERALS, np.int64)
EXTRA_BITS[END_OF_BLOCK + 1 : END_OF_BLOCK + 30] = LENGTH_EXTRA
FAR_EXTRA = np.append(DISTANCE_EXTRA, [0, 0])
_META_EXTRA = np.array([0] * 16 + [2, 3, 7], np.int64)


@allocating
def code_lengths(counts: Any, most: int, lengths: Any) -> None:
    """Find code lengths.

    Args:
        counts: [S] int64 frequencies.
        most: the longest code allowed.
        lengths: [S] uint8, filled in.
    """
    used, total = np.nonzero(counts)[0], 0
    lengths[:] = 0
    if used.size < 2:
        lengths[0] = 1
        lengths[used[0] if used.size == 1 and used[0] > 0 else 1] = 1
        return
    order = used[np.argsort(counts[used] * 1024 + used)]
    # The two rarest of the sorted leaves and of the inner nodes join, leaves first where they are as rare.
    sums, parent = np.zeros(used.size - 1, np.int64), np.zeros(used.size - 1, np.int64)
    leaf = node = 0
    for made in range(used.size - 1):
        for _ in range(2):
            if leaf < used.size and (node == made or counts[order[leaf]] <= sums[node]):
                sums[made] += counts[order[leaf]]
                leaf += 1
            else:
                sums[made] += sums[node]
                parent[node] = made
                node += 1
    numbers, depth = np.zeros(most + 2, np.int64), np.zeros(used.size - 1, np.int64)
    numbers[1] = 2
    for made in range(used.size - 3, -1, -1):
        depth[made] = depth[parent[made]] + 1
        length = depth[made]
        if length >= most:
            length = most - 1
            while numbers[length] == 0:
                length -= 1
        numbers[length] -= 1
        numbers[length + 1] += 2
    for length in range(most, 0, -1):
        for _ in range(numbers[length]):
            lengths[order[total]] = length
            total += 1


@inner
def _put_run(runs: Any, used: Any, symbol: Any, length: Any) -> Any:
    """Append a run-length symbol and what it stands for; return the number of runs."""
    runs[used, 0], runs[used, 1] = symbol, length
    return used + 1


@allocating
def _find_runs(lengths: Any, runs: Any) -> int:
    """Write code lengths as runs [R, 2]; return their number."""
    start, used, most = 0, 0, 0
    while start < lengths.size:
        value, end = lengths[start], start + 1
        while end < lengths.size and lengths[end] == value:
            end += 1
        if value == 0:
            while end - start >= 3:
                symbol, most = (18, 138) if end - start >= 11 else (17, 10)
                used = _put_run(runs, used, symbol, min(end - start, most))
                start += runs[used - 1, 1]
        elif end - start >= 4:
            used = _put_run(runs, used, value, 1)
            start += 1
            while end - start >= 3:
                used = _put_run(runs, used, 16, min(end - start, 6))
                start += runs[used - 1, 1]
        while start < end:
            used = _put_run(runs, used, value, 1)
            start += 1
    return used


@allocating
def header_of(near: Any, far: Any, runs: Any, meta: Any) -> Any:
    """Write the header of code lengths.

    Args:
        near: [288] uint8 lengths of literal and length codes.
        far: [32] uint8 lengths of distance codes.
        runs: [320, 2] int64, filled in.
        meta: [19] uint8 lengths of the code length code, filled in.
    Returns:
        Numbers of literal and length codes, of distance codes, of written lengths of the code length code and of
        runs, and the header's bits.
    """
    literals, distances, written = LITERALS, DISTANCES, CODE_LENGTHS
    while literals > 257 and near[literals - 1] == 0:
        literals -= 1
    while distances > 1 and far[distances - 1] == 0:
        distances -= 1
    count = _find_runs(np.concatenate((near[:literals], far[:distances])), runs)
    counts = np.zeros(CODE_LENGTHS, np.int64)
    for run in range(count):
        counts[runs[run, 0]] += 1
    code_lengths(counts, 7, meta)
    while written > 4 and meta[CODE_LENGTH_ORDER[written - 1]] == 0:
        written -= 1
    bits = 14 + 3 * written
    for symbol in range(CODE_LENGTHS):
        bits += counts[symbol] * (np.int64(meta[symbol]) + _META_EXTRA[symbol])
    return literals, distances, written, count, bits


@allocating
def bits_of(near_counts: Any, far_counts: Any, near: Any, far: Any) -> int:
    """Return the bits of symbols under code lengths, their extra bits included."""
    bits = 0
    for symbol in range(near.size):
        bits += near_counts[symbol] * (np.int64(near[symbol]) + EXTRA_BITS[symbol])
    for symbol in range(far.size):
        bits += far_counts[symbol] * (np.int64(far[symbol]) + FAR_EXTRA[symbol])
    return bits


def choose(
    near_counts: npt.NDArray[np.int64], far_counts: npt.NDArray[np.int64], size: int, position: int
) -> tuple[int, Header, int]:
    """Choose the kind of a block.

    Args:
        near_counts: [288] how often each literal or length symbol occurs, the end of the block included.
        far_counts: [32] the same of distance symbols.
        size: bytes of the block.
        position: bits written before it, modulo 8.
    Returns:
        The kind (STORED may be several blocks), the header that it would have if dynamic, and its bits.
    """
    near, far = np.zeros(LITERALS, np.uint8), np.zeros(DISTANCES, np.uint8)
    code_lengths(near_counts, MAX_NEAR, near)
    code_lengths(far_counts, MAX_BITS, far)
    runs, meta = np.zeros((320, 2), np.int64), np.zeros(CODE_LENGTHS, np.uint8)
    literals, distances, written, count, bits = header_of(near, far, runs, meta)
    flat = runs[:count].astype(np.uint8).tobytes()
    header = Header(literals, distances, written, meta.tobytes(), flat)
    dynamic = 3 + bits + bits_of(near_counts, far_counts, near, far)
    fixed = 3 + bits_of(near_counts, far_counts, FIXED_LENGTHS, np.full(DISTANCES, 5, np.uint8))
    stored = 3 + (-(position + 3) & 7) + 32 + 40 * (-(-size // 65535) - 1) + 8 * size
    best = min(dynamic, fixed, stored)
    kind = STORED if best == stored else FIXED if best == fixed else DYNAMIC
    return kind, header, best
