"""Pictures from the image models: what their decoders make of random bits, as PNG files.

A stack of random words decodes to symbols that are distributed as the model says: sampling is decoding noise. All
is in integers, so that a seed gives the same picture on every machine.

P planes in the order G, R, B; H rows, W columns.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import flow, idf, image_fast, parallel
from neuralzip.coding.rans import Decoder
from neuralzip.nets.idf import IntIdf
from neuralzip.nets.parallel_pixelcnn import IntParallelPixelCnn
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from neuralzip.nets.realnvp import IntRealNvp
from neuralzip.sampling import Request
from neuralzip.sampling.stack import random_stack


def make(model: zoo.Model, request: Request) -> bytes:
    """Return a PNG file."""
    width, height = request.size
    planes = pop_planes(model, random_stack(3 * width * height, request.seed), height, width, request)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes[[1, 0, 2]].transpose(1, 2, 0)).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def pop_planes(
    model: zoo.Model, decoder: Decoder, height: int, width: int, request: Request
) -> npt.NDArray[np.integer]:
    """Pop planes [3, H, W] off a stack under a model."""
    architecture = model.meta["architecture"]
    if architecture == "idf":
        return idf.pop_planes(IntIdf(model), decoder, (3, height, width))
    if architecture == "parallel":
        return parallel.pop_planes(IntParallelPixelCnn(model), decoder, (3, height, width))
    if architecture == "realnvp":
        return flow.pop_planes(IntRealNvp(model), decoder, (3, height, width))
    total, report = 3 * height * width, request.report
    shown = None if report is None else lambda share: report(int(share * total), total)
    return image_fast.pop_planes(IntPixelCNN(model), decoder, image_fast.Geometry(3, height, width, 0), shown)
