"""Training of the integer discrete flow for pictures on samples of its parity groups.

N pixels of a group, H rows, W columns; planes in the order G, R, B.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, cast

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.nets import idf, lattice
from neuralzip.nets.pixel_sight import Planes
from neuralzip.train.image import gather_pool, read_planes
from neuralzip.train.options import dev_option, run_task
from neuralzip.train.options import options as shared

LEVEL_CHANCES = np.array([0.60, 0.20, 0.10, 0.06, 0.04])
CROPS = 8
SIDE = 48
"""Of a crop, in spacings of its level."""
_GREY_SHARE = 0.04
_DEV_PARTS = ("kodak", "photos")
TOP_SAMPLE_BITS = 8.0


class GroupModel(Protocol):
    """A module that codes parity groups."""

    taps: lattice.Taps

    def bits(self, group: int, view: idf.View, samples: Tensor) -> Tensor:
        """Return code lengths [N, PLANES] of samples [N, PLANES]."""
        ...


_CARD = """\
Integer discrete flow over parity lattices: for every group of pixels and plane an additive coupling and a prior of
three discretised logistics, computed from neighbours on all sides; shared by all levels. Integer throughout (7-bit
weights, int8 activations). One parallel pass for each group and plane, in both directions.

Data: pixels of lossless photographs (CID22, CC BY-SA; CLIC 2025 validation crops, Unsplash licence; free desktop
wallpapers, downscaled) and 8 % interface pictures, charts and sprites from free software packages; flipped and
transposed, 4 % turned grey.
"""


class IdfTask:
    """The integer discrete flow, trained on random pixels of random crops.

    Args:
        data: folder of pictures to train on.
        dev: folder with development parts; None for none.
        batch: pixels of each group in a step.
        seed: of the choice of pixels.
        dev_side: development pictures are cut to this side, from their middle.
        architecture: arguments of the net.

    Attributes:
        net: class of the net; other group models are trained by subclasses that say so here.
        defaults: its arguments where none are given.
        exporter: gives (integer arrays, description) of a trained net.
        description: the model card's own part.
    """

    id = "image-idf"
    unit = "sub-pixel"
    net: type[nn.Module] = idf.Idf
    defaults: Mapping[str, Any] = MappingProxyType({"widths": (128, 96, 48), "components": 3})
    exporter: Callable[..., tuple[idf.Arrays, dict[str, Any]]] = staticmethod(idf.export)
    description = _CARD

    def __init__(
        self,
        data: Path,
        dev: Path | None = None,
        *,
        batch: int = 1024,
        seed: int = 0,
        dev_side: int = 192,
        architecture: Mapping[str, Any] | None = None,
    ) -> None:
        self.batch, self.dev, self.dev_side = batch, dev, dev_side
        self.architecture = dict(architecture or self.defaults)
        self.settings: Mapping[str, Any] = {"batch": batch, "seed": seed, **self.architecture}
        self.pool = gather_pool(data, 64, 0.08)
        self.rng = np.random.default_rng((seed, int.from_bytes(np.random.default_rng().bytes(4))))

    def build(self) -> nn.Module:
        """Return a fresh net."""
        return self.net(**self.architecture)

    def _crop(self, most: int) -> Planes:
        """Return a flipped crop of at most this side."""
        planes = self.pool.pictures[self.rng.choice(len(self.pool.pictures), p=self.pool.chances)]
        side = np.minimum(planes.shape[1:], most)
        y, x = (int(self.rng.integers(size - cut + 1)) for size, cut in zip(planes.shape[1:], side, strict=True))
        planes = planes[:, y : y + side[0], x : x + side[1]]
        if self.rng.random() < 0.5:
            planes = planes.transpose(0, 2, 1)
        planes = planes[:, :: self.rng.choice((-1, 1)), :: self.rng.choice((-1, 1))]
        if self.rng.random() < _GREY_SHARE:
            planes = np.repeat(planes[:1], lattice.PLANES, axis=0)
        return np.ascontiguousarray(planes)

    def _sample(self, taps: lattice.Taps, group: int, planes: Planes, level: int) -> tuple[idf.View, Tensor]:
        """Return (view, samples [N, PLANES]) of random pixels of a group."""
        ys, xs = lattice.pixels_of(planes.shape[1], planes.shape[2], level, group)
        chosen = self.rng.integers(len(ys), size=self.batch // CROPS)
        ys, xs = ys[chosen], xs[chosen]
        samples = np.ascontiguousarray(planes[:, ys, xs].T)
        return idf.look(planes, ys, xs, level, taps[group]), torch.from_numpy(samples).float()

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (mean nats a sub-pixel, sub-pixels)."""
        model = cast(GroupModel, net)
        drawn = [int(self.rng.choice(len(LEVEL_CHANCES), p=LEVEL_CHANCES)) for _ in range(CROPS)]
        crops = [(self._crop(SIDE << level), level) for level in drawn]
        total = torch.zeros(())
        with torch.autocast("cpu", enabled=False):
            for group in lattice.GROUPS:
                parts = [self._sample(model.taps, group, *crop) for crop in crops]
                views, samples = zip(*parts, strict=True)
                view = idf.View(*(torch.cat(columns) for columns in zip(*views, strict=True)))
                total = total + model.bits(group, view, torch.cat(samples)).mean()
        count = len(lattice.GROUPS) * self.batch * lattice.PLANES
        return total / len(lattice.GROUPS) * float(np.log(2)), count

    @functools.cached_property
    def _dev_pictures(self) -> dict[str, list[Planes]]:
        parts: dict[str, list[Planes]] = {}
        for name in _DEV_PARTS if self.dev else ():
            for path in sorted((Path(self.dev or "") / name).glob("*.png")):
                planes = read_planes(path)
                top, left = (max(0, (size - self.dev_side) // 2) for size in planes.shape[1:])
                cut = planes[:, top : top + self.dev_side, left : left + self.dev_side]
                parts.setdefault(name, []).append(np.ascontiguousarray(cut))
        return parts

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a sub-pixel, mean over the pictures of each development part."""
        return {
            name: float(np.mean([self.picture_bits(net, planes) / planes.size for planes in pictures]))
            for name, pictures in self._dev_pictures.items()
        }

    def picture_bits(self, net: nn.Module, planes: Planes) -> float:
        """Return the ideal code length of planes [3, H, W] in bits."""
        return picture_bits(cast(GroupModel, net), planes)

    def after_step(self, net: nn.Module) -> None:
        """Nothing to restore: every layer quantises its own weights."""

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        return self.exporter(net)

    def card(self) -> str:
        """Return the model card's own part."""
        return self.description


@torch.no_grad()
def picture_bits(net: GroupModel, planes: Planes) -> float:
    """Return the ideal code length of planes [3, H, W] in bits."""
    height, width = planes.shape[1:]
    levels = lattice.levels_of(height, width)
    total = TOP_SAMPLE_BITS * planes[:, :: 1 << levels, :: 1 << levels].size
    for level in range(levels):
        for group in lattice.GROUPS:
            ys, xs = lattice.pixels_of(height, width, level, group)
            if len(ys):
                samples = torch.from_numpy(np.ascontiguousarray(planes[:, ys, xs].T)).float()
                view = idf.look(planes, ys, xs, level, net.taps[group])
                total += float(net.bits(group, view, samples).sum())
    return total


Task = TypeVar("Task", bound=IdfTask)


def options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of training on parity groups."""
    return shared(10.0, 3e-3, (1024, "Pixels of each group in a step."))(dev_option(function))


def begin_task(task_class: type[Task], data: Path, dev: Path | None, batch: int, seed: int, **rest: Any) -> Task:
    """Return a new task as its command's options say."""
    return task_class(data, dev, batch=batch, seed=seed)


def train(task: IdfTask, folder: Path | None, **chosen: Any) -> None:
    """Train a task and export it as its command's options say."""
    plan = {name: chosen[name] for name in ("minutes", "decay", "rate", "start", "models")}
    run_task(task, folder=folder, weight_decay=1e-4, **plan)


@click.command()
@options
def command(**chosen: Any) -> None:
    """Train the integer discrete flow on the pictures in DATA."""
    train(begin_task(IdfTask, **chosen), **chosen)
