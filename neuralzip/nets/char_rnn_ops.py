"""The two elementwise steps of `char_rnn` for training: the recurrence's scan and the normalisation.

On the CPU each is one compiled loop forward and one backward, reading and writing bfloat16 as its bits: matrix
products then take nearly all of the time. Elsewhere the `_slowly` forms do the same in torch operations.

B batch, T time, N = B * T, H stream width, E state width.
"""

from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.exact.compiled import allocating
from neuralzip.nets.char_rnn_view import ACT_BITS, RMS_FLOOR
from neuralzip.nets.quantise import WEIGHT_MAX, QuantLinear, quantise, row_exponents

GATE_LIMIT = 4.0
LEAK = 2.0**-5
"""Slope that a saturated gate keeps in training towards its range, never away from it: it can come back."""


def gate_curve(x: Tensor) -> Tensor:
    """The update gate: a sigmoid made of two parabolas, 0 below -GATE_LIMIT and 1 above it."""
    t = (1 - x.abs() / GATE_LIMIT).clamp_min(0)
    half = t * t / 2
    return torch.where(x < 0, half, 1 - half)


def candidate_curve(x: Tensor) -> Tensor:
    """The candidate state: an odd parabola pair with slope 1 at 0, flat at -1 and 1 beyond |x| = 2."""
    z = x.clamp(-2, 2)
    return z * (1 - z.abs() / 4)


@numba.njit(inline="always")
def widen(narrow: npt.NDArray[np.uint16], wide: npt.NDArray[np.uint32]) -> None:
    """Turn the bits of bfloat16 values into those of float32."""
    for k in range(wide.shape[0]):
        wide[k] = np.uint32(narrow[k]) << np.uint32(16)


