"""The elementwise steps of `wavenet` for training: gated activation, and sums rounded to the stream's grid.

On the CPU each is one compiled loop forward and one backward over bfloat16 as its bits (all results lie on grids
that bfloat16 holds exactly). Elsewhere the `_slowly` forms do the same in torch operations.

N positions, C channels.
"""

from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuralzip.exact.compiled import allocating
from neuralzip.nets.char_rnn_ops import bits_of, candidate_curve, gate_curve, narrow, widen
from neuralzip.nets.quantise import quantise

ACT_BITS, GATED_BITS = 5, 7

Halves = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]
_ONE, _HALF, _QUARTER, _TWO = np.float32(1), np.float32(0.5), np.float32(0.25), np.float32(2)
_ACT, _GATED, _TOP = np.float32(1 << ACT_BITS), np.float32(1 << GATED_BITS), np.float32(127)


@numba.njit(inline="always")
def _curves(a: np.float32, b: np.float32) -> tuple[np.float32, np.float32, np.float32]:
    """Return (candidate, gate, slope of the gate) of a within [-2, 2] and any b."""
    r = max(_ONE - abs(b) * _QUARTER, np.float32(0))
    s = _HALF * r * r
    return a * (_ONE - abs(a) * _QUARTER), s if b < np.float32(0) else _ONE - s, r * _QUARTER


@allocating
def _gate(p: Halves, bias: Floats, z: Halves) -> None:
    """Set z [N, C] to the gated activations of p [N, 2C] + bias."""
    channels = z.shape[1]
    wide, bits = np.empty(2 * channels, np.uint32), np.empty(channels, np.uint32)
    x, row = wide.view(np.float32), bits.view(np.float32)
    for n in range(len(p)):
        widen(p[n], wide)
        for k in range(channels):
            a = min(max(x[k] + bias[k], -_TWO), _TWO)
            c, i, _ = _curves(a, x[channels + k] + bias[channels + k])
            row[k] = min(max(np.floor(c * i * _GATED + _HALF), -_TOP), _TOP) / _GATED
        narrow(bits, z[n])


@allocating
def _gate_back(p: Halves, bias: Floats, dz: Halves, dp: Halves, dbias: Floats) -> None:
    """Carry the gradient dz [N, C] back to dp [N, 2C] and dbias [2C]."""
    channels = dz.shape[1]
    wide, bits = np.empty(2 * channels, np.uint32), np.empty(2 * channels, np.uint32)
    given = np.empty(channels, np.uint32)
    x, row, d = wide.view(np.float32), bits.view(np.float32), given.view(np.float32)
    for n in range(len(p)):
        widen(p[n], wide)
        widen(dz[n], given)
        for k in range(channels):
            a = min(max(x[k] + bias[k], -_TWO), _TWO)
            c, i, slope = _curves(a, x[channels + k] + bias[channels + k])
            row[k] = d[k] * i * (_ONE - abs(a) * _HALF)
            row[channels + k] = d[k] * c * slope
        for k in range(2 * channels):
            dbias[k] += row[k]
        narrow(bits, dp[n])


@allocating
def _settle(base: Halves, p: Halves, bias: Floats, low: float, out: Halves) -> None:
    """Set out to base + p + bias, all [N, C], on the grid of 2**-ACT_BITS within [low, 127] steps."""
    channels, least = p.shape[1], np.float32(low)
    first, second = np.empty(channels, np.uint32), np.empty(channels, np.uint32)
    bits = np.empty(channels, np.uint32)
    x, y, row = first.view(np.float32), second.view(np.float32), bits.view(np.float32)
    for n in range(len(p)):
        widen(base[n], first)
        widen(p[n], second)
        for k in range(channels):
            row[k] = min(max(np.floor((x[k] + y[k] + bias[k]) * _ACT + _HALF), least), _TOP) / _ACT
        narrow(bits, out[n])


