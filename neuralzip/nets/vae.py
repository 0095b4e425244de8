"""Hierarchical latent-variable model of image tiles with an inverse-autoregressive posterior, in floats.

    prior        p(z2 | A)  p(z1 | z2, A)  p(x | z1, A)      A: pixels of the level above, known
    posterior    q(z1 | x, A)  q(z2 | z1, A)                  a Markov chain, as Bit-Swap needs it

D. Kingma et al., "Improved variational inference with inverse autoregressive flow" (2016, arXiv 1606.04934) for
the posteriors: z = mean(e<) + deviation(e<) * e with Gaussian noise e, where e< is the noise of earlier latents.
Drawing z is one pass; the noise of a given z, which a decoder must know, follows group after group. So the order
is over GROUPS of latents, four and two steps, not over single ones. F. Kingma, P. Abbeel, J. Ho, "Bit-Swap"
(2019, arXiv 1905.06845) for the hierarchy. Latents lie on a grid of 1/16, deviations are at least one step of it,
and priors are logistics on the same grid. Samples are mixtures of discretised logistics around the base of
`nets.tiles`, means of R moved by what G leaves of its base, B by both (PixelCNN++, arXiv 1701.05517). The first
latents start as principal components, or they would never be used. Weights have seven bits, activations are int8.

N tiles, F inputs, D samples of a tile, Z latents of a level, K components, C, H, E widths.
"""

import math
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from neuralzip.nets import idf, tiles
from neuralzip.nets.idf import ACT_BITS, OUT_BITS, rectified
from neuralzip.nets.lattice import BASE_BITS, INPUT_BITS, PLANES
from neuralzip.nets.quantise import QuantLinear, export_layers, quantise, round_half_up

GROUPS = (4, 2)
"""Steps of the posterior's order at each level."""
GROUP = 4
"""Latents of a group."""
LATENTS = tuple(groups * GROUP for groups in GROUPS)
"""Z of each level."""
GRID_BITS = 4
"""Latents are in 2**-GRID_BITS."""
LIMIT = 512
"""Latents lie in [-LIMIT, LIMIT) steps of the grid."""
MEAN_LIMIT = 256
"""Posterior means lie within this many steps of zero."""
DEVIATION_STEPS, WIDEST_DEVIATION = 16, 79
"""Deviations are 2**(i / DEVIATION_STEPS) steps of the grid, i = 0 .. WIDEST_DEVIATION."""
NARROWEST_PRIOR, WIDEST_PRIOR = -1, 6
"""Log2 of the least and the largest scale of a prior, in steps of the grid."""
COEFFICIENTS = 3
"""Of a pixel: of G for R, of G for B, of R for B."""
_BITS_NAT = 1 / math.log(2)
_ENTROPY = 0.5 * math.log2(2 * math.pi * math.e)


class Head(nn.Module):
    """A hidden layer and an output layer.

    Args:
        inputs: width of the input.
        hidden: width of the hidden layer.
        outputs: width of the output.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.hidden = QuantLinear(inputs, hidden, ACT_BITS)
        self.out = QuantLinear(hidden, outputs, ACT_BITS)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs] in 2**-OUT_BITS from x [N, inputs]."""
        return wide(self.out(rectified(self.hidden(x))))


class Drawn(NamedTuple):
    """Latents of one level.

    Attributes:
        values: [N, Z] in steps of the grid.
        bits: [N] expected log2 of the posterior's density, negative of its entropy.
    """

    values: Tensor
    bits: Tensor


