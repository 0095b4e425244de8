"""`neuralzip train primer`: count what byte contexts lead to, and ship those that are worth most.

Heavy hitters are found in one pass: a table of WAYS-way buckets replaces its least hit entry, so that what stays
is what came often. An entry's worth is the bits that it saved against a shorter context, summed over windows of
text, so that a context which many documents share is worth more than one that a single document repeats. No
sequence of text is kept: an entry is a hash and up to 15 coarse probabilities.
"""

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.exact.compiled import entry, inner
from neuralzip.experts import counters, primer
from neuralzip.experts.byte_contexts import CONTEXTS, WORDS, Lanes, follow, hash_contexts, new_lanes
from neuralzip.experts.logistic import SQUASH, ST_MAX, STRETCH
from neuralzip.experts.prefetch import prefetch

MODEL_ID = "bytes-primer"
SHORTER = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, WORDS: 2, WORDS + 1: WORDS}
"""Contexts worth knowing beforehand, and the shorter one that each has to be better than: orders 2 to 6, the word,
two words. Others say much the same: sparse bytes, what followed, brackets, and longer orders gained nothing."""
KINDS = (0, *SHORTER)
"""Contexts counted; the first, a single byte, is soon known from any file."""
WAYS = 4
WINDOW = 1 << 13
"""Bytes of text in which a context counts once."""
NODES_AT_FIRST = (1, 2, 4, 8)
"""The count that a node starts with ..."""
SEEN_FROM = (1, 2, 4, 16)
"""... where it was seen so often or more: lower, so that the file is followed soon."""
_HIT_WORTH = 0.1
"""What a context is worth, in bits a window, beyond what it saved: opinions that agree add up."""
_ENTRY_COST, _NODE_COST = 4.5, 0.5
"""Bytes of an entry and of a node of it."""
_ROUNDS, _TRIES, _SAMPLE = 50, 20, 1 << 18
_COST = np.round(-256 * np.log2((np.arange(1 << 12) + 0.5) / (1 << 12))).astype(np.int64)
"""Code length in 1/256 bit of an outcome with so many 4096ths."""
_CHUNK = 1 << 16
_CARD = """# {id}

The byte codec's primer: {entries} hashed contexts with {nodes} coarse probabilities, counted in {size} bytes of
{files} files of text, code, markup, tables and logs by `neuralzip train primer`. No text can be read out of it.
"""


class Counts(NamedTuple):
    """Heavy hitters in the making, N = buckets * WAYS entries of K kinds.

    Attributes:
        heads: [N / WAYS, 2 * WAYS] uint64, a cache line: hashes of the entries' contexts, 0 for empty, then marks:
            in the upper half the windows of WINDOW bytes that it was seen in, less what newcomers wore off, in the
            lower half the last of them.
        nodes: [N, 16] uint32: bits saved in 1/256 (int32), then the 15 nodes.
        hashes: [CONTEXTS] uint64 of the byte in work.
        keys: [K] uint64 of the nibble in work.
        rows: [K] int64 its entries, -1 for none.
        fresh: [K] bool, whether the window is new to the entry.
        costs: [CONTEXTS] int64 its code length under each context in 1/256 bit.
    """

    heads: npt.NDArray[np.uint64]
    nodes: npt.NDArray[np.uint32]
    hashes: npt.NDArray[np.uint64]
    keys: npt.NDArray[np.uint64]
    rows: npt.NDArray[np.int64]
    fresh: npt.NDArray[np.bool_]
    costs: npt.NDArray[np.int64]


