"""PixelSNAIL: the wavefront PixelCNN with a block of attention over what was decoded nearby.

X. Chen, N. Mishra, M. Rohaninejad, P. Abbeel, "PixelSNAIL: an improved autoregressive generative model" (2018,
arXiv 1712.09763): causal convolutions bring in what is near, self-attention what is like the place at hand. It
departs from the paper in that attention looks at a bounded window, so that memory and steps are those of the
wavefront, and in one block of it, after the convolutions. Its integer twin is `nets.pixelsnail_exact`.

B batch, C channels, H rows, W columns, D width of queries and keys, V width of values, P places of the window.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neuralzip.nets import pixel_front
from neuralzip.nets.pixelcnn import ACT_BITS, Arrays, PixelCNN, PointLinear, grid
from neuralzip.nets.pixelcnn import export as export_convolutions
from neuralzip.nets.quantise import quantise

ARCHITECTURE = "pixelsnail"
REACH_UP, REACH_BESIDE = 3, 4
PLACES = tuple(
    sorted(
        (
            (dx, dy)
            for dy in range(-REACH_UP, 1)
            for dx in range(-REACH_BESIDE, REACH_BESIDE + 1)
            if dx + 2 * dy < 0
        ),
        key=lambda place: (place[0] ** 2 + place[1] ** 2, place),
    )[:24]
)
"""(dx, dy) of the window: the nearest that earlier steps of the wavefront, x + 2 y, have computed."""
SCORE_BITS = 2 * ACT_BITS
"""Scores are products of int8 queries and keys, in 2**-SCORE_BITS nats."""
NEAREST = 1 << 20
"""Bound of what a place of the window adds to its score, in units of SCORE_BITS."""
WEIGHT_BITS = 8
"""Attention weights are whole 2**-WEIGHT_BITS, each at least one of them."""


class Attention(nn.Module):
    """What similar places nearby hold, added to the stream.

    Args:
        channels: C.
        keys: D.
        values: V.
    """

    def __init__(self, channels: int, keys: int = 16, values: int = 32) -> None:
        super().__init__()
        self.query = PointLinear(channels, keys, ACT_BITS)
        self.key = PointLinear(channels, keys, ACT_BITS)
        self.value = PointLinear(channels, values, ACT_BITS)
        self.point = PointLinear(values, channels, ACT_BITS)
        self.nearness = nn.Parameter(torch.zeros(len(PLACES)))
        nn.init.normal_(self.point.weight, std=0.1 * values**-0.5)

    def whole_nearness(self) -> Tensor:
        """Return what each place of the window adds to its score [P], in nats."""
        return quantise(self.nearness, SCORE_BITS, -NEAREST, NEAREST)

    def forward(self, stream: Tensor) -> Tensor:
        """Map the int8 stream [B, C, H, W] to the next."""
        seen = torch.relu(stream)
        query, keys, values = (
            grid(self.query(seen)),
            windows(grid(self.key(seen))),
            windows(grid(self.value(seen))),
        )
        scores = (query[:, :, None] * keys).sum(1) + self.whole_nearness()[:, None, None]
        least = 2.0**-WEIGHT_BITS
        weights = torch.softmax(scores.float(), 1) * (1 - len(PLACES) * least) + least
        return grid(stream + self.point(grid((values * weights[:, None]).sum(2))))


def windows(x: Tensor) -> Tensor:
    """Return what the places of the window around each place hold, [B, N, P, H, W] of [B, N, H, W]; 0 outside."""
    height, width = x.shape[2:]
    padded = nn.functional.pad(x, (REACH_BESIDE, REACH_BESIDE, REACH_UP, 0))
    cuts = [
        padded[:, :, REACH_UP + dy : REACH_UP + dy + height, REACH_BESIDE + dx : REACH_BESIDE + dx + width]
        for dx, dy in PLACES
    ]
    return torch.stack(cuts, 2)


class PixelSnail(PixelCNN):
    """The net; arguments as for `PixelCNN`."""

    def __init__(self, channels: int = 96, blocks: int = 4, hidden: int = 96, components: int = 5) -> None:
        super().__init__(channels, blocks, hidden, components)
        self.attention = Attention(channels)

    def read(self, stream: Tensor) -> Tensor:
        """Return the last stream, in which places have looked at those like them."""
        out: Tensor = self.attention(stream)
        return out


def export(net: PixelSnail, tables: pixel_front.Tables) -> tuple[Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net and the tables it was trained with."""
    arrays, meta = export_convolutions(net, tables)
    nearness = net.attention.whole_nearness().detach() * 2**SCORE_BITS
    arrays["attention.nearness"] = nearness.numpy().astype(np.int32)
    return arrays, meta | {"architecture": ARCHITECTURE}
