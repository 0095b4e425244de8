"""Training of the RealNVP for pictures: the task of `train.idf` with another net, samples dequantised by noise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from neuralzip.nets import realnvp
from neuralzip.train.idf import IdfTask, options, run_task


class FlowTask(IdfTask):
    """The RealNVP; arguments as for `IdfTask`."""

    id = "image-flow"

    def __init__(self, data: Path, dev: Path | None = None, **chosen: Any) -> None:
        architecture: Mapping[str, Any] = chosen.pop("architecture", None) or {"widths": (128, 96, 48)}
        super().__init__(data, dev, architecture=architecture, **chosen)

    def build(self) -> nn.Module:
        """Return a fresh net."""
        return realnvp.RealNvp(**self.architecture)

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        assert isinstance(net, realnvp.RealNvp)
        return realnvp.export(net)

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD


_CARD = """\
RealNVP over parity lattices: for every group of pixels and plane an affine coupling, computed from neighbours on
all sides, to a logistic base density; shared by all levels. Conditioners are integer throughout (7-bit weights,
int8 activations). Coded by local bits-back.

Data: as for image-idf, whose nets may serve as a start.
"""


@click.command()
@options
def command(data: Path, dev: Path | None, batch: int, seed: int, threads: int | None, **chosen: Any) -> None:
    """Train the RealNVP on the pictures in DATA."""
    if threads is not None:
        torch.set_num_threads(threads)
    run_task(FlowTask(data, dev, batch=batch, seed=seed), **chosen)
