"""`neuralzip train primer`: count what byte contexts lead to, and ship the most frequent ones.

Heavy hitters are found in one pass: a table of WAYS-way buckets replaces its least hit entry, so that what stays
is what came often. No sequence of text is kept: an entry is a hash and 15 coarse probabilities.
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
from neuralzip.experts.byte_contexts import CONTEXTS, SPARSE, WORDS, Lanes, follow, hash_contexts, new_lanes
from neuralzip.experts.logistic import STRETCH

MODEL_ID = "bytes-primer"
KINDS = (1, 2, 3, 4, 5, WORDS, WORDS + 1, SPARSE, SPARSE + 2, SPARSE + 3, WORDS + 4)
"""Contexts worth knowing beforehand: orders 2 to 6, words, sparse bytes, what followed, brackets."""
WAYS = 4
WINDOW = 1 << 13
_CHUNK = 1 << 16
_CARD = """# {id}

The byte codec's primer: {entries} hashed contexts with 15 coarse probabilities each, counted in {size} bytes of
{files} files of text, code, markup, tables and logs by `neuralzip train primer`. No text can be read out of it.
"""


class Counts(NamedTuple):
    """Heavy hitters in the making, N = buckets * WAYS entries.

    Attributes:
        keys: [N] uint64 context hashes, 0 for empty.
        hits: [N] uint32 windows of WINDOW bytes that it was seen in, less what newcomers wore off: a context
            that many documents share is worth more than one that a single document repeats.
        last: [N] uint32 the last of these windows.
        nodes: [N, 16] uint32 nodes.
        hashes: [CONTEXTS] uint64 of the byte in work.
    """

    keys: npt.NDArray[np.uint64]
    hits: npt.NDArray[np.uint32]
    last: npt.NDArray[np.uint32]
    nodes: npt.NDArray[np.uint32]
    hashes: npt.NDArray[np.uint64]


@inner
def _entry_of(counts: Counts, key: np.uint64, window: np.uint32) -> np.int64:
    """Return the entry of a context, wearing off or replacing the least hit one where it is new."""
    first = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) % (len(counts.keys) // WAYS) * WAYS
    least = first
    for i in range(first, first + WAYS):
        if counts.keys[i] == key:
            if counts.last[i] != window:
                counts.hits[i] += np.uint32(1)
                counts.last[i] = window
            return np.int64(i)
        if counts.hits[i] < counts.hits[least]:
            least = np.int64(i)
    if counts.hits[least] > 1:
        counts.hits[least] -= np.uint32(1)
        return np.int64(-1)
    counts.keys[least], counts.hits[least], counts.last[least] = key, np.uint32(1), window
    counts.nodes[least, :] = counters.NODE_NEW
    return np.int64(least)


@inner
def _count_nibble(counts: Counts, key: np.uint64, nibble: int, window: np.uint32) -> None:
    row = _entry_of(counts, key, window)
    if row < 0:
        return
    node = 1
    for shift in range(3, -1, -1):
        bit = (nibble >> shift) & 1
        counts.nodes[row, node] = counters.node_updated(counts.nodes[row, node], bit, counters.COUNT_MAX)
        node = 2 * node + bit


@entry
def count(
    counts: Counts, lanes: Lanes, text: npt.NDArray[np.uint8], kinds: npt.NDArray[np.int64], before: int
) -> None:
    """Count the contexts of all bytes of a text; lanes is one lane over it, `before` bytes came before it."""
    for position in range(len(text)):
        window = np.uint32((before + position) // WINDOW)
        hash_contexts(lanes, 0, text, -1, counts.hashes)
        byte = np.int64(text[position])
        for k in kinds:
            key = counts.hashes[k]
            _count_nibble(counts, key, byte >> 4, window)
            _count_nibble(counts, counters.hash_step(key, 16 | byte >> 4), byte & 15, window)
        follow(lanes, 0, text, byte)


def training_part(path: Path, held_out: bool = False) -> npt.NDArray[np.uint8]:
    """Return nine tenths of a file, for counting, or the last tenth, for learning what counts are worth."""
    with lzma.open(path) as file:
        data = np.frombuffer(file.read(), np.uint8)
    split = len(data) - len(data) // 10
    return data[split:] if held_out else data[:split]


def _sample(path: Path, limit: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return up to `limit` bytes of a file, in random chunks."""
    data = training_part(path)
    if len(data) <= limit:
        return data
    starts = rng.permutation(len(data) // _CHUNK)[: limit // _CHUNK] * _CHUNK
    return np.concatenate([data[start : start + _CHUNK] for start in np.sort(starts)])


def quantised(nodes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """Return the bytes that stand for nodes."""
    count = (nodes >> np.uint32(7)) & np.uint32(127)
    kind = np.searchsorted(primer.COUNT_FROM, count, side="right") - 1
    half = primer.LEVELS // 2
    level = np.clip((STRETCH[nodes >> np.uint32(20)] + primer.LEVEL_STEP // 2) // primer.LEVEL_STEP, -half, half)
    return np.where(kind < 0, 0, 1 + kind * primer.LEVELS + level + half).astype(np.uint8)


def packed(counts: Counts, entries: int) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a primer with room for `entries`, filled with the most hit contexts that fit."""
    order = np.argsort(counts.hits, kind="stable")[::-1]
    order = order[counts.hits[order] >= 2]
    checks, nodes = np.zeros(entries, np.uint16), np.zeros((entries, primer.NODES), np.uint8)
    filled = np.zeros(entries // primer.BUCKET, np.int64)
    keys = counts.keys[order]
    buckets = ((keys >> np.uint64(32)) * np.uint64(entries // primer.BUCKET) >> np.uint64(32)).astype(np.int64)
    marks = ((keys >> np.uint64(3)) & np.uint64(0xFFFF)).astype(np.uint16) | np.uint16(1)
    for row, bucket, mark in zip(order.tolist(), buckets.tolist(), marks, strict=True):
        if filled[bucket] < primer.BUCKET:
            place = bucket * primer.BUCKET + filled[bucket]
            checks[place], filled[bucket] = mark, filled[bucket] + 1
            nodes[place] = row_bytes = quantised(counts.nodes[row, 1:])
            assert row_bytes[0]
    return {"checks": checks, "nodes": nodes.reshape(-1)}


def _texts(folder: Path, megabytes: float, seed: int) -> Iterator[tuple[Path, npt.NDArray[np.uint8]]]:
    rng = np.random.default_rng(seed)
    for path in sorted(folder.rglob("*.xz")):
        yield path, _sample(path, int(megabytes * 1e6), rng)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("models"), help="Folder of models to write to."
)
@click.option("--megabytes", default=1.5, help="At most so much of each file.")
@click.option("--entries", default=900_000, help="Contexts to ship.")
@click.option("--log2", "log2_counts", default=23, help="log2 of the contexts counted at one time.")
@click.option("--seed", default=1, help="Seed of the choice of chunks.")
def command(folder: Path, models: Path, megabytes: float, entries: int, log2_counts: int, seed: int) -> None:
    """Count contexts in the .xz files below FOLDER."""
    size = 1 << log2_counts
    counts = Counts(
        np.zeros(size, np.uint64),
        np.zeros(size, np.uint32),
        np.zeros(size, np.uint32),
        np.zeros((size, 16), np.uint32),
        np.zeros(CONTEXTS, np.uint64),
    )
    total = files = 0
    for path, text in _texts(folder, megabytes, seed):
        count(counts, new_lanes(np.array([0, len(text)], np.int64)), text, np.array(KINDS, np.int64), total)
        total, files = total + len(text), files + 1
        click.echo(f"{path.name}: {total / 1e6:.1f} MB counted", err=True)
    entries -= entries % primer.BUCKET
    arrays = packed(counts, entries)
    zoo.save(models / MODEL_ID, arrays, {"architecture": "primer", "version": 1})
    used = int((arrays["checks"] > 0).sum())
    card = _CARD.format(id=MODEL_ID, entries=used, size=total, files=files)
    (models / MODEL_ID / "card.md").write_text(card, encoding="utf-8")
    settings = (
        f'task = "primer"\nmegabytes = {megabytes}\nentries = {entries}\nlog2 = {log2_counts}\nseed = {seed}\n'
    )
    (models / MODEL_ID / "train.toml").write_text(settings, encoding="utf-8")
