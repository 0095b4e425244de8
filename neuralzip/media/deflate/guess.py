"""Finding the rules of an encoder: what its stream betrays, then short trials, then the whole stream."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.media import bitcoder
from neuralzip.media.deflate.stream import DYNAMIC, STORED, TYPE, DeflateStream
from neuralzip.media.deflate.tokens import COMPARE, walk
from neuralzip.media.deflate.zlib_rules import (
    GO_LAZY,
    LAZY,
    LITERALS_ONLY,
    RUNS,
    STB_RULES,
    Rules,
    chromium_rules,
    go_rules,
    matcher,
    ng_rules,
    zlib_rules,
)

_LEVELS_BY_HINT = ((1,), (5, 4, 3, 2), (6,), (9, 8, 7))
_SHORT, _LONG, _WHOLE = 4000, 60000, 1 << 60
"""Tokens of the trials."""
_SLICE = 1 << 20
_NO_CODER = bitcoder.encoder(0, 1)


@dataclass(frozen=True, slots=True)
class Guess:
    """Rules, whether they predict every token of the stream, and whether they miss many."""

    rules: Rules
    exact: bool
    doubtful: bool = False


def full_block(rules: Rules) -> int:
    """Return the tokens after which zlib ends a block, given its memory level, and Go."""
    return (1 << (rules.hash_bits - 1)) - (0 if rules.kind == GO_LAZY else 1)


def guess_rules(stream: DeflateStream, data: Any, size: int, header: bytes, piece: int = 0) -> Guess:
    """Find the rules that predict a stream best.

    Args:
        stream: the decoded structure.
        data: [size + PADDING] uint8 that it decodes to.
        size: bytes of it.
        header: the two bytes of the zlib header.
        piece: bytes in which the encoder was likely given the data, 0 for all at once.
    Returns:
        Rules that miss nothing where there are some among those known, else the best over a longer trial.
    """
    likely = _likely(stream, header, piece)
    trial = _Trial(stream, data, size)
    for rules in likely:
        if trial.misses(rules, _SHORT, 0) == 0 and trial.misses(rules, _WHOLE, 0) == 0:
            return Guess(rules, True)
    best = trial.best(likely + _unlikely(stream, header), _SHORT)
    if trial.misses(best[0], _SHORT, _SHORT) > min(_SHORT, len(stream.tokens)) // 50:
        return Guess(best[0], False, True)
    best = trial.best(best[:8], _LONG)
    for rules in best:
        if trial.misses(rules, _WHOLE, 0) == 0:
            return Guess(rules, True)
    tokens = min(_LONG, len(stream.tokens))
    return Guess(best[0], False, trial.misses(best[0], tokens, tokens) > tokens // 50)


class _Trial:
    """Counts the tokens of one stream that rules miss."""

    def __init__(self, stream: DeflateStream, data: Any, size: int) -> None:
        self._stream, self._source = stream, (data, size)

    def misses(self, rules: Rules, tokens: int, limit: int) -> int:
        """Count wrong predictions among the first tokens, up to limit + 1."""
        plan = (self._stream.blocks, self._stream.tokens, COMPARE, tokens, limit)
        return int(walk(_NO_CODER, 0, *self._source, *matcher(rules), *plan)[0])

    def best(self, candidates: list[Rules], tokens: int) -> list[Rules]:
        """Return the candidates by their misses, and those that are far from the best left out."""
        found: list[tuple[int, int]] = []
        limit = min(tokens, len(self._stream.tokens))
        for index, rules in enumerate(candidates):
            misses = self.misses(rules, tokens, limit)
            if misses <= limit:
                found.append((misses, index))
            limit = min(limit, misses + misses // 4 + 8)
        return [candidates[index] for _, index in sorted(found)]


def _likely(stream: DeflateStream, header: bytes, piece: int) -> list[Rules]:
    """Return the rules that the stream's traits and its header's level hint suggest."""
    if (stream.blocks[:, TYPE] == STORED).all():
        return [zlib_rules(0)]
    memory = _memory_levels(stream)
    farthest = _farthest(stream.tokens)
    special = []  # last, since with little data zlib's usual rules may do the same and are told in fewer bits
    if farthest == 0:
        special.append(zlib_rules(6, memory_level=memory[0])._replace(kind=LITERALS_ONLY))
    elif farthest == 1:
        special.append(zlib_rules(6, memory_level=memory[0])._replace(kind=RUNS))
    levels: tuple[int, ...] = _LEVELS_BY_HINT[header[1] >> 6]
    if not (stream.blocks[:, TYPE] == DYNAMIC).any():
        # zlib's fixed strategy hides the level.
        levels = tuple(dict.fromkeys((*levels, *range(9, 0, -1))))
        special.append(STB_RULES)
    zlib = [
        zlib_rules(level, filtered, window, memory_level)
        for window in _windows(header)
        for memory_level in memory
        for filtered in (True, False)
        for level in levels
    ]
    return zlib + special + _relatives(levels, memory, piece)


def _farthest(tokens: npt.NDArray[np.uint32]) -> int:
    """Return the largest distance of a match, 0 where there is none; without arrays as large as the tokens."""
    slices = (tokens[start : start + _SLICE] for start in range(0, len(tokens), _SLICE))
    return max((int(((part & 65535) * (part > 65535)).max()) for part in slices), default=0)


def _relatives(levels: tuple[int, ...], memory: tuple[int, ...], piece: int) -> list[Rules]:
    """Return the rules of Chromium's zlib, of zlib-ng and of Go; levels as in zlib."""
    found = []
    for level in levels:
        for memory_level in memory:
            for filtered in (True, False):
                found.append(chromium_rules(level, filtered, memory_level))
                found += [ng_rules(level, each, filtered, memory_level) for each in (piece, 0)]
    found += [go_rules(level) for level in levels if level > 3]
    return list(dict.fromkeys(found))


def _windows(header: bytes) -> tuple[int, ...]:
    """Return the likely window sizes: libpng may lower that of the header after compressing with the largest."""
    return tuple(dict.fromkeys((15, min((header[0] >> 4) + 8, 15))))


def _memory_levels(stream: DeflateStream) -> tuple[int, ...]:
    """Return zlib's possible memory levels: they show in the size of any block that is not the last.

    The blocks of level 9 are those of GNU gzip too, which hashes like level 8.
    """
    for kind, final, count in stream.blocks.tolist():
        if kind != STORED and not final:
            level = (count + 1).bit_length() - 7
            if not (1 <= level <= 9 and count + 1 == 64 << level):
                return (8,)
            return (level,) if level < 9 else (9, 8)
    return (8, 9) if len(stream.tokens) < 16384 else (9, 8)


def _unlikely(stream: DeflateStream, header: bytes) -> list[Rules]:
    """Return rules for hints that mislead, and for encoders that use all of the window."""
    zlib = [
        zlib_rules(level, filtered, window, memory)
        for memory in _memory_levels(stream)
        for window in _windows(header)
        for level in range(1, 10)
        for filtered in (False, True)
    ]
    # Some builds of zlib take short matches from anywhere; others than zlib use the window to its end.
    eager = [rules._replace(too_far=32768) for rules in zlib if rules.kind == LAZY and rules.shortest == 3]
    return zlib + eager + [rules._replace(slack=0) for rules in eager]
