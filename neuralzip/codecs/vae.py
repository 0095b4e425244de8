"""`--model vae`: pictures through the latent-variable model, by Bit-Swap on a stack that the picture fills itself.

F. Kingma, P. Abbeel, J. Ho, "Bit-Swap: recursive bits-back coding for lossless compression with hierarchical
latent variables" (2019, arXiv 1905.06845), section 3. For a chunk of tiles (`nets.tiles`), all at once:

    pop z1 under q(z1 | x), push x under p(x | z1), pop z2 under q(z2 | z1), push z1 under p(z1 | z2), push z2

which costs the negative evidence lower bound. The auxiliary bits of the first z1 are the bytes of the picture's
last tiles, coded before by the integer discrete flow given all the others (which a decoder has by then): they have
to be sent anyway, so nothing is lost. Posteriors are autoregressive over groups of four latents, so coding a chunk
takes six evaluations of their nets, in both directions.

P planes (1 or 3), H rows, W columns, N tiles of a chunk.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.codecs import idf as groups
from neuralzip.codecs.bands import BandCodec, BandCoder, Planes, check_exhausted
from neuralzip.codecs.idf import Part, top_of
from neuralzip.coding.bitsback import ExhaustedError, Stack
from neuralzip.coding.freqs import nll_bits
from neuralzip.coding.rans import Decoder, Encoder
from neuralzip.errors import CorruptError
from neuralzip.nets import lattice, tiles

if TYPE_CHECKING:
    from neuralzip.nets.idf import IntIdf
    from neuralzip.nets.vae_exact import Gaussians, IntVae

MODEL_ID = "image-vae"
CHUNK = 256
"""Tiles coded at once: few enough that the first ones need little on the stack."""
_LEAST_SPARE = 16
_POWER_BITS, _SAMPLE_BITS = 5, 8
_ALL = (1 << _POWER_BITS) - 1
"""The power that stands for no tiles at all: a band with too few bits goes through the flow as a whole."""

IntArray = npt.NDArray[np.int32]


class Nets(NamedTuple):
    """What a picture is coded with.

    Attributes:
        vae: codes tiles.
        flow: codes the spare ones.
    """

    vae: "IntVae"
    flow: "IntIdf"


class VaeCoder(BandCoder):
    """Codes stacks of planes of eight bits."""

    method = 6

    @functools.cached_property
    def nets(self) -> Nets:
        """The integer nets."""
        from neuralzip.nets.idf import IntIdf
        from neuralzip.nets.vae_exact import IntVae

        return Nets(IntVae(self.weights(MODEL_ID, 0)), IntIdf(self.weights(groups.MODEL_ID, 1)))

    def encode_band(self, planes: Planes) -> tuple[bytes, float]:
        """Return (payload, ideal code length in bits) of planes [P, H, W]."""
        return encode_band(self.nets, planes)

    def decode_band(self, payload: bytes, shape: tuple[int, int, int]) -> Planes:
        """Return the planes of a payload."""
        return decode_band(self.nets, payload, shape)


class VaeCodec(BandCodec):
    """The latent-variable model."""

    name, id = "vae", 7
    coder_class = VaeCoder


class Chunk(NamedTuple):
    """Tiles that are coded at once.

    Attributes:
        level: of the lattice.
        ys: [N] rows of their first pixels.
        xs: [N] columns.
    """

    level: int
    ys: IntArray
    xs: IntArray


def chunks_of(size: tuple[int, int], spare: int) -> Iterator[Chunk]:
    """Yield a picture's chunks in the order of decoding, without the last `spare` tiles of the finest level."""
    for level in range(lattice.levels_of(*size) - 1, -1, -1):
        ys, xs = tiles.tiles_of(*size, level)
        count = len(ys) - (0 if level else spare)
        for first in range(0, count, CHUNK):
            chosen = slice(first, min(first + CHUNK, count))
            yield Chunk(level, ys[chosen], xs[chosen])


