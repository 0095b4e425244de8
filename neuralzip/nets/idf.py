"""Integer discrete flow for pictures: float modules for training, and their integer twin.

E. Hoogeboom, J. Peters, R. van den Berg, M. Welling, "Integer discrete flows and lossless compression" (2019,
arXiv 1905.07376). A coupling leaves one part of the pixels as it is and subtracts from the other a translation
that a net computes from the first, rounded to integers: z_b = x_b - round(t(x_a)); it is undone by adding. Parts
are the parity groups of `nets.lattice` and, within a group, the planes G, R, B; after its coupling a part is
factored out, its prior a mixture of logistics whose parameters the same net gives from x_a. A part's latents lie
in the window [-t, 255 - t], so that no escapes are needed. It departs from the paper in the squeeze (parity
lattices and gathered neighbours in place of convolutions) and in the nets (7-bit weights, int8 activations).

N pixels, F inputs, K components, H1, H2, H3 widths.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.coding.mixtures import Mixtures
from neuralzip.errors import ModelError
from neuralzip.exact import layers, logistic, softmax
from neuralzip.exact.compiled import entry
from neuralzip.nets import lattice
from neuralzip.nets.lattice import BASE_BITS, GROUPS, INPUT_BITS, NEAR, PLANES, inputs_of
from neuralzip.nets.quantise import QuantLinear, export_layers, quantise

Arrays = dict[str, npt.NDArray[np.integer[Any]]]
IntArray = npt.NDArray[np.int32]

ACT_BITS = INPUT_BITS
OUT_BITS = 8
MEAN_BITS = 8
ALPHABET = 256
WIDTH_LIMIT = 6
"""Log2 of a component's width over the local scale is clamped to plus and minus this."""
_WIDTH_STEPS, _NARROWEST = 16, 6
_WIDTHS = (_NARROWEST + lattice.MAX_SCALE + WIDTH_LIMIT) * _WIDTH_STEPS
_INVERSES = logistic.inverse_scales(_WIDTHS + 1, _WIDTH_STEPS, _NARROWEST)
FLOOR = 2.0**-24
"""Every symbol keeps at least this probability, in training as in the coder."""
_NATS_BIT = 0.6931472


def rectified(x: Tensor) -> Tensor:
    """Round to int8 values of ACT_BITS, negative ones to zero."""
    return quantise(x, ACT_BITS, low=0)


class GroupNet(nn.Module):
    """Translation and prior of one parity group.

    Args:
        inputs: F.
        widths: H1, H2 of the trunk and H3 of each plane's head.
        components: K.
    """

    def __init__(self, inputs: int, widths: tuple[int, int, int], components: int) -> None:
        super().__init__()
        first, second, third = widths
        self.components = components
        self.enter = QuantLinear(inputs, first, INPUT_BITS)
        self.middle = QuantLinear(first, second, ACT_BITS)
        self.hidden = nn.ModuleList(QuantLinear(second + c, third, ACT_BITS) for c in range(PLANES))
        self.out = nn.ModuleList(QuantLinear(third, 3 * components, ACT_BITS) for _ in range(PLANES))
        self.shift = nn.ModuleList(QuantLinear(inputs + c, 1, INPUT_BITS) for c in range(PLANES))
        for out, shift in zip(self.out, self.shift, strict=True):
            assert isinstance(out, QuantLinear) and isinstance(shift, QuantLinear)
            nn.init.normal_(out.weight, std=0.02)
            nn.init.normal_(shift.weight, std=0.01)
            with torch.no_grad():
                out.bias.zero_().view(3, components)[2] = torch.linspace(-2.0, 1.0, components)
                shift.bias.zero_()

    def forward(self, inputs: Tensor, residuals: Tensor) -> tuple[Tensor, Tensor]:
        """Return translations [N, PLANES] and prior parameters [N, PLANES, 3, K], all in local scales.

        Args:
            inputs: [N, F] real values on the grid of INPUT_BITS.
            residuals: [N, PLANES - 1], what G and R leave of their base, on the same grid.
        """
        trunk = rectified(self.middle(rectified(self.enter(inputs))))
        shifts, outs = [], []
        for c in range(PLANES):
            seen = residuals[:, :c]
            hidden = rectified(self.hidden[c](torch.cat([trunk, seen], 1)))
            outs.append(quantise(self.out[c](hidden), OUT_BITS, -(2**15), 2**15 - 1))
            shifts.append(quantise(self.shift[c](torch.cat([inputs, seen], 1)), OUT_BITS, -(2**15), 2**15 - 1))
        return torch.cat(shifts, 1), torch.stack(outs, 1).view(len(inputs), PLANES, 3, self.components)


