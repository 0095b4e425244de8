"""Frequency tables: valid for any counts, intervals by definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.coding import freqs as tables


@given(st.lists(st.integers(0, 2**29), min_size=1, max_size=300), st.integers(9, 24))
def test_any_counts_give_a_valid_table(counts: list[int], precision: int) -> None:
    freqs = tables.from_counts(np.array(counts), precision)
    assert freqs.dtype == np.int32 and tables.is_valid(freqs, precision)
    if sum(counts):
        assert freqs.argmax() in np.flatnonzero(np.array(counts) == max(counts)) or freqs.max() == freqs.min()


def test_counts_are_kept_in_proportion() -> None:
    assert tables.from_counts(np.array([[1, 1, 2], [0, 0, 0]]), 8).tolist() == [[64, 64, 128], [86, 85, 85]]


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=50), st.data())
def test_intervals_by_definition(counts: list[int], data: st.DataObject) -> None:
    freqs = tables.from_counts(np.array([counts] * 3), 16)
    symbols = np.array(data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=3, max_size=3)))
    starts, widths = tables.intervals(freqs, symbols)
    row = freqs[0].tolist()
    assert starts.tolist() == [sum(row[:s]) for s in symbols]
    assert widths.tolist() == [row[s] for s in symbols]


@pytest.mark.parametrize("symbols", [[3, 0], [-1, 0], [0], [[0, 0]]])
def test_foreign_symbols_are_refused(symbols: list[int]) -> None:
    with pytest.raises(ValueError, match="symbols"):
        tables.intervals(np.full((2, 3), 5, np.int32), np.array(symbols))


def test_validity() -> None:
    assert tables.is_valid(np.array([[3, 1], [2, 2]]), 2)
    assert not tables.is_valid(np.array([[4, 0], [2, 2]]), 2)
    assert not tables.is_valid(np.array([[3, 1], [2, 1]]), 2)


def test_ideal_code_length() -> None:
    assert tables.nll_bits(np.array([1 << 23, 1 << 22, 1 << 24])) == 3.0
    assert tables.nll_bits(np.array([], np.int32)) == 0.0
