"""The causal net inside the autoregressive flows over audio: shift and log scale of a sample from those before it.

A WaveNet (A. van den Oord et al., "WaveNet: a generative model for raw audio", 2016, arXiv 1609.03499): dilated
causal convolutions with gates, residual and skip connections; a linear filter over the last samples adds to the
shift. `Stepper` computes the same sample by sample from queues of past activations (T. Le Paine et al., "Fast
WaveNet generation algorithm", 2016, arXiv 1611.09482). These nets give densities and samples, no streams: floats,
kept as 16-bit integers times a power of two.

B batch, T time, C channels, L layers.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.errors import ModelError

LINEAR_TAPS = 32
MAX_LOG_SCALE = 6.0
_WEIGHT_MAX = 2**15 - 1

Arrays = dict[str, npt.NDArray[np.integer[Any]]]
Flow = TypeVar("Flow", bound=nn.Module)


def bounded(log_scale: Tensor) -> Tensor:
    """Return log scales within +-MAX_LOG_SCALE, smoothly."""
    return MAX_LOG_SCALE * torch.tanh(log_scale / MAX_LOG_SCALE)


class CausalStack(nn.Module):
    """Shift and log scale of every sample from earlier ones.

    Args:
        channels: C.
        layers: L, dilations 1, 2, 4 ...
        first_tap: initial weight of the last sample in the linear filter.
    """

    def __init__(self, channels: int, layers: int, first_tap: float = 0.0) -> None:
        super().__init__()
        self.dilations = [1 << i for i in range(layers)]
        self.linear = nn.Conv1d(1, 1, LINEAR_TAPS, bias=False)
        self.enter = nn.Conv1d(1, channels, 2)
        self.gates = nn.ModuleList(nn.Conv1d(channels, 2 * channels, 2, dilation=d) for d in self.dilations)
        self.mixes = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in self.dilations)
        self.hidden = nn.Conv1d(channels, channels, 1)
        self.out = nn.Conv1d(channels, 2, 1)
        with torch.no_grad():
            self.linear.weight.zero_()[0, 0, -1] = first_tap
            self.out.weight.mul_(0.1)
            self.out.bias.zero_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (shift, log scale) [B, T] of samples [B, T]; silence is taken to come before the first."""
        past = nn.functional.pad(x, (1, -1))[:, None]
        linear = self.linear(nn.functional.pad(past, (LINEAR_TAPS - 1, 0)))[:, 0]
        stream = self.enter(nn.functional.pad(past, (1, 0)))
        skips = torch.zeros_like(stream)
        for dilation, gate, mix in zip(self.dilations, self.gates, self.mixes, strict=True):
            value, door = gate(nn.functional.pad(stream, (dilation, 0))).chunk(2, 1)
            gated = torch.tanh(value) * torch.sigmoid(door)
            skips = skips + gated
            stream = stream + mix(gated)
        out = self.out(torch.relu(self.hidden(torch.relu(skips))))
        return linear + out[:, 0], bounded(out[:, 1])

    @property
    def reach(self) -> int:
        """Number of earlier samples that a sample depends on."""
        return max(sum(self.dilations) + 2, LINEAR_TAPS)


class Stepper:
    """A stack that goes on sample by sample.

    Args:
        stack: the net.
        batch: B.
    """

    def __init__(self, stack: CausalStack, batch: int) -> None:
        self.stack, self.time = stack, 0
        channels = stack.enter.out_channels
        self.samples = torch.zeros(batch, LINEAR_TAPS)
        self.queues = [torch.zeros(dilation, batch, channels) for dilation in stack.dilations]
        self.taps = [_taps(cast(nn.Conv1d, gate)) for gate in stack.gates]
        self.points = [_taps(cast(nn.Conv1d, layer)) for layer in (*stack.mixes, stack.hidden, stack.out)]
        self.enter, self.linear = _taps(stack.enter), stack.linear.weight[0, 0]

    def step(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """Return (shift, log scale) [B] of the next sample after `last` [B], 0 before the first."""
        self.samples = torch.cat([self.samples[:, 1:], last[:, None]], 1)
        stream = nn.functional.linear(self.samples[:, -2:], *self.enter)
        skips = torch.zeros_like(stream)
        for queue, taps, point in zip(self.queues, self.taps, self.points, strict=False):
            place = self.time % len(queue)
            pair = torch.cat([queue[place], stream], 1)
            queue[place] = stream
            value, door = nn.functional.linear(pair, *taps).chunk(2, 1)
            gated = torch.tanh(value) * torch.sigmoid(door)
            skips = skips + gated
            stream = stream + nn.functional.linear(gated, *point)
        self.time += 1
        hidden = torch.relu(nn.functional.linear(torch.relu(skips), *self.points[-2]))
        out = nn.functional.linear(hidden, *self.points[-1])
        return self.samples @ self.linear + out[:, 0], bounded(out[:, 1])


def _taps(layer: nn.Conv1d) -> tuple[Tensor, Tensor]:
    """Return (weight [M, taps * K], bias [M]) of a convolution, for inputs that hold the earliest tap first."""
    assert layer.bias is not None
    return layer.weight.transpose(1, 2).flatten(1).contiguous(), layer.bias


def export(net: Any, architecture: str) -> tuple[Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a flow: 16-bit weights, each array with an exponent of two."""
    arrays: Arrays = {}
    for name, weight in net.state_dict().items():
        largest = float(weight.abs().max().clamp_min(1e-6))
        exponent = int(np.floor(np.log2(_WEIGHT_MAX / largest)))
        arrays[name] = np.rint(weight.double().numpy() * 2.0**exponent).astype(np.int16)
        arrays[f"{name}.exponent"] = np.array([exponent], np.int32)
    return arrays, {"architecture": architecture, "version": 1, "config": net.config}


def load(model: zoo.Model, architecture: str, build: Callable[..., Flow]) -> Flow:
    """Return the flow of a model.

    Args:
        model: its weights.
        architecture: what they have to be.
        build: makes the flow of a configuration.

    Raises:
        ModelError: the model is of another architecture or shape.
    """
    if model.meta.get("architecture") != architecture or model.meta.get("version") != 1:
        raise ModelError(f"model '{model.id}' is not of architecture {architecture}, version 1")
    net = build(**model.meta.get("config", {}))
    try:
        scaled = {
            name: torch.from_numpy(model.arrays[name] * 2.0 ** -float(model.arrays[f"{name}.exponent"][0])).float()
            for name in net.state_dict()
        }
        net.load_state_dict(scaled)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"model '{model.id}' does not fit its description: {error}") from error
    return net.eval()