@allocating
def _settle_back(out: Halves, low: float, d: Halves, dp: Halves, dbias: Floats) -> None:
    """Carry the gradient d [N, C] back to dp, which is that of both summands, and dbias [C]."""
    channels, least = out.shape[1], np.float32(low)
    first, bits = np.empty(channels, np.uint32), np.empty(channels, np.uint32)
    x, row = first.view(np.float32), bits.view(np.float32)
    for n in range(len(out)):
        widen(out[n], first)
        widen(d[n], bits)
        for k in range(channels):
            step = x[k] * _ACT
            row[k] = row[k] if step > least and step < _TOP else np.float32(0)
            dbias[k] += row[k]
        narrow(bits, dp[n])


class _Gated(torch.autograd.Function):
    """The compiled form of `gated_slowly`."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, bias: Tensor) -> Tensor:
        z = torch.empty(*p.shape[:-1], p.shape[-1] // 2, dtype=torch.bfloat16)
        _gate(bits_of(p.flatten(0, -2)), bias.detach().numpy(), bits_of(z.flatten(0, -2)))
        ctx.save_for_backward(p, bias)
        return z

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        p, bias = ctx.saved_tensors
        dp, dbias = torch.empty_like(p), torch.zeros_like(bias)
        dz = grads[0].to(torch.bfloat16).contiguous()
        p_bits, dz_bits, dp_bits = (bits_of(x.flatten(0, -2)) for x in (p, dz, dp))
        _gate_back(p_bits, bias.detach().numpy(), dz_bits, dp_bits, dbias.numpy())
        return dp, dbias


class _Settled(torch.autograd.Function):
    """The compiled form of `settled_slowly`."""

    @staticmethod
    def forward(ctx: Any, base: Tensor, p: Tensor, bias: Tensor, low: int) -> Tensor:
        out = torch.empty_like(p)
        base_bits, p_bits, out_bits = (bits_of(x.contiguous().flatten(0, -2)) for x in (base, p, out))
        _settle(base_bits, p_bits, bias.detach().numpy(), low, out_bits)
        ctx.save_for_backward(out)
        ctx.low = low
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (out,) = ctx.saved_tensors
        dp, dbias = torch.empty_like(out), torch.zeros(out.shape[-1])
        d = grads[0].to(torch.bfloat16).contiguous()
        out_bits, d_bits, dp_bits = (bits_of(x.flatten(0, -2)) for x in (out, d, dp))
        _settle_back(out_bits, ctx.low, d_bits, dp_bits, dbias.numpy())
        return dp, dp, dbias, None


def gated_slowly(p: Tensor, bias: Tensor) -> Tensor:
    """The gated activation in torch operations, on any device."""
    a, b = (p.float() + bias).chunk(2, -1)
    return quantise(candidate_curve(a) * gate_curve(b), GATED_BITS)


def settled_slowly(base: Tensor, p: Tensor, bias: Tensor, low: int) -> Tensor:
    """The rounded sum in torch operations, on any device."""
    return quantise(base.float() + p.float() + bias, ACT_BITS, low)


def gated(p: Tensor, bias: Tensor) -> Tensor:
    """Return tanh(a) * sigmoid(b), as parabolas and quantised, of [a, b] = p + bias: [..., 2C] -> [..., C]."""
    if p.device.type != "cpu":
        return gated_slowly(p, bias)
    return cast(Tensor, _Gated.apply(p.to(torch.bfloat16).contiguous(), bias))  # type: ignore[no-untyped-call]


def settled(base: Tensor, p: Tensor, bias: Tensor, low: int = -127) -> Tensor:
    """Return base + p + bias on the stream's grid, within [low, 127] steps; low = 0 makes it a rectifier."""
    if p.device.type != "cpu":
        return settled_slowly(base, p, bias, low)
    halves = base.to(torch.bfloat16), p.to(torch.bfloat16).contiguous()
    return cast(Tensor, _Settled.apply(*halves, bias, low))  # type: ignore[no-untyped-call]
