"""Huffman code lengths and code headers as zlib chooses them, and the coding of what differs.

The tree construction follows zlib's trees.c (Gailly and Adler): a heap ordered by frequency, then depth; codes
that come out too long are shortened by its overflow rule; lengths are assigned along the heap's final order.
Ties decide which of several optimal trees comes out, so the order of every comparison matters.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError
from neuralzip.exact.compiled import allocating, entry, inner
from neuralzip.media.bitcoder import BitCoder, code_bit, code_bits
from neuralzip.media.deflate.stream import (
    CODE_LENGTH_ORDER,
    CODE_LENGTHS,
    DISTANCE_EXTRA,
    DISTANCE_SYMBOL,
    DISTANCES,
    END_OF_BLOCK,
    FIXED_LENGTHS,
    LENGTH_EXTRA,
    LENGTH_SYMBOL,
    LITERALS,
    MAX_BITS,
    Header,
)

_EXACT = 0
_NUMBERS = 1
_SAME = _NUMBERS + 3 * 33
_LENGTH = _SAME + 32
_SAME_RUN = _LENGTH + 16 * 16
_RUN = _SAME_RUN + 64
_META = _RUN + 32 + 256
HEADER_CONTEXTS = _META + 1 + 64
_RUN_EXTRA = np.array([0] * 16 + [2, 3, 7], np.int64)


@inner
def _sift(heap: Any, size: int, slot: int, rank: Any) -> None:
    """Move the node at `slot` down to its place in the heap (1-based); ties keep the node above."""
    node = heap[slot]
    child = 2 * slot
    while child <= size:
        if child < size and rank[heap[child + 1]] <= rank[heap[child]]:
            child += 1
        if rank[node] <= rank[heap[child]]:
            break
        heap[slot] = heap[child]
        slot = child
        child = 2 * slot
    heap[slot] = node


@allocating
def build_lengths(counts: Any, max_bits: int, lengths: Any) -> int:
    """Find code lengths as zlib does.

    Args:
        counts: [S] int64 frequencies below 2**40, S at most 286.
        max_bits: longest code allowed.
        lengths: [S] uint8, filled in.
    Returns:
        The number of codes, trailing unused ones left out.
    """
    symbols = counts.size
    # A node's rank is its frequency, then the depth of the tree below it.
    rank, parent = np.zeros(2 * symbols + 1, np.int64), np.zeros(2 * symbols + 1, np.int64)
    heap, order = np.zeros(2 * symbols + 1, np.int64), np.zeros(2 * symbols + 1, np.int64)
    size, last = 0, -1
    for symbol in range(symbols):
        lengths[symbol] = 0
        if counts[symbol] > 0:
            size += 1
            heap[size] = last = symbol
            rank[symbol] = counts[symbol] << 16
    while size < 2:
        # Deflate wants two codes, so that the tree is complete.
        extra = 0
        if last < 2:
            last += 1
            extra = last
        size += 1
        heap[size] = extra
        rank[extra] = 1 << 16
    slot = size // 2
    while slot > 0:
        _sift(heap, size, slot, rank)
        slot -= 1
    placed, node = 0, symbols
    while size >= 2:
        least = heap[1]
        heap[1] = heap[size]
        size -= 1
        _sift(heap, size, np.int64(1), rank)
        second = heap[1]
        order[placed], order[placed + 1] = least, second
        placed += 2
        depth = max(rank[least] & 65535, rank[second] & 65535) + 1
        rank[node] = ((rank[least] >> 16) + (rank[second] >> 16)) << 16 | depth
        parent[least] = parent[second] = heap[1] = node
        _sift(heap, size, np.int64(1), rank)
        node += 1
    _limit_lengths(order, placed, parent, max_bits, lengths)
    return last + 1


@allocating
def _limit_lengths(order: Any, placed: int, parent: Any, max_bits: int, lengths: Any) -> None:
    """Derive code lengths from the tree; shorten overlong codes by zlib's rule. `order` is from leaves to root."""
    bits, numbers = np.zeros(parent.size, np.int64), np.zeros(max_bits + 2, np.int64)
    overflow, place = 0, placed - 1
    while place >= 0:
        node = order[place]
        length = bits[parent[node]] + 1
        if length > max_bits:
            length = max_bits
            overflow += 1
        bits[node] = length
        if node < lengths.size:
            numbers[length] += 1
            lengths[node] = length
        place -= 1
    if overflow == 0:
        return
    while overflow > 0:
        length = max_bits - 1
        while numbers[length] == 0:
            length -= 1
        numbers[length] -= 1
        numbers[length + 1] += 2
        numbers[max_bits] -= 1
        overflow -= 2
    place, length = 0, max_bits
    while length > 0:
        while numbers[length] == 0 and length > 0:
            length -= 1
        node = order[place]
        place += 1
        if node < lengths.size and length > 0:
            lengths[node] = length
            numbers[length] -= 1


