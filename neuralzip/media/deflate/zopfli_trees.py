"""Huffman code lengths and code headers as zopfli chooses them (Alakuijala, Vandevenne), and what a block costs.

Lengths come from the boundary package-merge algorithm (Katajainen, Moffat, Turpin 1995); counts are also tried
after smoothing that makes runs of equal lengths; of eight ways to write runs the shortest is taken. Ties decide
which of several optimal codes comes out, so the order of every comparison matters.

S symbols; counts are int64 [S], lengths uint8 [S].
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating
from neuralzip.media.deflate.stream import (
    CODE_LENGTH_ORDER,
    CODE_LENGTHS,
    DISTANCE_EXTRA,
    DISTANCE_SYMBOL,
    END_OF_BLOCK,
    LENGTH_EXTRA,
    LENGTH_SYMBOL,
    MAX_BITS,
    Header,
)

inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, nogil=True)
"""For what only compiled functions call: half the time to compile."""
NEAR, FAR = 288, 32
"""Symbols that zopfli counts with: literals and lengths, and distances."""
_ENDLESS = 1 << 60
_LIST_HEADS, _COUNT, _WEIGHT, _TAIL = 2, 0, 1, 2


@inner
def _new_chain(nodes: Any, used: int, count: int, weight: int, tail: int) -> int:
    """Add a chain to the pool; return its place."""
    nodes[used, _COUNT], nodes[used, _WEIGHT], nodes[used, _TAIL] = count, weight, tail
    return used


@inner
def _merge_step(nodes: Any, used: int, lists: Any, weights: Any, top: int) -> int:
    """Put a new chain in list `top`; return how much of the pool is used. Lists keep two chains each."""
    pending = np.zeros(32, np.int64)
    pending[0], depth = top, 0
    while depth >= 0:
        index = pending[depth]
        depth -= 1
        count = nodes[lists[index, 1], _COUNT]
        if index == 0:
            if count < weights.size:
                lists[0, 0], lists[0, 1] = lists[0, 1], _new_chain(nodes, used, count + 1, weights[count], -1)
                used += 1
            continue
        before = lists[index, 1]
        total = nodes[lists[index - 1, 0], _WEIGHT] + nodes[lists[index - 1, 1], _WEIGHT]
        lists[index, 0], lists[index, 1] = before, used
        if count < weights.size and total > weights[count]:
            _new_chain(nodes, used, count + 1, weights[count], nodes[before, _TAIL])
        else:
            _new_chain(nodes, used, count, total, lists[index - 1, 1])
            pending[depth + 1] = pending[depth + 2] = index - 1
            depth += 2
        used += 1
    return used


@inner
def _package_merge(weights: Any, most: int, active: Any) -> None:
    """Fill active[b], the number of lightest leaves with codes of b bits or more (from the longest, at 0)."""
    symbols = weights.size
    most = min(most, symbols - 1)
    nodes, lists = np.zeros((2 * (most + 1) * symbols + 8, 3), np.int64), np.zeros((most, 2), np.int64)
    _new_chain(nodes, 0, 1, weights[0], -1)
    _new_chain(nodes, 1, 2, weights[1], -1)
    lists[:, 1] = 1
    used = 2
    for _ in range(2 * symbols - 5):
        used = _merge_step(nodes, used, lists, weights, most - 1)
    last, top = lists[most - 1, 1], most - 1
    count = nodes[last, _COUNT]
    total = nodes[lists[top - 1, 0], _WEIGHT] + nodes[lists[top - 1, 1], _WEIGHT]
    if count < symbols and total > weights[count]:
        last = _new_chain(nodes, used, count + 1, 0, nodes[last, _TAIL])
    else:
        nodes[last, _TAIL] = lists[top - 1, 1]
    bits = 0
    while last >= 0:
        active[bits] = nodes[last, _COUNT]
        last, bits = nodes[last, _TAIL], bits + 1


@inner
def insert(keys: Any, used: int, key: int) -> int:
    """Insert a key where it belongs among the `used` smallest; return how many there are."""
    place = used
    while place > 0 and keys[place - 1] > key:
        keys[place] = keys[place - 1]
        place -= 1
    keys[place] = key
    return used + 1


@allocating
def limited_lengths(counts: Any, most: int, lengths: Any) -> None:
    """Fill the lengths of an optimal code of at most `most` bits."""
    keys, used = np.zeros(counts.size, np.int64), 0
    for symbol in range(counts.size):
        lengths[symbol] = 0
        if counts[symbol] > 0:
            used = insert(keys, used, counts[symbol] << 9 | symbol)
    if used <= 2:
        for place in range(used):
            lengths[keys[place] & 511] = 1
        return
    active = np.zeros(16, np.int64)
    _package_merge(keys[:used] >> 9, most, active)
    for level in range(16):
        for place in range(active[level]):
            lengths[keys[place] & 511] += 1


@inner
def _mark_runs(counts: Any, size: int, marked: Any) -> None:
    """Mark counts that already make good runs: five zeros or seven others."""
    start = 0
    for place in range(1, size + 1):
        if place == size or counts[place] != counts[start]:
            run = place - start
            if run >= 7 or (run >= 5 and counts[start] == 0):
                marked[start:place] = True
            start = place


@inner
def _smooth(counts: Any) -> None:
    """Make neighbouring counts of similar size equal, in place, for longer runs of code lengths."""
    size = counts.size
    while size > 0 and counts[size - 1] == 0:
        size -= 1
    if size == 0:
        return
    marked = np.zeros(size, np.bool_)
    _mark_runs(counts, size, marked)
    limit, total, stride = counts[0], 0, 0
    for place in range(size + 1):
        if place == size or marked[place] or abs(counts[place] - limit) >= 4:
            if stride >= 4 or (stride >= 3 and total == 0):
                mean = max((total + stride // 2) // stride, 1) if total > 0 else 0
                counts[place - stride : place] = mean
            stride = total = 0
            if place < size - 3:
                limit = counts[place : place + 4].sum() + 2 >> 2
            elif place < size:
                limit = counts[place]
        stride += 1
        if place < size:
            total += counts[place]


@inner
def _put_run(runs: Any, used: int, symbol: int, run: int) -> int:
    runs[used], runs[used + 1] = symbol, run
    return used + 2


@inner
def _write_runs(lengths: Any, way: int, runs: Any) -> int:
    """Fill the pairs (symbol, run) of code lengths, using symbols 16, 17, 18 by the bits of `way`."""
    used = place = 0
    while place < lengths.size:
        value, left = lengths[place], 1
        if way & 1 or (value == 0 and way & 6):
            while place + left < lengths.size and lengths[place + left] == value:
                left += 1
        place += left
        while value == 0 and way & 4 and left >= 11:
            run = min(left, 138)
            used = _put_run(runs, used, 18, run)
            left -= run
        while value == 0 and way & 2 and left >= 3:
            run = min(left, 10)
            used = _put_run(runs, used, 17, run)
            left -= run
        if way & 1 and left >= 4:
            used = _put_run(runs, used, value, 1)
            left -= 1
            while left >= 3:
                run = min(left, 6)
                used = _put_run(runs, used, 16, run)
                left -= run
        for _ in range(left):
            used = _put_run(runs, used, value, 1)
    return used


@inner
def _runs_cost(runs: Any, used: int, meta: Any) -> int:
    """Fill the lengths of the code length code; return the bits of the whole header."""
    counts = np.zeros(CODE_LENGTHS, np.int64)
    for place in range(0, used, 2):
        counts[runs[place]] += 1
    limited_lengths(counts, 7, meta)
    bits = 14 + 2 * counts[16] + 3 * counts[17] + 7 * counts[18]
    written = CODE_LENGTHS
    while written > 4 and counts[CODE_LENGTH_ORDER[written - 1]] == 0:
        written -= 1
    for symbol in range(CODE_LENGTHS):
        bits += counts[symbol] * meta[symbol]
    return bits + 3 * written


@inner
def _trimmed(near: Any, far: Any) -> Any:
    """Return all code lengths that are written, distances behind the others, and the number of the latter."""
    split, rest = 286, 30
    while split > 257 and near[split - 1] == 0:
        split -= 1
    while rest > 1 and far[rest - 1] == 0:
        rest -= 1
    both = np.zeros(split + rest, np.uint8)
    both[:split], both[split:] = near[:split], far[:rest]
    return both, split


@inner
def _cheapest_way(lengths: Any) -> Any:
    """Return the bits of the shortest header of these code lengths, and which of the eight ways it is."""
    runs, meta = np.zeros(2 * lengths.size, np.uint8), np.zeros(CODE_LENGTHS, np.uint8)
    best, chosen = np.int64(_ENDLESS), 0
    for way in range(8):
        bits = _runs_cost(runs, _write_runs(lengths, way, runs), meta)
        if bits < best:
            best, chosen = bits, way
    return best, chosen


@inner
def _symbols_cost(near_counts: Any, far_counts: Any, near: Any, far: Any) -> Any:
    """Return the bits of all symbols of a block with their extra bits."""
    bits = np.int64(0)
    for symbol in range(286):
        extra = LENGTH_EXTRA[symbol - 257] if symbol > END_OF_BLOCK else 0
        bits += near_counts[symbol] * (near[symbol] + extra)
    for symbol in range(30):
        bits += far_counts[symbol] * (far[symbol] + DISTANCE_EXTRA[symbol])
    return bits


@inner
def _code_of(near_counts: Any, far_counts: Any, near: Any, far: Any) -> None:
    """Fill the code lengths of counts; there are always two distance codes."""
    limited_lengths(near_counts, MAX_BITS, near)
    limited_lengths(far_counts, MAX_BITS, far)
    codes = 0
    for symbol in range(30):
        codes += 1 if far[symbol] > 0 else 0
    if codes == 0:
        far[0] = far[1] = 1
    elif codes == 1:
        far[1 if far[0] else 0] = 1


@allocating
def block_lengths(near_counts: Any, far_counts: Any, near: Any, far: Any) -> int:
    """Fill the code lengths [NEAR], [FAR] that zopfli gives a block of these counts; return the block's bits."""
    _code_of(near_counts, far_counts, near, far)
    bits = _cheapest_way(_trimmed(near, far)[0])[0] + _symbols_cost(near_counts, far_counts, near, far)
    smooth_near, smooth_far = near_counts.copy(), far_counts.copy()
    _smooth(smooth_near)
    _smooth(smooth_far)
    other_near, other_far = np.zeros(NEAR, np.uint8), np.zeros(FAR, np.uint8)
    _code_of(smooth_near, smooth_far, other_near, other_far)
    other = _cheapest_way(_trimmed(other_near, other_far)[0])[0]
    other += _symbols_cost(near_counts, far_counts, other_near, other_far)
    if other < bits:
        near[:], far[:] = other_near, other_far
    return min(bits, other) + 3


