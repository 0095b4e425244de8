"""`--model parallel`: pictures through the multiscale PixelCNN, three parity groups a scale after the first.

    stack -> bands of rows -> top lattice as it is, then for each plane, level and group:
             what is known -> mixtures of all samples at once -> rANS

A picture of 768 x 512 takes 54 groups of samples.

P planes (1 or 3), H rows, W columns, N samples of a group.
"""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.bands import BandCodec, BandCoder, Planes, check_exhausted
from neuralzip.codecs.idf import Part, parts_of, top_of
from neuralzip.coding.freqs import nll_bits
from neuralzip.coding.rans import Decoder, Encoder

if TYPE_CHECKING:
    from neuralzip.nets.parallel_pixelcnn import IntParallelPixelCnn

MODEL_ID = "image-parallel"
TOP_SIDE = 16
_TOP_BITS = 8

IntArray = npt.NDArray[np.int32]


class ParallelCoder(BandCoder):
    """Codes stacks of planes of eight bits."""

    method = 5

    @functools.cached_property
    def nets(self) -> "IntParallelPixelCnn":
        """The integer nets."""
        from neuralzip.nets.parallel_pixelcnn import IntParallelPixelCnn

        return IntParallelPixelCnn(self.weights(MODEL_ID))

    def encode_band(self, planes: Planes) -> tuple[bytes, float]:
        """Return (payload, ideal code length in bits) of planes [P, H, W]."""
        return encode_band(self.nets, planes)

    def decode_band(self, payload: bytes, shape: tuple[int, int, int]) -> Planes:
        """Return the planes of a payload."""
        return decode_band(self.nets, payload, shape)


class ParallelCodec(BandCodec):
    """The multiscale PixelCNN."""

    name, id = "parallel", 8
    coder_class = ParallelCoder


def groups_of(shape: tuple[int, int, int]) -> Iterator[tuple[int, Part]]:
    """Yield (plane, group) of planes [P, H, W], in coding order."""
    for plane in range(shape[0]):
        for part in parts_of(shape[1], shape[2], TOP_SIDE):
            yield plane, part


def encode_band(net: "IntParallelPixelCnn", planes: Planes) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) of planes [P, H, W]."""
    from neuralzip.nets import parity_front

    front = parity_front.start(planes)
    starts, widths = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for plane, (level, group, ys, xs) in groups_of(planes.shape):
        view = net.look(front, plane, group, level, ys, xs)
        samples = planes[plane, ys, xs].astype(np.int32)
        first, width = net.mixtures(plane, group, view).intervals(samples)
        starts.append(first)
        widths.append(width)
        parity_front.reveal(front, plane, ys, xs, view.base, samples)
    encoder = Encoder()
    encoder.push(np.concatenate(starts), np.concatenate(widths))
    ys, xs = top_of(planes.shape[1], planes.shape[2], TOP_SIDE)
    top = planes[:, ys, xs].reshape(-1)
    encoder.push_bits(top, _TOP_BITS)
    return encoder.payload(), sum(map(nll_bits, widths)) + _TOP_BITS * len(top)


def decode_band(net: "IntParallelPixelCnn", payload: bytes, shape: tuple[int, int, int]) -> Planes:
    """Return planes [P, H, W] of what `encode_band` returned.

    Raises:
        CorruptError: the payload does not end where the picture does.
    """
    decoder = Decoder(payload)
    planes = pop_planes(net, decoder, shape)
    check_exhausted(decoder)
    return planes


def pop_planes(net: "IntParallelPixelCnn", decoder: Decoder, shape: tuple[int, int, int]) -> Planes:
    """Pop planes [P, H, W] off a stack."""
    from neuralzip.nets import parity_front

    planes = np.zeros(shape, np.uint8)
    ys, xs = top_of(shape[1], shape[2], TOP_SIDE)
    planes[:, ys, xs] = decoder.pop_bits(shape[0] * len(ys), _TOP_BITS).reshape(shape[0], -1)
    front = parity_front.start(planes)
    for plane, (level, group, ys, xs) in groups_of(shape):
        view = net.look(front, plane, group, level, ys, xs)
        samples = net.mixtures(plane, group, view).pop(decoder)
        parity_front.reveal(front, plane, ys, xs, view.base, samples)
    return planes
