"""The primer: counted contexts come back as started nodes, and a primed model begins with what was counted."""

import numba
import numpy as np
import numpy.typing as npt
import pytest

from neuralzip.experts import bits, counters, primer
from neuralzip.experts.byte_contexts import CONTEXTS, new_lanes
from neuralzip.experts.byte_model import code_steps, new_model
from neuralzip.train import primer as training

TEXT = b"the quick brown fox jumps over the lazy dog; the slow brown cow walks under the lively fox. "


def bytes_of(text: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text, np.uint8)


def counted(text: bytes, log2: int = 12) -> training.Counts:
    size = 1 << log2
    counts = training.Counts(
        np.zeros(size, np.uint64),
        np.zeros(size, np.uint32),
        np.zeros(size, np.uint32),
        np.zeros((size, 16), np.uint32),
        np.zeros(CONTEXTS, np.uint64),
    )
    lanes = new_lanes(np.array([0, len(text)], np.int64))
    training.count(counts, lanes, bytes_of(text), np.array(training.KINDS, np.int64), 0)
    return counts


@pytest.fixture(scope="module")
def known() -> primer.Primer:
    arrays = training.packed(counted(TEXT * 400), 4096)
    return primer.new_primer(arrays["checks"], arrays["nodes"])


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
    keys = counts.keys[counts.hits >= 2]
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


def test_bytes_stand_for_the_nodes_they_came_from() -> None:
    starts = primer.node_starts()
    seen = starts[starts > 0]
    assert len(seen) == len(primer.COUNT_START) * primer.LEVELS
    levels = (training.quantised(seen).astype(np.int64) - 1) % primer.LEVELS
    assert (levels == np.tile(np.arange(primer.LEVELS), len(primer.COUNT_START))).mean() > 0.8
    assert (np.abs(levels - np.tile(np.arange(primer.LEVELS), len(primer.COUNT_START))) <= 2).all()
    assert training.quantised(np.array([counters.NODE_NEW]))[0] == 0


def test_a_context_counts_once_a_window() -> None:
    counts = counted(b"ab" * (3 * training.WINDOW // 2))
    assert counts.hits.max() == 3


def test_frequent_contexts_push_out_rare_ones() -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(97, 123, 30000).astype(np.uint8).tobytes()
    text = b"".join(noise[i : i + 200] + TEXT for i in range(0, 30000, 200))
    counts = counted(text, log2=10)
    arrays = training.packed(counts, 1024)
    known = primer.new_primer(arrays["checks"], arrays["nodes"])
    assert bits_of(TEXT * 2, known) < bits_of(TEXT * 2, primer.no_primer())


@pytest.mark.parametrize(("checks", "nodes"), [(7, 105), (8, 119), (16, 120)])
def test_arrays_that_do_not_fit_are_refused(checks: int, nodes: int) -> None:
    with pytest.raises(ValueError, match="primer of"):
        primer.new_primer(np.zeros(checks, np.uint16), np.zeros(nodes, np.uint8))
