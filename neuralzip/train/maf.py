"""Training of the masked autoregressive flow over blocks of audio, by maximum likelihood.

B batch, T time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.nets import maf
from neuralzip.nets.maf import BLOCK, Maf
from neuralzip.train.options import dev_option, options, run_task
from neuralzip.train.recordings import Recordings, dev_blocks

_DEV_BLOCKS = 24
BATCH = 4, "Blocks of a step."


class MafTask:
    """The flow, trained on random blocks.

    Args:
        data: folder of recordings.
        dev: folder whose subfolders are development parts; None for none.
        batch: B.
        seed: of the choice of blocks.
        size: T.
        architecture: arguments of `Maf`.
    """

    id = "audio-maf"
    unit = "sample"

    def __init__(
        self,
        data: Path,
        dev: Path | None = None,
        *,
        batch: int = 4,
        seed: int = 0,
        size: int = BLOCK,
        architecture: Mapping[str, int] | None = None,
    ) -> None:
        self.batch, self.rng = batch, np.random.default_rng(seed)
        self.architecture = dict(architecture or {"channels": 32, "layers": 9, "flows": 2})
        self.settings: Mapping[str, Any] = {"batch": batch, "size": size, "seed": seed, **self.architecture}
        self.recordings = Recordings(data, size)
        self.dev = dev_blocks(dev, size, _DEV_BLOCKS) if dev else {}

    def build(self) -> nn.Module:
        """Return a fresh net."""
        return Maf(**self.architecture)

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (mean nats a sample, samples)."""
        blocks = self.recordings.draw(self.rng, self.batch)
        with torch.autocast("cpu", enabled=False):
            return maf.bits(cast(Maf, net), blocks).mean() * float(np.log(2)), blocks.numel()

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a sample, mean over the blocks of each development part."""
        return {name: float(maf.bits(cast(Maf, net), blocks).mean()) for name, blocks in self.dev.items()}

    def after_step(self, net: nn.Module) -> None:
        """Nothing to restore."""

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        return maf.export(cast(Maf, net))

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD


_CARD = """\
Masked autoregressive flow over blocks of 4096 audio samples, each divided by its root mean square: affine steps
whose shifts and scales come from dilated causal convolutions over the samples before. A density: bits a sample of
16-bit audio, noise of half a step either way included. Teacher of audio-iaf; samples come one by one.

Data: blocks of recordings (music, speech, other sounds; never lossy), CC0, CC BY, CC BY-SA and GPL.
"""


@click.command()
@options(15.0, 3e-3, BATCH)
@dev_option
def command(data: Path, dev: Path | None, batch: int, seed: int, **chosen: Any) -> None:
    """Train the masked autoregressive flow on the .flac and .wav files below DATA."""
    run_task(MafTask(data, dev, batch=batch, seed=seed), **chosen)
