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

from neuralzip.codecs.bands import BandCodec, BandCoder, Planes, check_exhausted
from neuralzip.coding.freqs import nll_bits
from neuralzip.coding.rans import Decoder, Encoder
from neuralzip.nets import lattice

if TYPE_CHECKING:
    from neuralzip.nets.idf import IntGroupNet, IntIdf, Prior

MODEL_ID = "image-idf"
_TOP_BITS = 8

IntArray = npt.NDArray[np.int32]


class IdfCoder(BandCoder):
    """Codes stacks of planes of eight bits."""

    method = 3

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


class IdfCodec(BandCodec):
    """The integer discrete flow."""

    name, id = "idf", 6
    coder_class = IdfCoder


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


class Shown:
    """What the nets of a part are shown, plane after plane.

    Args:
        nets: of all groups.
        planes: [P, H, W], known outside the part and for its planes so far.
        part: the pixels.
    """

    def __init__(self, nets: "list[IntGroupNet]", planes: Planes, part: Part) -> None:
        from neuralzip.nets import idf

        self.net = nets[part.group]
        self.view = idf.look(planes, part.ys, part.xs, part.level, lattice.NEAR[part.group])
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
        couplings = Shown(flow.groups, planes, part)
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
        couplings = Shown(flow.groups, planes, part)
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
