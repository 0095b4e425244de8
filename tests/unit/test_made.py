"""MADE: masks hold, the integer twin follows, fitted tables come back and win where rows are independent."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.codecs import side, table_fit
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.table import FITTED, TableCodec
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import matrix
from neuralzip.nets import made


def correlated(rows: int) -> np.ndarray:
    """Independent rows of four columns: two mixed Gaussians, a noisy sum, a category that sets the sum's sign."""
    rng = np.random.default_rng(3)
    side = rng.integers(0, 2, rows)
    first = rng.normal(np.where(side, 300, -300), 90)
    second = rng.normal(0, 150, rows)
    third = np.where(side, 1, -1) * second + rng.normal(0, 6, rows)
    return np.rint(np.stack([side, first, second, third], 1)).astype(np.int64)


def as_text(values: np.ndarray) -> bytes:
    rows = [f"{a},{b / 10:.1f},{c / 100:.2f},{d}" for a, b, c, d in values.tolist()]
    rows = ["kind,x,y,z", *(row.replace("-0.0,", "0.0,") for row in rows)]
    return ("\n".join(rows) + "\n").encode()


def test_a_column_depends_on_earlier_ones_only() -> None:
    torch.manual_seed(0)
    net = made.Made(4, 16)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(std=0.3)
    values = correlated(50)
    scaling = made.scaling_of(values)
    twin = made.IntMade(made.export(net), scaling)
    for column in range(4):
        other = values.copy()
        other[:, column:] = values[::-1, column:]
        for a, b in zip(twin.column(values, column), twin.column(other, column), strict=True):
            assert np.array_equal(a, b)
    assert not np.array_equal(twin.column(values, 3).means, twin.column(values[::-1], 3).means)


def test_integer_twin_codes_what_the_float_net_learnt() -> None:
    values = correlated(400)
    scaling = made.scaling_of(values)
    torch.manual_seed(0)
    net = made.Made(4, 16)
    with torch.no_grad():
        float_bits = float(net.bits(torch.from_numpy(values), scaling.features(values), scaling).sum())
    payload, ideal = table_fit.encode(values, table_fit.Fitted(made.export(net), scaling, 16))
    model_bits = 8 * int.from_bytes(payload[:4], "little")
    assert ideal - model_bits == pytest.approx(float_bits, rel=0.003)
    assert np.array_equal(table_fit.decode(payload, values.size), values)
    with pytest.raises(CorruptError):
        table_fit.decode(payload, values.size - 1)


def test_fitted_tables_come_back_and_win_on_independent_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side, "_EXPERTS_BYTES", range(0))  # against the table model, not against the bytes'
    data, codec = as_text(correlated(6000)), TableCodec()
    (plain,) = codec.encode(io.BytesIO(data), Options())
    (fitted,) = codec.encode(io.BytesIO(data), Options(model="made"))
    assert fitted.params[0] == FITTED
    assert len(fitted.payload) < len(plain.payload)
    assert codec.decode(fitted, Options()) == data
    for at in (3, 25, 60, len(fitted.payload) - 9):
        payload = bytearray(fitted.payload)
        payload[at] ^= 0x21
        damaged = Block("table", fitted.params, bytes(payload), fitted.raw_size)
        try:
            assert codec.decode(damaged, Options()) != data
        except CorruptError:
            pass


def test_small_tables_keep_the_adaptive_model() -> None:
    data = as_text(correlated(150))
    (block,) = TableCodec().encode(io.BytesIO(data), Options(model="made"))
    assert block.params[0] != FITTED


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-999, 999), st.integers(0, 5)), min_size=30, max_size=60),
    st.lists(st.sampled_from(["", "x,y", "1,2,3", "-0,1.5", "3,-0.0", "1.50,2", "7,1.5\r"]), max_size=4),
)
def test_matrices_come_back(rows: list[tuple[int, int]], odd: list[str]) -> None:
    lines = [f"{a},{b / 10:.1f}" for a, b in rows]
    for i, line in enumerate(odd):
        lines.insert(7 * i, line)
    data = "\n".join(lines).encode()
    parsed = matrix.parse(data, ord(","))
    assert matrix.rebuild(parsed) == data
    assert parsed.values.shape[1] == 2


@pytest.mark.parametrize("data", [b"a,b\nc,d\n" * 20, b"1,2\n99999999,2\n" * 20, b"", b"1,2\n3\n" * 30])
def test_other_tables_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        matrix.parse(data, ord(","))


@pytest.mark.parametrize("cut", [0, 3, 14, -1])
def test_cut_side_information_is_refused(cut: int) -> None:
    parsed = matrix.parse(b"head\n" + b"1,2\n3,4\n" * 20, ord(","))
    with pytest.raises(CorruptError):
        matrix.rebuild(matrix.Matrix(parsed.values, parsed.side[:cut]))