@numba.njit(inline="always")
def narrow(wide: npt.NDArray[np.uint32], narrow: npt.NDArray[np.uint16]) -> None:
    """Turn the bits of float32 values into those of the nearest bfloat16."""
    for k in range(wide.shape[0]):
        narrow[k] = (wide[k] + np.uint32(0x7FFF) + ((wide[k] >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)


@allocating
def _scan(
    p: npt.NDArray[np.uint16],
    bias: npt.NDArray[np.float32],
    h0: npt.NDArray[np.float32],
    hs: npt.NDArray[np.float32],
    y: npt.NDArray[np.uint16],
) -> None:
    """Run the recurrence forward.

    Args:
        p: [B, T, 3E] bits of bfloat16, the gates i, c, g without bias.
        bias: [3E].
        h0: [B, E].
        hs: [B, T, E] out, states.
        y: [B, T, E] out, bits of bfloat16, quantised outputs.
    """
    one, half, quarter, zero = np.float32(1), np.float32(0.5), np.float32(0.25), np.float32(0)
    two, four, grid, top = np.float32(2), np.float32(4), np.float32(1 << ACT_BITS), np.float32(127)
    step = one / grid
    states = h0.shape[1]
    wide = np.empty(3 * states, np.uint32)
    x = wide.view(np.float32)
    bits = np.empty(states, np.uint32)
    row = bits.view(np.float32)
    for b in range(p.shape[0]):
        h = h0[b].copy()
        for t in range(p.shape[1]):
            widen(p[b, t], wide)
            for e in range(states):
                a = x[e] + bias[e]
                r = max(one - abs(a) * quarter, zero)
                s = half * r * r
                i = s if a < zero else one - s
                z = min(max(x[states + e] + bias[states + e], -two), two)
                g = min(max(x[2 * states + e] + bias[2 * states + e], -four), four)
                h[e] += i * (z * (one - abs(z) * quarter) - h[e])
                hs[b, t, e] = h[e]
                row[e] = min(max(np.floor(h[e] * g * grid + half), -top), top) * step
            narrow(bits, y[b, t])


@numba.njit(inline="always")
def _through(gradient: float, x: float, slope: float) -> float | np.float32:
    """Carry a gradient through a curve; where it is flat (slope 0) only what moves x back, by LEAK."""
    if slope > np.float32(0):
        return gradient * slope
    return gradient * np.float32(LEAK) if gradient * x > np.float32(0) else np.float32(0)


@allocating
def _scan_back(
    p: npt.NDArray[np.uint16],
    bias: npt.NDArray[np.float32],
    h0: npt.NDArray[np.float32],
    hs: npt.NDArray[np.float32],
    dy: npt.NDArray[np.uint16],
    dp: npt.NDArray[np.uint16],
    dbias: npt.NDArray[np.float32],
    dh0: npt.NDArray[np.float32],
) -> None:
    """Run the recurrence backward: dy [B, T, E] -> dp [B, T, 3E], dbias [3E] and dh0 [B, E]."""
    one, half, quarter, zero = np.float32(1), np.float32(0.5), np.float32(0.25), np.float32(0)
    two, four = np.float32(2), np.float32(4)
    limit = np.float32(127.5 / (1 << ACT_BITS))
    states = h0.shape[1]
    wide = np.empty(3 * states, np.uint32)
    x = wide.view(np.float32)
    bits = np.empty(3 * states, np.uint32)
    row = bits.view(np.float32)
    bits_dy = np.empty(states, np.uint32)
    row_dy = bits_dy.view(np.float32)
    for b in range(p.shape[0]):
        dh = np.zeros_like(h0[b])
        for t in range(p.shape[1] - 1, -1, -1):
            before = hs[b, t - 1] if t > 0 else h0[b]
            widen(p[b, t], wide)
            widen(dy[b, t], bits_dy)
            for e in range(states):
                a = x[e] + bias[e]
                r = max(one - abs(a) * quarter, zero)
                s = half * r * r
                i = s if a < zero else one - s
                z = min(max(x[states + e] + bias[states + e], -two), two)
                raw = x[2 * states + e] + bias[2 * states + e]
                g = min(max(raw, -four), four)
                d = row_dy[e] if abs(hs[b, t, e] * g) < limit else zero
                acc = dh[e] + d * g
                row[2 * states + e] = _through(d * hs[b, t, e], raw, one if abs(raw) < four else zero)
                row[states + e] = _through(acc * i, z, one - abs(z) * half)
                row[e] = _through(acc * (z * (one - abs(z) * quarter) - before[e]), a, quarter * r)
                dh[e] = acc * (one - i)
            for k in range(3 * states):
                dbias[k] += row[k]
            narrow(bits, dp[b, t])
        dh0[b] = dh


def bits_of(x: Tensor) -> npt.NDArray[np.uint16]:
    """View a contiguous bfloat16 tensor as its bits."""
    return x.view(torch.int16).numpy().view(np.uint16)


class _Scan(torch.autograd.Function):
    """The compiled scan of CPU training; `scan_slowly` is the same in torch operations."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, bias: Tensor, h0: Tensor) -> tuple[Tensor, Tensor]:
        p, h0 = p.contiguous(), h0.contiguous()
        hs = torch.empty(*p.shape[:2], h0.shape[1])
        y = torch.empty(hs.shape, dtype=torch.bfloat16)
        _scan(bits_of(p), bias.detach().numpy(), h0.numpy(), hs.numpy(), bits_of(y))
        ctx.save_for_backward(p, bias, h0, hs)
        last = hs[:, -1].clone()
        ctx.mark_non_differentiable(last)
        return y, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        p, bias, h0, hs = ctx.saved_tensors
        dp, dbias, dh0 = torch.empty_like(p), torch.zeros_like(bias), torch.empty_like(h0)
        dy = grads[0].to(torch.bfloat16).contiguous()
        p_bits, dy_bits, dp_bits = (bits_of(x) for x in (p, dy, dp))
        _scan_back(
            p_bits, bias.detach().numpy(), h0.numpy(), hs.numpy(), dy_bits, dp_bits, dbias.numpy(), dh0.numpy()
        )
        return dp, dbias, dh0


@allocating
def _normalise(v: npt.NDArray[np.float32], inverse: npt.NDArray[np.float32], u: npt.NDArray[np.uint16]) -> None:
    """Scale rows [N, H] to unit root mean square: inverse [N] and quantised bits of bfloat16 u [N, H]."""
    grid, half, top = np.float32(1 << ACT_BITS), np.float32(0.5), np.float32(127)
    step, width = np.float32(1) / grid, v.shape[1]
    bits = np.empty(width, np.uint32)
    row = bits.view(np.float32)
    for n in range(v.shape[0]):
        row[:] = v[n] * v[n]
        inverse[n] = np.float32(1) / max(np.sqrt(row.sum() / np.float32(width)), np.float32(RMS_FLOOR))
        for k in range(width):
            row[k] = min(max(np.floor(v[n, k] * inverse[n] * grid + half), -top), top) * step
        narrow(bits, u[n])


@allocating
def _normalise_back(
    v: npt.NDArray[np.float32],
    inverse: npt.NDArray[np.float32],
    du: npt.NDArray[np.uint16],
    dv: npt.NDArray[np.float32],
) -> None:
    """Carry the gradient du (bits of bfloat16) back to the rows; dv [N, H] out."""
    limit, zero, width = np.float32(127.5 / (1 << ACT_BITS)), np.float32(0), v.shape[1]
    bits = np.empty(width, np.uint32)
    row = bits.view(np.float32)
    dot = np.empty(width, np.float32)
    for n in range(v.shape[0]):
        widen(du[n], bits)
        r = inverse[n]
        for k in range(width):
            row[k] = row[k] if abs(v[n, k] * r) < limit else zero
            dot[k] = row[k] * v[n, k]
        mean = dot.sum() / np.float32(width) * r * r if r < np.float32(1 / RMS_FLOOR) else zero
        for k in range(width):
            dv[n, k] = (row[k] - v[n, k] * mean) * r


class _Normalise(torch.autograd.Function):
    """The compiled form of `normalise_slowly` for CPU training."""

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        v = v.contiguous()
        inverse = torch.empty(v.shape[:-1].numel())
        u = torch.empty(v.shape, dtype=torch.bfloat16)
        _normalise(v.flatten(0, -2).numpy(), inverse.numpy(), bits_of(u.flatten(0, -2)))
        ctx.save_for_backward(v, inverse)
        return u

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        v, inverse = ctx.saved_tensors
        dv = torch.empty_like(v)
        du = grads[0].to(torch.bfloat16).contiguous()
        _normalise_back(
            v.flatten(0, -2).numpy(), inverse.numpy(), bits_of(du.flatten(0, -2)), dv.flatten(0, -2).numpy()
        )
        return dv


class _IntegerWeight(torch.autograd.Function):
    """A weight [M, K] on the grid of its rows, as `QuantLinear` uses it; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        exponent = row_exponents(weight).float()[:, None]
        return (
            (weight * torch.exp2(exponent))
            .add_(0.5)
            .floor_()
            .clamp_(-WEIGHT_MAX, WEIGHT_MAX)
            .mul_(torch.exp2(-exponent))
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


def multiply(x: Tensor, layer: QuantLinear) -> Tensor:
    """Multiply by the integer weights of a layer, without its bias, in bfloat16 (exact operands, rounded sums)."""
    weight = cast(Tensor, _IntegerWeight.apply(layer.weight))  # type: ignore[no-untyped-call]
    return nn.functional.linear(x.to(torch.bfloat16), weight.to(torch.bfloat16))


def scan_slowly(p: Tensor, bias: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The recurrence of `scan` in torch operations, on any device."""
    a, c, g = (p.float() + bias).chunk(3, -1)
    i, c = gate_curve(a), candidate_curve(c)
    states = []
    for t in range(p.shape[1]):
        h = torch.lerp(h, c[:, t], i[:, t])
        states.append(h)
    return quantise(torch.stack(states, 1) * g.clamp(-GATE_LIMIT, GATE_LIMIT), ACT_BITS), h.detach()


def normalise_slowly(v: Tensor) -> Tensor:
    """Scale each position of the stream to unit root mean square and quantise it, in torch operations."""
    rms = v.square().mean(-1, keepdim=True).sqrt().clamp_min(RMS_FLOOR)
    return quantise(v / rms, ACT_BITS)


def normalise(v: Tensor) -> Tensor:
    """Scale each position of the stream to unit root mean square and quantise it."""
    if v.device.type != "cpu":
        return normalise_slowly(v)
    return cast(Tensor, _Normalise.apply(v))  # type: ignore[no-untyped-call]


def scan(p: Tensor, bias: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Run the recurrence: gates p [B, T, 3E] without bias, h [B, E] -> quantised y [B, T, E], last state."""
    if p.device.type != "cpu":
        return scan_slowly(p, bias, h)
    p16 = p.to(torch.bfloat16)
    return cast(tuple[Tensor, Tensor], _Scan.apply(p16, bias, h))  # type: ignore[no-untyped-call]
