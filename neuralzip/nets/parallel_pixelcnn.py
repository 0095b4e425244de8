"""Multiscale PixelCNN with parity groups: samples of a group are independent given all groups before.

S. Reed et al., "Parallel multiscale autoregressive density estimation" (2017, arXiv 1703.03664): four groups a
scale, the first of which is the scale above, so that a picture takes O(log n) steps. Each plane's groups have nets
of their own, shared by all scales, which see what `nets.parity_front` shows of a sample and give a mixture of
discretised logistics (Salimans et al., "PixelCNN++", 2017, arXiv 1701.05517). It departs from Reed et al. in that
the planes G, R and B come one after the other, and in small nets over gathered neighbours for convolutions.

N samples of a plane's group, F inputs, H1 and H2 widths, K components.
"""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.coding.mixtures import Mixtures
from neuralzip.errors import ModelError
from neuralzip.exact import logistic
from neuralzip.exact.compiled import entry
from neuralzip.nets import parity_front, pixel_front
from neuralzip.nets.idf import ALPHABET, Arrays, code_lengths, load_linear
from neuralzip.nets.lattice import GROUPS
from neuralzip.nets.parity_front import PLANES, UNIT, Front, IntArray, Tables, View
from neuralzip.nets.pixel_front import INPUT_BITS
from neuralzip.nets.quantise import QuantLinear, export_layers, quantise

ARCHITECTURE, VERSION = "parallel", 2
ACT_BITS = 4
OUT_BITS = 8
MEAN_BITS = 8
WIDTH_LIMIT = 8
"""Log2 of a component's width over the local scale is clamped to plus and minus this."""
_WIDE = -(2**15), 2**15 - 1
_WIDTH_STEPS, _NARROWEST, _WIDEST = 16, 6, 9
_INVERSES = logistic.inverse_scales((_NARROWEST + _WIDEST) * _WIDTH_STEPS + 1, _WIDTH_STEPS, _NARROWEST)
_NATS_BIT = 0.6931472