def new_counts(log2: int) -> Counts:
    """Return counts of 2**log2 entries, all empty."""
    kinds = len(KINDS)
    return Counts(
        heads=np.zeros(((1 << log2) // WAYS, 2 * WAYS), np.uint64),
        nodes=np.zeros((1 << log2, 16), np.uint32),
        hashes=np.zeros(CONTEXTS, np.uint64),
        keys=np.zeros(kinds, np.uint64),
        rows=np.zeros(kinds, np.int64),
        fresh=np.zeros(kinds, np.bool_),
        costs=np.zeros(CONTEXTS, np.int64),
    )


@inner
def _bucket_of(counts: Counts, key: np.uint64) -> np.int64:
    return np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) % len(counts.heads)


@inner
def _find_entry(counts: Counts, j: int, window: np.uint64) -> None:
    """Find the entry of the j-th kind's context, wearing off or replacing the least hit one where it is new."""
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    key = counts.keys[j]
    bucket = _bucket_of(counts, key)
    head, least = counts.heads[bucket], 0
    counts.fresh[j] = False
    for i in range(WAYS):
        mark = head[WAYS + i]
        if head[i] == key:
            counts.rows[j], counts.fresh[j] = bucket * WAYS + i, mark & low != window
            head[WAYS + i] = ((mark >> half) + np.uint64(counts.fresh[j])) << half | window
            return
        if mark >> half < head[WAYS + least] >> half:
            least = i
    counts.rows[j] = -1
    if head[WAYS + least] >> half > 1:
        head[WAYS + least] -= np.uint64(1) << half
        return
    head[least], head[WAYS + least] = key, np.uint64(1) << half | window
    counts.rows[j] = bucket * WAYS + least
    counts.nodes[counts.rows[j], 0] = 0
    counts.nodes[counts.rows[j], 1:] = counters.NODE_NEW


@inner
def _count_nibble(nodes: npt.NDArray[np.uint32], nibble: int) -> np.int64:
    """Count a nibble in the nodes of an entry; return its code length before that."""
    node, cost = 1, np.int64(0)
    for shift in range(3, -1, -1):
        bit, p = (nibble >> shift) & 1, np.int64(nodes[node] >> np.uint32(20))
        cost += _COST[p if bit else (1 << 12) - 1 - p]
        nodes[node] = counters.node_updated(nodes[node], bit, counters.COUNT_MAX)
        node = 2 * node + bit
    return cost


@inner
def _count_half(
    counts: Counts, nibble: int, window: np.uint64, kinds: npt.NDArray[np.int64], shorter: npt.NDArray[np.int64]
) -> None:
    """Count the nibble in work in all contexts, whose keys are known."""
    for j in range(len(kinds)):
        prefetch(counts.heads, _bucket_of(counts, counts.keys[j]) * 2 * WAYS)
    for j in range(len(kinds)):
        _find_entry(counts, j, window)
        prefetch(counts.nodes, max(counts.rows[j], 0) * 16)
    for j in range(len(kinds)):
        row, other = counts.rows[j], counts.costs[shorter[j]]
        if row < 0:
            counts.costs[kinds[j]] = other
            continue
        cost = _count_nibble(counts.nodes[row], nibble)
        counts.costs[kinds[j]] = cost
        if counts.fresh[j] and shorter[j] != kinds[j]:
            counts.nodes[row, 0] = np.uint32(np.int64(counts.nodes[row, 0]) + other - cost)


@entry
def count(
    counts: Counts,
    lanes: Lanes,
    text: npt.NDArray[np.uint8],
    kinds: npt.NDArray[np.int64],
    shorter: npt.NDArray[np.int64],
    before: int,
) -> None:
    """Count the contexts of all bytes of a text.

    Args:
        counts: what was counted so far.
        lanes: one lane over the text.
        text: [T] uint8.
        kinds: [K], KINDS.
        shorter: [K], SHORTER of each, a kind that comes earlier or (of the first) itself.
        before: bytes of texts counted before this one.
    """
    for position in range(len(text)):
        window = np.uint64((before + position) // WINDOW)
        hash_contexts(lanes, 0, text, -1, counts.hashes)
        byte = np.int64(text[position])
        for half in range(2):
            for j in range(len(kinds)):
                key = counts.hashes[kinds[j]]
                counts.keys[j] = counters.hash_step(key, 16 | byte >> 4) if half else key
            _count_half(counts, byte & 15 if half else byte >> 4, window, kinds, shorter)
        follow(lanes, 0, text, byte)


def count_text(counts: Counts, text: npt.NDArray[np.uint8], before: int) -> None:
    """Count all of KINDS in a text [T]; `before` bytes were counted before."""
    kinds, shorter = np.array(KINDS, np.int64), np.array([SHORTER.get(kind, kind) for kind in KINDS], np.int64)
    count(counts, new_lanes(np.array([0, len(text)], np.int64)), text, kinds, shorter, before)


def parted(data: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return nine tenths of a text, for counting, and the last tenth, for learning what counts are worth."""
    end = len(data) - len(data) // 10
    return data[:end], data[end:]


def training_part(path: Path, held_out: bool = False) -> npt.NDArray[np.uint8]:
    """Return the part of a file that is for counting, or the one that is not."""
    with lzma.open(path) as file:
        return parted(np.frombuffer(file.read(), np.uint8))[held_out]


def _sample(path: Path, limit: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return up to `limit` bytes of a file, in random chunks."""
    data = training_part(path)
    if len(data) <= limit:
        return data
    starts = rng.permutation(len(data) // _CHUNK)[: limit // _CHUNK] * _CHUNK
    return np.concatenate([data[start : start + _CHUNK] for start in np.sort(starts)])


def _features(nodes: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Return what makes nodes [n] alike, [n, 2]: the logit of a one and log2 of the count to start with."""
    count = counters.node_count.py_func(nodes)
    kind = np.maximum(np.searchsorted(SEEN_FROM, count, side="right") - 1, 0)
    return np.stack([STRETCH[nodes >> np.uint32(20)] / 256, np.log2(NODES_AT_FIRST)[kind]], axis=1)


def _nearest(points: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.stack([((points - centre) ** 2).sum(1) for centre in centres]).argmin(0)


def typical_nodes(nodes: npt.NDArray[np.uint32], seed: int = 1) -> npt.NDArray[np.float64]:
    """Return the features [TYPICAL, 2] of nodes that stand for all the given ones [n], by k-means (Lloyd 1957)."""
    rng = np.random.default_rng(seed)
    points = _features(rng.choice(nodes, min(len(nodes), _SAMPLE), replace=False))
    distinct, times = np.unique(points, axis=0, return_counts=True)
    tries = [_k_means(distinct, times, rng) for _ in range(_TRIES)]
    return np.resize(min(tries, key=lambda one: one[1])[0], (primer.TYPICAL, 2))


def _k_means(
    points: npt.NDArray[np.float64], times: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], float]:
    """Return (at most TYPICAL centres of points [n, 2] that came so often [n], squared distances to them)."""
    chances = np.sqrt(times) / np.sqrt(times).sum()
    centres = points[rng.choice(len(points), min(primer.TYPICAL, len(points)), replace=False, p=chances)]
    for _ in range(_ROUNDS):
        nearest = _nearest(points, centres)
        for i in np.unique(nearest):
            centres[i] = np.average(points[nearest == i], axis=0, weights=times[nearest == i])
    return centres, float(((points - centres[_nearest(points, centres)]) ** 2).sum(1) @ times)


def _started(features: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    """Return the nodes [n] that features [n, 2] describe, with no outcomes of their own."""
    p = SQUASH[np.rint(features[:, 0] * 256).astype(np.int64) + ST_MAX]
    counts = np.rint(2.0 ** features[:, 1])
    return p.astype(np.uint32) << np.uint32(16) | counts.astype(np.uint32) << np.uint32(7) | np.uint32(1)


def _seen(nodes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    seen: npt.NDArray[np.bool_] = counters.node_count.py_func(nodes) > 0
    return seen


def _best(counts: Counts, entries: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what was counted that is worth most a byte and fits into so many entries, and their places there."""
    hits = (counts.heads[:, WAYS:] >> np.uint64(32)).reshape(-1)
    known = np.flatnonzero(hits >= 2)
    keys = counts.heads[:, :WAYS].reshape(-1)[known]
    saved = counts.nodes[known, 0].view(np.int32) / 256
    size = _ENTRY_COST + _NODE_COST * sum(_seen(counts.nodes[known, i]) for i in range(1, 1 + primer.NODES))
    worth = np.maximum(saved, 0) + _HIT_WORTH * hits[known]
    home = primer.bucket_of.py_func(keys, entries)
    order = np.argsort(-worth / size, kind="stable")
    order = order[np.argsort(home[order], kind="stable")]  # bucket by bucket, the best first
    ranks = np.arange(len(order)) - np.searchsorted(home[order], home[order])
    order, ranks = order[ranks < primer.BUCKET], ranks[ranks < primer.BUCKET]
    return known[order], home[order] + ranks


def packed(counts: Counts, entries: int) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a primer with room for `entries` (a multiple of BUCKET), the best that were counted."""
    rows, places = _best(counts, entries)
    keys, nodes = counts.heads[:, :WAYS].reshape(-1)[rows], counts.nodes[rows, 1:]
    seen = _seen(nodes)
    table = np.zeros(entries, np.uint32)
    table[places] = primer.check_of.py_func(keys) | seen @ (1 << np.arange(primer.NODES))
    typical = typical_nodes(nodes[seen])
    codes = _nearest(_features(nodes[seen]), typical).astype(np.uint8)
    codes = np.append(codes, np.zeros(len(codes) % 2, np.uint8)).reshape(-1, 2)
    return {"entries": table, "codes": codes[:, 0] | codes[:, 1] << 4, "typical": _started(typical)}


def _texts(folder: Path, megabytes: float, seed: int) -> Iterator[tuple[Path, npt.NDArray[np.uint8]]]:
    rng = np.random.default_rng(seed)
    for path in sorted(folder.rglob("*.xz")):
        yield path, _sample(path, int(megabytes * 1e6), rng)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("models"), help="Folder of models to write to."
)
@click.option("--megabytes", default=12.0, help="At most so much of each file.")
@click.option("--entries", default=3_600_000, help="Contexts to ship.")
@click.option("--log2", "log2_counts", default=25, help="log2 of contexts counted at one time, 80 bytes each.")
@click.option("--seed", default=1, help="Seed of the choice of chunks.")
def command(folder: Path, models: Path, megabytes: float, entries: int, log2_counts: int, seed: int) -> None:
    """Count contexts in the .xz files below FOLDER."""
    counts = new_counts(log2_counts)
    total = files = 0
    for path, text in _texts(folder, megabytes, seed):
        count_text(counts, text, total)
        total, files = total + len(text), files + 1
        click.echo(f"{path.name}: {total / 1e6:.1f} MB counted", err=True)
    arrays = packed(counts, entries - entries % primer.BUCKET)
    zoo.save(models / MODEL_ID, arrays, {"architecture": "primer", "version": 2})
    used, nodes = int((arrays["entries"] > 0).sum()), int(np.bitwise_count(arrays["entries"] & primer.SEEN).sum())
    card = _CARD.format(id=MODEL_ID, entries=used, nodes=nodes, size=total, files=files)
    (models / MODEL_ID / "card.md").write_text(card, encoding="utf-8")
    settings = (
        f'task = "primer"\nmegabytes = {megabytes}\nentries = {entries}\nlog2 = {log2_counts}\nseed = {seed}\n'
    )
    (models / MODEL_ID / "train.toml").write_text(settings, encoding="utf-8")
