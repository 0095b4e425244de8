"""`--model flow`: pictures through a RealNVP, coded by local bits-back.

J. Ho, E. Lohn, P. Abbeel, "Compression with flows via local bits-back coding" (2019, arXiv 1905.08500), section 3.
For every sample x, with its coupling z = (x - t) / w:

    pop u       uniform noise below the grey level: v = x + u on a grid of 2**-7
    pop z       from a Gaussian around f(v), deviation NOISE / w, on a grid of 2**-12
    push v      under a Gaussian around f^-1(z), deviation NOISE
    push z      under the base density

which costs -log2 of the density at v, minus the seven bits of u that come back when decoding. Both Gaussians are
functions of grid values and exact, so an inexact inverse would cost bits and nothing else. As a sample's bits are
pushed right after its noise is popped, the stack needs some twenty auxiliary bits once a picture: they are the
bytes of the last few samples, which nothing depends on, coded without bits-back under the same density.

P planes (1 or 3), H rows, W columns, N samples of one plane of a part.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.bands import BandCodec, BandCoder, Planes, check_exhausted
from neuralzip.codecs.idf import Part, Shown, parts_of, top_of
from neuralzip.coding.bitsback import ExhaustedError, Stack
from neuralzip.coding.freqs import nll_bits
from neuralzip.coding.mixtures import Mixtures
from neuralzip.coding.rans import Decoder, Encoder
from neuralzip.errors import CorruptError

if TYPE_CHECKING:
    from neuralzip.nets.realnvp import Affine, IntRealNvp

MODEL_ID = "image-flow"
_LEAST_SPARE = 8
_SPARE_BITS, _SAMPLE_BITS = 5, 8

IntArray = npt.NDArray[np.int32]


class FlowCoder(BandCoder):
    """Codes stacks of planes of eight bits."""

    method = 4

    @functools.cached_property
    def couplings(self) -> "IntRealNvp":
        """The integer nets."""
        from neuralzip.nets.realnvp import IntRealNvp

        return IntRealNvp(self.weights(MODEL_ID))

    def encode_band(self, planes: Planes) -> tuple[bytes, float]:
        """Return (payload, ideal code length in bits) of planes [P, H, W]."""
        return encode_band(self.couplings, planes)

    def decode_band(self, payload: bytes, shape: tuple[int, int, int]) -> Planes:
        """Return the planes of a payload."""
        return decode_band(self.couplings, payload, shape)


class FlowCodec(BandCodec):
    """The RealNVP."""

    name, id = "flow", 5
    coder_class = FlowCoder


class _View(Shown):
    """A part's pixels as the couplings see them, plane after plane."""

    def __init__(self, flow: "IntRealNvp", planes: Planes, part: Part) -> None:
        super().__init__(flow.groups, planes, part)
        self.flow, self.part = flow, part

    def coupling(self, plane: int) -> "Affine":
        """Return the coupling of the next plane."""
        return self.flow.coupling(self.part.group, plane, self.trunk, self.view, self.seen)


def _spare_of(parts: list[Part], power: int) -> int:
    """Return how many samples are spare for the power that a payload begins with."""
    return min(_LEAST_SPARE << power, len(parts[-1].ys)) if parts else 0


