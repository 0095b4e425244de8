"""Training of the multiscale PixelCNN for pictures: the task of `train.idf` with another net."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from neuralzip.nets import parallel_pixelcnn
from neuralzip.train.idf import IdfTask, options, run_task


class ParallelTask(IdfTask):
    """The multiscale PixelCNN; arguments as for `IdfTask`."""

    id = "image-parallel"

    def __init__(self, data: Path, dev: Path | None = None, **chosen: Any) -> None:
        default = {"widths": (128, 96, 48), "components": 5}
        architecture: Mapping[str, Any] = chosen.pop("architecture", None) or default
        super().__init__(data, dev, architecture=architecture, **chosen)

    def build(self) -> nn.Module:
        """Return a fresh net."""
        return parallel_pixelcnn.ParallelPixelCnn(**self.architecture)

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        assert isinstance(net, parallel_pixelcnn.ParallelPixelCnn)
        return parallel_pixelcnn.export(net)

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD


_CARD = """\
Multiscale PixelCNN: parity groups of pixels, each computed at once from neighbours on all sides, five discretised
logistics a sub-pixel; shared by all scales. Integer throughout (7-bit weights, int8 activations).

Data: as for image-idf, whose nets may serve as a start.
"""


@click.command()
@options
def command(data: Path, dev: Path | None, batch: int, seed: int, threads: int | None, **chosen: Any) -> None:
    """Train the multiscale PixelCNN on the pictures in DATA."""
    if threads is not None:
        torch.set_num_threads(threads)
    run_task(ParallelTask(data, dev, batch=batch, seed=seed), **chosen)
