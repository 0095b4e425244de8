"""Training of the multiscale PixelCNN for pictures: the task of `train.idf` with another net."""

from types import MappingProxyType
from typing import Any

import click

from neuralzip.nets import parallel_pixelcnn
from neuralzip.train.idf import IdfTask, begin_task, options, run_task

_CARD = """\
Multiscale PixelCNN: parity groups of pixels, each computed at once from neighbours on all sides, five discretised
logistics a sub-pixel; shared by all scales. Integer throughout (7-bit weights, int8 activations).

Data: as for image-idf, whose nets may serve as a start.
"""


class ParallelTask(IdfTask):
    """The multiscale PixelCNN; arguments as for `IdfTask`."""

    id = "image-parallel"
    net = parallel_pixelcnn.ParallelPixelCnn
    defaults = MappingProxyType({"widths": (128, 96, 48), "components": 5})
    exporter = staticmethod(parallel_pixelcnn.export)
    description = _CARD


@click.command()
@options
def command(**chosen: Any) -> None:
    """Train the multiscale PixelCNN on the pictures in DATA."""
    run_task(begin_task(ParallelTask, **chosen), **chosen)