def encode_band(flow: "IntRealNvp", planes: Planes) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) of planes [P, H, W], with as few spare samples as will do.

    Raises:
        UnsupportedError: the picture is too small.
    """
    parts, power = list(parts_of(*planes.shape[1:])), 0
    while True:
        try:
            return _attempt(flow, planes, parts, power)
        except ExhaustedError:
            if _spare_of(parts, power) == _spare_of(parts, power + 1):
                raise
        power += 1


def _attempt(flow: "IntRealNvp", planes: Planes, parts: list[Part], power: int) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) with so many spare samples.

    Raises:
        ExhaustedError: they hold too few auxiliary bits.
    """
    from neuralzip.codecs import local_bits_back as local
    from neuralzip.nets.realnvp import Affine

    stack, total, spare = Stack(), 0.0, _spare_of(parts, power)
    for part in reversed(parts):
        coded = _couplings_of(flow, planes, part)
        for plane in range(len(planes) - 1, -1, -1):
            samples, coupling = coded[plane]
            if part is parts[-1] and plane == len(planes) - 1:
                kept = len(samples) - spare
                starts, widths = local.plain(*(row[kept:] for row in coupling)).intervals(samples[kept:])
                encoder = Encoder()
                encoder.push(starts, widths)
                stack, total = Stack(encoder.payload()), nll_bits(widths)
                samples, coupling = samples[:kept], Affine(*(row[:kept] for row in coupling))
            total += local.encode(stack, samples, *coupling)
    top = planes[(slice(None), *top_of(*planes.shape[1:]))].reshape(-1)
    stack.push_uniform(top, _SAMPLE_BITS)
    stack.push_uniform(np.array([power]), _SPARE_BITS)
    return stack.payload(), total + _SAMPLE_BITS * top.size


def _couplings_of(flow: "IntRealNvp", planes: Planes, part: Part) -> list[tuple[IntArray, "Affine"]]:
    """Return (samples [N], coupling) of every plane of a part."""
    view, coded = _View(flow, planes, part), []
    for plane in range(len(planes)):
        samples = planes[plane, part.ys, part.xs].astype(np.int32)
        coded.append((samples, view.coupling(plane)))
        view.reveal(plane, samples)
    return coded


def decode_band(flow: "IntRealNvp", payload: bytes, shape: tuple[int, int, int]) -> Planes:
    """Return planes [P, H, W] of what `encode_band` returned.

    Raises:
        CorruptError: no picture of this shape has this payload.
    """
    from neuralzip.codecs import local_bits_back as local

    stack, planes = Stack.from_payload(payload), np.zeros(shape, np.uint8)
    parts = list(parts_of(*shape[1:]))
    try:
        spare = _spare_of(parts, int(stack.pop_uniform(1, _SPARE_BITS)[0]))
        ys, xs = top_of(*shape[1:])
        planes[:, ys, xs] = stack.pop_uniform(shape[0] * len(ys), _SAMPLE_BITS).reshape(shape[0], -1)
        for part in parts:
            view = _View(flow, planes, part)
            for plane in range(shape[0]):
                coupling = view.coupling(plane)
                kept = len(part.ys) - (spare if part is parts[-1] and plane == shape[0] - 1 else 0)
                samples = local.decode(stack, *(row[:kept] for row in coupling))
                if kept < len(part.ys):
                    rest = _spare_samples(stack, local.plain(*(row[kept:] for row in coupling)))
                    samples = np.concatenate([samples, rest])
                planes[plane, part.ys, part.xs] = samples
                view.reveal(plane, samples)
    except ExhaustedError as error:
        raise CorruptError(f"damaged: {error}") from error
    return planes


def pop_planes(flow: "IntRealNvp", decoder: Decoder, shape: tuple[int, int, int]) -> Planes:
    """Pop planes [P, H, W] off a stack under the model's density, without bits-back: for drawing samples."""
    from neuralzip.codecs import local_bits_back as local

    planes = np.zeros(shape, np.uint8)
    ys, xs = top_of(*shape[1:])
    planes[:, ys, xs] = decoder.pop_bits(shape[0] * len(ys), _SAMPLE_BITS).reshape(shape[0], -1)
    for part in parts_of(*shape[1:]):
        view = _View(flow, planes, part)
        for plane in range(shape[0]):
            samples = local.plain(*view.coupling(plane)).pop(decoder)
            planes[plane, part.ys, part.xs] = samples
            view.reveal(plane, samples)
    return planes


def _spare_samples(stack: Stack, mixtures: Mixtures) -> IntArray:
    """Return the samples whose bytes a stack began with."""
    decoder = Decoder(stack.release())
    samples = mixtures.pop(decoder)
    check_exhausted(decoder)
    return samples