class Idf(nn.Module):
    """The nets of all groups, the same at every level.

    Args:
        widths: H1, H2, H3.
        components: K.

    Attributes:
        taps: neighbours that the nets see.
    """

    taps = NEAR

    def __init__(self, widths: tuple[int, int, int] = (128, 96, 48), components: int = 3) -> None:
        super().__init__()
        self.config = {"widths": list(widths), "components": components}
        self.groups = nn.ModuleList(GroupNet(inputs_of(self.taps[g]), widths, components) for g in GROUPS)

    def bits(self, group: int, view: "View", samples: Tensor) -> Tensor:
        """Return the ideal code length of samples [N, PLANES] in bits, [N, PLANES]."""
        scale = torch.exp2(view.scale.float())[:, None]
        base = view.base.float() * 2.0**-BASE_BITS
        left = (samples - base)[:, : PLANES - 1] / scale
        translation, prior = self.groups[group](view.inputs.float() * 2.0**-INPUT_BITS, quantise(left, INPUT_BITS))
        mean = (base + scale * translation)[..., None] + scale[..., None] * prior[:, :, 1]
        inverse = torch.exp2(-prior[:, :, 2].clamp(-WIDTH_LIMIT, WIDTH_LIMIT)) / scale[..., None]
        weights = torch.softmax(prior[:, :, 0] * _NATS_BIT, -1)
        return code_lengths(weights, mean, inverse, samples)


def code_lengths(
    weights: Tensor, means: Tensor, inverses: Tensor, samples: Tensor, alphabet: int = ALPHABET
) -> Tensor:
    """Return -log2 of the mass of samples [...] under mixtures [..., K] of logistics on 0..alphabet - 1."""
    value = samples[..., None].float()
    upper, lower = (value + 0.5 - means) * inverses, (value - 0.5 - means) * inverses
    upper = torch.where(value >= alphabet - 1, torch.full_like(upper, 1e4), upper)
    lower = torch.where(value <= 0, torch.full_like(lower, -1e4), lower)
    # Mirrored so that both sigmoids are small where their difference matters.
    sign = torch.where(upper + lower > 0, -1.0, 1.0)
    mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
    return -torch.log2((weights * mass).sum(-1) * (1 - alphabet * FLOOR) + FLOOR)


class View(NamedTuple):
    """What a net is shown of N pixels of a group; see `lattice.gather`.

    Attributes:
        inputs: [N, F] int8.
        base: [N, PLANES] int32.
        scale: [N] int32.
    """

    inputs: Tensor
    base: Tensor
    scale: Tensor


def look(planes: lattice.Samples, ys: IntArray, xs: IntArray, level: int, taps: npt.NDArray[np.int64]) -> View:
    """Return the view of pixels (ys, xs) [N] of a group, whose taps are given, in planes [P, H, W]."""
    count = len(ys)
    view = View(
        torch.empty((count, inputs_of(taps)), dtype=torch.int8),
        torch.empty((count, PLANES), dtype=torch.int32),
        torch.empty(count, dtype=torch.int32),
    )
    memory = np.empty((PLANES, len(taps)), np.int32)
    lattice.gather(planes, ys, xs, level, taps, memory, *(part.numpy() for part in view))
    return view