@allocating
def count_tokens(tokens: Any, near: Any, far: Any) -> None:
    """Count the symbols of a block's tokens and its end: near [NEAR], far [FAR]."""
    near[:], far[:] = 0, 0
    near[END_OF_BLOCK] = 1
    for token in tokens:
        length, distance = np.int64(token) >> 16, np.int64(token) & 65535
        if length == 0:
            near[distance] += 1
        else:
            near[257 + LENGTH_SYMBOL[length]] += 1
            far[DISTANCE_SYMBOL[distance]] += 1


@allocating
def _write_header(near: Any, far: Any, runs: Any, meta: Any) -> Any:
    """Fill runs and code length code; return the numbers of near and far codes, and of bytes of runs."""
    lengths, split = _trimmed(near, far)
    used = _write_runs(lengths, _cheapest_way(lengths)[1], runs)
    _runs_cost(runs, used, meta)
    return split, lengths.size - split, used


def predict_header(tokens: npt.NDArray[np.uint32]) -> Header:
    """Return the header that zopfli writes for the tokens of a block."""
    near_counts, far_counts = np.zeros(NEAR, np.int64), np.zeros(FAR, np.int64)
    near, far = np.zeros(NEAR, np.uint8), np.zeros(FAR, np.uint8)
    count_tokens(tokens, near_counts, far_counts)
    block_lengths(near_counts, far_counts, near, far)
    runs, meta = np.zeros(2 * (NEAR + FAR), np.uint8), np.zeros(CODE_LENGTHS, np.uint8)
    split, rest, used = _write_header(near, far, runs, meta)
    written = max(rank for rank, symbol in enumerate(CODE_LENGTH_ORDER, 1) if rank <= 4 or meta[symbol])
    return Header(int(split), int(rest), written, meta.tobytes(), runs[:used].tobytes())
