"""Integer softmax and logistic mixtures: valid for any parameters, near the real functions, tables pinned."""

import hashlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.coding import freqs as coding_freqs
from neuralzip.coding import mixtures, rans
from neuralzip.exact import logistic, softmax, tables
from neuralzip.exact.compiled import entry

Array = np.ndarray
Found = tuple[int, int, int]
PINNED = {
    "exp": "e1ae183700a7dae78ac3047dcbe03cbcd15889754d351d53d82bfa9d8f717d2b",
    "cdf": "4fbee491039c42379e7734e0677332ebed21ecd126f3f1fb1ed7bb1bffdd5fec",
    "inverse": "f4efafead0b15094ba27864f4a68caf7dc3b5736c231eea3b336e770383e9b5c",
}


@entry
def cdf(x: int) -> int:
    return logistic.cdf(x)


@entry
def start_of(symbol: int, means: Array, inverses: Array, weights: Array, mean_bits: int, alphabet: int) -> int:
    return logistic.start_of(symbol, means, inverses, weights, mean_bits, alphabet)


@entry
def find(quantile: int, means: Array, inverses: Array, weights: Array, mean_bits: int, alphabet: int) -> Found:
    return logistic.find(quantile, means, inverses, weights, mean_bits, alphabet)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.astype("<i4").tobytes()).hexdigest()


def test_tables_are_the_pinned_ones() -> None:
    given_tables = {"exp": softmax.EXP, "cdf": logistic.CDF, "inverse": logistic.inverse_scales(128, 8, 3)}
    assert {name: digest(table) for name, table in given_tables.items()} == PINNED


def test_tables_are_the_functions_they_stand_for() -> None:
    steps = np.arange(len(softmax.EXP))
    np.testing.assert_allclose(softmax.EXP, 2.0**30 * np.exp(-steps / 256), atol=0.51)
    middle = len(logistic.CDF) // 2
    x = (np.arange(len(logistic.CDF)) - middle) / 64
    np.testing.assert_allclose(logistic.CDF, 2.0**30 / (1 + np.exp(-x)), atol=0.51)
    scales = 2.0**24 / logistic.inverse_scales(100, 4, 2)
    np.testing.assert_allclose(scales, 2.0 ** (np.arange(100) / 4 - 2), rtol=0.51 * 2.0**23 / 2**24)


@pytest.mark.parametrize("steps", [0, 3, -2])
def test_roots_of_two_other_than_square_ones_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        tables.root_of_two(steps)


def oracle_freqs(logits: list[int], logit_bits: int, precision: int) -> list[int]:
    """The definition of `softmax.to_freqs`, in unbounded integers."""
    top = max(logits)
    shift = logit_bits - 8
    steps = [top - v << -shift if shift <= 0 else (top - v + (1 << shift >> 1)) >> shift for v in logits]
    e = [int(softmax.EXP[min(d, len(softmax.EXP) - 1)]) for d in steps]
    spare = (1 << precision) - len(e)
    reciprocal = (spare << 38) // sum(e)
    freqs = [1 + (v * reciprocal >> 38) for v in e]
    freqs[logits.index(top)] += (1 << precision) - sum(freqs)
    return freqs


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-2000, 2000), min_size=1, max_size=300),
    st.integers(0, 16),
    st.integers(9, 24),
)
def test_softmax_is_its_definition(logits: list[int], logit_bits: int, precision: int) -> None:
    freqs = softmax.to_freqs(np.array([logits], np.int32), logit_bits, precision)
    assert coding_freqs.is_valid(freqs, precision)
    assert freqs[0].tolist() == oracle_freqs(logits, logit_bits, precision)


def test_softmax_is_near_the_real_one() -> None:
    logits = torch.randint(-1500, 1500, (400, 256), dtype=torch.int32)
    freqs = softmax.to_freqs(logits, 8)
    real = torch.softmax(logits.double() / 256, dim=1).numpy()
    given_p = freqs / 2.0**24
    divergence = (real * np.log2(real / given_p)).sum(axis=1)
    assert divergence.max() < 2e-4 and np.abs(given_p - real).max() < 1e-4


def test_softmax_gives_the_remainder_to_the_first_of_equals() -> None:
    assert softmax.to_freqs(np.zeros((1, 3), np.int32), 8, 8).tolist() == [[86, 85, 85]]


@pytest.mark.parametrize(
    ("shape", "bits", "precision"), [((3,), 8, 24), ((1, 300), 8, 8), ((1, 2), 17, 24), ((1, 2), 8, 25)]
)
def test_softmax_refuses_sizes_out_of_range(shape: tuple[int, ...], bits: int, precision: int) -> None:
    with pytest.raises(ValueError, match="bits"):
        softmax.to_freqs(np.zeros(shape, np.int32), bits, precision)


