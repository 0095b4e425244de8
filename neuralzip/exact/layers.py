"""Integer layers: the same numbers as the float twins of `nets.quantise`, on every machine.

An activation `a` (int8) stands for a * 2**-bits. A Linear's accumulator (int32) stands for acc * 2**-unit with one
unit a row; `to_format` brings it to another format by a rounding shift. Rounding is floor(x + 1/2) throughout.

N rows (batch), K inputs, M outputs.
"""

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuralzip.errors import ModelError
from neuralzip.exact import kernels
from neuralzip.exact.compiled import entry

_MAX_SHIFT = 31
_MAX_LEFT = 14
_NOTHING = np.empty((0, 0), np.int8)


class Shift(NamedTuple):
    """A rounding shift, prepared: (acc + half) >> right, then << left.

    Attributes:
        half: [M] or [] int32, 2**(right - 1), 0 where right is 0.
        right: int32, 0..31.
        left: int32, 0..14, None where it is 0 throughout.
    """

    half: Tensor
    right: Tensor
    left: Tensor | None


def shift_of(shift: Tensor | int) -> Shift:
    """Prepare a right shift, one for all columns or one for each; negative ones shift to the left.

    Raises:
        ModelError: a left shift of more than 14.
    """
    steps = torch.as_tensor(shift, dtype=torch.int32)
    if steps.numel() and int(steps.min()) < -_MAX_LEFT:
        raise ModelError(f"a shift by {int(steps.min())} is out of range, expected at least {-_MAX_LEFT}")
    right = steps.clamp(0, _MAX_SHIFT)
    half = (torch.ones_like(right) << right) >> 1
    # 1 << 31 is negative in int32.
    half = torch.where(right == _MAX_SHIFT, torch.full_like(half, 1 << 30), half)
    left = (-steps).clamp_min(0)
    return Shift(half, right, left if left.numel() and int(left.max()) > 0 else None)


def requantise(acc: Tensor, shift: Shift | Tensor | int, low: int = -127, high: int = 127) -> Tensor:
    """Return clamp(floor(acc / 2**shift + 1/2), low, high).

    Args:
        acc: [N, M] int32, |acc| + 2**(shift - 1) < 2**31.
        shift: right shift, an integer or [M]; 0 and negative allowed.
        low: least result, -2**16..0.
        high: largest result, 0..2**16 - 1.

    Returns:
        [N, M] int8, or int16 or int32 where the range asks for it.
    """
    half, right, left = shift if isinstance(shift, Shift) else shift_of(shift)
    rounded = torch.bitwise_right_shift(acc + half.to(acc.device), right.to(acc.device))
    if left is not None:
        # Clamped first, so that the shift cannot leave int32: 0 is always inside [low, high].
        rounded = rounded.clamp_(low, high).bitwise_left_shift_(left.to(acc.device))
    return rounded.clamp_(low, high).to(_narrowest(low, high))


def _narrowest(low: int, high: int) -> torch.dtype:
    if low >= -128 and high <= 127:
        return torch.int8
    return torch.int16 if low >= -(1 << 15) and high < 1 << 15 else torch.int32


@entry
def _finish(
    acc: npt.NDArray[np.int32],
    offset: npt.NDArray[np.int32],
    right: npt.NDArray[np.int32],
    residual: npt.NDArray[np.int8],
    low: int,
    high: int,
    out: npt.NDArray[np.int8] | npt.NDArray[np.int16],
) -> None:
    """Set out to clamp(residual + ((acc + offset) >> right)), all [N, M] or [M]; an empty residual counts as 0."""
    least, most, added = np.int32(low), np.int32(high), residual.size > 0
    for n in range(acc.shape[0]):
        for m in range(acc.shape[1]):
            value = (acc[n, m] + offset[m]) >> right[m]
            if added:
                value += np.int32(residual[n, m])
            out[n, m] = min(max(value, least), most)


