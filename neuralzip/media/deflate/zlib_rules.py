"""The matching rules of encoders of zlib's family, as predictors of the next token, compiled.

`predict` says what the encoder would emit at a position, given the tokens that were really emitted before it, so
that after a difference it falls in step again. For a stream of zlib (deflate.c, Gailly and Adler) every prediction
is right; so it is for those of Chromium's zlib, which hashes four bytes, of zlib-ng, and of stb_image_write.
"""

from typing import Any, NamedTuple

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.media.deflate.chains import (
    BASE,
    CHAIN,
    DISTANCE,
    FOUND,
    HASH_BITS,
    HASHED,
    HASHING,
    LATER,
    LAZY_FROM,
    LENGTH,
    PENDING_AT,
    PENDING_DISTANCE,
    PENDING_LENGTH,
    SCHEME,
    SHORTEST,
    SLACK,
    TOO_FAR,
    Matcher,
    hash_up_to,
    longest_match,
)
from neuralzip.media.deflate.go_rules import predict_go
from neuralzip.media.deflate.hashes import BITS, CHROMIUM, GO, KNUTH, ROLLING, four_bytes, hash_four
from neuralzip.media.deflate.medium_rules import SHORTEST_FOUR, fill, predict_medium
from neuralzip.media.deflate.stream import MAX_MATCH, MIN_MATCH
from neuralzip.media.deflate.table_rules import match_at_last, match_in_buckets

STORE, FAST, LAZY, RUNS, LITERALS_ONLY, BUCKETS, QUICK_FROM_ONE = range(7)
CHROMIUM_FAST, CHROMIUM_LAZY, QUICK, NG_FAST, MEDIUM, NG_LAZY, GO_LAZY = range(7, 14)
KINDS = 14
GIVEN_PIECES = (QUICK, MEDIUM)
"""Kinds that depend on how the encoder was given its input."""
_SCHEMES = (*range(7), FAST, LAZY, QUICK, FAST, MEDIUM, LAZY, GO_LAZY)
_HASHES = (*(ROLLING,) * 6, KNUTH, CHROMIUM, CHROMIUM, *(KNUTH,) * 4, GO)
"""What each kind shares with others: how it chooses matches, and the hash."""
_SLACK = MAX_MATCH + MIN_MATCH + 1
"""zlib keeps this many bytes of its window free (MIN_LOOKAHEAD)."""
_LEVELS = (
    (STORE, 0, 0, 0, 0),
    (FAST, 4, 4, 4, 8),
    (FAST, 8, 4, 5, 16),
    (FAST, 32, 4, 6, 32),
    (LAZY, 16, 4, 4, 16),
    (LAZY, 32, 8, 16, 32),
    (LAZY, 128, 8, 16, 128),
    (LAZY, 256, 8, 32, 128),
    (LAZY, 1024, 32, 128, 258),
    (LAZY, 4096, 32, 258, 258),
)
"""kind, chain, good, lazy and nice of the levels 0..9 (zlib's configuration_table)."""
_NG_LEVELS = (
    (QUICK, 1, 0, 0, MAX_MATCH),
    (NG_FAST, 4, 4, 4, 8),
    (MEDIUM, 6, 4, 6, 16),
    (MEDIUM, 24, 4, 12, 32),
    (MEDIUM, 32, 8, 16, 32),
    (MEDIUM, 128, 8, 16, 128),
    (NG_LAZY, 256, 8, 32, 128),
    (NG_LAZY, 1024, 32, 128, 258),
    _LEVELS[9],
)
"""The same of zlib-ng's levels 1 to 9; the last is all but zlib's."""


class Rules(NamedTuple):
    """The choices of an encoder.

    Attributes:
        kind: STORE, FAST (greedy), LAZY, RUNS (matches of distance 1 only) or LITERALS_ONLY; BUCKETS
            (stb_image_write); QUICK (zlib-ng's level 1, QUICK_FROM_ONE where the first place never matches),
            MEDIUM (its levels 3 to 6); GO_LAZY (Go); CHROMIUM_FAST, CHROMIUM_LAZY, NG_FAST, NG_LAZY: zlib's with
            other hashes.
        chain: candidates that are compared at most; with BUCKETS, the places that a bucket holds at most.
        good: a pending match this long quarters `chain`.
        lazy: a match this long is taken at once; with FAST, the longest one whose inside is hashed, with MEDIUM a
            sixteenth of that.
        nice: a match this long ends the search.
        shortest: shorter matches are not taken by LAZY (6 in zlib's filtered strategy, else 3).
        too_far: LAZY takes no match of length 3 from farther away; with MEDIUM and QUICK, bytes of the pieces in
            which the encoder was given its input, 0 for all at once.
        window_bits: binary logarithm of the window.
        hash_bits: binary logarithm of the hash table (16 for zlib-ng, whatever this says), and of twice the tokens
            of a block.
        slack: bytes of the window that matches do not reach into; 0 for encoders other than zlib.
    """

    kind: int
    chain: int
    good: int
    lazy: int
    nice: int
    shortest: int = MIN_MATCH
    too_far: int = 4096
    window_bits: int = 15
    hash_bits: int = 15
    slack: int = _SLACK


def zlib_rules(level: int, filtered: bool = False, window_bits: int = 15, memory_level: int = 8) -> Rules:
    """Return the rules of zlib's compression level 0..9 with the default or the filtered strategy."""
    shortest = 6 if filtered else MIN_MATCH
    # zlib raises a window of 256 bytes to 512.
    return Rules(*_LEVELS[level], shortest, window_bits=max(window_bits, 9), hash_bits=memory_level + 7)


STB_RULES = Rules(BUCKETS, 16, 0, 0, MAX_MATCH, hash_bits=14, slack=0)
"""stb_image_write at its default quality."""


