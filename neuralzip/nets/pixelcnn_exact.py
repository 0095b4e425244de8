"""PixelCNN in integers: the twin of `nets.pixelcnn`, step by step or many steps at once, on every machine alike.

    net = IntPixelCNN(zoo.load("image-fast"))
    walk = net.walk(height, width)
    walk.decode(planes, fine, 0, walk.steps, coder)      # or, where others code:

    for t in range(walk.steps):
        walk.foresee(t)                                  # walk.told: mixtures from all samples of earlier steps
        planes[...] = ...                                # those of step t
        walk.reveal(planes, t)

Geometry: step t holds some rows (`pixel_front.rows`); row y holds plane c (0 G, 1 R, 2 B) at column
t - 2 y - LAG c, where that is inside the picture. A grey picture walks with three equal planes, of which the first
alone is coded.

Mixtures are in the units of `exact.logistic`: means in 2**-MEAN_BITS grey levels, inverse scales in 2**-24,
weights that sum to 2**16; the alphabet is 0..255. Where all samples are known, `look` and `evaluate` take many
steps at once, and may do so side by side.

Two implementations give the same integers: compiled (`pixelcnn_step`, on the CPU), and products in torch
(`pixelcnn_plain`, for CUDA and as the oracle of the tests).

C channels, K components, H rows, W columns, T slots.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact import tiles
from neuralzip.exact.rounding import rounding
from neuralzip.experts import bits
from neuralzip.experts.bits import BitCoder
from neuralzip.nets import pixel_front, pixelcnn_step
from neuralzip.nets.pixel_front import PLANES
from neuralzip.nets.pixelcnn_step import CODE, I32, LOOK, MIX, NET, OUT_BITS, REVEAL, TAPS, Layer, Weights

if TYPE_CHECKING:
    from neuralzip.nets.pixelcnn_plain import Plain

ACT_BITS = 5
CHUNK = 16
"""Steps evaluated at once where the samples are known."""
_NOTHING, _NO_PLANES = bits.encoder(0), np.zeros((1, 0, 0), np.int32)


def _layer(model: zoo.Model, name: str, outputs: int, inputs: int, to: int) -> Layer:
    """Return a layer whose sums go to 2**-to."""
    weight, bias, unit = (np.array(model.arrays[f"{name}.{part}"]) for part in ("weight", "bias", "unit"))
    if weight.shape != (outputs, inputs):
        raise ModelError(f"model '{model.id}': {name} is {list(weight.shape)}, expected {[outputs, inputs]}")
    offset, shift = rounding(weight, bias, unit, to, f"model '{model.id}': {name}")
    return Layer(tiles.tiled(weight), offset + tiles.bias(weight), shift)


def _table(model: zoo.Model, name: str, size: int, kind: type[np.generic]) -> npt.NDArray[Any]:
    """Return a copy of a table, which compiled code may take for its own."""
    if model.arrays[name].shape != (size,):
        raise ModelError(f"model '{model.id}': {name} has {model.arrays[name].shape} entries, expected {size}")
    return np.array(model.arrays[name], kind)


def _stacked(parts: list[Layer]) -> Layer:
    return Layer(*(np.stack(arrays) for arrays in zip(*parts, strict=True)))


def gather(model: zoo.Model) -> tuple[Weights, pixel_front.Tables]:
    """Return the arrays of a model as the walk reads them.

    Raises:
        ModelError: an array is missing or of another shape, or a sum could leave int32.
    """
    config = model.meta["config"]
    channels, blocks, hidden = (int(config[name]) for name in ("channels", "blocks", "hidden"))
    outputs = 3 * PLANES * int(config["components"])
    weights = Weights(
        _layer(model, "enter", channels, pixel_front.INPUTS, ACT_BITS),
        _stacked([_layer(model, f"blocks.{i}.taps", channels, TAPS * channels, ACT_BITS) for i in range(blocks)]),
        _stacked([_layer(model, f"blocks.{i}.point", channels, channels, ACT_BITS) for i in range(blocks)]),
        _layer(model, "head", hidden, channels, ACT_BITS),
        _layer(model, "out", outputs, hidden, OUT_BITS),
        _table(model, "levels", pixel_front.SCALES, np.int32),
        _table(model, "octaves", pixel_front.SCALES, np.int32),
    )
    kinds = pixel_front.make_tables()
    tables = {
        name: _table(model, f"tables.{name}", len(made), made.dtype.type) for name, made in kinds._asdict().items()
    }
    if tables["scale_of"].max() >= pixel_front.SCALES:
        raise ModelError(f"model '{model.id}' has impossible scales")
    return weights, pixel_front.Tables(**tables)


def _plain(model: zoo.Model, device: str) -> "Plain":
    from neuralzip.nets.pixelcnn_plain import Plain  # torch: not where the compiled form runs

    return Plain(model, device)


class IntPixelCNN:
    """The integer net of a model; one object serves any number of pictures.

    Args:
        model: weights of architecture "pixelcnn".
        device: where the products run, "cpu" or "cuda"; never changes the integers.
        compiled: use the compiled form; False for torch (always so on CUDA).

    Raises:
        ModelError: the weights are of another kind or do not fit together.
    """

    def __init__(self, model: zoo.Model, device: str = "cpu", compiled: bool = True) -> None:
        if model.meta.get("architecture") != "pixelcnn" or model.meta.get("version") != 1:
            raise ModelError(f"model '{model.id}' is no PixelCNN that this release knows")
        try:
            self.weights, self.tables = gather(model)
        except KeyError as error:
            raise ModelError(f"model '{model.id}' lacks {error}") from error
        self.plain = None if compiled and device == "cpu" else _plain(model, device)

    @property
    def channels(self) -> int:
        """C."""
        return int(self.weights.taps.shift.shape[1])

    @property
    def components(self) -> int:
        """K."""
        return len(self.weights.out.shift) // (3 * PLANES)

    def walk(self, height: int, width: int, slots: int = 1) -> "Walk":
        """Begin a picture of this size, of which so many steps may be in work at once."""
        return Walk(self, height, width, slots)


class Walk:
    """One picture on its way through the net.

    Attributes:
        steps: number of steps of the picture.
        told: [PLANES, T, H, 3, K] int32, mixtures by the places of `experts.image_opinion`, those of step t at
            slot t modulo T.
    """

    def __init__(self, net: IntPixelCNN, height: int, width: int, slots: int) -> None:
        self._net, self._size = net, (height, width)
        self.steps = pixel_front.steps(height, width)
        front, group = pixel_front.start(height, width, net.tables), pixel_front.new_group(height, slots)
        self._state = pixelcnn_step.new_state(net.weights, front, group)
        self._maps = None if net.plain is None else net.plain.maps(height)
        self.told = self._state.told

    def _walk(
        self,
        what: int,
        first: int,
        stop: int,
        planes: I32 = _NO_PLANES,
        fine: int = 0,
        coder: BitCoder = _NOTHING,
    ) -> None:
        """Do `what` for some steps; where torch evaluates the net, all before NET and then all after it."""
        state = self._state
        if self._maps is None or not what & NET:
            pixelcnn_step.walk_steps(self._net.weights, state, coder, planes, fine, first, stop, what)
            return
        assert self._net.plain is not None
        pixelcnn_step.walk_steps(self._net.weights, state, coder, planes, fine, first, stop, what & LOOK)
        self._net.plain.forward(self._maps, state.group.inputs, state.out, first, stop, self._size)
        rest = what & ~(LOOK | NET)
        pixelcnn_step.walk_steps(self._net.weights, state, coder, planes, fine, first, stop, rest)

    def look(self, planes: I32, fine: int, first: int, stop: int) -> None:
        """See what the net is shown of some steps, at most T, of planes [1 or PLANES, H, W] that are known.

        Samples are below 256 << fine; the net sees their upper eight bits.
        """
        self._walk(LOOK | REVEAL, first, stop, planes, fine)

    def evaluate(self, first: int, stop: int) -> None:
        """Foresee the samples of some steps that have been looked at, at most CHUNK."""
        self._walk(NET | MIX, first, stop)

    def encode(self, planes: I32, fine: int, first: int, stop: int, coder: BitCoder) -> None:
        """Foresee, and encode, the samples of some steps that have been looked at, at most CHUNK."""
        self._walk(NET | MIX | CODE, first, stop, planes, fine, coder)

    def decode(self, planes: I32, fine: int, first: int, stop: int, coder: BitCoder) -> None:
        """Decode the samples of some steps to planes [1 or PLANES, H, W]."""
        stride = stop - first if self._maps is None else 1
        for t in range(first, stop, stride):
            self._walk(LOOK | NET | MIX | CODE | REVEAL, t, t + stride, planes, fine, coder)

    def foresee(self, t: int) -> None:
        """Foresee the samples of step t; steps come in order, each followed by `reveal`."""
        self._walk(LOOK | NET | MIX, t, t + 1)

    def reveal(self, planes: I32, t: int) -> None:
        """Enter the samples of step t from planes [1 or PLANES, H, W] of eight bits."""
        self._walk(REVEAL, t, t + 1, planes)
