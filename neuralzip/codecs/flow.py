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
last SPARE samples, which are sent as they are, and which nothing depends on.

P planes (1 or 3), H rows, W columns, N samples of one plane of a part.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.base import Options
from neuralzip.codecs.idf import IdfCoder, Part, Planes, parts_of, top_of
from neuralzip.codecs.image import ImageCodec
from neuralzip.codecs.image_stacks import Coder
from neuralzip.codecs.registry import IMAGE_MAGICS
from neuralzip.coding.bitsback import ExhaustedError, Stack
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.nets import lattice

if TYPE_CHECKING:
    from neuralzip.nets.realnvp import Affine, IntRealNvp

MODEL_ID = "image-flow"
SPARE = 16
_SAMPLE_BITS = 8

IntArray = npt.NDArray[np.int32]


class FlowCodec(ImageCodec):
    """Pictures in PNG, BMP, PNM and TIFF files, by the RealNVP."""

    name = "flow"
    id = 5

    def claims(self, head: bytes, options: Options) -> bool:
        """Take raster files where the user chose this model."""
        return options.model == self.name and head.startswith(IMAGE_MAGICS)

    def coder(self, options: Options, models: tuple[bytes, ...] | None = None) -> Coder:
        """Return the coder of stacks."""
        return FlowCoder(options, models)


class FlowCoder(IdfCoder):
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


class _View:
    """A part's pixels as the couplings see them, plane after plane."""

    def __init__(self, flow: "IntRealNvp", planes: Planes, part: Part) -> None:
        from neuralzip.nets import idf

        self.flow, self.part = flow, part
        self.view = idf.look(planes, part.ys, part.xs, part.level, lattice.NEAR[part.group])
        self.trunk = flow.groups[part.group].trunk(self.view.inputs)
        self.seen = self.view.inputs[:, :0]

    def coupling(self, plane: int) -> "Affine":
        """Return the coupling of the next plane."""
        return self.flow.coupling(self.part.group, plane, self.trunk, self.view, self.seen)

    def reveal(self, plane: int, samples: IntArray) -> None:
        """Learn the samples [N] of a plane."""
        import torch

        left = torch.empty((len(samples), 1), dtype=torch.int8)
        base = np.ascontiguousarray(self.view.base[:, plane].numpy())
        lattice.residuals(samples, base, self.view.scale.numpy(), left.numpy()[:, 0])
        self.seen = torch.cat([self.seen, left], 1)


def _flow_parts(shape: tuple[int, ...]) -> list[tuple[Part, int]]:
    """Return (part, samples of its last plane that are spare) in the order of decoding.

    Raises:
        UnsupportedError: a picture too small to have spare samples.
    """
    parts = list(parts_of(*shape[1:]))
    if not parts or len(parts[-1].ys) < SPARE:
        raise UnsupportedError("flow: the picture is too small")
    return [(part, SPARE if part is parts[-1] else 0) for part in parts]


def encode_band(flow: "IntRealNvp", planes: Planes) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) of planes [P, H, W].

    Raises:
        UnsupportedError: the picture is too small.
    """
    from neuralzip.codecs import local_bits_back as local

    parts, last = _flow_parts(planes.shape), len(planes) - 1
    final = parts[-1][0]
    stack = Stack(planes[last, final.ys, final.xs][-SPARE:].tobytes())
    total = float(_SAMPLE_BITS * SPARE)
    for part, spare in reversed(parts):
        view, coded = _View(flow, planes, part), []
        for plane in range(len(planes)):
            samples = planes[plane, part.ys, part.xs].astype(np.int32)
            kept = len(samples) - (spare if plane == last else 0)
            coded.append((samples[:kept], [row[:kept] for row in view.coupling(plane)]))
            view.reveal(plane, samples)
        for samples, (translations, widths) in reversed(coded):
            total += local.encode(stack, samples, translations, widths)
    top = planes[(slice(None), *top_of(*planes.shape[1:]))].reshape(-1)
    stack.push_uniform(top, _SAMPLE_BITS)
    return stack.payload(), total + _SAMPLE_BITS * top.size


def decode_band(flow: "IntRealNvp", payload: bytes, shape: tuple[int, int, int]) -> Planes:
    """Return planes [P, H, W] of what `encode_band` returned.

    Raises:
        CorruptError: no picture of this shape has this payload.
    """
    from neuralzip.codecs import local_bits_back as local

    stack, planes = Stack.from_payload(payload), np.zeros(shape, np.uint8)
    try:
        parts = _flow_parts(shape)
        ys, xs = top_of(*shape[1:])
        planes[:, ys, xs] = stack.pop_uniform(shape[0] * len(ys), _SAMPLE_BITS).reshape(shape[0], -1)
        for part, spare in parts:
            view = _View(flow, planes, part)
            for plane in range(shape[0]):
                kept = len(part.ys) - (spare if plane == shape[0] - 1 else 0)
                coupling = view.coupling(plane)
                samples = np.zeros(len(part.ys), np.int32)
                samples[:kept] = local.decode(stack, *(row[:kept] for row in coupling))
                if kept < len(samples):
                    samples[kept:] = _spare_samples(stack)
                planes[plane, part.ys, part.xs] = samples
                view.reveal(plane, samples)
    except (ExhaustedError, UnsupportedError) as error:
        raise CorruptError(f"damaged: {error}") from error
    return planes


def _spare_samples(stack: Stack) -> npt.NDArray[np.uint8]:
    data = stack.release()
    if len(data) != SPARE:
        raise CorruptError("damaged: the stack does not end where it began")
    return np.frombuffer(data, np.uint8)
