"""`--model idf`: pictures through the integer discrete flow, the codec with the fewest sequential steps.

    stack -> bands of rows -> top lattice as it is, then for each level, group and plane:
             translation and prior from what is known -> latents -> rANS

Coding a stack takes nine passes a level (three groups, three planes), whatever its size.

P planes (1 or 3), H rows, W columns, N pixels of a group.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import ImageCodec
from neuralzip.codecs.image_stacks import CONSTANT, Coder, Report, Samples
from neuralzip.codecs.registry import IMAGE_MAGICS
from neuralzip.coding.freqs import nll_bits
from neuralzip.coding.rans import Decoder, Encoder
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.types import Picture
from neuralzip.nets import lattice

if TYPE_CHECKING:
    from neuralzip.nets.idf import IntIdf, Prior

MODEL_ID = "image-idf"
BAND_ROWS = 1 << 10
_TOP_BITS = 8

IntArray = npt.NDArray[np.int32]
Planes = npt.NDArray[np.uint8]


class IdfCodec(ImageCodec):
    """Pictures in PNG, BMP, PNM and TIFF files, by the integer discrete flow."""

    name = "idf"
    id = 6

    def claims(self, head: bytes, options: Options) -> bool:
        """Take raster files where the user chose this model."""
        return options.model == self.name and head.startswith(IMAGE_MAGICS)

    def coder(self, options: Options, models: tuple[bytes, ...] | None = None) -> Coder:
        """Return the coder of stacks."""
        return IdfCoder(options, models)


class IdfCoder(Coder):
    """Codes stacks of planes of eight bits.

    Attributes:
        method: number of the method within a stack's header.
    """

    method = 3

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

    @functools.cached_property
    def flow(self) -> "IntIdf":
        """The integer nets."""
        from neuralzip.nets.idf import IntIdf

        return IntIdf(self.weights(MODEL_ID))

    def encode_band(self, planes: Planes) -> tuple[bytes, float]:
        """Return (payload, ideal code length in bits) of planes [P, H, W]."""
        return encode_band(self.flow, planes)

    def decode_band(self, payload: bytes, shape: tuple[int, int, int]) -> Planes:
        """Return the planes of a payload."""
        return decode_band(self.flow, payload, shape)

    def stacks(self, picture: Picture) -> list[int]:
        """Return how many planes go together, in coding order.

        Raises:
            UnsupportedError: palettes, and samples of other than eight bits.
        """
        channels = picture.pixels.shape[2]
        if picture.kind == "palette" or picture.depth != 8:
            raise UnsupportedError("idf: only pictures with samples of eight bits")
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


def _bands(height: int) -> Iterator[tuple[int, int]]:
    """Yield (first row, end row) of the bands that are coded one by one."""
    for begin in range(0, height, BAND_ROWS):
        yield begin, min(height, begin + BAND_ROWS)


class Part(NamedTuple):
    """Pixels of a group, in the order of coding.

    Attributes:
        level: of the lattice.
        group: parity group.
        ys: [N] rows.
        xs: [N] columns.
    """

    level: int
    group: int
    ys: IntArray
    xs: IntArray


def parts_of(height: int, width: int, top_side: int = lattice.TOP_SIDE) -> Iterator[Part]:
    """Yield the groups of a picture, the coarsest level first; empty ones are left out."""
    for level in range(lattice.levels_of(height, width, top_side) - 1, -1, -1):
        for group in lattice.GROUPS:
            ys, xs = lattice.pixels_of(height, width, level, group)
            if len(ys):
                yield Part(level, group, ys, xs)


def top_of(height: int, width: int, top_side: int = lattice.TOP_SIDE) -> tuple[IntArray, IntArray]:
    """Return (rows, columns) of the pixels that no group has."""
    return lattice.grid(height, width, (0, 0), 1 << lattice.levels_of(height, width, top_side))


class _Couplings:
    """The couplings of a part, plane after plane.

    Args:
        flow: the nets.
        planes: [P, H, W], known outside the part and for its planes so far.
        part: the pixels.
    """

    def __init__(self, flow: "IntIdf", planes: Planes, part: Part) -> None:
        from neuralzip.nets import idf

        self.net = flow.groups[part.group]
        self.view = idf.look(planes, part.ys, part.xs, part.level, flow.taps[part.group])
        self.trunk = self.net.trunk(self.view.inputs)
        self.seen = self.view.inputs[:, :0]

    def prior(self, plane: int) -> "Prior":
        """Return translations and priors of the next plane."""
        return self.net.prior(plane, self.trunk, self.view, self.seen)

    def reveal(self, plane: int, samples: IntArray) -> None:
        """Learn the samples [N] of a plane."""
        import torch

        left = torch.empty((len(samples), 1), dtype=torch.int8)
        base = np.ascontiguousarray(self.view.base[:, plane].numpy())
        lattice.residuals(samples, base, self.view.scale.numpy(), left.numpy()[:, 0])
        self.seen = torch.cat([self.seen, left], 1)


def encode_parts(flow: "IntIdf", planes: Planes, parts: Iterable[Part]) -> tuple[IntArray, IntArray]:
    """Return (starts, frequencies) of the samples of parts of planes [P, H, W], in the order of decoding."""
    starts, widths = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for part in parts:
        couplings = _Couplings(flow, planes, part)
        for plane in range(len(planes)):
            samples = planes[plane, part.ys, part.xs].astype(np.int32)
            first, width = couplings.prior(plane).mixtures().intervals(samples)
            starts.append(first)
            widths.append(width)
            couplings.reveal(plane, samples)
    return np.concatenate(starts), np.concatenate(widths)


def decode_parts(flow: "IntIdf", decoder: Decoder, planes: Planes, parts: Iterable[Part]) -> None:
    """Fill in the samples of parts of planes [P, H, W]."""
    for part in parts:
        couplings = _Couplings(flow, planes, part)
        for plane in range(len(planes)):
            samples = couplings.prior(plane).mixtures().pop(decoder)
            planes[plane, part.ys, part.xs] = samples
            couplings.reveal(plane, samples)


def encode_band(flow: "IntIdf", planes: Planes) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) of planes [P, H, W]."""
    starts, widths = encode_parts(flow, planes, parts_of(*planes.shape[1:]))
    encoder = Encoder()
    encoder.push(starts, widths)
    ys, xs = top_of(*planes.shape[1:])
    encoder.push_bits(planes[:, ys, xs].reshape(-1), _TOP_BITS)
    return encoder.payload(), nll_bits(widths) + _TOP_BITS * len(ys) * len(planes)


def decode_band(flow: "IntIdf", payload: bytes, shape: tuple[int, int, int]) -> Planes:
    """Return planes [P, H, W] of what `encode_band` returned.

    Raises:
        CorruptError: the payload does not end where the picture does.
    """
    decoder = Decoder(payload)
    planes = pop_planes(flow, decoder, shape)
    check_exhausted(decoder)
    return planes


def pop_planes(flow: "IntIdf", decoder: Decoder, shape: tuple[int, int, int]) -> Planes:
    """Pop planes [P, H, W] off a stack."""
    planes = np.zeros(shape, np.uint8)
    ys, xs = top_of(*shape[1:])
    planes[:, ys, xs] = decoder.pop_bits(shape[0] * len(ys), _TOP_BITS).reshape(shape[0], -1)
    decode_parts(flow, decoder, planes, parts_of(*shape[1:]))
    return planes


def check_exhausted(decoder: Decoder) -> None:
    """Raise CorruptError where a payload goes on after its last symbol."""
    if not decoder.is_exhausted:
        raise CorruptError("damaged: entropy-coded payload goes on after its last symbol")
