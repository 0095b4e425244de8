"""What the codecs share that code groups of pixels at once (idf, flow, vae, parallel): files, stacks and bands.

A body of a stack is, for every band of BAND_ROWS rows, its size (4) and an rANS stack.

P planes, H rows, W columns.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import ImageCodec
from neuralzip.codecs.image_stacks import CONSTANT, Coder, Report, Samples
from neuralzip.codecs.registry import IMAGE_MAGICS
from neuralzip.coding.rans import Decoder
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.types import Picture
from neuralzip.nets import lattice

BAND_ROWS = 1 << 10

Planes = npt.NDArray[np.uint8]


class BandCoder(Coder):
    """Codes stacks of planes of eight bits, band by band.

    Attributes:
        method: number of the method within a stack's header.
    """

    method: int

    def weights(self, model_id: str, place: int = 0) -> zoo.Model:
        """Return the weights that the block names at this place, or those to encode with."""
        if self._named is None:
            model = zoo.load(model_id)
        elif place < len(self._named):
            model = zoo.load_identity(self._named[place])
        else:
            raise CorruptError("damaged: an image block does not name its weights")
        self._used.append(model.identity)
        return model

    def encode_band(self, planes: Planes) -> tuple[bytes, float]:
        """Return (payload, ideal code length in bits) of planes [P, H, W]."""
        raise NotImplementedError

    def decode_band(self, payload: bytes, shape: tuple[int, int, int]) -> Planes:
        """Return the planes of a payload."""
        raise NotImplementedError

    def stacks(self, picture: Picture) -> list[int]:
        """Return how many planes go together, in coding order.

        Raises:
            UnsupportedError: palettes, and samples of other than eight bits.
        """
        channels = picture.pixels.shape[2]
        if picture.kind == "palette" or picture.depth != 8:
            raise UnsupportedError("only pictures with samples of eight bits")
        return [3] + [1] * (channels - 3) if channels >= 3 else [1] * channels

    def encode(self, stack: Samples, picture: Picture, report: Report | None) -> tuple[int, bytes]:
        """Return (method, body) of a stack [P, H, W] of a picture."""
        values = stack.reshape(len(stack), -1)
        if (values == values[:, :1]).all():
            return CONSTANT, values[:, 0].astype("<u2").tobytes()
        planes = stack.astype(np.uint8)
        body = bytearray()
        for begin, end in _bands(stack.shape[1]):
            payload, bits = self.encode_band(np.ascontiguousarray(planes[:, begin:end]))
            self.nll_bits += bits
            body += len(payload).to_bytes(4, "little") + payload
            if report:
                report(end / stack.shape[1])
        return self.method, bytes(body)

    def decode(self, method: int, body: bytes, shape: tuple[int, int, int], report: Report | None) -> Samples:
        """Return the stack of a body.

        Raises:
            CorruptError: no stack of this shape has this body.
        """
        if method != self.method:
            return super().decode(method, body, shape, report)
        if shape[0] not in (1, lattice.PLANES):
            raise CorruptError("damaged: impossible stack of an image block")
        stack, place = np.zeros(shape, np.uint16), 0
        for begin, end in _bands(shape[1]):
            size = int.from_bytes(body[place : place + 4], "little")
            payload, place = body[place + 4 : place + 4 + size], place + 4 + size
            stack[:, begin:end] = self.decode_band(payload, (shape[0], end - begin, shape[2]))
            if report:
                report(end / shape[1])
        if place != len(body):
            raise CorruptError("damaged: a stack of an image block has the wrong size")
        return stack


class BandCodec(ImageCodec):
    """Pictures in PNG, BMP, PNM and TIFF files, where the user chose this codec by its name.

    Attributes:
        coder_class: of its stacks.
    """

    coder_class: type[BandCoder]

    def claims(self, head: bytes, options: Options) -> bool:
        """Take raster files where the user chose this model."""
        return options.model == self.name and head.startswith(IMAGE_MAGICS)

    def coder(self, options: Options, models: tuple[bytes, ...] | None = None) -> Coder:
        """Return the coder of stacks."""
        return self.coder_class(options, models)


def _bands(height: int) -> Iterator[tuple[int, int]]:
    """Yield (first row, end row) of the bands that are coded one by one."""
    for begin in range(0, height, BAND_ROWS):
        yield begin, min(height, begin + BAND_ROWS)


def check_exhausted(decoder: Decoder) -> None:
    """Raise CorruptError where a payload goes on after its last symbol."""
    if not decoder.is_exhausted:
        raise CorruptError("damaged: entropy-coded payload goes on after its last symbol")
