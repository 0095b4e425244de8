"""Interchangeable kernels for one product: int8 activations times 7-bit weights, summed exactly in int32.

    acc[n, m] = sum over k of a[n, k] * weight[m, k]        a in [-128, 127], weight in [-64, 63]

Four kernels return the same integers, on every machine; which one runs is a matter of speed only:

- `int8`: `torch._int_mm`, CPU and CUDA. Seven-bit weights, because without VNNI oneDNN adds pairs of products
  in int16: 2 * 255 * 64 = 32640 still fits, eight-bit weights would saturate.
- `compiled`: the tiles of `exact.tiles`, which compiled loops call directly.
- `float32`: integers carried in float32. Every partial sum, in any order, stays within 2**24, which `pack` sees to
  from the real weights by cutting K where needed. Operands of eight bits are exact in TF32 and bfloat16 too.
- `int64`: the slow oracle.

A kernel answers a known-answer test with extreme values before its first use; one that fails is not used.
The variable NEURALZIP_KERNEL or the context manager `using` forces one, for tests.

N rows (batch), K inputs, M outputs.
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuralzip.errors import ModelError, UsageError
from neuralzip.exact import tiles

WEIGHT_LOW, WEIGHT_HIGH = -64, 63
ACTIVATION_MAX = 128
"""Largest magnitude of an activation."""
FLOAT_LIMIT = 1 << 24
INT32_LIMIT = (1 << 31) - 1
FORCE_VARIABLE = "NEURALZIP_KERNEL"
_NARROW = 16
"""Below so many rows the compiled dot product beats float32."""

Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A weight matrix with its proofs, ready for every kernel on its device.

    Attributes:
        weight: [M, K] int8, contiguous.
        columns: [K', M'] int8, the transposed view that the int8 kernel takes (padded where it has to be).
        row_sums: [M] sum of |weight| over k: |acc[:, m]| <= 128 * row_sums[m] < 2**31.
        cuts: ends of the slices of K within which float32 stays exact.
        kernel: name of the kernel that an unforced product takes.
    """

    weight: Tensor
    columns: Tensor
    row_sums: npt.NDArray[np.int64]
    cuts: tuple[int, ...]
    kernel: str
    _carriers: list[Tensor] = field(default_factory=list)
    _tiles: list[Int8Array] = field(default_factory=list)

    def to(self, device: torch.device | str) -> "Packed":
        """Return the same weights on another device."""
        return pack(self.weight.to(device))

    def carriers(self) -> list[Tensor]:
        """Return the float32 slices [K_i, M] of the transposed weights, made at first use."""
        if not self._carriers:
            starts = (0, *self.cuts[:-1])
            self._carriers.extend(
                self.weight[:, i:j].t().float().contiguous() for i, j in zip(starts, self.cuts, strict=True)
            )
        return self._carriers

    def tiles(self) -> Int8Array:
        """Return the weights in host tiles, made at first use."""
        if not self._tiles:
            self._tiles.append(tiles.tiled(self.weight.cpu().numpy()))
        return self._tiles[0]


def pack(weight: Tensor) -> Packed:
    """Prove the bounds of a weight matrix and prepare it for every kernel.

    Args:
        weight: [M, K] int8, every entry in [-64, 63].

    Raises:
        ModelError: wrong type or shape, an entry outside the range, or a sum that could leave int32.
    """
    if weight.dtype != torch.int8 or weight.dim() != 2:
        raise ModelError(f"weights are {weight.dtype} {list(weight.shape)}; expected int8 [M, K]")
    weight = weight.clone(memory_format=torch.contiguous_format)
    host = weight.cpu().numpy().astype(np.int64)
    if host.size and (host.min() < WEIGHT_LOW or host.max() > WEIGHT_HIGH):
        raise ModelError(f"weights span {host.min()}..{host.max()}; expected {WEIGHT_LOW}..{WEIGHT_HIGH}")
    row_sums = np.abs(host).sum(axis=1)
    if row_sums.size and ACTIVATION_MAX * int(row_sums.max()) > INT32_LIMIT:
        raise ModelError(f"a row of {host.shape[1]} weights can sum to over 2**31")
    return Packed(weight, _columns(weight), row_sums, _float_cuts(host), available(weight.device.type))


