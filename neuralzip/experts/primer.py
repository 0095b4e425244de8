"""What byte contexts usually lead to: a shipped table that new slots of the byte model start from.

A static table keeps, for contexts that were worth most in training, which of the 15 nodes of a slot were seen and,
in four bits each, which of sixteen typical nodes they resemble. A slot that the byte model has just taken over
looks its context up here, so a file starts with general knowledge, pays nothing for what it does not use, and
adapts from there. A primed node has been seen, yet has no outcomes of its own: the history maps can tell it from a
node that this file has taught.

N entries in buckets of BUCKET; M nodes seen in all of them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

BUCKET = 8
NODES = 15
TYPICAL = 16
"""Typical nodes."""
CHECK_BITS = 17
SEEN = np.uint32((1 << NODES) - 1)
"""The bits of an entry that stand for nodes seen."""


class Primer(NamedTuple):
    """The static table; empty arrays for none.

    Attributes:
        entries: [N] uint32: CHECK_BITS bits of the context's hash, then a bit for each node seen, the first
            lowest; 0 for an empty entry.
        firsts: [N / BUCKET] uint32, how many nodes the buckets before have seen.
        codes: [(M + 1) / 2] uint8, two codes each, the first one lower: entry after entry, node after node.
        typical: [TYPICAL] uint32, the node that each code stands for.
    """

    entries: npt.NDArray[np.uint32]
    firsts: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.uint8]
    typical: npt.NDArray[np.uint32]


def new_primer(arrays: Mapping[str, npt.NDArray[Any]]) -> Primer:
    """Return a primer over shipped arrays: `entries`, `codes` and `typical`.

    Raises:
        KeyError: one is missing.
        ValueError: their lengths do not fit together.
    """
    entries, codes, typical = arrays["entries"], arrays["codes"], arrays["typical"]
    seen = np.bitwise_count(entries & SEEN)
    total = int(seen.sum(dtype=np.int64))
    if len(entries) % BUCKET or len(codes) != (total + 1) // 2 or len(typical) != TYPICAL:
        raise ValueError(f"primer of {len(entries)} entries, {len(codes)} pairs of codes, {len(typical)} nodes")
    each = seen.reshape(-1, BUCKET).sum(1, dtype=np.int64)
    return Primer(entries, (each.cumsum() - each).astype(np.uint32), codes, typical)


def no_primer() -> Primer:
    """Return the primer that knows nothing."""
    nothing = np.zeros(0, np.uint32)
    return Primer(nothing, nothing, np.zeros(0, np.uint8), np.zeros(TYPICAL, np.uint32))


@inner
def check_of(context: np.uint64) -> np.uint32:
    """Return the check of a context, in its place in an entry."""
    return np.uint32((context >> np.uint64(3)) & np.uint64((1 << CHECK_BITS) - 1)) << np.uint32(NODES)


@inner
def bucket_of(context: np.uint64, entries: int) -> np.int64:
    """Return the first entry of a context's bucket."""
    high = (context >> np.uint64(32)) * np.uint64(entries // BUCKET)
    return np.int64(high >> np.uint64(32)) * BUCKET


@inner
def find(primer: Primer, context: np.uint64) -> np.int64:
    """Return the entry of a context, -1 where there is none."""
    first, check = bucket_of(context, len(primer.entries)), check_of(context)
    for i in range(first, first + BUCKET):
        if primer.entries[i] & ~SEEN == check and primer.entries[i] & SEEN:
            return np.int64(i)
    return np.int64(-1)


@inner
def _seen_nodes(entry: np.uint32) -> np.int64:
    """Return how many nodes an entry has seen."""
    bits, count = entry & SEEN, 0
    while bits:
        bits &= bits - np.uint32(1)
        count += 1
    return np.int64(count)


@inner
def prime(primer: Primer, table: npt.NDArray[np.uint32], slot: int, context: np.uint64) -> None:
    """Fill the nodes of a slot that was just taken over for a context."""
    if len(primer.entries) == 0:
        return
    entry = find(primer, context)
    if entry < 0:
        return
    at = np.int64(primer.firsts[entry // BUCKET])
    for i in range(entry // BUCKET * BUCKET, entry):
        at += _seen_nodes(primer.entries[i])
    for i in range(NODES):
        if (primer.entries[entry] >> np.uint32(i)) & np.uint32(1):
            pair = np.int64(primer.codes[at >> 1])
            table[slot + 1 + i] = primer.typical[(pair >> 4) if at & 1 else (pair & 15)]
            at += 1
