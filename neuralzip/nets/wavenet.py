"""WaveNet over the experts' view of a recording: the float module for training, quantised in the loop.

Van den Oord et al., "WaveNet: a generative model for raw audio" (2016, arXiv:1609.03499): causal dilated layers
with gated activations, residual and skip connections; the mixture of discretised logistics is that of Salimans et
al., "PixelCNN++" (2017, arXiv:1701.05517). It departs from both in its input, which is not the sound but what
adaptive experts make of it (`nets.wavenet_view`), and its output, which lies around their blend in units of their
mean error: a net of fixed weights cannot learn a recording's filter, but it can say which expert to trust and how
far.

    stream = enter(view)
    for dilation 1, 2, 4, ...:  a, b = gate([stream(t), stream(t - dilation)]);  z = tanh(a) * sigmoid(b)
                                stream = stream + residual(z)
    out = head(relu(skip(all z)))

tanh and sigmoid are pairs of parabolas, as in `nets.char_rnn_ops`. Its integer twin is `nets.wavenet_exact`.

B batch, T time, F inputs, C channels, L layers, S skip channels, K mixture components. Activations are int8 with
ACT_BITS fractional bits, gated ones with GATED_BITS, mixture parameters int16 with OUT_BITS.
"""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.nets.char_rnn_ops import multiply
from neuralzip.nets.quantise import QuantLinear, quantise
from neuralzip.nets.wavenet_ops import ACT_BITS, GATED_BITS, gated, settled
from neuralzip.nets.wavenet_view import INPUTS

Arrays = dict[str, npt.NDArray[np.integer[Any]]]

INPUT_BITS = 5
OUT_BITS = 8
SPREAD_LIMIT = 6
"""Log2 of a component's width over the running scale is clamped to plus and minus this."""
FLOOR = 2.0**-24
"""Every sample keeps at least this probability in training, whatever the net says."""
WEIGHT_LIMIT = 1.9


class Layer(nn.Module):
    """One gated layer over the stream [B, T, C].

    Args:
        channels: C.
        dilation: how far back its second tap lies.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.gate = QuantLinear(2 * channels, 2 * channels, ACT_BITS)
        self.residual = QuantLinear(channels, channels, GATED_BITS)
        nn.init.normal_(self.gate.weight, std=(2 * channels) ** -0.5)
        nn.init.normal_(self.residual.weight, std=0.5 * channels**-0.5)

    def forward(self, stream: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next stream and the gated activations, both [B, T, C]; before the start all is zero."""
        back = nn.functional.pad(stream, (0, 0, self.dilation, 0))[:, : stream.shape[1]]
        z = gated(multiply(torch.cat([stream, back], -1), self.gate), self.gate.bias)
        return settled(stream, multiply(z, self.residual), self.residual.bias), z


class WaveNet(nn.Module):
    """Mixture parameters of each sample from the views of `wavenet_view`.

    Args:
        channels: C.
        layers: L; dilations are 1, 2, 4, ...
        skip: S.
        components: K.
    """

    def __init__(self, channels: int = 32, layers: int = 6, skip: int = 32, components: int = 4) -> None:
        super().__init__()
        self.config = {"channels": channels, "layers": layers, "skip": skip, "components": components}
        self.enter = QuantLinear(INPUTS, channels, INPUT_BITS)
        self.layers = nn.ModuleList(Layer(channels, 1 << i) for i in range(layers))
        self.skip = QuantLinear(layers * channels, skip, GATED_BITS)
        self.head = QuantLinear(skip, 3 * components, ACT_BITS)
        nn.init.normal_(self.enter.weight, std=0.5 * INPUTS**-0.5)
        nn.init.normal_(self.skip.weight, std=(layers * channels) ** -0.5)
        nn.init.normal_(self.head.weight, std=0.02)
        with torch.no_grad():
            self.skip.bias.fill_(0.5)
            bias = self.head.bias.zero_().view(3, components)
            bias[2] = torch.linspace(-2.0, 0.5, components)

    def forward(self, views: Tensor) -> Tensor:
        """Return parameters [B, T, 3, K]: log2 weights, means and log2 widths, in running scales.

        Args:
            views: [B, T, F] int8.
        """
        entered = multiply(views.to(torch.bfloat16) * 2.0**-INPUT_BITS, self.enter)
        stream = settled(torch.zeros_like(entered), entered, self.enter.bias)
        all_gated = []
        for layer in self.layers:
            stream, z = layer(stream)
            all_gated.append(z)
        skipped = multiply(torch.cat(all_gated, -1), self.skip)
        hidden = settled(torch.zeros_like(skipped), skipped, self.skip.bias, low=0)
        with torch.autocast("cpu", enabled=False):
            out = quantise(self.head(hidden.float()), OUT_BITS, -(2**15), 2**15 - 1)
        return out.view(*out.shape[:-1], 3, -1)

    @torch.no_grad()
    def clamp_weights(self) -> None:
        """Keep every weight where its row exponent is at least ACT_BITS, so that shifts only go right."""
        for module in self.modules():
            if isinstance(module, QuantLinear):
                module.weight.clamp_(-WEIGHT_LIMIT, WEIGHT_LIMIT)


def bits(parameters: Tensor, place: Tensor, half: Tensor) -> Tensor:
    """Return the ideal code length of samples in bits, [B, T].

    Args:
        parameters: as `WaveNet` returns them.
        place: [B, T] samples less the blend, in running scales.
        half: [B, T] half a sample unit, in running scales.
    """
    weight = torch.softmax(parameters[..., 0, :] * 0.6931472, -1)
    inverse = torch.exp2(-parameters[..., 2, :].clamp(-SPREAD_LIMIT, SPREAD_LIMIT))
    centre = (place[..., None] - parameters[..., 1, :]) * inverse
    reach = half[..., None] * inverse
    # Mirrored so that both sigmoids are small where their difference matters.
    far = -centre.abs()
    mass = torch.sigmoid(far + reach) - torch.sigmoid(far - reach)
    return -torch.log2((weight * mass).sum(-1) * (1 - FLOOR) + FLOOR)


def export(net: WaveNet) -> tuple[Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    named: dict[str, QuantLinear] = {"enter": net.enter, "skip": net.skip, "head": net.head}
    for i, layer in enumerate(net.layers):
        named |= {f"layers.{i}.{part}": cast(QuantLinear, getattr(layer, part)) for part in ("gate", "residual")}
    arrays: Arrays = {}
    for name, linear in named.items():
        for part, tensor in zip(("weight", "bias", "unit"), linear.export(), strict=True):
            arrays[f"{name}.{part}"] = tensor.numpy()
    return arrays, {"architecture": "wavenet", "version": 1, "config": net.config}