class Linear:
    """A linear layer [N, K] int8 -> [N, M]: exact twin of `nets.quantise.QuantLinear.export`.

    Args:
        weight: [M, K] int8 in [-64, 63].
        bias: [M] int32, in units of the accumulator.
        unit: [M] int32; column m of the accumulator stands for acc * 2**-unit[m].

    Raises:
        ModelError: shapes or types do not fit, or a sum could leave int32.
    """

    def __init__(self, weight: Tensor, bias: Tensor, unit: Tensor) -> None:
        if bias.shape != weight.shape[:1] or unit.shape != weight.shape[:1]:
            shapes = [list(part.shape) for part in (weight, bias, unit)]
            raise ModelError(f"shapes of weight, bias and unit do not fit: {shapes}")
        self.packed = kernels.pack(weight)
        self.bias = bias.to(weight.device, torch.int32)
        self.unit = unit.to(weight.device, torch.int32)
        largest = self.packed.row_sums * kernels.ACTIVATION_MAX + np.abs(self.bias.cpu().numpy().astype(np.int64))
        if largest.size and int(largest.max()) > kernels.INT32_LIMIT:
            raise ModelError("an accumulator with its bias can leave int32")
        self._largest = largest
        self.shift = functools.lru_cache(maxsize=8)(self._shift)
        self._fused = functools.lru_cache(maxsize=8)(self._fused_arrays)

    def __call__(self, a: Tensor) -> Tensor:
        """Return the accumulator [N, M] int32 of a [N, K] int8."""
        return kernels.matmul(a, self.packed).add_(self.bias)

    def to(self, device: torch.device | str) -> "Linear":
        """Return the same layer on another device."""
        return Linear(self.packed.weight.to(device), self.bias, self.unit)

    def to_format(self, acc: Tensor, bits: int, low: int = -127, high: int = 127) -> Tensor:
        """Round an accumulator to multiples of 2**-bits: [N, M] int32 -> int8 (int16 for wide ranges)."""
        return requantise(acc, self.shift(bits), low, high)

    def apply(
        self, a: Tensor, bits: int, low: int = -127, high: int = 127, residual: Tensor | None = None
    ) -> Tensor:
        """Return clamp(residual + to_format(self(a))) in one pass; the fast way.

        Args:
            a: [N, K] int8.
            bits: fractional bits of the result.
            low: least result, -2**15..0; 0 makes it a rectifier.
            high: largest result, 0..2**15 - 1.
            residual: [N, M] int8 with the same bits, added before the clamp; None for none.

        Returns:
            [N, M] int8, or int16 where the range asks for it.
        """
        acc = kernels.matmul(a, self.packed)
        if acc.is_cuda or self.shift(bits).left is not None:
            return self._apply_slowly(acc, bits, low, high, residual)
        offset, right = self._fused(bits)
        out = torch.empty(acc.shape, dtype=_narrowest(low, high))
        added = _NOTHING if residual is None else residual.contiguous().numpy()
        _finish(acc.numpy(), offset, right, added, low, high, out.numpy())
        return out

    def _apply_slowly(self, acc: Tensor, bits: int, low: int, high: int, residual: Tensor | None) -> Tensor:
        acc.add_(self.bias)
        if residual is None:
            return requantise(acc, self.shift(bits), low, high)
        # Within 128 of the range nothing is lost that a residual could still change.
        rounded = requantise(acc, self.shift(bits), low - 128, high + 128).to(torch.int32)
        return (rounded + residual).clamp_(low, high).to(_narrowest(low, high))

    def _shift(self, bits: int) -> Shift:
        """Prepare the shift to a format, having proved that rounding stays within int32."""
        shift = shift_of(self.unit - bits)
        if self._largest.size and int((self._largest + shift.half.cpu().numpy()).max()) > kernels.INT32_LIMIT:
            raise ModelError(f"rounding to {bits} bits can leave int32")
        return shift

    def _fused_arrays(self, bits: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Return (bias + half, right shift) as arrays [M]."""
        shift = self.shift(bits)
        return (self.bias + shift.half).numpy(), shift.right.numpy()


class Embedding:
    """A table of rows [V, E], looked up by symbol.

    Args:
        rows: [V, E] of any integer type.
    """

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows.contiguous()

    def __call__(self, symbols: Tensor) -> Tensor:
        """Return [N, E] for symbols [N] in 0..V-1."""
        return self.rows.index_select(0, symbols)


class Table:
    """A nonlinearity as a table: integer x -> values[clamp(x - first)].

    Args:
        values: [S] int16 or int8.
        first: the x that values[0] belongs to; smaller x get values[0], larger than the last the last value.
    """

    def __init__(self, values: Tensor, first: int) -> None:
        self.values = values.contiguous()
        self.first = first

    def __call__(self, x: Tensor) -> Tensor:
        """Return the value for every x, in the shape of x (any integer type)."""
        index = (x.to(torch.int32) - self.first).clamp_(0, self.values.shape[0] - 1)
        return self.values.index_select(0, index.reshape(-1)).reshape(x.shape)
