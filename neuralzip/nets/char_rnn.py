"""A byte-level recurrent net whose time steps train in parallel: the float module, quantised in the loop.

Each layer is a gated linear recurrence (Martin & Cundy 2018, arXiv 1709.04057; Feng et al. 2024 "minGRU", arXiv
2410.01201): its gates depend on the layer's input only, so all matrix products run over whole sequences and only
an elementwise scan is left for the recurrence. Departures: the nonlinearities are quadratic
pieces (exact in a few integer operations, no table), the output is gated bilinearly, and the input embeds
hashes of the last two to four bytes and of the current word beside the byte itself (as Pagnoni et al. 2024, arXiv
2412.09871, section 3.2): capacity that costs no multiplication.

    x = [byte | hash2 | hash3 | hash4 | word]          embeddings side by side, H wide
    for each layer: u = rms(v); i, c, g = U u; h' = h + i (c - h); v = v + W (h' g)
    logits = V rms(v)

Fixed-point formats, shared with `char_rnn_int`:
    residual stream v  18 bits, 2**-8            activations u, y  int8, 2**-5
    gates i, c, g      2**-10 before, then i in 2**-15, c in 2**-22      state h  int32, 2**-22, in [-1, 1]

B batch, T time, H stream width, E state width, K kinds (learned initial states).
"""

from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.nets.char_rnn_int import ARCHITECTURE, INITIAL_BITS
from neuralzip.nets.char_rnn_ops import multiply, normalise, scan
from neuralzip.nets.char_rnn_step import LOGIT_BITS, STREAM_MAX
from neuralzip.nets.char_rnn_view import ACT_BITS, RMS_FLOOR, STREAM_BITS, SYMBOLS
from neuralzip.nets.quantise import QuantLinear, quantise

WEIGHT_LIMIT = 1.9
STEPS_PER_OCTAVE = 64
SCALE_BITS = 12
NEW_SCALE = 0.02
"""Scale of what a grown net's new channels and states add to the stream at first."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a net.

    Attributes:
        width: H, channels of the residual stream.
        state: E, channels of each layer's recurrent state.
        layers: recurrent layers.
        hash_rows: log2 of the rows of the four hashed embeddings (two, three, four bytes, word).
        hash_dims: channels that each hashed embedding fills; the byte's own embedding fills the rest of H.
        kinds: number of learned initial states.
    """

    width: int
    state: int
    layers: int
    hash_rows: tuple[int, int, int, int]
    hash_dims: int
    kinds: int

    def meta(self) -> dict[str, Any]:
        """Return the sizes as plain JSON values."""
        return {**asdict(self), "hash_rows": list(self.hash_rows)}


SHAPES = {
    "small": Shape(256, 384, 4, (14, 15, 15, 15), 48, 48),
    "base": Shape(384, 640, 4, (14, 15, 15, 15), 48, 48),
    "large": Shape(512, 1024, 5, (13, 15, 15, 14), 64, 48),
}


class Embeddings(nn.Module):
    """Row numbers [B, T, 5] -> int8-quantised channels [B, T, H] on the grid of 2**-ACT_BITS."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dims = [shape.width - 4 * shape.hash_dims] + [shape.hash_dims] * 4
        sizes = [SYMBOLS] + [1 << bits for bits in shape.hash_rows]
        self.tables = nn.ModuleList(nn.Embedding(n, d) for n, d in zip(sizes, dims, strict=True))
        for k, table in enumerate(self.tables):
            nn.init.normal_(cast(nn.Embedding, table).weight, std=1.0 if k == 0 else 0.02)

    def forward(self, rows: Tensor) -> Tensor:
        """Look up and quantise; [B, T, 5] int64 -> [B, T, H] float."""
        parts = [table(rows[..., k]) for k, table in enumerate(self.tables)]
        return quantise(torch.cat(parts, -1), ACT_BITS)


class Layer(nn.Module):
    """One gated linear recurrence on the residual stream [B, T, H] with state [B, E]."""

    def __init__(self, width: int, state: int, depth: int) -> None:
        super().__init__()
        self.gates = QuantLinear(width, 3 * state, ACT_BITS)
        self.out = QuantLinear(state, width, ACT_BITS, bias=False)
        nn.init.normal_(self.gates.weight, std=width**-0.5)
        nn.init.normal_(self.out.weight, std=(2 * depth * state) ** -0.5)
        with torch.no_grad():
            self.gates.bias.zero_()
            self.gates.bias[:state] = torch.linspace(-3.4, 2.5, state)  # memories from one byte to hundreds
            self.gates.bias[2 * state :] = 0.5

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return the stream and the state after the last position."""
        y, last = scan(multiply(normalise(v), self.gates), self.gates.bias, h)
        return v + multiply(y, self.out), last