class GroupNet(nn.Module):
    """Mixtures of one plane's group.

    Args:
        inputs: F.
        widths: H1, H2.
        components: K.
    """

    def __init__(self, inputs: int, widths: tuple[int, int], components: int) -> None:
        super().__init__()
        self.components = components
        self.enter = QuantLinear(inputs, widths[0], INPUT_BITS)
        self.middle = QuantLinear(*widths, ACT_BITS)
        self.out = QuantLinear(widths[1], 3 * components, ACT_BITS)
        nn.init.normal_(self.out.weight, std=0.02)
        with torch.no_grad():
            self.out.bias.zero_().view(3, components)[2] = torch.linspace(-2.0, 1.0, components)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return log2 weights, means and log2 widths [N, 3, K], in local scales, from inputs [N, F] int8."""
        hidden = quantise(self.enter(inputs.float() * 2.0**-INPUT_BITS), ACT_BITS, low=0)
        hidden = quantise(self.middle(hidden), ACT_BITS, low=0)
        return quantise(self.out(hidden), OUT_BITS, *_WIDE).view(len(inputs), 3, self.components)


class ParallelPixelCnn(nn.Module):
    """The nets of all planes' groups, the same at every level, and the tables of what they see.

    Args:
        widths: H1, H2.
        components: K.

    Attributes:
        nets: of plane p, group g at p * len(GROUPS) + g.
    """

    def __init__(self, widths: tuple[int, int] = (128, 64), components: int = 5) -> None:
        super().__init__()
        self.config = {"widths": list(widths), "components": components}
        shapes = [parity_front.inputs_of(plane, group) for plane in range(PLANES) for group in GROUPS]
        self.nets = nn.ModuleList(GroupNet(inputs, widths, components) for inputs in shapes)
        for name, table in parity_front.unfitted()._asdict().items():
            self.register_buffer(name, torch.from_numpy(table))
        self.register_buffer("levels", torch.from_numpy(pixel_front.scale_levels()).float(), persistent=False)

    @property
    def tables(self) -> Tables:
        """What the front looks at; fitted before training."""
        return Tables(*(getattr(self, name).numpy() for name in Tables._fields))

    def bits(self, plane: int, group: int, view: View, samples: npt.NDArray[Any]) -> Tensor:
        """Return the ideal code length of samples [N] in bits, [N]."""
        out = self.nets[plane * len(GROUPS) + group](torch.from_numpy(view.inputs))
        level = cast(Tensor, self.levels)[torch.from_numpy(view.scale).long()][:, None]
        means = torch.from_numpy(view.base)[:, None] / UNIT + level * out[:, 1]
        inverses = torch.exp2(-out[:, 2].clamp(-WIDTH_LIMIT, WIDTH_LIMIT)) / level
        return code_lengths(
            torch.softmax(out[:, 0] * _NATS_BIT, -1), means, inverses, torch.from_numpy(samples), ALPHABET
        )


def export(net: ParallelPixelCnn) -> tuple[Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    arrays = export_layers(net) | {f"tables.{name}": table for name, table in net.tables._asdict().items()}
    levels = pixel_front.scale_levels()
    arrays["levels"] = np.rint(levels * 2**12).astype(np.int32)
    arrays["octaves"] = np.rint(np.log2(levels) * 2**8).astype(np.int32)
    return arrays, {"architecture": ARCHITECTURE, "version": VERSION, "config": net.config}


@entry
def to_mixtures(
    out: npt.NDArray[np.int16],
    base: IntArray,
    scale: IntArray,
    levels: IntArray,
    octaves: IntArray,
    means: IntArray,
    inverses: IntArray,
    weights: IntArray,
) -> None:
    """Turn a net's output into the mixtures of N samples.

    Args:
        out: [N, 3, K] log2 weights, means and log2 widths in 2**-OUT_BITS local scales.
        base: [N] in 1/8 grey levels.
        scale: [N] scale index.
        levels: each scale in 2**-12 grey levels.
        octaves: log2 of each scale in 2**-8.
        means, inverses, weights: [N, K], filled; see `exact.logistic`.
    """
    last, half = len(_INVERSES) - 1, np.int64(1) << 11
    for n in range(len(base)):
        level, octave = np.int64(levels[scale[n]]), octaves[scale[n]]
        logistic.weigh(out[n, 0], out.shape[2], weights[n])
        for k in range(out.shape[2]):
            means[n, k] = (base[n] << (MEAN_BITS - 3)) + ((out[n, 1, k] * level + half) >> 12)
            width = min(max(np.int64(out[n, 2, k]), -WIDTH_LIMIT << OUT_BITS), WIDTH_LIMIT << OUT_BITS)
            place = (width + octave + (_NARROWEST << OUT_BITS) + 8) >> 4
            inverses[n, k] = _INVERSES[min(max(place, 0), last)]


class IntParallelPixelCnn:
    """The integer nets of a model.

    Raises:
        ModelError: these are not weights of a multiscale PixelCNN.
    """

    def __init__(self, model: zoo.Model) -> None:
        if model.meta.get("architecture") != ARCHITECTURE or model.meta.get("version") != VERSION:
            raise ModelError(f"model '{model.id}' is not of architecture {ARCHITECTURE}, version {VERSION}")
        try:
            self.tables = Tables(*(model.arrays[f"tables.{name}"] for name in Tables._fields))
            self._ladder = model.arrays["levels"], model.arrays["octaves"]
            self._layers = [
                [load_linear(model.arrays, f"nets.{i}.{name}") for name in ("enter", "middle", "out")]
                for i in range(PLANES * len(GROUPS))
            ]
        except KeyError as error:
            raise ModelError(f"model '{model.id}' lacks the array {error}") from error

    def look(self, front: Front, plane: int, group: int, level: int, ys: IntArray, xs: IntArray) -> View:
        """Return what is shown of samples (ys, xs) [N] of a plane's group."""
        return parity_front.look(front, self.tables, plane, group, level, ys, xs)

    def mixtures(self, plane: int, group: int, view: View) -> Mixtures:
        """Return the distributions of N samples."""
        enter, middle, last = self._layers[plane * len(GROUPS) + group]
        hidden = middle.apply(enter.apply(torch.from_numpy(view.inputs), ACT_BITS, low=0), ACT_BITS, low=0)
        out = last.to_format(last(hidden), OUT_BITS, *_WIDE).view(len(hidden), 3, -1).numpy()
        means, inverses, weights = (np.empty((len(out), out.shape[2]), np.int32) for _ in range(3))
        to_mixtures(out, view.base, view.scale, *self._ladder, means, inverses, weights)
        return Mixtures(means, inverses, weights, MEAN_BITS, ALPHABET)
