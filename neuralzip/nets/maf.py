"""Masked autoregressive flow over blocks of audio: a density in one pass, samples one by one.

G. Papamakarios, T. Pavlakou, I. Murray, "Masked autoregressive flow for density estimation" (2017, arXiv
1705.07057): u_t = (x_t - shift(x_<t)) / scale(x_<t), stacked. Masks are those of causal convolutions
(`nets.causal_stack`), the order is that of time in every layer, and the base density is logistic.

A block of integers is divided by its root mean square (at least 1), which is rounded to eighths of an octave and
costs GAIN_BITS; integers are intervals of length one, spread by uniform noise where the density is measured.

B batch, T time.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.nets import causal_stack
from neuralzip.nets.causal_stack import CausalStack, Stepper

ARCHITECTURE = "maf"
BLOCK = 4096
"""Samples of a block."""
GAIN_BITS = 7
_GAIN_STEPS = 8
_REPORTED = 1 << 9
_NATS_BIT = 0.6931472


def log_logistic(z: Tensor) -> Tensor:
    """Return the log density of the standard logistic distribution."""
    return -z - 2 * nn.functional.softplus(-z)


def draw_logistic(shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
    """Return samples of the standard logistic distribution."""
    return torch.logit(torch.rand(shape, generator=generator), eps=1e-7)


def gains(samples: Tensor) -> Tensor:
    """Return what blocks [B, T] of integers are divided by, [B, 1]."""
    power = samples.square().mean(1, keepdim=True).clamp_min(1.0)
    return torch.exp2(torch.round(0.5 * torch.log2(power) * _GAIN_STEPS) / _GAIN_STEPS)


class Density(Protocol):
    """A model of normalised blocks."""

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log density of blocks [B, T], sample by sample."""
        ...


def bits(net: Density, samples: Tensor) -> Tensor:
    """Return the code length under a model of blocks [B, T] of integers, in bits a sample, [B]."""
    spread = samples + torch.rand_like(samples) - 0.5
    gain = gains(samples)
    density = net.log_density(spread / gain).mean(1) / _NATS_BIT
    return torch.log2(gain[:, 0]) + GAIN_BITS / samples.shape[1] - density


class Maf(nn.Module):
    """The flow.

    Args:
        channels: of each layer's net.
        layers: dilated convolutions of each layer's net.
        flows: layers of the flow.
    """

    def __init__(self, channels: int = 32, layers: int = 9, flows: int = 2) -> None:
        super().__init__()
        self.config = {"channels": channels, "layers": layers, "flows": flows}
        self.flows = nn.ModuleList(CausalStack(channels, layers, 0.9 * (i == 0)) for i in range(flows))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (base samples, log determinant of each step) [B, T] of normalised samples [B, T]."""
        total = torch.zeros_like(x)
        for flow in self.flows:
            shift, log_scale = flow(x)
            x, total = (x - shift) * torch.exp(-log_scale), total - log_scale
        return x, total

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log density of normalised samples [B, T], sample by sample."""
        base, log_determinant = self(x)
        return log_logistic(base) + log_determinant

    @torch.no_grad()
    def sample(self, noise: Tensor, report: Callable[[int], None] | None = None) -> Tensor:
        """Return normalised samples [B, T] of base samples [B, T], one after another; report gets how many."""
        steppers = [Stepper(cast(CausalStack, flow), len(noise)) for flow in self.flows]
        last = [torch.zeros(len(noise)) for _ in steppers]
        out = torch.empty_like(noise)
        for t in range(noise.shape[1]):
            value = noise[:, t]
            for i in range(len(steppers) - 1, -1, -1):
                shift, log_scale = steppers[i].step(last[i])
                value = last[i] = value * torch.exp(log_scale) + shift
            out[:, t] = value
            if report is not None and t % _REPORTED == 0:
                report(t)
        return out


def export(net: Maf) -> tuple[causal_stack.Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    return causal_stack.export(net, ARCHITECTURE)


def load(model: zoo.Model) -> Maf:
    """Return the net of a model.

    Raises:
        ModelError: these are not weights of this architecture.
    """
    return causal_stack.load(model, ARCHITECTURE, Maf)