class CharRNN(nn.Module):
    """Row numbers [B, T, 5] and states [layers, B, E] -> logits [B, T, 256] in nats, and the next states."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = Embeddings(shape)
        self.layers = nn.ModuleList(Layer(shape.width, shape.state, shape.layers) for _ in range(shape.layers))
        self.head = QuantLinear(shape.width, SYMBOLS, ACT_BITS)
        nn.init.normal_(self.head.weight, std=0.5 * shape.width**-0.5)
        self.initial = nn.Parameter(torch.zeros(shape.kinds, shape.layers, shape.state))

    def start(self, kinds: Tensor) -> Tensor:
        """Return the learned initial states [layers, B, E] for kinds [B]."""
        return quantise(self.initial[kinds], 7).transpose(0, 1)

    def forward(self, rows: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the symbol after each position."""
        v = self.embed(rows)
        ends = []
        for layer, h in zip(self.layers, states, strict=True):
            v, last = layer(v, h)
            ends.append(last)
        return multiply(normalise(v), self.head) + self.head.bias, torch.stack(ends)

    @torch.no_grad()
    def clamp_weights(self) -> None:
        """Keep every weight where its row exponent is at least ACT_BITS, so that shifts only go right."""
        for module in self.modules():
            if isinstance(module, QuantLinear):
                module.weight.clamp_(-WEIGHT_LIMIT, WEIGHT_LIMIT)
        self.initial.clamp_(-1, 1)


def _channels(small: Shape, shape: Shape) -> Tensor:
    """Return where the stream channels of a smaller net lie in a larger one's; [small.width] int64."""
    own = torch.arange(small.width - 4 * small.hash_dims)
    hashes = torch.arange(4 * shape.hash_dims).view(4, -1)[:, : small.hash_dims].flatten()
    return torch.cat([own, shape.width - 4 * shape.hash_dims + hashes])


def _coarser(table: Tensor, rows: int) -> Tensor:
    """Return an embedding of fewer (or as many) rows: a hash's leading bits pick the mean of the rows it joins."""
    return table.view(rows, -1, table.shape[1]).mean(1)


@torch.no_grad()
def grow(small: CharRNN, net: CharRNN) -> None:
    """Let a fresh net start from a trained one of as many layers, nowhere wider ("Net2Net": Chen et al. 2016).

    The common channels and states take over the trained weights. What is new is added to the stream at a small
    scale, so that its root mean square, and with it every gate, stays about what it was.
    """
    at, rows = _channels(small.shape, net.shape), torch.arange(small.shape.state)
    gates = torch.cat([rows + k * net.shape.state for k in range(3)])
    scale = (small.shape.width / net.shape.width) ** 0.5
    for mine, theirs in zip(net.embed.tables, small.embed.tables, strict=True):
        weight = cast(nn.Embedding, mine).weight
        weight *= NEW_SCALE if weight.shape[0] == SYMBOLS else 1.0
        old = cast(nn.Embedding, theirs).weight
        weight[:, : old.shape[1]] = _coarser(old, len(weight))
    for layer, old_layer in zip(net.layers, small.layers, strict=True):
        mine, theirs = cast(Layer, layer), cast(Layer, old_layer)
        mine.gates.weight[gates[:, None], at] = theirs.gates.weight * scale
        mine.gates.bias[gates] = theirs.gates.bias
        mine.out.weight *= NEW_SCALE
        mine.out.weight[at[:, None], rows] = theirs.out.weight
    net.head.weight[:, at] = small.head.weight * scale
    net.head.bias.copy_(small.head.bias)
    net.initial[..., : small.shape.state] = small.initial


def norm_tables(width: int) -> dict[str, npt.NDArray[Any]]:
    """Return the tables that turn a sum of squares over `width` channels into a multiplier and a shift."""
    least = width * (RMS_FLOOR * 2.0**STREAM_BITS) ** 2
    octaves = int(np.ceil(np.log2(width * float(STREAM_MAX) ** 2 / least)))
    bounds = least * 2.0 ** (np.arange(octaves * STEPS_PER_OCTAVE + 1) / STEPS_PER_OCTAVE)
    middle = np.concatenate([[least], bounds * 2.0 ** (0.5 / STEPS_PER_OCTAVE)])
    ratio = 2.0**ACT_BITS / np.sqrt(middle / width)
    shift = SCALE_BITS - 1 - np.floor(np.log2(ratio)).astype(np.int32)
    return {
        "norm.bounds": np.ceil(bounds).astype(np.int64),
        "norm.scale": np.floor(ratio * 2.0**shift + 0.5).astype(np.int32),
        "norm.shift": shift,
    }


def export(net: CharRNN) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return (integer arrays, description) of a trained net, for `zoo.save`."""
    arrays = norm_tables(net.shape.width)
    grid = 1 << ACT_BITS
    for k, table in enumerate(net.embed.tables):
        rows = torch.floor(table.weight.detach().float() * grid + 0.5).clamp(-127, 127)  # type: ignore[operator]
        arrays[f"embed.{k}"] = rows.to(torch.int8).numpy()
    for k, layer in enumerate(net.layers):
        for name in ("gates", "out"):
            parts = zip(("weight", "bias", "unit"), getattr(layer, name).export(), strict=True)
            arrays |= {f"layers.{k}.{name}.{part}": value.numpy() for part, value in parts}
    arrays |= {
        f"head.{part}": x.numpy() for part, x in zip(("weight", "bias", "unit"), net.head.export(), strict=True)
    }
    initial = torch.floor(net.initial.detach().float() * 2.0**INITIAL_BITS + 0.5).clamp(-127, 127)
    arrays["initial"] = initial.to(torch.int8).numpy()
    return arrays, {"architecture": ARCHITECTURE, "shape": net.shape.meta(), "logit_bits": LOGIT_BITS}
