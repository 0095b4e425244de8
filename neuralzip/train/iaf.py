"""Training of the inverse autoregressive flow over audio: distillation of the masked one, by probability density.

A. van den Oord et al., "Parallel WaveNet" (2017, arXiv 1711.10433): the student's samples are judged by the
teacher's density; what is minimised is the divergence KL(student || teacher), plus the distance of the mean log
power spectrum to that of recordings, which keeps the student from whispering.

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

from neuralzip import zoo
from neuralzip.nets import iaf, maf
from neuralzip.nets.iaf import Iaf
from neuralzip.train.maf import BATCH, MafTask
from neuralzip.train.options import dev_option, options, run_task

_WINDOW, _HOP = 512, 128
_POWER_WEIGHT = 0.1
_POWER_BLOCKS = 8
_ENTROPY = 2.0
"""Of the standard logistic distribution, in nats."""
_DEV_SEED, _DEV_BLOCKS = 1, 8


def log_power(x: Tensor) -> Tensor:
    """Return the log of the mean power spectrum of normalised samples [B, T], [frequencies]."""
    window = torch.hann_window(_WINDOW)
    spectrum = torch.stft(x, _WINDOW, _HOP, window=window, return_complex=True)
    return torch.log(spectrum.abs().square().mean((0, 2)) + 1e-4)


class IafTask(MafTask):
    """The student.

    Args:
        data: folder of recordings, for their spectrum.
        dev: not used: the development figure is the divergence on noise of its own.
        teacher: the masked flow.
        chosen: as for `MafTask`.
    """

    id = "audio-iaf"

    def __init__(self, data: Path, dev: Path | None, teacher: zoo.Model, **chosen: Any) -> None:
        default = {"channels": 16, "layers": 8, "flows": 3}
        architecture: Mapping[str, int] = chosen.pop("architecture", None) or default
        super().__init__(data, None, architecture=architecture, **chosen)
        self.teacher = maf.load(teacher).requires_grad_(False)
        self.settings = {**self.settings, "teacher": teacher.identity.hex(), "power_weight": _POWER_WEIGHT}

    def build(self) -> nn.Module:
        """Return a fresh net."""
        return Iaf(**self.architecture)

    def divergence(self, net: Iaf, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return (KL(student || teacher) in nats a sample, the samples [B, T]) of base samples [B, T]."""
        x, log_scale = net(noise)
        return -_ENTROPY - log_scale.mean() - self.teacher.log_density(x).mean(), x

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (what is minimised, samples)."""
        real = self.recordings.draw(self.rng, _POWER_BLOCKS)
        with torch.autocast("cpu", enabled=False):
            divergence, x = self.divergence(cast(Iaf, net), maf.draw_logistic((self.batch, real.shape[1])))
            distance = (log_power(x) - log_power(real / maf.gains(real))).square().mean()
            return divergence + _POWER_WEIGHT * distance, x.numel()

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return the divergence from the teacher in bits a sample, on noise that is always the same."""
        generator = torch.Generator().manual_seed(_DEV_SEED)
        noise = maf.draw_logistic((_DEV_BLOCKS, maf.BLOCK), generator)
        return {"divergence": float(self.divergence(cast(Iaf, net), noise)[0]) / float(np.log(2))}

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        return iaf.export(cast(Iaf, net))

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD


_CARD = """\
Inverse autoregressive flow over audio, distilled from audio-maf: affine steps whose shifts and scales come from
dilated causal convolutions over earlier noise, so that samples of any length take one pass (`neuralzip sample`).
Its figures are its divergence from the teacher, in bits a sample; training adds the distance of log power spectra.

Data: noise, the teacher, and the mean spectrum of the recordings that the teacher was trained on.
"""


@click.command()
@options(15.0, 3e-3, BATCH)
@dev_option
@click.option("--teacher", default="audio-maf", show_default=True, help="Model id of the masked flow.")
def command(data: Path, dev: Path | None, batch: int, seed: int, teacher: str, **chosen: Any) -> None:
    """Distil the inverse autoregressive flow; DATA holds the recordings that its teacher was trained on."""
    run_task(IafTask(data, dev, zoo.load(teacher), batch=batch, seed=seed), **chosen)
