"""Kernels: bounds proved at pack time, the same integers from every one, the self-test notices a wrong one."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.errors import ModelError, UsageError
from neuralzip.exact import kernels


def operands(seed: int, n: int, k: int, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random int8 operands, a third of them extreme."""
    rng = np.random.default_rng(seed)
    a = rng.integers(-128, 128, (n, k)).astype(np.int8)
    weight = rng.integers(kernels.WEIGHT_LOW, kernels.WEIGHT_HIGH + 1, (m, k)).astype(np.int8)
    a[rng.random((n, k)) < 0.3] = rng.choice([-128, 127])
    weight[rng.random((m, k)) < 0.3] = rng.choice([-64, 63])
    return torch.from_numpy(a), torch.from_numpy(weight)


def oracle(a: torch.Tensor, weight: torch.Tensor) -> np.ndarray:
    return a.numpy().astype(np.int64) @ weight.numpy().astype(np.int64).T


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(1, 300), st.integers(1, 70))
def test_every_kernel_is_exact(seed: int, n: int, k: int, m: int) -> None:
    a, weight = operands(seed, n, k, m)
    packed = kernels.pack(weight)
    expected = oracle(a, weight)
    for name in kernels.NAMES:
        with kernels.using(name):
            given_acc = kernels.matmul(a, packed)
        assert given_acc.dtype == torch.int32
        np.testing.assert_array_equal(given_acc.numpy(), expected, err_msg=name)


@pytest.mark.parametrize("name", kernels.NAMES)
def test_any_shape_and_stride_is_exact(name: str) -> None:
    """`torch._int_mm` returns unwritten memory for one input column and for overlapping rows."""
    buffer, weights = operands(4, 8, 8, 8)
    for n, k, m in itertools.product((0, 1, 2, 5), (1, 2, 3), (1, 2, 5)):
        packed = kernels.pack(weights.as_strided((m, k), (k + 1, 2)))
        for strides in itertools.product((0, 1, k, k + 1, 7), (0, 1, 2, n)):
            a = buffer.as_strided((n, k), strides)
            with kernels.using(name):
                acc = kernels.matmul(a, packed)
            np.testing.assert_array_equal(acc.numpy(), oracle(a, packed.weight))


@pytest.mark.parametrize("a_value", [-128, 127])
@pytest.mark.parametrize("weight_value", [-64, 63])
@pytest.mark.parametrize("name", kernels.NAMES)
def test_long_extreme_rows_are_exact(name: str, a_value: int, weight_value: int) -> None:
    a = torch.full((3, 9001), a_value, dtype=torch.int8)
    weight = torch.full((5, 9001), weight_value, dtype=torch.int8)
    with kernels.using(name):
        assert (kernels.matmul(a, kernels.pack(weight)) == a_value * weight_value * 9001).all()


def test_float_slices_stay_within_the_mantissa() -> None:
    _, weight = operands(3, 1, 9001, 7)
    packed = kernels.pack(weight)
    starts = (0, *packed.cuts[:-1])
    assert packed.cuts[-1] == 9001 and len(packed.cuts) > 1
    for start, end in zip(starts, packed.cuts, strict=True):
        sums = weight[:, start:end].long().abs().sum(dim=1)
        assert end > start and int(sums.max()) * kernels.ACTIVATION_MAX <= kernels.FLOAT_LIMIT


@pytest.mark.parametrize(
    "weight",
    [
        torch.full((2, 2), 64, dtype=torch.int8),
        torch.full((2, 2), -65, dtype=torch.int8),
        torch.zeros(4, dtype=torch.int8),
        torch.zeros(2, 2, dtype=torch.int16),
        torch.full((1, 1 << 19), -64, dtype=torch.int8),
    ],
)
def test_weights_without_proof_are_refused(weight: torch.Tensor) -> None:
    with pytest.raises(ModelError):
        kernels.pack(weight)


def test_a_kernel_that_saturates_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = kernels._KERNELS["int8"]
    monkeypatch.setitem(kernels._KERNELS, "int8", lambda a, packed: exact(a, packed).clamp(-(2**15), 2**15 - 1))
    kernels.passes.cache_clear()
    kernels.available.cache_clear()
    try:
        assert not kernels.passes("int8", "cpu")
        assert kernels.available("cpu") == "mixed"
    finally:
        kernels.passes.cache_clear()
        kernels.available.cache_clear()


def test_a_kernel_that_raises_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(a: torch.Tensor, packed: kernels.Packed) -> torch.Tensor:
        raise RuntimeError("no such instruction")

    monkeypatch.setitem(kernels._KERNELS, "int8", refuse)
    kernels.passes.cache_clear()
    try:
        assert not kernels.passes("int8", "cpu")
    finally:
        kernels.passes.cache_clear()


def test_the_mixed_choice_is_exact_on_both_sides_of_its_limit() -> None:
    for n in (1, 15, 16, 17):
        a, weight = operands(n, n, 33, 20)
        acc = kernels._KERNELS["mixed"](a, kernels.pack(weight))
        np.testing.assert_array_equal(acc.numpy(), oracle(a, weight))


def test_unknown_kernels_are_refused() -> None:
    with pytest.raises(UsageError, match="no kernel 'fp16'"), kernels.using("fp16"):
        pass


def test_using_forces_a_kernel_and_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    plain = kernels._KERNELS["int64"]
    monkeypatch.setitem(kernels._KERNELS, "int64", lambda a, packed: calls.append(1) or plain(a, packed))
    a, weight = operands(0, 2, 3, 4)
    packed = kernels.pack(weight)
    with kernels.using("int64"):
        kernels.matmul(a, packed)
    kernels.matmul(a, packed)
    assert calls == [1] or packed.kernel == "int64"


def test_products_under_autocast_are_exact() -> None:
    a, weight = operands(5, 20, 300, 30)
    packed = kernels.pack(weight)
    with kernels.using("float32"), torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(kernels.matmul(a, packed).numpy(), oracle(a, weight))
