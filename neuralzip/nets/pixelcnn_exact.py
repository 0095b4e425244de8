"""PixelCNN in integers: the twin of `nets.pixelcnn`, step by step or many steps at once, on every machine alike.

    net = IntPixelCNN(zoo.load("image-fast"), device)
    walk = net.walk(height, width)
    for t in range(walk.steps):
        mixtures = walk.step(t)                          # from all samples of earlier steps
        samples = ...                                    # [M, 3] int32: G, R, B
        walk.reveal(t, samples)

Geometry: step t holds the rows mixtures.first .. mixtures.first + M - 1; row y holds plane c (0 G, 1 R, 2 B) at
column t - 2 y - LAG c, where that is inside the picture (mixtures.valid). A grey picture walks with three equal
planes: reveal(t, samples) with R and B taken from G at their own places, which are known by then (`grey_samples`).

Mixtures are in the units of `exact.logistic`: means in 2**-MEAN_BITS grey levels, inverse scales in 2**-24,
weights that sum to 2**16; the alphabet is 0..255. `walk_known` evaluates CHUNK steps at once where all samples are
known and returns the very same integers.

Feature maps are kept in wavefront order, one row of memory a step, so that the taps W, N, NW, NE of a whole group
are contiguous slices: (t-1, y), (t-2, y-1), (t-3, y-1), (t-1, y-1).

T steps at once, M rows, C channels, K components, F inputs.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact import layers, logistic
from neuralzip.nets import pixel_front, pixel_walk
from neuralzip.nets.pixel_front import PLANES

ACT_BITS = 5
OUT_BITS = 8
MEAN_BITS = 8
ALPHABET = 256
CHUNK = 16
"""Steps evaluated at once where the samples are known."""
_HISTORY = 3
_WIDTH_STEPS, _NARROWEST, _WIDEST = 16, 6, 9
_MEAN_LIMIT = 1024 << MEAN_BITS

Samples = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.int32]


class Mixtures(NamedTuple):
    """Distributions of the samples of one step, in the units of `exact.logistic`.

    Attributes:
        first: first row of the step.
        valid: [M, PLANES] bool, whether the plane has a sample there.
        means: [M, PLANES, K] int32.
        inverses: [M, PLANES, K] int32.
        weights: [M, PLANES, K] int32.
    """

    first: int
    valid: npt.NDArray[np.bool_]
    means: IntArray
    inverses: IntArray
    weights: IntArray


_INVERSES = logistic.inverse_scales((_NARROWEST + _WIDEST) * _WIDTH_STEPS + 1, _WIDTH_STEPS, _NARROWEST)


@numba.njit(cache=True, nogil=True)
def to_mixtures(
    out: npt.NDArray[np.int16],
    base: IntArray,
    scale: IntArray,
    levels: npt.NDArray[np.int32],
    octaves: npt.NDArray[np.int32],
    means: IntArray,
    inverses: IntArray,
    weights: IntArray,
) -> None:
    """Turn the net's output [M, PLANES, 3, K] into mixtures [M, PLANES, K].

    Args:
        out: log2 weights, means and log2 widths in 2**-OUT_BITS local scales.
        base: [M, PLANES] in 1/8 grey levels.
        scale: [M, PLANES] scale index, -1 where there is no sample (its mixture is undefined).
        levels: [SCALES] each scale in 2**-12 grey levels.
        octaves: [SCALES] log2 of each scale in 2**-8.
        means, inverses, weights: filled.
    """
    half = np.int64(1) << 11
    last = len(_INVERSES) - 1
    for m in range(out.shape[0]):
        for plane in range(PLANES):
            index = scale[m, plane]
            if index < 0:
                continue
            centre = np.int64(base[m, plane]) << (MEAN_BITS - 3)
            logistic.weigh(out[m, plane, 0], out.shape[3], weights[m, plane])
            for k in range(out.shape[3]):
                mean = centre + ((np.int64(out[m, plane, 1, k]) * levels[index] + half) >> 12)
                means[m, plane, k] = min(max(mean, -_MEAN_LIMIT), _MEAN_LIMIT)
                spread = min(max(np.int64(out[m, plane, 2, k]), -8 << OUT_BITS), 8 << OUT_BITS)
                place = (spread + octaves[index] + (_NARROWEST << OUT_BITS) + 8) >> 4
                inverses[m, plane, k] = _INVERSES[min(max(place, 0), last)]


class _Map:
    """A feature map in wavefront order: int8 [slots, H + 2, C], of which the last steps are kept.

    Rows are shifted by one, so that row -1 (and H) read as zeros.
    """

    def __init__(self, height: int, channels: int, device: torch.device) -> None:
        self.slots = torch.zeros(4 * CHUNK + _HISTORY, height + 2, channels, dtype=torch.int8, device=device)
        self.next = _HISTORY

    def append(self, block: Tensor, first: int) -> Tensor:
        """Store [T, M, C], rows first .. of the next T steps; return their taps [T, M, 5 C].

        Rows of the block that a step does not have must be zero.
        """
        count, rows = block.shape[:2]
        if self.next + count > len(self.slots):
            self.slots[:_HISTORY] = self.slots[self.next - _HISTORY : self.next].clone()
            self.next = _HISTORY
        at, low, slots = self.next, first + 1, self.slots
        slots[at : at + count, low - 1] = 0
        slots[at : at + count, low + rows] = 0
        slots[at : at + count, low : low + rows] = block
        self.next += count

        def tap(back: int, up: int) -> Tensor:
            return slots[at - back : at - back + count, low - up : low - up + rows]

        return torch.cat([block, tap(1, 0), tap(2, 1), tap(3, 1), tap(1, 1)], dim=2)


class IntPixelCNN:
    """The integer net of a model; one object serves any number of pictures.

    Args:
        model: weights of architecture "pixelcnn".
        device: where the products run; never changes the integers.

    Raises:
        ModelError: the weights are of another kind or do not fit together.
    """

    def __init__(self, model: zoo.Model, device: torch.device | str = "cpu") -> None:
        if model.meta.get("architecture") != "pixelcnn" or model.meta.get("version") != 1:
            raise ModelError(f"model '{model.id}' is no PixelCNN that this release knows")
        self.device = torch.device(device)
        config = model.meta["config"]
        self.channels, self.components = int(config["channels"]), int(config["components"])
        try:
            names = pixel_front.Tables._fields
            self.tables = pixel_front.Tables(*(model.arrays[f"tables.{name}"] for name in names))
            self.levels, self.octaves = model.arrays["levels"], model.arrays["octaves"]
            self.enter, self.head, self.out = (self._layer(model, name) for name in ("enter", "head", "out"))
            self.blocks = [
                (self._layer(model, f"blocks.{i}.taps"), self._layer(model, f"blocks.{i}.point"))
                for i in range(int(config["blocks"]))
            ]
        except KeyError as error:
            raise ModelError(f"model '{model.id}' lacks {error}") from error

    def _layer(self, model: zoo.Model, name: str) -> layers.Linear:
        parts = (torch.from_numpy(model.arrays[f"{name}.{part}"].copy()) for part in ("weight", "bias", "unit"))
        return layers.Linear(*(part.to(self.device) for part in parts))

    def walk(self, height: int, width: int) -> "Walk":
        """Begin a picture of this size."""
        return Walk(self, height, width)


class Walk:
    """One picture on its way through the net.

    Attributes:
        steps: number of steps of the picture.
    """

    def __init__(self, net: IntPixelCNN, height: int, width: int) -> None:
        self.net, self.height, self.width = net, height, width
        self.steps = pixel_front.steps(height, width)
        self._front = pixel_front.start(height, width, net.tables)
        self._group = pixel_front.new_group(self._front)
        self._maps = [_Map(height, net.channels, net.device) for _ in net.blocks]

    def _forward(self, inputs: Tensor, mask: Tensor | None, first: int) -> npt.NDArray[np.int16]:
        """Return the net's output [T, M, 9 K] for inputs [T, M, F] of the next T steps."""
        net = self.net
        count, rows, channels = inputs.shape[0], inputs.shape[1], net.channels
        stream = net.enter.apply(inputs.reshape(count * rows, -1), ACT_BITS)
        for (taps, point), kept in zip(net.blocks, self._maps, strict=True):
            block = stream.clamp_min(0).view(count, rows, channels)
            if mask is not None:
                block *= mask
            seen = kept.append(block, first).view(count * rows, -1)
            stream = point.apply(taps.apply(seen, ACT_BITS, low=0), ACT_BITS, residual=stream)
        hidden = net.head.apply(stream.clamp_min_(0), ACT_BITS, low=0)
        out = net.out.to_format(net.out(hidden), OUT_BITS, -(2**15), 2**15 - 1)
        return out.cpu().numpy().reshape(count, rows, -1)

    def _mixtures(self, out: npt.NDArray[np.int16], base: IntArray, scale: IntArray, first: int) -> Mixtures:
        shape = (len(base), PLANES, self.net.components)
        means, inverses, weights = (np.zeros(shape, np.int32) for _ in range(3))
        parts = np.ascontiguousarray(out).reshape(len(base), PLANES, 3, -1)
        to_mixtures(parts, base, scale, self.net.levels, self.net.octaves, means, inverses, weights)
        return Mixtures(first, scale >= 0, means, inverses, weights)

    def step(self, t: int) -> Mixtures:
        """Return the mixtures of step t; steps come in order, each followed by `reveal`."""
        first, count = pixel_walk.rows(self.height, self.width, t)
        pixel_walk.predict(self._front, self._group, t, first, count)
        inputs = torch.from_numpy(self._group.inputs[None, :count]).to(self.net.device)
        out = self._forward(inputs, None, first)[0]
        return self._mixtures(out, self._group.base[:count], self._group.scale[:count], first)

    def reveal(self, t: int, samples: Samples) -> None:
        """Enter the samples [M, PLANES] int32 of step t, those that are not valid being ignored."""
        first, count = pixel_walk.rows(self.height, self.width, t)
        pixel_walk.reveal(self._front, self._group, t, first, count, samples)

    def grey_samples(self, t: int, samples: Samples) -> None:
        """Set R and B [M, 1:] of a grey picture's step to G at their places."""
        first, count = pixel_walk.rows(self.height, self.width, t)
        pixel_walk.repeat_grey(self._front, t, first, count, samples)

    def walk_known(self, planes: npt.NDArray[np.uint8]) -> Iterator[tuple[int, Mixtures, Samples]]:
        """Yield (step, mixtures, samples) of planes [PLANES, H, W], evaluating CHUNK steps at once."""
        for begin in range(0, self.steps, CHUNK):
            count = min(CHUNK, self.steps - begin)
            first = pixel_walk.rows(self.height, self.width, begin)[0]
            last_first, last_rows = pixel_walk.rows(self.height, self.width, begin + count - 1)
            rows = last_first + last_rows - first
            inputs = np.zeros((count, rows, pixel_front.INPUTS), np.int8)
            base, scale, samples = (np.zeros((count, rows, PLANES), np.int32) for _ in range(3))
            mask = np.zeros((count, rows, 1), np.int8)
            pixel_walk.advance(self._front, self._group, planes, begin, first, inputs, base, scale, samples, mask)
            out = self._forward(
                torch.from_numpy(inputs).to(self.net.device), torch.from_numpy(mask).to(self.net.device), first
            )
            for i in range(count):
                top, size = pixel_walk.rows(self.height, self.width, begin + i)
                part = slice(top - first, top - first + size)
                mixtures = self._mixtures(out[i, part], base[i, part], scale[i, part], top)
                yield begin + i, mixtures, samples[i, part]