@entry
def count_symbols(tokens: Any, near: Any, far: Any) -> None:
    """Count the literal/length symbols [286 or more] and distance symbols [30 or more] of a block."""
    for token in tokens:
        length, distance = np.int64(token) >> 16, np.int64(token) & 65535
        if length == 0:
            near[distance] += 1
        else:
            near[257 + LENGTH_SYMBOL[length]] += 1
            far[DISTANCE_SYMBOL[distance]] += 1


def _counts_of(tokens: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how often a block has each literal/length symbol, its end included, and each distance symbol."""
    near, far = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    near[END_OF_BLOCK] = 1
    count_symbols(tokens, near, far)
    return near, far


def _lengths_of(counts: npt.NDArray[np.int64], max_bits: int) -> bytes:
    """Return the code lengths that zlib chooses, trailing zeros left out."""
    lengths = np.zeros(len(counts), np.uint8)
    used = build_lengths(counts, max_bits, lengths)
    return lengths[:used].tobytes()


def _next_run(lengths: bytes, position: int, end: int) -> tuple[int, int]:
    """Return the run-length symbol, and the codes it covers, that zlib writes at a place of lengths[:end]."""
    value = lengths[position]
    run = 1
    while position + run < end and run < 138 and lengths[position + run] == value:
        run += 1
    if value == 0 and run >= 3:
        return (17 if run <= 10 else 18), run
    if run >= 3 and value and position and lengths[position - 1] == value:
        return 16, min(run, 6)
    return value, 1


def _runs(lengths: bytes) -> bytes:
    """Return all run-length symbols of one alphabet with their runs."""
    runs, position = bytearray(), 0
    while position < len(lengths):
        runs += bytes(_next_run(lengths, position, len(lengths)))
        position += runs[-1]
    return bytes(runs)


def _meta(runs: bytes) -> tuple[int, bytes]:
    """Return how many lengths of the code length code zlib writes for these runs, and all of them."""
    counts = np.bincount(np.frombuffer(runs, np.uint8)[::2], minlength=CODE_LENGTHS).astype(np.int64)
    lengths = _lengths_of(counts, 7).ljust(CODE_LENGTHS, b"\0")
    used = max(rank for rank, symbol in enumerate(CODE_LENGTH_ORDER, 1) if rank <= 4 or lengths[symbol])
    return used, lengths


def predict_header(tokens: npt.NDArray[np.uint32]) -> tuple[Header, bytes, bytes]:
    """Return the header that zlib writes for the tokens of a block, and its two sets of code lengths."""
    near, far = _counts_of(tokens)
    literals, distances = _lengths_of(near, MAX_BITS), _lengths_of(far, MAX_BITS)
    runs = _runs(literals) + _runs(distances)
    return Header(len(literals), len(distances), *_meta(runs), runs), literals, distances


def has_fixed_codes(tokens: npt.NDArray[np.uint32]) -> bool:
    """Say whether zlib writes a block with the fixed codes: it does where these take no more bytes than others."""
    header, literals, distances = predict_header(tokens)
    near, far = _counts_of(tokens)
    runs = np.frombuffer(header.runs, np.uint8)[::2]
    own = 14 + 3 * header.used + int((np.frombuffer(header.meta, np.uint8)[runs] + _RUN_EXTRA[runs]).sum())
    for counts, lengths in ((near, literals), (far, distances)):
        own += int((counts[: len(lengths)] * np.frombuffer(lengths, np.uint8)).sum())
    fixed = int((near * FIXED_LENGTHS[:LITERALS]).sum() + 5 * far.sum())
    both = 3 + int((near[END_OF_BLOCK + 1 :] * LENGTH_EXTRA).sum() + (far * DISTANCE_EXTRA).sum())
    return -(-(fixed + both) // 8) <= -(-(own + both) // 8)


def code_header(coder: BitCoder, base: int, tokens: npt.NDArray[np.uint32], header: Header | None) -> Header:
    """Code the header of a dynamic block, given its tokens; `header` is None when decoding.

    Raises:
        CorruptError: what is decoded is no header.
    """
    guess, literals, distances = predict_header(tokens)
    if code_bit(coder, base + _EXACT, int(header == guess)):
        return guess
    return _code_differences(coder, base, literals, distances, header)


def code_header_after(coder: BitCoder, base: int, before: Header | None, header: Header | None) -> Header:
    """Code the header of a dynamic block whose tokens are not known yet, given the one before it.

    Raises:
        CorruptError: what is decoded is no header.
    """
    near, far = bytes((8,)) * LITERALS, bytes((5,)) * DISTANCES
    if before:
        near, far = (each.tobytes() for each in before.code_lengths())
    return _code_differences(coder, base, near, far, header)


def _code_differences(coder: BitCoder, base: int, near: bytes, far: bytes, header: Header | None) -> Header:
    """Code a header given the code lengths that are likely."""
    split = _code_changed(coder, base + _NUMBERS, 257, len(near), header.literals if header else 0)
    rest = _code_changed(coder, base + _NUMBERS + 33, 1, len(far), header.distances if header else 0)
    if split > LITERALS or rest > DISTANCES:
        raise CorruptError("deflate: impossible Huffman code")
    actual = [each.tobytes() for each in header.code_lengths()] if header else [b"", b""]
    same = base + _SAME
    lengths = _code_lengths(coder, base + _LENGTH, same, near, actual[0], split)
    lengths += _code_lengths(coder, base + _LENGTH, same + 16, far, actual[1], rest)
    runs = _code_runs(coder, base, lengths, header.runs if header else b"")
    used, meta = _meta(runs)
    used = _code_changed(coder, base + _NUMBERS + 66, 4, used, header.used if header else 0)
    meta = _code_meta(coder, base + _META, meta, header.meta if header else bytes(CODE_LENGTHS))
    return Header(split, rest, used, meta, runs)


def _code_changed(coder: BitCoder, base: int, least: int, expected: int, value: int) -> int:
    """Code a value least .. least + 31 that mostly is the expected one."""
    if code_bit(coder, base, int(value == expected)):
        return expected
    return int(code_bits(coder, base, 5, max(value - least, 0))) + least


def _code_lengths(coder: BitCoder, base: int, same: int, expected: bytes, actual: bytes, size: int) -> bytes:
    """Code `size` code lengths under those that zlib would choose."""
    lengths, before, hits = bytearray(), 0, 3
    actual, expected = actual.ljust(size, b"\0"), expected.ljust(size, b"\0")
    for guess, length in zip(expected[:size], actual[:size], strict=True):
        context = same + (hits & 3) * 4 + (guess > 0) * 2 + (guess == before)
        hit = code_bit(coder, context, int(length == guess))
        lengths.append(guess if hit else code_bits(coder, base + 16 * guess, 4, length))
        hits = hits << 1 | hit
        before = guess
    return bytes(lengths)


def _code_runs(coder: BitCoder, base: int, lengths: bytes, actual: bytes) -> bytes:
    """Code how the code lengths were written as runs."""
    runs, position = bytearray(), 0
    actual = actual.ljust(2 * len(lengths), b"\0")
    while position < len(lengths):
        # Others than zlib let runs cross from the literal codes to the distance codes.
        guess = bytes(_next_run(lengths, position, len(lengths)))
        given = actual[len(runs) : len(runs) + 2]
        if not code_bit(coder, base + _SAME_RUN + guess[0], int(given == guess)):
            symbol = int(code_bits(coder, base + _RUN, 5, given[0]))
            run = int(code_bits(coder, base + _RUN + 32, 8, given[1])) if symbol >= 16 else 1
            guess = bytes((symbol, run))
            if symbol > 18 or run == 0 or position + run > len(lengths) or (symbol == 16 and position == 0):
                raise CorruptError("deflate: impossible Huffman code")
        runs += guess
        position += guess[1]
    return bytes(runs)


def _code_meta(coder: BitCoder, base: int, expected: bytes, actual: bytes) -> bytes:
    """Code the lengths of the code length code under those that zlib would choose."""
    if code_bit(coder, base, int(actual == expected)):
        return expected
    pairs = zip(expected, actual, strict=True)
    return bytes(int(code_bits(coder, base + 1 + 8 * guess, 3, length)) for guess, length in pairs)
