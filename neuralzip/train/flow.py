"""Training of the RealNVP for pictures: the task of `train.idf` with another net, samples dequantised by noise."""

from types import MappingProxyType
from typing import Any

import click

from neuralzip.nets import realnvp
from neuralzip.train.idf import IdfTask, begin_task, options, train

_CARD = """\
RealNVP over parity lattices: for every group of pixels and plane an affine coupling, computed from neighbours on
all sides, to a logistic base density; shared by all levels. Conditioners are integer throughout (7-bit weights,
int8 activations). Coded by local bits-back.

Data: as for image-idf, whose nets may serve as a start.
"""


class FlowTask(IdfTask):
    """The RealNVP; arguments as for `IdfTask`."""

    id = "image-flow"
    net = realnvp.RealNvp
    defaults = MappingProxyType({"widths": (128, 96, 48)})
    exporter = staticmethod(realnvp.export)
    description = _CARD


@click.command()
@options
def command(**chosen: Any) -> None:
    """Train the RealNVP on the pictures in DATA."""
    train(begin_task(FlowTask, **chosen), **chosen)
