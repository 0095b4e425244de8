"""Inverse autoregressive flow over audio: samples in one pass, whatever their number.

D. Kingma et al., "Improving variational inference with inverse autoregressive flow" (2016, arXiv 1606.04934), as
the student of an autoregressive teacher: A. van den Oord et al., "Parallel WaveNet" (2017, arXiv 1711.10433).
x_t = z_t * scale(z_<t) + shift(z_<t), stacked; all of a layer's scales and shifts come from its input at once.
The density of given samples has to be found one by one: the mirror image of `nets.maf`.

B batch, T time.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.nets import causal_stack
from neuralzip.nets.causal_stack import CausalStack, Stepper
from neuralzip.nets.maf import log_logistic

ARCHITECTURE = "iaf"
CHUNK = 1 << 15
"""Samples computed at once."""


class Iaf(nn.Module):
    """The flow.

    Args:
        channels: of each layer's net.
        layers: dilated convolutions of each layer's net.
        flows: layers of the flow.
    """

    def __init__(self, channels: int = 16, layers: int = 8, flows: int = 3) -> None:
        super().__init__()
        self.config = {"channels": channels, "layers": layers, "flows": flows}
        self.flows = nn.ModuleList(CausalStack(channels, layers) for _ in range(flows))

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return (normalised samples, sum of log scales of each step) [B, T] of base samples [B, T]."""
        x, total = noise, torch.zeros_like(noise)
        for flow in self.flows:
            shift, log_scale = flow(x)
            x, total = x * torch.exp(log_scale) + shift, total + log_scale
        return x, total

    @property
    def reach(self) -> int:
        """Number of earlier base samples that a sample depends on."""
        return sum(cast(CausalStack, flow).reach for flow in self.flows)

    @torch.no_grad()
    def sample(self, noise: Tensor, report: Callable[[int], None] | None = None) -> Tensor:
        """Return normalised samples [B, T] of base samples [B, T], in chunks; report gets how many are done."""
        parts = []
        for start in range(0, noise.shape[1], CHUNK):
            before = min(start, self.reach)
            parts.append(self(noise[:, start - before : start + CHUNK])[0][:, before:])
            if report is not None:
                report(min(start + CHUNK, noise.shape[1]))
        return torch.cat(parts, 1)

    @torch.no_grad()
    def log_density(self, x: Tensor) -> Tensor:
        """Return the log density of normalised samples [B, T], sample by sample, found one after another."""
        steppers = [Stepper(cast(CausalStack, flow), len(x)) for flow in self.flows]
        last = [torch.zeros(len(x)) for _ in steppers]
        out = torch.empty_like(x)
        for t in range(x.shape[1]):
            value, total = x[:, t], torch.zeros(len(x))
            for i in range(len(steppers) - 1, -1, -1):
                shift, log_scale = steppers[i].step(last[i])
                value = last[i] = (value - shift) * torch.exp(-log_scale)
                total = total - log_scale
            out[:, t] = log_logistic(value) + total
        return out


def export(net: Iaf) -> tuple[causal_stack.Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    return causal_stack.export(net, ARCHITECTURE)


def load(model: zoo.Model) -> Iaf:
    """Return the net of a model.

    Raises:
        ModelError: these are not weights of this architecture.
    """
    return causal_stack.load(model, ARCHITECTURE, Iaf)
