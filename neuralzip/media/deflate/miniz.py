"""Streams that miniz (Geldreich) or its port to Rust wrote: they follow from the data and a level, 2 to 10."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import allocating, inner
from neuralzip.media.deflate.hashes import hash_three
from neuralzip.media.deflate.libdeflate_trees import DISTANCES, LITERALS, bits_of, code_lengths, header_of
from neuralzip.media.deflate.stream import (
    CODE_LENGTHS,
    DYNAMIC,
    END_OF_BLOCK,
    FIXED,
    FIXED_LENGTHS,
    MAX_BITS,
    MAX_MATCH,
    MIN_MATCH,
    STORED,
    Bytes,
    Header,
)
from neuralzip.media.deflate.trees import count_symbols

_PROBES = (6, 32, 16, 32, 128, 256, 512, 768, 1500)
FIRST_LEVEL, LEVELS = 2, len(_PROBES)
_WINDOW, _LONG_MATCH, _FAR = 1 << 15, 128, 8192
_CODES, _HALF_FULL = 1 << 16, 31 * 1024
"""A block ends when its tokens, 1 or 3 bytes each and one for eight, fill this; or after so many bytes of data, if
they take most of those."""
_POSITION, _SAVED, _SAVED_DISTANCE = range(3)


@inner
def _longest(data: Any, chain: Any, position: Any, best: Any, most: Any, reach: Any, probes: Any) -> Any:
    """Return the longest match over `best` bytes, else `best`, and its distance, 0 for none.

    Places are kept modulo 2**16, and 0 means none.
    """
    left = 1 + ((probes >> 2 if best >= 32 else probes) + 2) // 3
    place, distance, found = position, np.int64(0), np.int64(0)
    while most > best:
        left -= 1
        if left == 0:
            break
        promising = False
        for _ in range(3):
            before = np.int64(chain[place & (_WINDOW - 1)])
            distance = (position - before) & 65535
            if before == 0 or distance > reach:
                return best, found
            place = position - distance
            if data[place + best] == data[position + best] and data[place + best - 1] == data[position + best - 1]:
                promising = True
                break
        if distance == 0:
            break
        if promising:
            run = np.int64(0)
            while run < most and data[place + run] == data[position + run]:
                run += 1
            if run > best:
                best, found = run, distance
    return best, found


@inner
def _put(tokens: Any, used: Any, token: Any, codes: Any) -> Any:
    """Append a token; return the number of tokens and the bytes that they take."""
    tokens[used] = token
    used += 1
    return used, codes + (1 if token < 65536 else 3) + (1 if used % 8 == 0 else 0)


@allocating
def _parse_block(
    data: Any, size: int, probes: int, greedy: bool, head: Any, chain: Any, state: Any, tokens: Any
) -> Any:
    """Choose the tokens of one block.

    Args:
        data: [size + PADDING] uint8.
        size: bytes of it.
        probes: places that are compared.
        greedy: take every match at once.
        head: [2**15] uint16, the last place of each hash, modulo 2**16.
        chain: [2**15] uint16, the place before each with the same hash, modulo 2**16.
        state: [3] int64: next position, length and distance of the match that waits there.
        tokens: [65536] uint32, filled in.
    Returns:
        The number of tokens and the bytes of data that they stand for.
    """
    position, saved, saved_distance = state[_POSITION], state[_SAVED], state[_SAVED_DISTANCE]
    used, codes, total = np.int64(0), np.int64(1), np.int64(0)
    entered = position
    while position < size:
        most = min(np.int64(MAX_MATCH), size - position)
        while entered <= min(position, size - MIN_MATCH):
            key = hash_three(data, entered, 15)
            chain[entered & (_WINDOW - 1)], head[key] = head[key], entered & 65535
            entered += 1
        reach, moved = min(position, _WINDOW - most), np.int64(1)
        length = saved if saved > 0 else np.int64(MIN_MATCH - 1)
        length, distance = _longest(data, chain, position, length, most, reach, probes)
        place = position & (_WINDOW - 1)
        if (length == MIN_MATCH and distance >= _FAR) or place == distance:
            length = distance = np.int64(0)
        literal, token = np.int64(-1), np.int64(-1)
        if saved > 0:
            if length > saved:
                literal, saved = np.int64(data[position - 1]), np.int64(0)
            else:
                token, moved, saved = saved << 16 | saved_distance, saved - 1, np.int64(0)
        elif distance == 0:
            literal = np.int64(data[position])
        if token < 0 and distance > 0:
            if greedy or length >= _LONG_MATCH:
                token, moved = length << 16 | distance, length
            else:
                saved, saved_distance = length, distance
        if literal >= 0:
            used, codes = _put(tokens, used, literal, codes)
            total += 1
        if token >= 0:
            used, codes = _put(tokens, used, token, codes)
            total += token >> 16
        position += moved
        while entered < min(position, size - MIN_MATCH + 1):
            key = hash_three(data, entered, 15)
            chain[entered & (_WINDOW - 1)], head[key] = head[key], entered & 65535
            entered += 1
        if codes > _CODES - 8 or (total > _HALF_FULL and codes * 115 >> 7 >= total):
            break
    state[_POSITION], state[_SAVED], state[_SAVED_DISTANCE] = position, saved, saved_distance
    return used, total


def _limited(counts: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.uint8]:
    """Return code lengths of at most `most` bits."""
    lengths, used = np.zeros(len(counts), np.uint8), np.flatnonzero(counts)
    if len(used) < 2:
        lengths[used] = 1
        return lengths
    code_lengths(counts, 40, lengths)
    numbers = np.bincount(lengths[used], minlength=41)
    if numbers[most + 1 :].any():
        numbers[most] += numbers[most + 1 :].sum()
        total = sum(int(numbers[bits]) << (most - bits) for bits in range(1, most + 1))
        for _ in range(total - (1 << most)):
            numbers[most] -= 1
            bits = max(shorter for shorter in range(1, most) if numbers[shorter])
            numbers[bits] -= 1
            numbers[bits + 1] += 2
        order = used[np.argsort(counts[used], kind="stable")][::-1]
        lengths[order] = np.repeat(np.arange(1, most + 1), numbers[1 : most + 1])
    return lengths


def header_for(tokens: npt.NDArray[np.uint32]) -> Header:
    """Return the header of the tokens of a dynamic block."""
    return _dynamic(tokens)[0]


def _dynamic(tokens: npt.NDArray[np.uint32]) -> tuple[Header, int]:
    """Return the header of the tokens of a dynamic block, and the bits of the block."""
    near, far = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    count_symbols(tokens, near, far)
    near[END_OF_BLOCK] = 1
    lengths = _limited(near, MAX_BITS), _limited(far, MAX_BITS)
    runs, meta = np.zeros((320, 2), np.int64), np.zeros(CODE_LENGTHS, np.uint8)
    literals, distances, written, count, bits = header_of(*lengths, runs, meta)
    flat = runs[:count].astype(np.uint8).tobytes()
    header = Header(literals, distances, written, meta.tobytes(), flat)
    return header, 3 + bits + bits_of(near, far, *lengths)


def _fixed_bits(tokens: npt.NDArray[np.uint32]) -> int:
    """Return the bits of a block with the fixed codes."""
    near, far = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    count_symbols(tokens, near, far)
    return 3 + 7 + int(bits_of(near, far, FIXED_LENGTHS, np.full(DISTANCES, 5, np.uint8)))


def blocks_of(
    data: Bytes, size: int, level: int
) -> Iterator[tuple[list[list[int]], npt.NDArray[np.uint32], Header | None]]:
    """Yield the blocks that a level makes of data [size + PADDING]: rows of the block table, tokens, header."""
    head, chain = np.zeros(1 << 15, np.uint16), np.zeros(_WINDOW, np.uint16)
    state, tokens, bits = np.zeros(3, np.int64), np.zeros(_CODES, np.uint32), 0
    last = begun = 0
    while not last:
        plan = (_PROBES[level - FIRST_LEVEL], level <= 3, head, chain, state, tokens)
        used, total = _parse_block(data, size, *plan)
        part = tokens[:used].copy()
        # A block that happens to end with the data is not the last: an empty one follows.
        last = int(state[_POSITION] == size and not _is_full(part, total))
        header, cost = (None, _fixed_bits(part)) if total < 48 else _dynamic(part)
        expanded = total > 32 and ((bits + 1 & 7) + cost - 1) // 8 + 1 >= total
        if expanded and state[_POSITION] - begun <= min(state[_POSITION], _WINDOW - MAX_MATCH):
            bits += -(-(bits + 3) // 8) * 8 - bits + 32 + 8 * total
            yield [[STORED, last, total]], part[:0], None
        else:
            bits += cost
            yield [[DYNAMIC if header else FIXED, last, used]], part, header
        begun += total


def _is_full(tokens: npt.NDArray[np.uint32], total: int) -> bool:
    """Say whether a block ended since its tokens took much."""
    codes = 1 + len(tokens) + 2 * int((tokens > 65535).sum()) + len(tokens) // 8
    return codes > _CODES - 8 or (total > _HALF_FULL and codes * 115 >> 7 >= total)