class Vae(nn.Module):
    """The nets of all levels of a picture.

    Args:
        widths: C of the context, H of the pixels' net, E of the inference net.
        components: K.
    """

    def __init__(self, widths: tuple[int, int, int] = (160, 224, 192), components: int = 3) -> None:
        super().__init__()
        self.config = {"widths": list(widths), "components": components}
        context, pixels, inference = widths
        self.components = components
        self.context = QuantLinear(tiles.INPUTS, context, INPUT_BITS)
        self.priors = nn.ModuleList(
            [Head(context + LATENTS[1], 96, 2 * LATENTS[0]), Head(context, 48, 2 * LATENTS[1])]
        )
        self.pixels = QuantLinear(context + LATENTS[0], pixels, ACT_BITS)
        self.samples = Head(pixels, pixels, tiles.PIXELS * (3 * PLANES * components + COEFFICIENTS))
        self.infer = nn.ModuleList(
            [QuantLinear(tiles.INPUTS + tiles.SAMPLES, inference, INPUT_BITS),
             QuantLinear(context + LATENTS[0], 64, ACT_BITS)]
        )  # fmt: skip
        self.deepen = QuantLinear(inference, inference, ACT_BITS)
        self.analysis = QuantLinear(tiles.SAMPLES, LATENTS[0], INPUT_BITS)
        self.synthesis = QuantLinear(LATENTS[0], tiles.SAMPLES, ACT_BITS)
        self.posteriors = nn.ModuleList(
            nn.ModuleList(Head(width + g * GROUP, hidden, 2 * GROUP) for g in range(groups))
            for width, hidden, groups in zip((inference, 64), (48, 32), GROUPS, strict=True)
        )
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """Start with priors and posteriors of about unit width and R and B that follow what G leaves."""
        for prior, latents in zip(self.priors, LATENTS, strict=True):
            cast(Head, prior).out.bias[latents:] = 3.0
        for level in range(len(GROUPS)):
            for head in self._heads(level):
                head.out.bias[GROUP:] = 2.5
        bias = self.samples.out.bias
        mixtures, slopes = self._split(bias[None])
        mixtures[:, :, :, 2] = torch.linspace(-2.0, 1.0, self.components)
        slopes[:, 0], slopes[:, 1:] = 0.9, 0.45

    @torch.no_grad()
    def start_with(self, left: Tensor) -> None:
        """Start z1 as the principal components of what samples leave of their base, [N, D] in local scales."""
        values, vectors = torch.linalg.eigh(left.T @ left / len(left))
        spread, basis = values[-LATENTS[0] :].sqrt(), vectors[:, -LATENTS[0] :]
        self.analysis.weight.copy_((basis / spread).T)
        self.synthesis.weight.copy_(basis * spread)
        self.analysis.bias.zero_()
        self.synthesis.bias.zero_()

    def _split(self, out: Tensor) -> tuple[Tensor, Tensor]:
        """Return (mixtures [N, PLANES, PIXELS, 3, K], slopes [N, COEFFICIENTS, PIXELS]) of a head's output."""
        count = PLANES * tiles.PIXELS * 3 * self.components
        mixtures = out[:, :count].view(len(out), PLANES, tiles.PIXELS, 3, self.components)
        return mixtures, out[:, count:].view(len(out), COEFFICIENTS, tiles.PIXELS)

    def _heads(self, level: int) -> list[Head]:
        return [cast(Head, head) for head in cast(nn.ModuleList, self.posteriors[level])]

    def _draw(self, level: int, seen: Tensor, centres: Tensor | None) -> Drawn:
        """Draw latents [N, Z] of a level from the posterior.

        Args:
            level: 0 or 1.
            seen: [N, width] of the inference net.
            centres: [N, Z] to be added to means; None for none.
        """
        noises, values, octaves = [seen], [], []
        for g, head in enumerate(self._heads(level)):
            out = head(torch.cat(noises, 1))
            mean = out[:, :GROUP] if centres is None else out[:, :GROUP] + centres[:, g * GROUP : (g + 1) * GROUP]
            mean = (mean * 2.0**GRID_BITS).clamp(-MEAN_LIMIT, MEAN_LIMIT)
            octave = out[:, GROUP:].clamp(0, WIDEST_DEVIATION / DEVIATION_STEPS)
            deviation = torch.exp2(octave)
            value = round_half_up(mean + deviation * torch.randn_like(mean))
            noises.append(quantise(((value - mean) / deviation).detach(), ACT_BITS))
            values.append(value)
            octaves.append(octave)
        return Drawn(torch.cat(values, 1), -(torch.cat(octaves, 1) + _ENTROPY).sum(1))

    def _prior_bits(self, level: int, seen: Tensor, values: Tensor) -> Tensor:
        """Return -log2 of the prior's mass of latents [N, Z] of a level, summed to [N]."""
        out = self.priors[level](seen)
        mean = out[:, : LATENTS[level]] * 2.0**GRID_BITS
        inverse = torch.exp2(-out[:, LATENTS[level] :].clamp(NARROWEST_PRIOR, WIDEST_PRIOR))
        one, means = torch.ones(1, 1, 1), (mean + LIMIT)[..., None]
        return idf.code_lengths(one, means, inverse[..., None], values + LIMIT, 2 * LIMIT).sum(1)

    def _sample_bits(self, out: Tensor, base: Tensor, scale: Tensor, samples: Tensor) -> Tensor:
        """Return -log2 of the mass of samples [N, PLANES, PIXELS], summed to [N]."""
        mixtures, slopes = self._split(out)
        left = samples - base
        moved = torch.stack(
            [torch.zeros_like(left[:, 0]), slopes[:, 0] * left[:, 0],
             slopes[:, 1] * left[:, 0] + slopes[:, 2] * left[:, 1]], 1
        )  # fmt: skip
        centre = base + quarters(moved)
        width = torch.exp2(scale)[:, None, None, None]
        means = centre[..., None] + width * mixtures[:, :, :, 1]
        inverses = torch.exp2(-mixtures[:, :, :, 2].clamp(-idf.WIDTH_LIMIT, idf.WIDTH_LIMIT)) / width
        weights = torch.softmax(mixtures[:, :, :, 0] / _BITS_NAT, -1)
        return idf.code_lengths(weights, means, inverses, samples).sum((1, 2))

    def bits(self, view: tiles.View, samples: Tensor) -> Tensor:
        """Return -log2 p(x | z1, A) and the divergences of z1 and z2, [3, N] in bits, for drawn latents.

        Args:
            view: the tiles.
            samples: [N, PLANES, PIXELS].
        """
        inputs = torch.from_numpy(view.inputs).float() * 2.0**-INPUT_BITS
        base = torch.from_numpy(view.base).float() * 2.0**-BASE_BITS
        scale = torch.from_numpy(view.scale).float()
        left = leftover(view, samples)
        context = rectified(self.context(inputs))
        seen = rectified(self.deepen(rectified(self.infer[0](torch.cat([inputs, left], 1)))))
        first = self._draw(0, seen, wide(self.analysis(left)))
        below = torch.cat([context, to_input(first.values)], 1)
        second = self._draw(1, rectified(self.infer[1](below)), None)
        above = torch.cat([context, to_input(second.values)], 1)
        divergences = (
            first.bits + self._prior_bits(0, above, first.values),
            second.bits + self._prior_bits(1, context, second.values),
        )
        out = self.samples(rectified(self.pixels(below)))
        shift = wide(self.synthesis(to_input(first.values))).view_as(base) * torch.exp2(scale)[:, None, None]
        return torch.stack([self._sample_bits(out, base + quarters(shift), scale, samples), *divergences])


def leftover(view: tiles.View, samples: Tensor) -> Tensor:
    """Return what samples [N, PLANES, PIXELS] leave of their base, [N, D] in local scales, as an input."""
    base = torch.from_numpy(view.base).float() * 2.0**-BASE_BITS
    scale = torch.exp2(torch.from_numpy(view.scale).float())[:, None, None]
    return quantise((samples - base) / scale, INPUT_BITS).flatten(1)


def wide(x: Tensor) -> Tensor:
    """Round to int16 values of OUT_BITS."""
    return quantise(x, OUT_BITS, -(2**15), 2**15 - 1)


def quarters(x: Tensor) -> Tensor:
    """Round grey levels to the grid of bases."""
    return quantise(x, BASE_BITS, -(2**20), 2**20)


def to_input(values: Tensor) -> Tensor:
    """Return latents, in steps of the grid, as inputs of a layer."""
    return values.clamp(-127, 127) * 2.0**-GRID_BITS


def export(net: Vae) -> tuple[idf.Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    return export_layers(net), {"architecture": "vae", "version": 1, "config": net.config}
