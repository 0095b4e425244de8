"""`--model parallel`: pictures through the multiscale PixelCNN, three parity groups a scale after the first.

The couplings and the order of coding are those of `codecs.idf`; the nets see further. A picture of 768 x 512 takes
21 groups of pixels, each of three planes.
"""

import functools
from typing import TYPE_CHECKING

from neuralzip.codecs.base import Options
from neuralzip.codecs.idf import IdfCoder
from neuralzip.codecs.image import ImageCodec
from neuralzip.codecs.image_stacks import Coder
from neuralzip.codecs.registry import IMAGE_MAGICS

if TYPE_CHECKING:
    from neuralzip.nets.idf import IntIdf

MODEL_ID = "image-parallel"


class ParallelCodec(ImageCodec):
    """Pictures in PNG, BMP, PNM and TIFF files, by the multiscale PixelCNN."""

    name = "parallel"
    id = 8

    def claims(self, head: bytes, options: Options) -> bool:
        """Take raster files where the user chose this model."""
        return options.model == self.name and head.startswith(IMAGE_MAGICS)

    def coder(self, options: Options, models: tuple[bytes, ...] | None = None) -> Coder:
        """Return the coder of stacks."""
        return ParallelCoder(options, models)


class ParallelCoder(IdfCoder):
    """Codes stacks of planes of eight bits."""

    method = 5

    @functools.cached_property
    def flow(self) -> "IntIdf":
        """The integer nets."""
        from neuralzip.nets.parallel_pixelcnn import IntParallelPixelCnn

        return IntParallelPixelCnn(self.weights(MODEL_ID))
