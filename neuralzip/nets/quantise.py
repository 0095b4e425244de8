"""Quantisation in the loop: float twins of the integer layers, trained straight-through.

A quantised activation is an int8 `a` that stands for a * 2**-bits; a weight row is an int8 row `w` in
[-WEIGHT_MAX, WEIGHT_MAX] that stands for w * 2**-exponent, one exponent a row (power of two, so that the integer
side needs shifts only). The accumulator sum(w * a) + bias then stands for acc * 2**-(exponent + bits), and
`exact.layers.requantise` brings it to the next format by a rounding shift. `QuantLinear.export` hands over
exactly the integers that the forward pass used.

B batch, K inputs, M outputs.
"""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

WEIGHT_MAX = 63
"""Seven-bit weights: exact in every int8 kernel, those that saturate pair sums included."""
MAX_EXPONENT = 16


class _RoundHalfUp(torch.autograd.Function):
    """floor(x + 1/2), the rounding of the integer shifts; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return torch.floor(x + 0.5)

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> Tensor:
        return grads[0]


def round_half_up(x: Tensor) -> Tensor:
    """Round to the next integer, halves up, with the gradient of the identity."""
    return cast(Tensor, _RoundHalfUp.apply(x))  # type: ignore[no-untyped-call]


def quantise(x: Tensor, bits: int, low: int = -127, high: int = 127) -> Tensor:
    """Return x on the grid of 2**-bits, clamped to [low, high] grid steps (float in, float out)."""
    return round_half_up(x.float() * 2.0**bits).clamp(low, high) * 2.0**-bits


def row_exponents(weight: Tensor) -> Tensor:
    """Return [M] int32: the largest exponent of each row [M, K] whose integers stay in the weight range."""
    largest = weight.detach().abs().amax(dim=1).clamp_min(1e-8)
    return torch.floor(torch.log2((WEIGHT_MAX + 0.49) / largest)).clamp(0, MAX_EXPONENT).to(torch.int32)


class QuantLinear(nn.Linear):
    """A linear layer [B, K] -> [B, M] whose weights are integers times a power of two for each row.

    Args:
        in_features: K.
        out_features: M.
        in_bits: fractional bits of the int8 input.
        bias: learn a bias, stored as int32 in units of the accumulator.
    """

    def __init__(self, in_features: int, out_features: int, in_bits: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.in_bits = in_bits

    def integer_weight(self) -> tuple[Tensor, Tensor]:
        """Return (integer rows [M, K] as float with straight-through gradient, exponents [M] int32)."""
        exponent = row_exponents(self.weight)
        scaled = self.weight * torch.exp2(exponent.float())[:, None]
        return round_half_up(scaled).clamp(-WEIGHT_MAX, WEIGHT_MAX), exponent

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x, already on its grid of 2**-in_bits, by the integer weights; returns real values."""
        rows, exponent = self.integer_weight()
        return nn.functional.linear(x, rows * torch.exp2(-exponent.float())[:, None], self.bias)

    @torch.no_grad()
    def export(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return (weight [M, K] int8, bias [M] int32, unit [M] int32); the accumulator is in 2**-unit."""
        rows, exponent = self.integer_weight()
        unit = exponent + self.in_bits
        real = self.bias if self.bias is not None else torch.zeros(self.out_features)
        bias = torch.floor(real.double() * torch.exp2(unit.double()) + 0.5).clamp(-(2**30), 2**30)
        return rows.to(torch.int8), bias.to(torch.int32), unit


def export_layers(net: nn.Module) -> dict[str, npt.NDArray[np.integer[Any]]]:
    """Return the integer arrays of all quantised layers of a net, as "<layer>.weight", ".bias" and ".unit"."""
    arrays = {}
    for name, layer in net.named_modules():
        if isinstance(layer, QuantLinear):
            for part, tensor in zip(("weight", "bias", "unit"), layer.export(), strict=True):
                arrays[f"{name}.{part}"] = tensor.numpy()
    return arrays