def spare_parts(size: tuple[int, int], spare: int) -> list[Part]:
    """Return the pixels of the last `spare` tiles of the finest level as parts of its groups."""
    held = np.zeros((-(-size[0] // tiles.SIDE), -(-size[1] // tiles.SIDE)), bool)
    ys, xs = (at[len(at) - spare :] // tiles.SIDE for at in tiles.tiles_of(*size, 0))
    held[ys, xs] = True
    parts = []
    for group in lattice.GROUPS:
        ys, xs = lattice.pixels_of(*size, 0, group)
        kept = held[ys // tiles.SIDE, xs // tiles.SIDE]
        parts.append(Part(0, group, ys[kept], xs[kept]))
    return [part for part in parts if len(part.ys)]


def spare_of(size: tuple[int, int], power: int) -> int:
    """Return how many tiles are spare for a power below _ALL."""
    count = len(tiles.tiles_of(*size, 0)[0]) if lattice.levels_of(*size) else 0
    return min(_LEAST_SPARE << power, count)


def divide(size: tuple[int, int], power: int) -> tuple[list[Chunk], list[Part]]:
    """Return (chunks, spare parts) in the order of decoding for the power that a payload begins with."""
    if power == _ALL:
        return [], list(groups.parts_of(*size))
    spare = spare_of(size, power)
    return list(chunks_of(size, spare)), spare_parts(size, spare)


def encode_chunk(vae: "IntVae", stack: Stack, planes: Planes, chunk: Chunk) -> float:
    """Push a chunk of planes [P, H, W]; return its negative evidence lower bound for these latents, in bits."""
    from neuralzip.codecs import latents

    view = tiles.look(planes, chunk.ys, chunk.xs, chunk.level)
    samples, inside = _samples(planes, chunk, view)
    context = vae.context(view)
    first, q1 = vae.infer_first(view, samples, lambda _, posterior: latents.pop_gaussians(stack, posterior))
    likelihood = vae.likelihood(view, context, first)
    bits = 0.0
    for plane in range(len(planes) - 1, -1, -1):
        mixtures = likelihood.plane(plane, samples, inside)
        bits += latents.push_mixtures(stack, mixtures, samples[:, plane][inside])
    second, q2 = vae.infer_second(context, first, lambda _, posterior: latents.pop_gaussians(stack, posterior))
    bits += latents.push_mixtures(stack, vae.prior(0, context, second), _symbols(first))
    bits += latents.push_mixtures(stack, vae.prior(1, context, None), _symbols(second))
    return bits + latents.density_bits(q1, first) + latents.density_bits(q2, second)


def decode_chunk(vae: "IntVae", stack: Stack, planes: Planes, chunk: Chunk) -> None:
    """Pop a chunk into planes [P, H, W].

    Raises:
        CorruptError: nothing was encoded like this.
        ExhaustedError: the same.
    """
    from neuralzip.codecs import latents
    from neuralzip.nets.vae import GROUP

    view = tiles.look(planes, chunk.ys, chunk.xs, chunk.level)
    context = vae.context(view)
    second = _latents(latents.pop_mixtures(stack, vae.prior(1, context, None)), len(chunk.ys))
    first = _latents(latents.pop_mixtures(stack, vae.prior(0, context, second)), len(chunk.ys))
    _, q2 = vae.infer_second(context, first, lambda g, _: second[:, g * GROUP : (g + 1) * GROUP])
    _give_back(stack, q2, second)
    likelihood = vae.likelihood(view, context, first)
    rows, columns, inside = tiles.pixels_of(chunk.ys, chunk.xs, chunk.level, planes.shape[1:])
    samples = np.zeros(view.base.shape, np.int32)
    for plane in range(len(planes)):
        values = latents.pop_mixtures(stack, likelihood.plane(plane, samples, inside))
        samples[:, plane][inside] = values
        planes[plane, rows[inside], columns[inside]] = values
    samples, _ = _samples(planes, chunk, view)
    _, q1 = vae.infer_first(view, samples, lambda g, _: first[:, g * GROUP : (g + 1) * GROUP])
    _give_back(stack, q1, first)


def _samples(planes: Planes, chunk: Chunk, view: tiles.View) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return (samples [N, PLANES, PIXELS], whether pixels [N, PIXELS] are inside); outside they are their base."""
    rows, columns, inside = tiles.pixels_of(chunk.ys, chunk.xs, chunk.level, planes.shape[1:])
    samples = (view.base + 2) >> lattice.BASE_BITS
    for plane in range(lattice.PLANES):
        samples[:, plane][inside] = planes[min(plane, len(planes) - 1), rows[inside], columns[inside]]
    return samples, inside


def _symbols(latents: IntArray) -> IntArray:
    from neuralzip.nets.vae import LIMIT

    return (latents + LIMIT).reshape(-1)


def _latents(symbols: IntArray, count: int) -> IntArray:
    from neuralzip.nets.vae import LIMIT

    return symbols.reshape(count, -1) - LIMIT


def _give_back(stack: Stack, posterior: "Gaussians", values: IntArray) -> None:
    """Push latents [N, Z] under their posterior, the last group first."""
    from neuralzip.codecs import latents
    from neuralzip.nets.vae import GROUP

    for first in range(values.shape[1] - GROUP, -1, -GROUP):
        group = [np.ascontiguousarray(part[:, first : first + GROUP]) for part in (*posterior, values)]
        latents.push_gaussians(stack, type(posterior)(*group[:2]), group[2])


def _attempt(nets: Nets, planes: Planes, power: int) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) with so many spare tiles.

    Raises:
        ExhaustedError: they hold too few auxiliary bits.
    """
    size = planes.shape[1], planes.shape[2]
    chunks, spare = divide(size, power)
    starts, widths = groups.encode_parts(nets.flow, planes, spare)
    encoder = Encoder()
    encoder.push(starts, widths)
    stack, bits = Stack(encoder.payload()), nll_bits(widths)
    for chunk in reversed(chunks):
        bits += encode_chunk(nets.vae, stack, planes, chunk)
    top = planes[(slice(None), *top_of(*size))].reshape(-1)
    stack.push_uniform(top, _SAMPLE_BITS)
    stack.push_uniform(np.array([power]), _POWER_BITS)
    return stack.payload(), bits + _SAMPLE_BITS * top.size


def _powers(size: tuple[int, int]) -> Iterator[int]:
    """Yield the powers worth trying, the least number of spare tiles first."""
    power = 0
    while power == 0 or spare_of(size, power) > spare_of(size, power - 1):
        yield power
        power += 1
    yield _ALL


def encode_band(nets: Nets, planes: Planes) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) of planes [P, H, W], with as few spare tiles as will do."""
    for power in _powers((planes.shape[1], planes.shape[2])):
        with contextlib.suppress(ExhaustedError):
            return _attempt(nets, planes, power)
    raise AssertionError("a band without tiles takes no auxiliary bits")


def decode_band(nets: Nets, payload: bytes, shape: tuple[int, int, int]) -> Planes:
    """Return planes [P, H, W] of what `encode_band` returned.

    Raises:
        CorruptError: no picture of this shape has this payload.
    """
    stack, planes, size = Stack.from_payload(payload), np.zeros(shape, np.uint8), shape[1:]
    try:
        chunks, spare = divide(size, int(stack.pop_uniform(1, _POWER_BITS)[0]))
        ys, xs = top_of(*size)
        planes[:, ys, xs] = stack.pop_uniform(shape[0] * len(ys), _SAMPLE_BITS).reshape(shape[0], -1)
        for chunk in chunks:
            decode_chunk(nets.vae, stack, planes, chunk)
    except ExhaustedError as error:
        raise CorruptError(f"damaged: {error}") from error
    decoder = Decoder(stack.release())
    groups.decode_parts(nets.flow, decoder, planes, spare)
    check_exhausted(decoder)
    return planes
