"""What byte contexts usually lead to: a shipped table that new slots of the byte model start from.

A static table keeps, for contexts that were frequent in training, the 15 probabilities of a slot in one byte each.
A slot that the byte model has just taken over looks its context up here, so a file starts with general knowledge,
pays nothing for what it does not use, and adapts from there. A primed node has been seen, yet has no outcomes of
its own: the history maps can tell it from a node that this file has taught.

N entries in buckets of BUCKET; an entry's check is 16 bits of the context's hash.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.logistic import SQUASH, ST_MAX

BUCKET = 8
NODES = 15
LEVEL_STEP = 64
LEVELS = 63
COUNT_FROM = (1, 2, 4, 16)
"""Least count of each count class in training ..."""
COUNT_START = (1, 2, 5, 12)
"""... and the count that a node of the class starts with, lower so that the file is followed soon."""


class Primer(NamedTuple):
    """The static table; empty arrays for none.

    Attributes:
        checks: [N] uint16, 0 for an empty entry.
        nodes: [N * NODES] uint8, 0 for unseen, else 1 + count class * LEVELS + level.
        starts: [256] uint32, the node that each byte stands for.
    """

    checks: npt.NDArray[np.uint16]
    nodes: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.uint32]


def node_starts() -> npt.NDArray[np.uint32]:
    """Return the nodes that the 256 byte values stand for."""
    starts = np.zeros(256, np.uint32)
    for kind, count in enumerate(COUNT_START):
        for level in range(LEVELS):
            p = int(SQUASH[(level - LEVELS // 2) * LEVEL_STEP + ST_MAX])
            starts[1 + kind * LEVELS + level] = p << 16 | count << 7 | 1
    return starts


def new_primer(checks: npt.NDArray[np.uint16], nodes: npt.NDArray[np.uint8]) -> Primer:
    """Return a primer over shipped arrays; their lengths are N and N * NODES, N a multiple of BUCKET."""
    if len(checks) % BUCKET or len(nodes) != len(checks) * NODES:
        raise ValueError(f"primer of {len(checks)} checks and {len(nodes)} nodes")
    return Primer(checks, nodes, node_starts())


def no_primer() -> Primer:
    """Return the primer that knows nothing."""
    return Primer(np.zeros(0, np.uint16), np.zeros(0, np.uint8), node_starts())


@inner
def check_of(context: np.uint64) -> np.uint16:
    """Return the check of a context, never 0."""
    return np.uint16((context >> np.uint64(3)) & np.uint64(0xFFFF)) | np.uint16(1)


@inner
def bucket_of(context: np.uint64, entries: int) -> np.int64:
    """Return the first entry of a context's bucket."""
    high = (context >> np.uint64(32)) * np.uint64(entries // BUCKET)
    return np.int64(high >> np.uint64(32)) * BUCKET


@inner
def find(primer: Primer, context: np.uint64) -> np.int64:
    """Return the entry of a context, -1 where there is none."""
    first, check = bucket_of(context, len(primer.checks)), check_of(context)
    for i in range(first, first + BUCKET):
        if primer.checks[i] == check:
            return np.int64(i)
    return np.int64(-1)


@inner
def prime(primer: Primer, table: npt.NDArray[np.uint32], slot: int, context: np.uint64) -> None:
    """Fill the nodes of a slot that was just taken over for a context."""
    if len(primer.checks) == 0:
        return
    entry = find(primer, context)
    if entry < 0:
        return
    for i in range(NODES):
        byte = primer.nodes[entry * NODES + i]
        if byte:
            table[slot + 1 + i] = primer.starts[byte]
