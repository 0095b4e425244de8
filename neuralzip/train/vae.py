"""Training of the latent-variable model for pictures on random tiles: the negative evidence lower bound.

N tiles, H rows, W columns; planes in the order G, R, B.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.nets import lattice, tiles, vae
from neuralzip.nets.lattice import IntArray
from neuralzip.nets.pixel_sight import Planes
from neuralzip.train import checkpoints
from neuralzip.train.idf import CROPS, LEVEL_CHANCES, SIDE, TOP_SAMPLE_BITS, IdfTask, begin_task, options, train
from neuralzip.train.options import run_folder

_WARM_UPS = (0.3, 300, 1500), (0.1, 1500, 3500)
"""For each level the divergence's weight, the step until which it stays so, and the one at which it has risen to
one: latents are learnt before they have to pay, those of the second level after those of the first."""
_RESUMED = 1500
"""Steps that a resumed run counts as taken."""
_START_BATCHES = 8
_AT_ONCE = 4096


class VaeTask(IdfTask):
    """The latent-variable model; arguments as for `IdfTask`.

    Attributes:
        steps: taken so far.
    """

    id = "image-vae"

    def __init__(self, data: Path, dev: Path | None = None, **chosen: Any) -> None:
        default = {"widths": (160, 224, 192), "components": 3}
        architecture: Mapping[str, Any] = chosen.pop("architecture", None) or default
        super().__init__(data, dev, architecture=architecture, **chosen)
        self.steps = 0

    def build(self) -> nn.Module:
        """Return a fresh net whose latents are principal components of some tiles."""
        net = vae.Vae(**self.architecture)
        batches = [self._tiles() for _ in range(_START_BATCHES)]
        net.start_with(torch.cat([vae.leftover(view, samples) for view, samples in batches]))
        return net

    def _tiles(self) -> tuple[tiles.View, Tensor]:
        """Return (view, samples [N, PLANES, PIXELS]) of random whole tiles of random crops."""
        views, samples = [], []
        for _ in range(CROPS):
            level = int(self.rng.choice(len(LEVEL_CHANCES), p=LEVEL_CHANCES))
            planes = self._crop(SIDE << level)
            ys, xs = tiles.tiles_of(planes.shape[1], planes.shape[2], level)
            rows, columns, inside = tiles.pixels_of(ys, xs, level, planes.shape[1:])
            chosen = self.rng.choice(np.flatnonzero(inside.all(1)), self.batch // CROPS)
            views.append(tiles.look(planes, ys[chosen], xs[chosen], level))
            samples.append(planes[:, rows[chosen], columns[chosen]].transpose(1, 0, 2))
        view = tiles.View(*(np.concatenate(parts) for parts in zip(*views, strict=True)))
        return view, torch.from_numpy(np.concatenate(samples)).float()

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (mean nats a sub-pixel, sub-pixels)."""
        assert isinstance(net, vae.Vae)
        self.steps += 1
        with torch.autocast("cpu", enabled=False):
            view, samples = self._tiles()
            weights = torch.tensor([1.0, *(risen(self.steps, *plan) for plan in _WARM_UPS)])
            total = weights @ net.bits(view, samples).mean(1)
        return total / tiles.SAMPLES * float(np.log(2)), samples.numel()

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a sub-pixel, mean over the pictures of each development part."""
        return {
            name: float(np.mean([picture_bits(net, planes).sum() / planes.size for planes in pictures]))
            for name, pictures in self._dev_pictures.items()
        }

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        assert isinstance(net, vae.Vae)
        return vae.export(net)

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD


def risen(steps: int, least: float, first: int, last: int) -> float:
    """Return a weight that stays at `least` until step `first` and has risen to one at step `last`."""
    return least + (1 - least) * min(1.0, max(0.0, (steps - first) / (last - first)))


@torch.no_grad()
def picture_bits(net: nn.Module, planes: Planes) -> npt.NDArray[np.float64]:
    """Return bits of samples, of z1 and of z2, whose sum is the negative evidence lower bound of planes [3, H, W].

    Latents are drawn from a generator of its own. Tiles that reach over the picture's border count as if all of
    their pixels were inside.
    """
    size = planes.shape[1], planes.shape[2]
    levels = lattice.levels_of(*size)
    total = np.array([TOP_SAMPLE_BITS * planes[:, :: 1 << levels, :: 1 << levels].size, 0.0, 0.0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for level in range(levels):
            ys, xs = tiles.tiles_of(*size, level)
            for at in range(0, len(ys), _AT_ONCE):
                chosen = slice(at, at + _AT_ONCE)
                total += _tile_bits(cast(vae.Vae, net), planes, level, ys[chosen], xs[chosen])
    return total


def _tile_bits(net: vae.Vae, planes: Planes, level: int, ys: IntArray, xs: IntArray) -> npt.NDArray[np.float64]:
    """Return the three sums of bits of the tiles at (ys, xs)."""
    rows, columns, _ = tiles.pixels_of(ys, xs, level, planes.shape[1:])
    rows, columns = np.minimum(rows, planes.shape[1] - 1), np.minimum(columns, planes.shape[2] - 1)
    samples = torch.from_numpy(planes[:, rows, columns].transpose(1, 0, 2).copy()).float()
    return np.asarray(net.bits(tiles.look(planes, ys, xs, level), samples).double().sum(1).numpy())


_CARD = """\
Hierarchical latent-variable model of tiles of 4 x 4 pixels, given the pixels at even places, the same at every
level of the lattice: 16 latents under 8, posteriors by inverse-autoregressive flows over groups of four, a Markov
chain, so that Bit-Swap codes them. Integer throughout (7-bit weights, int8 activations).

Training makes next to no use of the second level: its divergence is 0.004 bits a sub-pixel.

Data: as for image-idf. Figures are negative evidence lower bounds.
"""


@click.command()
@options
def command(**chosen: Any) -> None:
    """Train the latent-variable model on the pictures in DATA."""
    task = begin_task(VaeTask, **chosen)
    run = run_folder(task.id, chosen["folder"])
    if chosen["start"] is not None or (run / checkpoints.CHECKPOINT_FILE).exists():
        task.steps = _RESUMED
    train(task, **chosen)
