"""Training of the multiscale PixelCNN for pictures, on all groups of random crops.

N samples of a plane's group; planes in the order G, R, B.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, cast

import click
import numpy as np
import torch
from torch import Tensor, nn

from neuralzip.codecs.idf import top_of
from neuralzip.codecs.parallel import TOP_SIDE
from neuralzip.nets import parallel_pixelcnn
from neuralzip.nets.lattice import levels_of
from neuralzip.nets.parallel_pixelcnn import ParallelPixelCnn
from neuralzip.nets.pixel_sight import Planes
from neuralzip.train import interpolation
from neuralzip.train.idf import TOP_SAMPLE_BITS, IdfTask, begin_task, options, train
from neuralzip.train.interpolation import Crop, Seen, walk

_ABOVE_CHANCES = (0.62, 0.22, 0.10, 0.06)
_SIDE, _FITTED_SIDE = 72, 96
_FITTED_SHARE = 0.15
"""Crops to fit the filters to, for each sample of a batch; 600 for batches of 4096."""
_CARD = """\
Multiscale PixelCNN: plane after plane, parity groups of samples, each computed at once: fitted interpolation
filters over neighbours on all sides, and nets that give five discretised logistics a sub-pixel; shared by all
scales. Integer throughout (7-bit weights, int8 activations).

Data: as for image-idf.
"""


class ParallelTask(IdfTask):
    """The multiscale PixelCNN; arguments as for `IdfTask`."""

    id = "image-parallel"
    net = ParallelPixelCnn
    defaults = MappingProxyType({"widths": (128, 64), "components": 5})
    exporter = staticmethod(parallel_pixelcnn.export)
    description = _CARD

    def _thinned(self, side: int) -> Crop:
        """Return a flipped crop of at most this side, of a picture of which every 2**above-th pixel is kept."""
        above = int(self.rng.choice(len(_ABOVE_CHANCES), p=_ABOVE_CHANCES))
        planes = self._crop(side << above)
        above = min(above, levels_of(planes.shape[1], planes.shape[2], TOP_SIDE) - 1)
        return Crop(np.ascontiguousarray(planes[:, :: 1 << above, :: 1 << above]), above)

    def prepare(self, net: ParallelPixelCnn) -> None:
        """Fit a fresh net's filters."""
        if not net.tables.filters.any():
            count = 1 + int(_FITTED_SHARE * self.batch)
            fitted = interpolation.fit([self._thinned(_FITTED_SIDE) for _ in range(count)])
            for name, table in fitted._asdict().items():
                getattr(net, name).copy_(torch.from_numpy(table))

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (mean nats a sub-pixel, sub-pixels)."""
        model = cast(ParallelPixelCnn, net)
        self.prepare(model)
        crops = [self._thinned(_SIDE) for _ in range(max(1, 4 * self.batch // _SIDE**2))]
        seen = [group for crop in crops for group in walk(model.tables, crop)]
        with torch.autocast("cpu", enabled=False):
            total = sum((part.sum() for part in code_lengths(model, seen)), torch.zeros(()))
        count = sum(len(group.samples) for group in seen)
        return total / count * float(np.log(2)), count

    def picture_bits(self, net: nn.Module, planes: Planes) -> float:
        """Return the ideal code length of planes [3, H, W] in bits."""
        return picture_bits(cast(ParallelPixelCnn, net), planes)


def code_lengths(net: ParallelPixelCnn, seen: Sequence[Seen]) -> list[Tensor]:
    """Return the bits of all samples of each plane's group, those of several crops and levels at once."""
    bits = []
    for plane, group in sorted({(part.plane, part.group) for part in seen}):
        mine = [part for part in seen if (part.plane, part.group) == (plane, group)]
        view = type(mine[0].view)(*(np.concatenate(parts) for parts in zip(*(m.view for m in mine), strict=True)))
        bits.append(net.bits(plane, group, view, np.concatenate([m.samples for m in mine])))
    return bits


@torch.no_grad()
def picture_bits(net: ParallelPixelCnn, planes: Planes) -> float:
    """Return the ideal code length of planes [3, H, W] in bits."""
    top = len(planes) * len(top_of(planes.shape[1], planes.shape[2], TOP_SIDE)[0])
    coded = sum(
        float(net.bits(seen.plane, seen.group, seen.view, seen.samples).double().sum())
        for seen in walk(net.tables, Crop(planes, 0))
    )
    return TOP_SAMPLE_BITS * top + coded


@click.command()
@options
def command(**chosen: Any) -> None:
    """Train the multiscale PixelCNN on the pictures in DATA."""
    train(begin_task(ParallelTask, **chosen), **chosen)
