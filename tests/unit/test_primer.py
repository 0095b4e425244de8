"""The primer: counted contexts come back as started nodes, and a primed model begins with what was counted."""

import numba
import numpy as np
import numpy.typing as npt
import pytest

from neuralzip.experts import bits, counters, primer
from neuralzip.experts.byte_contexts import PRIMED
from neuralzip.experts.byte_model import code_steps, new_model
from neuralzip.train import primer as training

TEXT = b"the quick brown fox jumps over the lazy dog; the slow brown cow walks under the lively fox. "


def bytes_of(text: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text, np.uint8)


def counted(text: bytes, log2: int = 12) -> training.Counts:
    counts = training.new_counts(log2)
    training.count_text(counts, bytes_of(text), 0)
    return counts


def hits_of(counts: training.Counts) -> npt.NDArray[np.uint64]:
    return (counts.heads[:, training.WAYS :] >> np.uint64(32)).reshape(-1)


@pytest.fixture(scope="module")
def known() -> primer.Primer:
    return primer.new_primer(training.packed(counted(TEXT * 400), 4096))


def bits_of(text: bytes, known: primer.Primer) -> float:
    model = new_model(bytes_of(text).copy(), np.array([0, len(text)], np.int64), None, known)
    coder = bits.encoder(8 * len(text))
    code_steps(model, coder, len(text), np.zeros((0, len(text), 256), np.int32))
    return bits.logged_bits(coder)


@numba.njit
def look_up(known: primer.Primer, keys: npt.NDArray[np.uint64], out: npt.NDArray[np.int64]) -> None:
    for i in range(len(keys)):
        out[i] = primer.find(known, keys[i])


def test_what_was_counted_is_found(known: primer.Primer) -> None:
    counts = counted(TEXT * 400)
    keys = counts.heads[:, : training.WAYS].reshape(-1)[hits_of(counts) >= 2]
    found = np.zeros(len(keys), np.int64)
    look_up(known, keys, found)
    assert len(keys) > 300
    assert (found >= 0).mean() > 0.95
    strangers = np.arange(1, 4001, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    found = np.zeros(len(strangers), np.int64)
    look_up(known, strangers, found)
    assert (found >= 0).mean() < 0.01


def test_a_primed_model_knows_the_text_already(known: primer.Primer) -> None:
    assert bits_of(TEXT, known) < 0.6 * bits_of(TEXT, primer.no_primer())


def test_the_unseen_costs_little_more(known: primer.Primer) -> None:
    other = np.random.default_rng(2).integers(0, 256, 3000).astype(np.uint8).tobytes()
    assert bits_of(other, known) < 1.02 * bits_of(other, primer.no_primer())


@numba.njit
def primed(known: primer.Primer, keys: npt.NDArray[np.uint64], table: npt.NDArray[np.uint32]) -> None:
    for i in range(len(keys)):
        primer.prime(known, table, 16 * i, keys[i])


def test_a_primed_slot_has_the_typical_nodes_nearest_to_what_was_counted(known: primer.Primer) -> None:
    counts = counted(TEXT * 400)
    chosen = hits_of(counts) >= 2
    keys = counts.heads[:, : training.WAYS].reshape(-1)[chosen]
    found = np.zeros(len(keys), np.int64)
    look_up(known, keys, found)
    keys, nodes = keys[found >= 0], counts.nodes[chosen][found >= 0, 1:]
    table = counters.new_table(len(keys).bit_length())
    primed(known, keys, table)
    slots = table.reshape(-1, 16)[: len(keys), 1:]
    seen = nodes != counters.NODE_NEW
    assert ((slots != counters.NODE_NEW) == seen).all()
    assert (slots[seen] & np.uint32(127) == 1).all()  # no outcomes of their own
    apart = np.abs((slots[seen] >> np.uint32(16)).astype(np.int64) - (nodes[seen] >> np.uint32(16)))
    assert np.median(apart) < 1 << 10
    assert apart.max() < 1 << 14


def test_all_kinds_that_are_counted_are_looked_up() -> None:
    assert max(training.KINDS) < PRIMED
    assert all(shorter in training.KINDS for shorter in training.SHORTER.values())


def test_few_kinds_of_nodes_are_all_typical() -> None:
    nodes = np.array([1 << 31 | 20 << 7 | 1, 65000 << 16 | 3 << 7 | 1], np.uint32)
    features = training.typical_nodes(np.repeat(nodes, 50))
    assert len(features) == primer.TYPICAL
    assert np.allclose(np.unique(np.round(features[:, 1], 3)), [1.0, 3.0])


def test_a_context_counts_once_a_window() -> None:
    counts = counted(b"ab" * (3 * training.WINDOW // 2))
    assert hits_of(counts).max() == 3


def test_frequent_contexts_push_out_rare_ones() -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(97, 123, 30000).astype(np.uint8).tobytes()
    text = b"".join(noise[i : i + 200] + TEXT for i in range(0, 30000, 200))
    counts = counted(text, log2=10)
    known = primer.new_primer(training.packed(counts, 1024))
    assert bits_of(TEXT * 2, known) < bits_of(TEXT * 2, primer.no_primer())


@pytest.mark.parametrize(("entries", "codes", "typical"), [(7, 0, 16), (8, 4, 16), (8, 6, 16), (8, 5, 15)])
def test_arrays_that_do_not_fit_are_refused(entries: int, codes: int, typical: int) -> None:
    table = np.zeros(entries, np.uint32)
    table[:3] = [3, 7, 31]  # ten nodes seen
    arrays = {"entries": table, "codes": np.zeros(codes, np.uint8), "typical": np.zeros(typical, np.uint32)}
    with pytest.raises(ValueError, match="primer of"):
        primer.new_primer(arrays)


def test_a_context_is_worth_what_it_saves_against_a_shorter_one() -> None:
    """In a text whose bytes depend on the one before only, longer contexts save little and are shipped last."""
    rng = np.random.default_rng(7)
    steps = np.cumsum(rng.integers(1, 3, 120_000)).astype(np.uint8) % 13 + 97
    counts = counted(steps.tobytes(), log2=14)
    hits, saved = hits_of(counts), counts.nodes[:, 0].view(np.int32) / 256
    assert (saved[hits >= 5] / hits[hits >= 5]).mean() < 0.1
    learnt = counted(TEXT * 2000, log2=14)
    assert (learnt.nodes[:, 0].view(np.int32) / 256).max() > 1.0