def export(net: Idf) -> tuple[Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    return export_layers(net), {"architecture": "idf", "version": 1, "config": net.config}


@entry
def to_mixtures(
    shift: npt.NDArray[np.int16],
    out: npt.NDArray[np.int16],
    base: IntArray,
    scale: IntArray,
    translations: IntArray,
    means: IntArray,
    inverses: IntArray,
) -> None:
    """Turn a head's output into the translation and the prior of N samples of one plane.

    Args:
        shift: [N, 1] in 2**-OUT_BITS local scales.
        out: [N, 3, K] log2 weights (not used here), means, log2 widths, in the same units.
        base: [N] in quarters.
        scale: [N] log2 of the local scale.
        translations: [N], filled: what the coupling subtracts, 0..255.
        means: [N, K], filled: of latents, in 2**-MEAN_BITS.
        inverses: [N, K], filled.
    """
    half = 1 << (MEAN_BITS - 1)
    for n in range(len(base)):
        centre = (np.int64(base[n]) << (MEAN_BITS - BASE_BITS)) + (np.int64(shift[n, 0]) << scale[n])
        translation = min(max((centre + half) >> MEAN_BITS, 0), ALPHABET - 1)
        translations[n] = translation
        for k in range(out.shape[2]):
            means[n, k] = centre + (np.int64(out[n, 1, k]) << scale[n]) - (translation << MEAN_BITS)
            width = min(max(int(out[n, 2, k]), -WIDTH_LIMIT << OUT_BITS), WIDTH_LIMIT << OUT_BITS)
            place = ((width + 8) >> 4) + (scale[n] + _NARROWEST) * _WIDTH_STEPS
            inverses[n, k] = _INVERSES[min(max(place, 0), _WIDTHS)]


class Prior(NamedTuple):
    """Distribution of the latents of N samples of one plane.

    Attributes:
        translations: [N] int32, what the coupling subtracts.
        means: [N, K] int32 of the latents, in 2**-MEAN_BITS.
        inverses: [N, K] int32, see `exact.logistic`.
        weights: [N, K] int32.
    """

    translations: IntArray
    means: IntArray
    inverses: IntArray
    weights: IntArray

    def mixtures(self) -> Mixtures:
        """Return the latents' distribution on their window: symbol s stands for the latent s - translation."""
        means = self.means + (self.translations << MEAN_BITS)[:, None]
        return Mixtures(means, self.inverses, self.weights, MEAN_BITS, ALPHABET)


def load_linear(arrays: Any, name: str) -> layers.Linear:
    """Return the integer twin of a layer of this name that `export_layers` wrote; KeyError where there is none."""
    parts = (arrays[f"{name}.{part}"] for part in ("weight", "bias", "unit"))
    return layers.Linear(*(torch.from_numpy(part.copy()) for part in parts))


class IntGroupNet:
    """The integer twin of a `GroupNet`."""

    def __init__(self, arrays: Any, prefix: str) -> None:
        self.enter, self.middle = (load_linear(arrays, f"{prefix}.{name}") for name in ("enter", "middle"))
        self.hidden, self.out, self.shift = (
            [load_linear(arrays, f"{prefix}.{name}.{c}") for c in range(PLANES)]
            for name in ("hidden", "out", "shift")
        )

    def trunk(self, inputs: Tensor) -> Tensor:
        """Return [N, H2] int8 from inputs [N, F] int8."""
        return self.middle.apply(self.enter.apply(inputs, ACT_BITS, low=0), ACT_BITS, low=0)

    def head(self, plane: int, trunk: Tensor, view: View, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return (translations [N, 1], prior parameters [N, 3, K]) of a plane, int16 in 2**-OUT_BITS local scales.

        Args:
            plane: 0 .. PLANES - 1.
            trunk: [N, H2] int8.
            view: the pixels.
            seen: [N, plane] int8, residuals of the planes before.
        """
        hidden = self.hidden[plane].apply(torch.cat([trunk, seen], 1), ACT_BITS, low=0)
        wide = -(2**15), 2**15 - 1
        out = self.out[plane].to_format(self.out[plane](hidden), OUT_BITS, *wide).view(len(hidden), 3, -1)
        layer = self.shift[plane]
        return layer.to_format(layer(torch.cat([view.inputs, seen], 1)), OUT_BITS, *wide), out

    def prior(self, plane: int, trunk: Tensor, view: View, seen: Tensor) -> Prior:
        """Return the distribution of a plane's latents; arguments as for `head`."""
        shift, out = self.head(plane, trunk, view, seen)
        return to_prior(shift, out, np.ascontiguousarray(view.base[:, plane].numpy()), view.scale.numpy())


def to_prior(shift: Tensor, out: Tensor, base: IntArray, scale: IntArray) -> Prior:
    """Return the distribution of latents of N samples from a head's output; see `to_mixtures`."""
    size = out.shape[0], out.shape[2]
    translations = np.empty(size[0], np.int32)
    means, inverses = np.empty(size, np.int32), np.empty(size, np.int32)
    to_mixtures(shift.numpy(), out.numpy(), base, scale, translations, means, inverses)
    return Prior(translations, means, inverses, _weights(out[:, 0]))


def _weights(octaves: Tensor) -> IntArray:
    """Return weights that sum to 2**16 from log2 weights [N, K] in 2**-OUT_BITS."""
    nats = (octaves.to(torch.int32) * 177 + 128) >> 8  # ln 2 = 177 / 256
    return softmax.to_freqs(nats.numpy(), OUT_BITS, logistic.WEIGHT_BITS)


class IntIdf:
    """The integer nets of a model.

    Raises:
        ModelError: these are not weights of an integer discrete flow.
    """

    architecture, taps = "idf", NEAR

    def __init__(self, model: zoo.Model) -> None:
        if model.meta.get("architecture") != self.architecture or model.meta.get("version") != 1:
            raise ModelError(f"model '{model.id}' is not of architecture {self.architecture}, version 1")
        self.identity = model.identity
        self.groups = load_groups(model)


def load_groups(model: zoo.Model) -> list[IntGroupNet]:
    """Return the integer nets of all groups.

    Raises:
        ModelError: an array is missing.
    """
    try:
        return [IntGroupNet(model.arrays, f"groups.{g}") for g in GROUPS]
    except KeyError as error:
        raise ModelError(f"model '{model.id}' lacks the array {error}") from error
