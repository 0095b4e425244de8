"""rANS: compiled coders, constriction and a plain-integer oracle write the same words."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.coding import freqs as tables
from neuralzip.coding import rans
from neuralzip.errors import CorruptError
from neuralzip.exact.compiled import entry


@entry
def drop(words: np.ndarray, head: np.ndarray, start: int, freq: int) -> int:
    quantile = rans.peek(head)
    rans.drop(words, head, start, freq)
    return quantile


@entry
def pop_row(words: np.ndarray, head: np.ndarray, freqs: np.ndarray, shift: int) -> int:
    return rans.pop_row(words, head, freqs, shift)


class Oracle:
    """rANS from the definition, in unbounded integers."""

    def __init__(self) -> None:
        self.state, self.words = 0, []

    def push(self, start: int, freq: int) -> None:
        if self.state >> 40 >= freq:
            self.words.append(self.state & 0xFFFFFFFF)
            self.state >>= 32
        self.state = self.state // freq << 24 | (start + self.state % freq)

    def pop(self, freqs: list[int]) -> int:
        quantile = self.state & (1 << 24) - 1
        ends = list(itertools.accumulate(freqs))
        symbol = next(k for k, end in enumerate(ends) if quantile < end)
        self.state = (self.state >> 24) * freqs[symbol] + quantile - (ends[symbol] - freqs[symbol])
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return symbol

    def payload(self) -> bytes:
        words, state = list(self.words), self.state
        while state:
            words.append(state & 0xFFFFFFFF)
            state >>= 32
        return np.array(words, "<u4").tobytes()


def random_tables(rng: np.random.Generator, b: int, k: int, precision: int, sharpness: float) -> np.ndarray:
    counts = (rng.dirichlet(np.full(k, sharpness), b) * 2**20).astype(np.int64)
    return tables.from_counts(counts, precision)


def oracle_payload(freqs: np.ndarray, symbols: np.ndarray, precision: int) -> bytes:
    oracle = Oracle()
    for row, symbol in list(zip(freqs.tolist(), symbols.tolist(), strict=True))[::-1]:
        oracle.push(sum(row[:symbol]) << (24 - precision), row[symbol] << (24 - precision))
    return oracle.payload()


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(0, 200),
    st.sampled_from([2, 3, 5, 16, 17, 256, 1000]),
    st.sampled_from([10, 12, 16, 23, 24]),
    st.sampled_from([0.01, 0.3, 5.0]),
)
def test_three_coders_write_the_same_words(seed: int, b: int, k: int, precision: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    freqs = random_tables(rng, b, k, precision, sharpness)
    symbols = rng.integers(0, k, b)
    expected = oracle_payload(freqs, symbols, precision)
    encoder = rans.Encoder()
    encoder.push_tables(symbols, freqs, precision)
    assert encoder.payload() == expected
    assert rans.encode_tables(symbols, freqs, precision) == expected
    decoder = rans.Decoder(expected)
    np.testing.assert_array_equal(decoder.pop_tables(freqs, precision), symbols)
    assert decoder.is_exhausted
    np.testing.assert_array_equal(rans.decode_tables(expected, freqs, precision), symbols)


@pytest.mark.parametrize("k", [2, 7, 4096])
def test_extreme_tables(k: int) -> None:
    """One frequency of 2**24 - K + 1, all others 1: the cheapest and the dearest symbols in turn."""
    freqs = np.ones((200, k), np.int32)
    freqs[np.arange(200), np.arange(200) % k] = (1 << 24) - k + 1
    for symbols in (np.arange(200) % k, (np.arange(200) + 1) % k, np.zeros(200, int), np.full(200, k - 1)):
        payload = rans.encode_tables(symbols, freqs)
        encoder = rans.Encoder()
        encoder.push_tables(symbols, freqs)
        assert encoder.payload() == payload == oracle_payload(freqs, symbols, 24)
        np.testing.assert_array_equal(rans.Decoder(payload).pop_tables(freqs), symbols)


def test_golden_words() -> None:
    """Part of the format: a change here breaks every file that was ever written."""
    freqs = np.array([[1 << 22, 1 << 23, 1 << 22], [1, (1 << 24) - 2, 1]] * 3, np.int32)
    encoder = rans.Encoder()
    encoder.push_tables(np.array([0, 1, 2, 0, 1, 2]), freqs)
    encoder.push_bits(np.array([5, 0, 1023]), 10)
    assert encoder.payload().hex() == GOLDEN


def test_every_interval_of_a_small_precision_is_inverted() -> None:
    """All (start, freq) pairs of precision 6, from a small and from a full state."""
    for prefix in (0, 40):
        for start in range(64):
            for freq in range(1, 65 - start):
                encoder = rans.Encoder()
                encoder.push_bits(np.full(prefix, 0xABCDE), 20)
                before = encoder.payload()
                encoder.push(np.array([start], np.int32), np.array([freq], np.int32), precision=6)
                decoder = rans.Decoder(encoder.payload())
                quantile = drop(decoder.words, decoder.head, start << 18, freq << 18)
                assert start <= quantile >> 18 < start + freq
                encoder.words, encoder.head = decoder.words, decoder.head
                assert encoder.payload() == before


def test_every_quantile_of_a_small_table_finds_its_symbol() -> None:
    freqs = np.array([1, 5, 1, 90, 31], np.int32)
    expected = np.repeat(np.arange(5), freqs)
    for quantile in range(128):
        head = np.array([1 << 40 | quantile << 17, 0], np.uint64)
        assert pop_row(np.zeros(1, np.uint32), head, freqs, 17) == expected[quantile]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 24), st.integers(0, 2**24 - 1)), max_size=50))
def test_bits_come_back(pairs: list[tuple[int, int]]) -> None:
    encoder = rans.Encoder()
    for bits, value in pairs:
        encoder.push_bits(np.array([value & (1 << bits) - 1]), bits)
    decoder = rans.Decoder(encoder.payload())
    for bits, value in reversed(pairs):
        assert decoder.pop_bits(1, bits).tolist() == [value & (1 << bits) - 1]
    assert decoder.is_exhausted


def test_tables_and_bits_share_a_stack() -> None:
    rng = np.random.default_rng(5)
    freqs = random_tables(rng, 3000, 40, 16, 0.3)
    symbols, values = rng.integers(0, 40, 3000), rng.integers(0, 1 << 13, 3000)
    encoder = rans.Encoder()
    encoder.push_bits(values, 13)
    encoder.push_tables(symbols, freqs, 16)
    decoder = rans.Decoder(encoder.payload())
    np.testing.assert_array_equal(decoder.pop_tables(freqs, 16), symbols)
    np.testing.assert_array_equal(decoder.pop_bits(3000, 13), values)
    assert decoder.is_exhausted


def test_a_certain_symbol_is_free() -> None:
    encoder = rans.Encoder()
    encoder.push_tables(np.zeros(1000, int), np.full((1000, 1), 1 << 24, np.int32))
    assert encoder.payload() == b""


def test_code_length_is_the_ideal_one() -> None:
    rng = np.random.default_rng(6)
    freqs = random_tables(rng, 20000, 256, 24, 0.3)
    quantiles = rng.integers(0, 1 << 24, 20000)
    symbols = (freqs.cumsum(axis=1) <= quantiles[:, None]).sum(axis=1)
    ideal = tables.nll_bits(tables.intervals(freqs, symbols)[1])
    assert 0 <= len(rans.encode_tables(symbols, freqs)) * 8 - ideal < 64 + ideal * 1e-4


def test_the_empty_stack() -> None:
    assert rans.Encoder().payload() == b""
    assert rans.encode_tables(np.zeros(0, int), np.zeros((0, 3), np.int32)) == b""
    assert rans.Decoder(b"").is_exhausted
    assert rans.decode_tables(b"", np.zeros((0, 3), np.int32)).shape == (0,)


def test_an_exhausted_stack_does_not_fail_but_differs() -> None:
    freqs = np.full((10, 4), 1 << 22, np.int32)
    assert rans.Decoder(b"").pop_tables(freqs).tolist() == [0] * 10


@pytest.mark.parametrize("payload", [b"abc", b"abcde", b"\0\0\0\0", b"abcd\0\0\0\0"])
def test_impossible_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(CorruptError):
        rans.Decoder(payload)
    with pytest.raises(CorruptError):
        rans.decode_tables(payload, np.full((1, 2), 1 << 23, np.int32))


def test_symbols_that_go_on_are_refused() -> None:
    freqs = np.full((3, 2), 1 << 23, np.int32)
    payload = rans.encode_tables(np.array([1, 0, 1]), freqs)
    with pytest.raises(CorruptError, match="goes on"):
        rans.decode_tables(payload, freqs[:2])


def test_a_frequency_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        rans.Encoder().push(np.array([0], np.int32), np.array([0], np.int32))


def test_values_with_too_many_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 3 bits"):
        rans.Encoder().push_bits(np.array([8]), 3)


GOLDEN = "15c0ff00ac40010000000700"
