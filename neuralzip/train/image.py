"""Training of the image models on crops of lossless pictures.

B batch, S side of a crop, H rows, W columns, F inputs; planes in the order G, R, B.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from neuralzip.errors import UsageError
from neuralzip.nets import pixel_front, pixelcnn, pixelsnail
from neuralzip.nets.pixel_sight import Planes, Sight, look
from neuralzip.train import checkpoints
from neuralzip.train.options import dev_option, device_option, options, run_task

ENDINGS = (".png", ".webp", ".ppm", ".bmp")
MODELS = {"pixelcnn": pixelcnn.PixelCNN, "pixelsnail": pixelsnail.PixelSnail}
_MARGIN = 12
_SKIPPED = 2
"""Pixels at a crop's border whose loss does not count: their taps see zeros that no picture has there."""


def read_planes(path: Path) -> Planes:
    """Return the planes [3, H, W] of a picture file, as G, R, B."""
    with Image.open(path) as picture:
        # By way of RGBA, since palettes with transparency make a direct conversion warn.
        pixels = np.asarray(picture.convert("RGBA").convert("RGB"))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[[1, 0, 2]])


@dataclass(frozen=True, slots=True)
class Pool:
    """Pictures to cut crops from.

    Attributes:
        pictures: planes [3, H, W] of each.
        chances: probability of each.
    """

    pictures: list[Planes]
    chances: npt.NDArray[np.float64]

    def crop(self, rng: np.random.Generator, side: int) -> tuple[Planes, int, int]:
        """Return (flipped and turned planes of a crop with margins, row and column where the crop begins)."""
        planes = self.pictures[rng.choice(len(self.pictures), p=self.chances)]
        if rng.random() < 0.5:
            planes = planes.transpose(0, 2, 1)
        planes = planes[:, :: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
        y, x = rng.integers(planes.shape[1] - side + 1), rng.integers(planes.shape[2] - side + 1)
        top, left = max(0, y - _MARGIN), max(0, x - _MARGIN)
        window = planes[:, top : y + side, left : x + side + _MARGIN]
        if rng.random() < 0.05:
            window = np.repeat(window[:1], 3, axis=0)
        return np.ascontiguousarray(window), y - top, x - left


def gather_pool(folder: Path, side: int, synthetic_share: float) -> Pool:
    """Read the pictures of a folder; those in its subfolder "synthetic" get a share of their own.

    Raises:
        UsageError: there is no picture as large as a crop.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in ENDINGS]
    pictures = {path: read_planes(path) for path in paths}
    kept = {path: planes for path, planes in pictures.items() if min(planes.shape[1:]) >= side}
    if not kept:
        raise UsageError(f"{folder} holds no picture of at least {side} pixels each way")
    made = np.array([path.parent.name == "synthetic" for path in kept])
    # Large pictures count more, but less than by their area.
    size = np.sqrt([planes[0].size for planes in kept.values()])
    drawn, real = size * made, size * ~made
    share = 0.0 if not made.any() else 1.0 if made.all() else synthetic_share
    chances = real / max(real.sum(), 1) * (1 - share) + drawn / max(drawn.sum(), 1) * share
    return Pool(list(kept.values()), chances)


class ImageTask:
    """The net of an image model, trained on crops.

    Args:
        data: folder of pictures to train on.
        dev: folder whose subfolders are development parts; None for none.
        side: S, crop side.
        batch: B.
        seed: of the crops; a resumed run should take another one, or it sees the same crops again.
        dev_side: development pictures are cut to this side, from their middle.
        architecture: arguments of the net.
        model: one of MODELS.
    """

    id = "image-fast"
    unit = "sub-pixel"

    def __init__(
        self,
        data: Path,
        dev: Path | None = None,
        *,
        side: int = 48,
        batch: int = 12,
        seed: int = 0,
        dev_side: int = 192,
        architecture: Mapping[str, int] | None = None,
        model: str = "pixelcnn",
    ) -> None:
        self.side, self.batch, self.dev_side, self.model = side, batch, dev_side, model
        self.architecture = dict(architecture or {"channels": 96, "blocks": 4, "hidden": 96, "components": 5})
        self.settings: Mapping[str, Any] = {
            "side": side, "batch": batch, "seed": seed, "synthetic_share": 0.08, "model": model,
            **self.architecture,
        }  # fmt: skip
        self.dev = dev
        self.smaller: tuple[int, int, Path] | None = None
        """Channels, blocks and weights of a net to grow from."""
        self.pool = gather_pool(data, side, self.settings["synthetic_share"])
        self.tables = pixel_front.make_tables()
        self.rng = np.random.default_rng(seed)

    def build(self) -> nn.Module:
        """Return a fresh net, or one grown from a trained smaller one."""
        net = MODELS[self.model](**self.architecture)
        if self.smaller is not None:
            channels, blocks, path = self.smaller
            small = MODELS[self.model](**self.architecture | {"channels": channels, "blocks": blocks})
            checkpoints.load(path, small)
            pixelcnn.grow(small, net)
        return net

    def next_batch(self) -> Sight:
        """Return B crops, [B, S, S, ...]."""
        crops = []
        for _ in range(self.batch):
            planes, y, x = self.pool.crop(self.rng, self.side)
            sight = look(planes, self.tables)
            crops.append([part[y : y + self.side, x : x + self.side] for part in sight])
        inputs, base, scale, samples = (np.stack(parts) for parts in zip(*crops, strict=True))
        return Sight(inputs, base, scale, samples)

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (mean nats a sub-pixel, sub-pixels)."""
        bits, scale = _bits(net, self.next_batch(), device)
        inner = (slice(None), slice(_SKIPPED, None), slice(_SKIPPED, -_SKIPPED))
        count = int((scale[inner] >= 0).sum())
        return bits[inner].sum() / count * float(np.log(2)), count

    @functools.cached_property
    def _dev_parts(self) -> dict[str, list[Sight]]:
        parts: dict[str, list[Sight]] = {}
        for path in sorted(self.dev.rglob("*.png")) if self.dev else []:
            planes = read_planes(path)
            top, left = (max(0, (size - self.dev_side) // 2) for size in planes.shape[1:])
            cut = np.ascontiguousarray(planes[:, top : top + self.dev_side, left : left + self.dev_side])
            parts.setdefault(path.parent.name, []).append(look(cut, self.tables))
        return parts

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a sub-pixel, mean over the pictures of each development part."""
        figures = {}
        for name, sights in self._dev_parts.items():
            rates = []
            for sight in sights:
                bits, scale = _bits(net, sight.alone(), device)
                rates.append(float(bits.sum() / (scale >= 0).sum()))
            figures[name] = float(np.mean(rates))
        return figures

    def after_step(self, net: nn.Module) -> None:
        """Nothing to restore: every layer quantises its own weights."""

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        if isinstance(net, pixelsnail.PixelSnail):
            return pixelsnail.export(net, self.tables)
        assert isinstance(net, pixelcnn.PixelCNN)
        return pixelcnn.export(net, self.tables)

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD if self.model == "pixelcnn" else "With a block of attention (PixelSNAIL).\n\n" + _CARD


def _bits(net: nn.Module, sight: Sight, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (bits [B, H, W, 3], scale indices of the same shape)."""
    assert isinstance(net, pixelcnn.PixelCNN)
    inputs, base, scale, samples = (torch.from_numpy(part).to(device) for part in sight)
    return net.bits(net(inputs), base, scale, samples), scale


_CARD = """\
Wavefront PixelCNN over staggered G, R, B planes, fed with scale-free differences to a blend of adaptive
predictions; five discretised logistics a sub-pixel. Integer throughout (7-bit weights, int8 activations).

Data: crops of lossless photographs (CID22, CC BY-SA; CLIC 2025 validation crops, Unsplash licence; free desktop
wallpapers, downscaled) and 8 % interface pictures, charts and sprites from free software packages; flipped and
transposed, 5 % turned grey. Meant for natural pictures; graphics code better with the default model's contexts.
"""


@click.command()
@options(60.0, 2e-3, (12, "Crops of a step."))
@dev_option
@device_option
@click.option("--model", type=click.Choice(sorted(MODELS)), default="pixelcnn", show_default=True)
@click.option("--name", default=ImageTask.id, show_default=True, help="Model id to write.")
@click.option("--channels", type=int, default=96, show_default=True, help="Channels of the net.")
@click.option("--blocks", type=int, default=4, show_default=True, help="Residual blocks of the net.")
@click.option(
    "--grow",
    "smaller",
    type=(int, int, click.Path(exists=True, path_type=Path)),
    help="Channels, blocks and weights of a smaller net to grow from.",
)
@click.option("--side", type=int, default=48, show_default=True, help="Side of a crop.")
def command(
    data: Path, dev: Path | None, batch: int, seed: int, model: str, name: str, channels: int, blocks: int,
    side: int, smaller: tuple[int, int, Path] | None, **chosen: Any,
) -> None:  # fmt: skip
    """Train the wavefront PixelCNN, with or without attention, on the pictures in DATA."""
    architecture = {"channels": channels, "blocks": blocks, "hidden": 96, "components": 5}
    task = ImageTask(data, dev, side=side, batch=batch, seed=seed, architecture=architecture, model=model)
    task.id, task.smaller = name, smaller
    run_task(task, **chosen)
