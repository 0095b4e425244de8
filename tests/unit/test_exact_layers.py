"""Integer layers: rounding by definition, and equal to their float twins where those are exact."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.errors import ModelError
from neuralzip.exact import kernels
from neuralzip.exact.layers import Embedding, Linear, Table, requantise
from neuralzip.nets.quantise import QuantLinear, quantise


def rounded(value: int, shift: int, low: int, high: int) -> int:
    """The definition, in unbounded integers: clamp(floor(value / 2**shift + 1/2))."""
    exact = (2 * value * 2 ** max(-shift, 0) + 2 ** max(shift, 0)) // (2 * 2 ** max(shift, 0))
    return min(max(exact, low), high)


@given(
    st.lists(st.integers(-(2**30), 2**30 - 1), min_size=1, max_size=8),
    st.lists(st.integers(-14, 33), min_size=8, max_size=8),
    st.sampled_from([(-127, 127), (0, 127), (-128, 0), (-32768, 32767), (-65536, 65536), (0, 0)]),
)
def test_requantise_by_definition(values: list[int], shifts: list[int], bounds: tuple[int, int]) -> None:
    low, high = bounds
    acc = torch.tensor([values], dtype=torch.int32)
    given_rows = requantise(acc, torch.tensor(shifts[: len(values)]), low, high)
    assert given_rows[0].tolist() == [rounded(v, s, low, high) for v, s in zip(values, shifts, strict=False)]
    given_one = requantise(acc, shifts[0], low, high)
    assert given_one[0].tolist() == [rounded(v, shifts[0], low, high) for v in values]


def test_requantise_leaves_its_input_alone() -> None:
    acc = torch.tensor([[1000, -1000]], dtype=torch.int32)
    requantise(acc, -3)
    requantise(acc, 3)
    assert acc.tolist() == [[1000, -1000]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 60), st.integers(1, 50), st.integers(-2, 7))
def test_linear_is_the_float_twin(seed: int, n: int, k: int, m: int, bits: int) -> None:
    torch.manual_seed(seed)
    twin = QuantLinear(k, m, in_bits=5)
    torch.nn.init.normal_(twin.weight, std=0.3)
    layer = Linear(*twin.export())
    a = torch.randint(-127, 128, (n, k), dtype=torch.int8)
    residual = torch.randint(-127, 128, (n, m), dtype=torch.int8)
    with torch.no_grad():
        # Biases on the accumulator's grid and float64: every float operation of the twin is exact.
        twin.bias.copy_(layer.bias.double() * torch.exp2(-layer.unit.double()))
        twin.double()
        real = twin(a.double() / 2**5)
        expected = torch.floor(real * 2.0**bits + 0.5)
    acc = layer(a)
    assert torch.equal(acc.double() * torch.exp2(-layer.unit.double()), real)
    assert torch.equal(layer.to_format(acc, bits).double(), expected.clamp(-127, 127))
    assert torch.equal(layer.apply(a, bits, low=0).double(), expected.clamp(0, 127))
    added = (residual.double() + expected).clamp(-127, 127)
    assert torch.equal(layer.apply(a, bits, residual=residual).double(), added)
    for low, high in ((-127, 127), (-(2**15), 2**15 - 1)):
        slowly = layer._apply_slowly(layer(a) - layer.bias, bits, low, high, residual)
        assert torch.equal(slowly.double(), (residual.double() + expected).clamp(low, high))
        assert torch.equal(layer.apply(a, bits, low, high, residual), slowly)


def test_linear_is_the_float32_twin_of_training() -> None:
    torch.manual_seed(1)
    twin = QuantLinear(96, 64, in_bits=4)
    layer = Linear(*twin.export())
    a = torch.randint(-127, 128, (50, 96), dtype=torch.int8)
    with torch.no_grad():
        twin.bias.copy_(layer.bias.double() * torch.exp2(-layer.unit.double()))
        expected = quantise(twin(a.float() / 16), 5) * 32
    assert torch.equal(layer.apply(a, 5).float(), expected)


@pytest.mark.parametrize("name", kernels.NAMES)
def test_apply_is_to_format_of_call(name: str) -> None:
    torch.manual_seed(2)
    layer = Linear(*QuantLinear(70, 30, in_bits=6).export())
    a = torch.randint(-128, 128, (9, 70), dtype=torch.int8)
    with kernels.using(name):
        for bits in (-3, 0, 4, 12):
            assert torch.equal(layer.apply(a, bits), layer.to_format(layer(a), bits))
            wide = layer.apply(a, bits, -(2**15), 2**15 - 1)
            assert wide.dtype == torch.int16
            assert torch.equal(wide, layer.to_format(layer(a), bits, -(2**15), 2**15 - 1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("n", "k", "m"), [(1, 1, 1), (3, 40, 9), (17, 64, 24), (100, 131, 70)])
def test_a_gpu_rounds_alike(n: int, k: int, m: int) -> None:
    """Few rows and odd sizes are padded to what the product there can take."""
    torch.manual_seed(n)
    weight, bias = torch.randint(-64, 64, (m, k), dtype=torch.int8), torch.randint(-9999, 9999, (m,))
    layer = Linear(weight, bias.to(torch.int32), torch.randint(3, 14, (m,), dtype=torch.int32))
    a, residual = (torch.randint(-128, 128, shape, dtype=torch.int8) for shape in ((n, k), (n, m)))
    there = layer.to("cuda")
    assert torch.equal(there(a.cuda()).cpu(), layer(a))
    for added in (None, residual):
        expected = layer.apply(a, 5, low=0, residual=added)
        moved = None if added is None else added.cuda()
        assert torch.equal(there.apply(a.cuda(), 5, low=0, residual=moved).cpu(), expected)


def test_mixed_left_and_right_shifts() -> None:
    layer = Linear(torch.ones(3, 1, dtype=torch.int8), torch.zeros(3, dtype=torch.int32), torch.tensor([2, 4, 7]))
    a = torch.tensor([[5], [-5], [127]], dtype=torch.int8)
    assert layer.to_format(layer(a), 4).tolist() == [[20, 5, 1], [-20, -5, -1], [127, 127, 16]]
    assert layer.apply(a, 4).tolist() == [[20, 5, 1], [-20, -5, -1], [127, 127, 16]]


@pytest.mark.parametrize(
    ("bias", "unit"),
    [
        (torch.full((2,), 2**31 - 1 - 128 * 63 + 1, dtype=torch.int32), torch.zeros(2, dtype=torch.int32)),
        (torch.zeros(3, dtype=torch.int32), torch.zeros(3, dtype=torch.int32)),
        (torch.zeros(2, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)),
    ],
)
def test_linear_without_proof_is_refused(bias: torch.Tensor, unit: torch.Tensor) -> None:
    with pytest.raises(ModelError):
        Linear(torch.full((2, 1), 63, dtype=torch.int8), bias, unit)


def test_rounding_that_could_overflow_is_refused() -> None:
    layer = Linear(torch.ones(1, 1, dtype=torch.int8), torch.tensor([2**30 + 1000]), torch.tensor([31]))
    with pytest.raises(ModelError, match="leave int32"):
        layer.to_format(layer(torch.zeros(1, 1, dtype=torch.int8)), 0)


def test_far_left_shifts_are_refused() -> None:
    with pytest.raises(ModelError, match="out of range"):
        requantise(torch.zeros(1, 1, dtype=torch.int32), -15)


def test_embedding_looks_rows_up() -> None:
    rows = torch.arange(12, dtype=torch.int16).reshape(4, 3)
    assert torch.equal(Embedding(rows)(torch.tensor([2, 0, 2])), rows[[2, 0, 2]])


def test_table_clamps_at_both_ends() -> None:
    table = Table(torch.tensor([-5, 0, 5, 9], dtype=torch.int16), first=-1)
    x = torch.tensor([[-128, -1], [0, 1], [2, 127]], dtype=torch.int8)
    assert table(x).tolist() == [[-5, -5], [0, 5], [9, 9]]
    assert table(x.int() * 10**6).dtype == torch.int16


def test_layers_move_between_devices() -> None:
    layer = Linear(*QuantLinear(8, 4, in_bits=3).export())
    a = torch.ones(2, 8, dtype=torch.int8)
    assert np.array_equal(layer.to("cpu")(a).numpy(), layer(a).numpy())