def chromium_rules(level: int, filtered: bool = False, memory_level: int = 8) -> Rules:
    """Return the rules of a level 1..9 of Chromium's zlib."""
    kind = CHROMIUM_FAST if level < 4 else CHROMIUM_LAZY
    return zlib_rules(level, filtered, memory_level=max(memory_level, 8))._replace(kind=kind)


def ng_rules(level: int, piece: int = 0, filtered: bool = False, memory_level: int = 8) -> Rules:
    """Return the rules of a level 1..9 of zlib-ng that was given pieces of so many bytes, 0 for all at once."""
    plain = _NG_LEVELS[level - 1]
    pieces = plain[0] in GIVEN_PIECES
    shortest = 6 if filtered and not pieces else MIN_MATCH
    return Rules(*plain, shortest, too_far=piece if pieces else 1 << 15, hash_bits=memory_level + 7)


def go_rules(level: int) -> Rules:
    """Return the rules of a level 4..9 of Go's compress/flate."""
    return zlib_rules(level)._replace(kind=GO_LAZY)


PRESETS = (
    *map(chromium_rules, range(1, 10)),
    *map(ng_rules, range(1, 9)),
    STB_RULES,
    *map(go_rules, range(4, 10)),
)
"""Rules that are told by their number."""


def matcher(rules: Rules) -> Matcher:
    """Return an empty matcher."""
    memory = np.zeros(21, np.int64)
    memory[:10] = rules
    memory[SCHEME], memory[HASHING] = _SCHEMES[rules.kind], _HASHES[rules.kind]
    memory[PENDING_AT] = -1
    memory[BASE] = 0 if rules.slack else -1
    bits = BITS[memory[HASHING]] or rules.hash_bits
    head = np.full((2 if rules.kind == BUCKETS else 1) << bits, -65536, np.int32)
    return Matcher(head, np.zeros(1 << rules.window_bits, np.uint16), memory)


@inner
def predict(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int) -> None:
    """Set memory[LENGTH] and memory[DISTANCE] to the next token by the encoder's rules; length 0 is a literal."""
    memory[LENGTH] = memory[DISTANCE] = memory[LATER] = 0
    scheme = memory[SCHEME]
    if scheme == LAZY or scheme == FAST:
        _predict_chained(data, size, head, chain, memory, position)
    elif scheme == MEDIUM:
        predict_medium(data, size, head, chain, memory, position)
    elif scheme == GO_LAZY:
        predict_go(data, size, head, chain, memory, position)
    elif scheme == BUCKETS:
        bits, full = memory[HASH_BITS], memory[CHAIN]
        memory[LENGTH], memory[DISTANCE] = match_in_buckets(data, size, head, chain, bits, full, position)
    elif scheme == QUICK or scheme == QUICK_FROM_ONE:
        nearest, reach = 1 if scheme == QUICK_FROM_ONE else 0, chain.size - memory[SLACK]
        if scheme == QUICK and fill(size, chain.size, memory, position) and position > 0:
            head[hash_four(four_bytes(data, position - 1), head.size - 1, KNUTH)] = position - 1
        memory[LENGTH], memory[DISTANCE] = match_at_last(data, size, head, reach, position, nearest)
    elif scheme == RUNS and position > 0:
        length, most = np.int64(0), min(MAX_MATCH, size - position)
        while length < most and data[position + length] == data[position - 1]:
            length += 1
        if length >= MIN_MATCH:
            memory[LENGTH], memory[DISTANCE] = length, 1


@inner
def _predict_chained(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int) -> None:
    """Predict as deflate_fast and deflate_slow choose."""
    lazy = memory[SCHEME] == LAZY
    length, distance = np.int64(0), np.int64(0)
    if lazy and memory[PENDING_AT] == position:
        memory[LENGTH], memory[DISTANCE] = memory[PENDING_LENGTH], memory[PENDING_DISTANCE]
    else:
        length = longest_match(data, size, head, chain, memory, position, MIN_MATCH - 1)
        distance = position - memory[FOUND]
    if length >= MIN_MATCH and _acceptable(memory, length, distance):
        memory[LENGTH], memory[DISTANCE] = length, distance
    memory[PENDING_AT] = -1
    length = memory[LENGTH]
    if lazy and MIN_MATCH <= length < memory[LAZY_FROM]:
        later = longest_match(data, size, head, chain, memory, position + 1, length)
        distance = position + 1 - memory[FOUND]
        memory[LATER] = later
        if later > length and _acceptable(memory, later, distance):
            memory[LENGTH] = memory[DISTANCE] = 0
            memory[PENDING_AT] = position + 1
            memory[PENDING_LENGTH], memory[PENDING_DISTANCE] = later, distance


@inner
def _acceptable(memory: Any, length: int, distance: int) -> bool:
    """Say whether a match is long enough for the strategy and for its distance."""
    if memory[SCHEME] == FAST:
        return bool(memory[HASHING] != KNUTH or length >= SHORTEST_FOUR)
    return bool(length >= memory[SHORTEST] and (length > MIN_MATCH or distance <= memory[TOO_FAR]))


@inner
def advance(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int, length: int) -> None:
    """Take note of a token that covers `length` >= 1 bytes."""
    end, scheme = position + length, memory[SCHEME]
    short = scheme == FAST and length <= memory[LAZY_FROM] and size - end >= MIN_MATCH
    if scheme == FAST and not short and memory[HASHING] == KNUTH:
        memory[HASHED] = max(end - 1, memory[HASHED])
        short = True
    if scheme == LAZY or scheme == MEDIUM or scheme == GO_LAZY or short:
        hash_up_to(data, size, head, chain, memory, end)
    memory[HASHED] = max(end, memory[HASHED])
