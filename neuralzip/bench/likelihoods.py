"""Code lengths under the float models, as they were trained: what quantisation costs is the difference to them.

The float weights are those of the resume checkpoint beside the integer ones; where a model is shipped without, or
a file is not one that the net codes alone, there is no float figure.
"""

import numpy as np
import torch
from safetensors.torch import load_file

from neuralzip import zoo
from neuralzip.codecs.image import parser
from neuralzip.errors import UnsupportedError
from neuralzip.media import png
from neuralzip.nets import pixel_front, pixelcnn
from neuralzip.nets.pixel_sight import look

MODEL = "image-fast"
RESUME_FILE = "resume.safetensors"
_ROWS, _MARGIN = 64, 16
"""Rows that are evaluated at once, and rows above them that their taps may reach."""


def of_picture(data: bytes) -> float | None:
    """Return the bits of the one 8-bit RGB picture in a file under the float PixelCNN, None for anything else."""
    try:
        pictures = parser(png.is_png(data)).parse(data).pictures
    except UnsupportedError:
        return None
    resume = dict(zoo.model_files()).get(MODEL)
    if len(pictures) != 1 or pictures[0].kind != "rgb" or pictures[0].depth != 8 or resume is None:
        return None
    checkpoint = resume.with_name(RESUME_FILE)
    if not checkpoint.exists():
        return None
    net = pixelcnn.PixelCNN()
    weights = load_file(checkpoint)
    net.load_state_dict({name: weights[f"net.{name}"].float() for name in net.state_dict()})
    return _bits(net.eval(), np.ascontiguousarray(pictures[0].pixels.transpose(2, 0, 1)[[1, 0, 2]]))


@torch.no_grad()
def _bits(net: pixelcnn.PixelCNN, planes: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> float:
    """Return the bits of planes [3, H, W]; stripe by stripe, since the float activations take much memory."""
    sight = look(planes, pixel_front.make_tables())
    total = 0.0
    for first in range(0, planes.shape[1], _ROWS):
        top = max(0, first - _MARGIN)
        parts = [torch.from_numpy(part[None, top : first + _ROWS]) for part in sight]
        total += float(net.bits(net(parts[0]), *parts[1:])[:, first - top :].double().sum())
    return total