def test_cdf_never_falls_and_is_near_the_real_one() -> None:
    x = np.arange(-(22 << 20), 22 << 20, 1013)
    values = np.array([cdf(int(v)) for v in x[:: len(x) // 3000]])
    assert (np.diff(values) >= 0).all()
    real = 1 / (1 + np.exp(-x[:: len(x) // 3000] / 2**20))
    assert np.abs(values / 2.0**30 - real).max() < 5e-6
    assert cdf(-(10**15)) >= 0 and cdf(10**15) <= 1 << 30


def oracle_start(symbol: int, row: "Row", mean_bits: int, alphabet: int) -> int:
    """The definition of `logistic.start_of`, in unbounded integers."""
    if symbol in (0, alphabet):
        return symbol and 1 << 24
    total = 0
    for mean, inverse, weight in zip(*row, strict=True):
        x = ((2 * symbol - 1 << mean_bits >> 1) - mean) * inverse >> mean_bits + 4
        x = min(max(x, -(20 << 20) + 1), (20 << 20) - 1)
        cell, part = (x >> 14) + 1280, x & 16383
        low, high = int(logistic.CDF[cell]), int(logistic.CDF[cell + 1])
        total += weight * (low + ((high - low) * part >> 14))
    return symbol + ((total >> 8) * (2**24 - alphabet) >> 38)


Row = tuple[list[int], list[int], list[int]]


@st.composite
def rows(draw: st.DrawFn) -> tuple[Row, int, int]:
    alphabet = draw(st.sampled_from([2, 3, 256, 511, 65536, 1 << 20]))
    mean_bits = draw(st.integers(1, 6))
    k = draw(st.integers(1, 6))
    means = draw(st.lists(st.integers(-5 << mean_bits, (alphabet + 5) << mean_bits), min_size=k, max_size=k))
    inverses = draw(st.lists(st.integers(1, 2**31 - 1) | st.integers(1, 2**12), min_size=k, max_size=k))
    cuts = sorted(draw(st.lists(st.integers(0, 1 << 16), min_size=k - 1, max_size=k - 1)))
    return (means, inverses, np.diff([0, *cuts, 1 << 16]).tolist()), mean_bits, alphabet


@settings(max_examples=200, deadline=None)
@given(rows(), st.data())
def test_mixture_intervals_are_their_definition(case: tuple[Row, int, int], data: st.DataObject) -> None:
    row, mean_bits, alphabet = case
    arrays = [np.array(part, np.int32) for part in row]
    symbol = data.draw(st.sampled_from([0, 1, alphabet - 1]) | st.integers(0, alphabet - 1))
    start = start_of(symbol, *arrays, mean_bits, alphabet)
    end = start_of(symbol + 1, *arrays, mean_bits, alphabet)
    assert start == oracle_start(symbol, row, mean_bits, alphabet)
    assert end == oracle_start(symbol + 1, row, mean_bits, alphabet) and end > start
    for quantile in (start, end - 1, (start + end) // 2):
        assert find(quantile, *arrays, mean_bits, alphabet) == (symbol, start, end - start)


def test_a_whole_alphabet_is_partitioned() -> None:
    arrays = [np.array(part, np.int32) for part in ([40, 3000], [1 << 24, 1 << 19], [30000, 35536])]
    starts = [start_of(s, *arrays, 4, 256) for s in range(257)]
    assert starts[0] == 0 and starts[-1] == 1 << 24 and min(np.diff(starts)) >= 1
    for quantile in range(0, 1 << 24, 49999):
        symbol, start, freq = find(quantile, *arrays, 4, 256)
        assert start == starts[symbol] <= quantile < start + freq == starts[symbol + 1]


def test_mixture_probabilities_are_near_the_real_ones() -> None:
    mean, scale = 100.25, 3.0
    arrays = [np.array([part], np.int32) for part in (round(mean * 16), round(2**24 / scale), 1 << 16)]
    starts = np.array([start_of(s, *arrays, 4, 256) for s in range(257)])
    edges = [1 / (1 + math.exp(-(s - 0.5 - mean) / scale)) for s in range(1, 256)]
    real = np.maximum(np.diff([0.0, *edges, 1.0]), 1e-30)
    assert (real * np.log2(real / (np.diff(starts) / 2.0**24))).sum() < 1e-4


def test_symbols_go_through_the_coder() -> None:
    rng = np.random.default_rng(9)
    n, alphabet = 4000, 65536
    means = rng.integers(0, alphabet << 4, (n, 3)).astype(np.int32)
    inverses = logistic.inverse_scales(64, 4)[rng.integers(0, 64, (n, 3))]
    weights = softmax.to_freqs(rng.integers(-900, 900, (n, 3)), 8, 16)
    symbols = np.clip((means[:, 0] >> 4) + rng.integers(-9, 10, n), 0, alphabet - 1)
    mixture = mixtures.Mixtures(means, inverses, weights, 4, alphabet)
    encoder = rans.Encoder()
    encoder.push(*mixture.intervals(symbols))
    decoder = rans.Decoder(encoder.payload())
    np.testing.assert_array_equal(mixture.pop(decoder), symbols)
    assert decoder.is_exhausted