def _columns(weight: Tensor) -> Tensor:
    """Return the transposed view of the weights, padded to what `torch._int_mm` can take."""
    m, k = weight.shape
    if weight.device.type == "cuda":
        rows, columns = -m % 8, -k % 8
    else:
        # With K = 1 and M > 1 torch 2.13 returns memory that it never wrote. With M = 1 oneDNN exchanges the
        # operands, and saturates on processors with AVX-512 but no VNNI.
        rows, columns = int(m == 1), int(k == 1)
    return torch.nn.functional.pad(weight, (0, columns, 0, rows)).contiguous().t()


def _float_cuts(host: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Cut K so that 128 * sum |weight| stays within 2**24 in every slice and row."""
    cuts: list[int] = []
    start, size = 0, host.shape[1]
    totals = np.abs(host).cumsum(axis=1) * ACTIVATION_MAX
    while start < size:
        base = totals[:, start - 1 : start] if start else 0
        fits = ((totals[:, start:] - base) <= FLOAT_LIMIT).all(axis=0)
        start += size - start if fits.all() else int(np.argmin(fits))
        cuts.append(start)
    return tuple(cuts) or (0,)


def matmul(a: Tensor, packed: Packed) -> Tensor:
    """Return the exact product.

    Args:
        a: [N, K] int8, on the device of the weights.
        packed: weights [M, K].

    Returns:
        [N, M] int32, a fresh tensor.
    """
    return _KERNELS[_forced or packed.kernel](a, packed)


def _int8(a: Tensor, packed: Packed) -> Tensor:
    if a.stride(1) != 1 or a.stride(0) < a.shape[1]:
        # Overlapping rows (`expand`, windows) make oneDNN fail, and torch 2.13 then returns unwritten memory.
        a = a.clone(memory_format=torch.contiguous_format)
    if a.is_cuda or packed.columns.shape != packed.weight.shape[::-1]:
        return _int8_padded(a, packed)
    return torch._int_mm(a, packed.columns)


def _int8_padded(a: Tensor, packed: Packed) -> Tensor:
    """Pad to the limits of `_columns` and, on CUDA, to more than 16 rows."""
    (n, k), m = a.shape, packed.weight.shape[0]
    rows = max(17 - n, 0) if a.is_cuda else 0
    a = torch.nn.functional.pad(a, (0, packed.columns.shape[0] - k, 0, rows))
    return torch._int_mm(a.contiguous(), packed.columns)[:n, :m].contiguous()


def _float32(a: Tensor, packed: Packed) -> Tensor:
    acc: Tensor | None = None
    start = 0
    with _ieee_float32(a):
        for end, carrier in zip(packed.cuts, packed.carriers(), strict=True):
            part = torch.empty((a.shape[0], packed.weight.shape[0]), dtype=torch.float32, device=a.device)
            # `out` keeps autocast from choosing another type.
            torch.mm(a[:, start:end].float(), carrier, out=part)
            acc = part.to(torch.int32) if acc is None else acc.add_(part.to(torch.int32))
            start = end
    assert acc is not None
    return acc


@contextmanager
def _ieee_float32(a: Tensor) -> Iterator[None]:
    """Switch TF32 off on CUDA: its tensor cores promise nothing about how they accumulate."""
    if not a.is_cuda:
        yield
        return
    settings = torch.backends.cuda.matmul
    before = settings.fp32_precision
    settings.fp32_precision = "ieee"
    try:
        yield
    finally:
        settings.fp32_precision = before


def _compiled(a: Tensor, packed: Packed) -> Tensor:
    weight = packed.tiles()
    x = np.full((a.shape[0], weight.shape[1] * tiles.INPUTS), tiles.ZERO, np.uint8)
    x[:, : a.shape[1]] = a.cpu().numpy().view(np.uint8) ^ tiles.ZERO
    acc = np.empty((len(x), weight.shape[0] * tiles.OUTPUTS), np.int32)
    tiles.multiply(weight, x, acc)
    kept = acc[:, : packed.weight.shape[0]] + tiles.bias(packed.weight.cpu().numpy())
    return torch.from_numpy(kept).to(a.device)


def _int64(a: Tensor, packed: Packed) -> Tensor:
    acc = a.cpu().long() @ packed.weight.cpu().long().t()
    return acc.to(torch.int32).to(a.device)


def _narrow_or_float32(a: Tensor, packed: Packed) -> Tensor:
    """Choose by width, for processors whose int8 product is wrong."""
    return _compiled(a, packed) if a.shape[0] < _NARROW else _float32(a, packed)


_KERNELS: dict[str, Callable[[Tensor, Packed], Tensor]] = {
    "int8": _int8,
    "compiled": _compiled,
    "float32": _float32,
    "int64": _int64,
    "mixed": _narrow_or_float32,
}
NAMES = ("int8", "compiled", "float32", "int64")
"""Kernels by name, for `using` and NEURALZIP_KERNEL."""
_PREFERRED = {"cpu": ("int8", "mixed", "compiled"), "cuda": ("int8", "float32")}


_SELF_TEST_SHAPES = ((1, 1, 3), (1, 8, 8), (40, 75, 1), (17, 65, 33), (40, 512, 24))


def _checked(name: str) -> str:
    if name not in NAMES:
        raise UsageError(f"there is no kernel '{name}'; known are: {', '.join(NAMES)}")
    return name


_forced = _checked(os.environ[FORCE_VARIABLE]) if os.environ.get(FORCE_VARIABLE) else ""


@contextmanager
def using(name: str) -> Iterator[None]:
    """Force one kernel for all products, in all threads, while the context lasts.

    Raises:
        UsageError: there is no such kernel.
    """
    global _forced
    before, _forced = _forced, _checked(name)
    try:
        yield
    finally:
        _forced = before


@functools.cache
def available(device_type: str) -> str:
    """Return the fastest kernel that passes the self-test on a device; `int64` when none does."""
    return next((name for name in _PREFERRED.get(device_type, ()) if passes(name, device_type)), "int64")


@functools.cache
def passes(name: str, device_type: str) -> bool:
    """Say whether a kernel gives the known answers; one that raises does not."""
    try:
        return all(_answers(name, device_type, n, k, m) for n, k, m in _SELF_TEST_SHAPES)
    except (RuntimeError, NotImplementedError):
        return False


def _answers(name: str, device_type: str, n: int, k: int, m: int) -> bool:
    """Compare a kernel to numpy's int64 on one shape: all four corners, then mixed operands."""
    corners = [np.full((n, k), value) for value in (-128, 127)], [np.full((m, k), value) for value in (-64, 63)]
    inputs = [*corners[0], _scatter(n * k, -128, 127).reshape(n, k)]
    weights = [*corners[1], _scatter(m * k, WEIGHT_LOW, WEIGHT_HIGH).reshape(m, k)]
    for a in inputs:
        for weight in weights:
            carried = torch.from_numpy(weight.astype(np.int8)).to(device_type)
            packed = Packed(carried, _columns(carried), np.abs(weight).sum(axis=1), _float_cuts(weight), name)
            given = _KERNELS[name](torch.from_numpy(a.astype(np.int8)).to(device_type), packed)
            if not np.array_equal(given.cpu().numpy(), a @ weight.T):
                return False
    return True


def _scatter(count: int, low: int, high: int) -> npt.NDArray[np.int64]:
    """Return reproducible integers in [low, high], every third of them an extreme."""
    steps = np.arange(1, count + 1, dtype=np.int64)
    values = low + (steps * 7919 + steps * steps * 104729 >> 5) % (high - low + 1)
    values[::3] = np.where(steps[::3] % 2, low, high)
    return values
