"""How a stack of planes is coded: which method, which weights, in which bands.

A body begins with what its method needs:

    constant   value of each plane (2 each)
    net        divisor (2), fine (1), then for every band of rows: size (4), rANS payload
    mixing     divisor (2), then for every band of rows: size (4), body of codecs.image_mixing
    ranks      values (codecs.image_values), then as mixing
    jpeg       body of codecs.image_jpeg

Samples are divided by their greatest common divisor, so that 8-bit material in 16-bit files
costs what eight bits cost. Bands keep memory bounded; each starts afresh. P planes, H rows, W columns.
"""

import functools
import math
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.codecs import image_jpeg, image_values, jpeg_coefficients
from neuralzip.codecs.base import Options, cores
from neuralzip.errors import CorruptError, ModelError
from neuralzip.media.types import Picture

if TYPE_CHECKING:
    from neuralzip.codecs.image_mixing import Weights
    from neuralzip.experts.image_photo_prior import PhotoPrior
    from neuralzip.experts.image_prior import Prior
    from neuralzip.nets.pixelcnn_exact import IntPixelCNN

Samples = npt.NDArray[np.uint16]
Report = Callable[[float], None]
Part = TypeVar("Part")
Result = TypeVar("Result")

CONSTANT, NET, MIXING, RANKS, JPEG = 0, 1, 2, 6, 7
FAST = "fast"
FAST_NET_ID, NET_ID = "image-fast", "image-base"
"""Nets of the fast model, which codes by it alone, and of the default, which hears it."""
GRAPHICS_ID, GRAPHICS = "image-graphics", "graphics-prior"
"""Weights that graphics start from: model id and architecture."""
PHOTOS_ID, PHOTOS = "image-photo", "photo-prior"
"""The same for photos."""
_STARTS = {
    GRAPHICS_ID: GRAPHICS,
    PHOTOS_ID: PHOTOS,
    jpeg_coefficients.PRIOR_ID: jpeg_coefficients.PRIOR,
}
BAND_SAMPLES = 1 << 22
BAND_ROWS = 1 << 11
THIN_PIXELS = 1 << 14
"""Up to here even a row of single pixels is fast enough."""
MAX_WORKERS = 3
"""Bands coded side by side at most: each takes half a GB, and codes its planes side by side."""
_NET_HEAD, _MIXING_HEAD = struct.Struct("<HB"), struct.Struct("<H")


class Coder:
    """Codes stacks; loads weights when first needed.

    Args:
        options: what the user chose.
        models: identities that a block names; None when encoding.

    Attributes:
        nll_bits: ideal code length so far; not a number once a method did not tell.
    """

    def __init__(self, options: Options, models: tuple[bytes, ...] | None = None) -> None:
        self.options = options
        self.nll_bits = 0.0
        self._named = models
        self._used: list[bytes] = []
        self._fast = False

    @property
    def models(self) -> tuple[bytes, ...]:
        """Identities of the weights that were used."""
        return tuple(dict.fromkeys(self._used))

    @property
    def beside(self) -> int:
        """Bands, or stripes of a file, worth coding side by side; the default model uses two cores for one."""
        return max(1, min(self.cores if self.options.model == FAST else self.cores // 2, MAX_WORKERS))

    @property
    def cores(self) -> int:
        """Threads that the user allows."""
        return cores(self.options.threads)

    @functools.cached_property
    def _net_weights(self) -> zoo.Model:
        return self._weights(FAST_NET_ID if self.options.model == FAST else NET_ID)

    @functools.cached_property
    def _graphics_weights(self) -> zoo.Model:
        return self._weights(GRAPHICS_ID)

    @functools.cached_property
    def _photos_weights(self) -> zoo.Model:
        return self._weights(PHOTOS_ID)

    def _weights(self, model_id: str) -> zoo.Model:
        """Return the weights to encode with, or those of the same purpose that the block names."""
        if self._named is None:
            return zoo.load(model_id)
        for model in map(zoo.load_identity, self._named):
            architecture = model.meta.get("architecture")
            if (architecture if architecture in _STARTS.values() else None) == _STARTS.get(model_id):
                return model
        raise CorruptError("damaged: an image block names no weights")

    @functools.cached_property
    def net(self) -> "IntPixelCNN":
        """The trained net."""
        device = "cuda" if self.options.device == "cuda" else "cpu"
        if self._net_weights.meta.get("architecture") == "pixelsnail":
            from neuralzip.nets.pixelsnail_exact import IntPixelSnail

            return IntPixelSnail(self._net_weights, device)
        from neuralzip.nets.pixelcnn_exact import IntPixelCNN

        return IntPixelCNN(self._net_weights, device)

    @functools.cached_property
    def _graphics(self) -> "Prior":
        from neuralzip.experts.image_prior import unpack

        return unpack(self._graphics_weights.arrays)

    @functools.cached_property
    def _photos(self) -> "PhotoPrior":
        from neuralzip.experts.image_photo_prior import unpack

        return unpack(self._photos_weights.arrays)

    @functools.cached_property
    def mixing_weights(self) -> "Weights":
        """What the default model may load, and None for what is not there to encode with."""
        from neuralzip.codecs.image_mixing import Weights

        return Weights(
            net=lambda: self._if_installed(lambda: self.net),
            graphics=lambda: self._if_installed(lambda: self._graphics),
            photos=lambda: self._if_installed(lambda: self._photos),
        )

    def _if_installed(self, load: Callable[[], Result]) -> Result | None:
        try:
            return load()
        except ModelError:
            if self._named is not None:
                raise
            return None

    def stacks(self, picture: Picture) -> list[int]:
        """Return how many planes of the next picture go together, in coding order."""
        channels = picture.pixels.shape[2]
        self._fast = self.is_fast(picture)
        if not self._fast and not is_opacity_apart(picture.pixels):
            return [channels]
        return [3] + [1] * (channels - 3) if channels >= 3 else [1] * channels

    def is_fast(self, picture: Picture) -> bool:
        """Say whether the fast model codes a picture: where the user chose it and it suits the picture.

        Indices of a palette and graphics do not suit it, for which the other model is fast too, nor do long thin
        pictures, whose wavefronts hold next to nothing.
        """
        if self.options.model != FAST:
            return False
        from neuralzip.codecs.image_graphics import SURELY_PHOTO, repeat_share

        height, width = picture.pixels.shape[:2]
        indexed = picture.depth < 8 or (picture.kind == "palette" and not is_grey_ramp(picture))
        thin = THIN_PIXELS < height * width < 4 * (width + 2 * height)
        return not (indexed or thin or repeat_share(picture.pixels.transpose(2, 0, 1)) > SURELY_PHOTO)

    def encode(self, stack: Samples, picture: Picture, report: Report | None) -> tuple[int, bytes]:
        """Return (method, body) of a stack [P, H, W] of the picture that `stacks` was asked about."""
        values = stack.reshape(len(stack), -1)
        if (values == values[:, :1]).all():
            return CONSTANT, values[:, 0].astype("<u2").tobytes()
        photo = self._fast or is_photo(stack)
        coefficients = image_jpeg.recover(stack) if picture.kind != "palette" and image_jpeg.suits(stack) else None
        if coefficients is None:
            return self._encode_samples(stack, photo, report)
        identities, prior = jpeg_coefficients.installed_start()
        body, nll_bits = image_jpeg.encode(stack, coefficients, report if photo else None, prior)
        if not photo:
            before = list(self._used), self.nll_bits
            method, other = self._encode_samples(stack, photo, report)
            if len(other) <= len(body):
                return method, other
            self._used, self.nll_bits = before
        self._used += identities
        self.nll_bits += nll_bits
        return JPEG, body

    def _encode_samples(self, stack: Samples, photo: bool, report: Report | None) -> tuple[int, bytes]:
        """Return (method, body) of a stack that is coded sample by sample."""
        found = image_values.sparse(stack) if photo and not self._fast else None
        if found is not None:
            ranks = image_values.to_ranks(stack, found)
            return RANKS, image_values.pack(found) + self._encode_mixing(ranks, report)
        if self._fast:
            return NET, self._encode_net(stack, report)
        return MIXING, self._encode_mixing(stack, report)

    def decode(self, method: int, body: bytes, shape: tuple[int, int, int], report: Report | None) -> Samples:
        """Return the stack of a body.

        Raises:
            CorruptError: no stack of this shape has this body.
        """
        if method == CONSTANT:
            if len(body) != 2 * shape[0]:
                raise CorruptError("damaged: constant planes of the wrong size")
            return np.broadcast_to(np.frombuffer(body, "<u2")[:, None, None], shape)
        if method == NET:
            return self._decode_net(body, shape, report)
        if method == MIXING:
            return self._decode_mixing(body, shape, report)
        if method == RANKS:
            values, rest = image_values.unpack(body, shape[0])
            return image_values.from_ranks(self._decode_mixing(rest, shape, report), values)
        if method == JPEG:
            started = image_jpeg.is_started(body)
            models = (self._weights(jpeg_coefficients.PRIOR_ID).identity,) if started else ()
            return image_jpeg.decode(body, shape, report, jpeg_coefficients.named_start(models))
        raise CorruptError(f"damaged: unknown method {method} of an image block")

    def _encode_net(self, stack: Samples, report: Report | None) -> bytes:
        from neuralzip.codecs import image_fast

        net = self.net
        self._used.append(self._net_weights.identity)
        divisor, reduced = reduce(stack)
        fine = max(0, int(reduced.max()).bit_length() - 8)
        parts = [np.ascontiguousarray(reduced[:, i:j]) for i, j in bands(*stack.shape)]
        threads = self.cores if len(parts) == 1 else 1

        def code(band: Samples, tell: Report | None) -> tuple[bytes, float]:
            return image_fast.encode(net, band, fine, tell, threads)

        coded = self._each(code, parts, report)
        self.nll_bits += sum(nll for _, nll in coded)
        return _NET_HEAD.pack(divisor, fine) + _join([payload for payload, _ in coded])

    def _decode_net(self, body: bytes, shape: tuple[int, int, int], report: Report | None) -> Samples:
        from neuralzip.codecs import image_fast

        if shape[0] not in (1, 3) or len(body) < _NET_HEAD.size:
            raise CorruptError("damaged: impossible stack of an image block")
        divisor, fine = _NET_HEAD.unpack_from(body)
        if fine > image_fast.MAX_FINE or divisor == 0:
            raise CorruptError("damaged: impossible samples of an image block")
        net = self.net

        def code(part: tuple[int, bytes], tell: Report | None) -> Samples:
            geometry = image_fast.Geometry(shape[0], part[0], shape[2], fine)
            return image_fast.decode(net, part[1], geometry, tell)

        decoded = self._each(code, list(_parts(body, _NET_HEAD.size, shape)), report)
        return np.concatenate(decoded, axis=1) * np.uint16(divisor)

    def _encode_mixing(self, stack: Samples, report: Report | None) -> bytes:
        from neuralzip.codecs import image_mixing

        self.nll_bits = math.nan
        divisor, reduced = reduce(stack)
        parts = [np.ascontiguousarray(reduced[:, i:j]) for i, j in bands(*stack.shape)]

        def code(part: Samples, tell: Report | None) -> bytes:
            return image_mixing.encode_picture(part, tell, self.mixing_weights)

        coded = self._each(code, parts, report)
        needed = set[str]().union(*map(image_mixing.needs, coded))
        self._used += [getattr(self, f"_{name}_weights").identity for name in sorted(needed)]
        return _MIXING_HEAD.pack(divisor) + _join(coded)

    def _decode_mixing(self, body: bytes, shape: tuple[int, int, int], report: Report | None) -> Samples:
        from neuralzip.codecs import image_mixing

        if len(body) < _MIXING_HEAD.size:
            raise CorruptError("damaged: impossible stack of an image block")

        def code(part: tuple[int, bytes], tell: Report | None) -> Samples:
            size = (shape[0], part[0], shape[2])
            return image_mixing.decode_picture(part[1], size, tell, self.mixing_weights)

        decoded = self._each(code, list(_parts(body, _MIXING_HEAD.size, shape)), report)
        return np.concatenate(decoded, axis=1) * np.uint16(*_MIXING_HEAD.unpack_from(body))

    def _each(
        self, code: Callable[[Part, Report | None], Result], parts: list[Part], report: Report | None
    ) -> list[Result]:
        """Return code(part, report) of every band; several bands are coded side by side."""
        if len(parts) == 1:
            return [code(parts[0], report)]
        done: list[Result] = []
        with ThreadPoolExecutor(self.beside) as pool:
            for result in pool.map(lambda part: code(part, None), parts):
                done.append(result)
                if report is not None:
                    report(len(done) / len(parts))
        return done


def is_grey_ramp(picture: Picture) -> bool:
    """Say whether a palette picture's indices are grey levels: colours of one growing component."""
    colours = picture.palette
    if colours is None or len(colours) < 2:
        return False
    levels = colours[:, :3].astype(np.int64)
    return bool((levels == levels[:, :1]).all() and (np.diff(levels[:, 0]) > 0).all())


def is_opacity_apart(pixels: npt.NDArray[np.integer[Any]]) -> bool:
    """Say whether the opacity of pixels [H, W, C] is better coded by itself: constant, or that of a photo."""
    if pixels.shape[2] not in (2, 4):
        return False
    opacity = pixels[:, :, -1]
    return bool((opacity == opacity[0, 0]).all()) or is_photo(pixels[:, :, :-1].transpose(2, 0, 1))


def is_photo(stack: npt.NDArray[np.integer[Any]]) -> bool:
    """Say whether samples [P, H, W] are too rarely repeated for graphics."""
    from neuralzip.codecs.image_graphics import SURELY_PHOTO, repeat_share

    return repeat_share(stack) <= SURELY_PHOTO


def reduce(stack: Samples) -> tuple[int, Samples]:
    """Return (greatest common divisor of all samples, samples divided by it)."""
    divisor = int(np.gcd.reduce(np.unique(stack))) or 1
    return divisor, stack // np.uint16(divisor)


def rows_at_once(planes: int, width: int) -> int:
    """Return how many rows are coded together at most."""
    return max(1, min(BAND_ROWS, BAND_SAMPLES // (planes * width)))


def bands(planes: int, height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield (first row, end row) of the bands that are coded one by one."""
    size = rows_at_once(planes, width)
    for begin in range(0, height, size):
        yield begin, min(height, begin + size)


def _join(payloads: list[bytes]) -> bytes:
    """Return the payloads of all bands, each after its size."""
    return b"".join(struct.pack("<I", len(payload)) + payload for payload in payloads)


def _parts(body: bytes, place: int, shape: tuple[int, int, int]) -> Iterator[tuple[int, bytes]]:
    """Yield (rows, payload) of the bands in a body, from `place` on."""
    for begin, end in bands(*shape):
        size = int.from_bytes(body[place : place + 4], "little")
        payload, place = body[place + 4 : place + 4 + size], place + 4 + size
        if place > len(body):
            raise CorruptError("damaged: a stack of an image block ends too early")
        yield end - begin, payload
    if place != len(body):
        raise CorruptError("damaged: a stack of an image block has the wrong size")
