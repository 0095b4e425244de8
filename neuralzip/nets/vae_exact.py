"""The integer form of the latent-variable model of `nets.vae`: the same numbers on every machine.

N tiles, F inputs, D samples of a tile, Z latents of a level, K components, C, H, E widths.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuralzip import zoo
from neuralzip.coding import gaussian
from neuralzip.coding.mixtures import Mixtures
from neuralzip.errors import ModelError
from neuralzip.exact import logistic, tables
from neuralzip.exact.compiled import entry
from neuralzip.nets import idf, tiles
from neuralzip.nets.idf import ACT_BITS, OUT_BITS
from neuralzip.nets.lattice import BASE_BITS, PLANES
from neuralzip.nets.vae import (
    COEFFICIENTS,
    DEVIATION_STEPS,
    GRID_BITS,
    GROUP,
    GROUPS,
    LATENTS,
    LIMIT,
    MEAN_LIMIT,
    NARROWEST_PRIOR,
    WIDEST_DEVIATION,
    WIDEST_PRIOR,
)

IntArray = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]

MEAN_BITS = gaussian.MEAN_BITS
"""Means of latents are in 2**-MEAN_BITS steps of their grid."""
_WIDE = -(2**15), 2**15 - 1
_STEP_SHIFT = OUT_BITS - DEVIATION_STEPS.bit_length() + 1
_MEAN_SHIFT = GRID_BITS + MEAN_BITS - OUT_BITS
_NOISE_SHIFT = MEAN_BITS + gaussian.INVERSE_BITS - ACT_BITS
_PRIOR_STEPS = (WIDEST_PRIOR - NARROWEST_PRIOR) * DEVIATION_STEPS
_PRIOR_INVERSES = logistic.inverse_scales(_PRIOR_STEPS + 1, DEVIATION_STEPS, -NARROWEST_PRIOR)
_MOST_MOVED = 1 << 20


def _inverse_deviations() -> npt.NDArray[np.int64]:
    """Return 2**(-i / DEVIATION_STEPS) in 2**-gaussian.INVERSE_BITS, i = 0 .. WIDEST_DEVIATION."""
    root = (tables.ONE << tables.FRACTION) // tables.root_of_two(DEVIATION_STEPS)
    falling = tables.powers(root, WIDEST_DEVIATION + 1)
    return np.array([tables.rounded(value, gaussian.INVERSE_BITS) for value in falling], np.int64)


INVERSE_DEVIATIONS = _inverse_deviations()


class Gaussians(NamedTuple):
    """Posterior of some latents of N tiles, on the grid.

    Attributes:
        means: [N, Z] int32 in 2**-MEAN_BITS steps.
        deviations: [N, Z] int32 indices into INVERSE_DEVIATIONS.
    """

    means: IntArray
    deviations: IntArray


Draw = Callable[[int, Gaussians], IntArray]
"""Returns the latents [N, GROUP] of a group, given its number and distribution."""


@entry
def _noises(values: IntArray, means: IntArray, deviations: IntArray, out: Bytes) -> None:
    """Fill out [N, Z] with the noise that made latents of their distributions, as inputs of nets."""
    half = np.int64(1) << (_NOISE_SHIFT - 1)
    for n in range(values.shape[0]):
        for z in range(values.shape[1]):
            away = (np.int64(values[n, z]) << MEAN_BITS) - means[n, z]
            noise = (away * INVERSE_DEVIATIONS[deviations[n, z]] + half) >> _NOISE_SHIFT
            out[n, z] = min(max(noise, -127), 127)


class IntHead:
    """The integer twin of a `vae.Head`."""

    def __init__(self, arrays: Any, prefix: str) -> None:
        self.hidden, self.out = (idf.load_linear(arrays, f"{prefix}.{name}") for name in ("hidden", "out"))

    def __call__(self, x: Tensor) -> Tensor:
        """Return [N, outputs] int16 in 2**-OUT_BITS from x [N, inputs] int8."""
        return self.out.apply(self.hidden.apply(x, ACT_BITS, low=0), OUT_BITS, *_WIDE)


class Likelihood(NamedTuple):
    """What the pixels' net says of N tiles.

    Attributes:
        base: [N, PLANES, PIXELS] int32 in quarters, moved by the latents.
        scale: [N] int32.
        mixtures: [N, PLANES, PIXELS, 3, K] int16 in 2**-OUT_BITS local scales.
        slopes: [N, COEFFICIENTS, PIXELS] int16 in 2**-OUT_BITS.
    """

    base: IntArray
    scale: IntArray
    mixtures: Tensor
    slopes: npt.NDArray[np.int16]

    def plane(self, plane: int, samples: IntArray, inside: npt.NDArray[np.bool_]) -> Mixtures:
        """Return the distribution of a plane's samples at pixels [N, PIXELS] inside the picture, row by row.

        Args:
            plane: 0 .. PLANES - 1.
            samples: [N, PLANES, PIXELS], known for the planes before.
            inside: which pixels.
        """
        left = (samples.astype(np.int64) << BASE_BITS) - self.base
        slopes, moved = self.slopes.astype(np.int64), np.zeros(inside.shape, np.int64)
        for before in range(plane):
            moved += slopes[:, plane * (plane - 1) // 2 + before] * left[:, before]
        moved = np.clip((moved + (1 << (OUT_BITS - 1))) >> OUT_BITS, -_MOST_MOVED, _MOST_MOVED)
        centre = (self.base[:, plane] + moved)[inside].astype(np.int32)
        out = self.mixtures[:, plane][torch.from_numpy(inside)]
        scale = np.broadcast_to(self.scale[:, None], inside.shape)[inside]
        return idf.to_prior(torch.zeros((len(centre), 1), dtype=torch.int16), out, centre, scale).mixtures()


class IntVae:
    """The integer nets of a model.

    Raises:
        ModelError: these are not weights of a latent-variable model.
    """

    def __init__(self, model: zoo.Model) -> None:
        if model.meta.get("architecture") != "vae" or model.meta.get("version") != 1:
            raise ModelError(f"model '{model.id}' is no latent-variable model of version 1")
        self.identity = model.identity
        try:
            self._load(model.arrays)
        except KeyError as error:
            raise ModelError(f"model '{model.id}' lacks the array {error}") from error

    def _load(self, arrays: Any) -> None:
        names = "context", "pixels", "deepen", "analysis", "synthesis", "infer.0", "infer.1"
        self.layers = {name: idf.load_linear(arrays, name) for name in names}
        self.samples = IntHead(arrays, "samples")
        self.priors = [IntHead(arrays, f"priors.{level}") for level in range(len(GROUPS))]
        self.posteriors = [
            [IntHead(arrays, f"posteriors.{level}.{g}") for g in range(groups)]
            for level, groups in enumerate(GROUPS)
        ]

    def _rectified(self, name: str, x: Tensor) -> Tensor:
        return self.layers[name].apply(x, ACT_BITS, low=0)

    def context(self, view: tiles.View) -> Tensor:
        """Return [N, C] int8."""
        return self._rectified("context", torch.from_numpy(view.inputs))

    def _posterior(
        self, level: int, seen: Tensor, centres: IntArray | None, draw: Draw
    ) -> tuple[IntArray, Gaussians]:
        values: list[IntArray] = []
        drawn: list[Gaussians] = []
        for g, head in enumerate(self.posteriors[level]):
            out = head(seen).numpy().astype(np.int32)
            means = out[:, :GROUP] + (0 if centres is None else centres[:, g * GROUP : (g + 1) * GROUP])
            most = MEAN_LIMIT << (OUT_BITS - GRID_BITS)
            means = np.ascontiguousarray(np.clip(means, -most, most) << _MEAN_SHIFT, np.int32)
            drawn.append(Gaussians(means, _step(out[:, GROUP:], 0, WIDEST_DEVIATION)))
            values.append(np.ascontiguousarray(draw(g, drawn[-1])))
            noise = np.empty(means.shape, np.int8)
            _noises(values[-1], *drawn[-1], noise)
            seen = torch.cat([seen, torch.from_numpy(noise)], 1)
        means, deviations = (np.concatenate(parts, 1) for parts in zip(*drawn, strict=True))
        return np.concatenate(values, 1), Gaussians(means, deviations)

    def infer_first(self, view: tiles.View, samples: IntArray, draw: Draw) -> tuple[IntArray, Gaussians]:
        """Return z1 [N, Z] as drawn, and its posterior, given samples [N, PLANES, PIXELS]."""
        left = np.empty((len(samples), tiles.SAMPLES), np.int8)
        tiles.residuals(samples, view.base, view.scale, left)
        inputs = torch.cat([torch.from_numpy(view.inputs), torch.from_numpy(left)], 1)
        seen = self._rectified("deepen", self._rectified("infer.0", inputs))
        centres = self.layers["analysis"].apply(torch.from_numpy(left), OUT_BITS, *_WIDE)
        return self._posterior(0, seen, centres.numpy().astype(np.int32), draw)

    def infer_second(self, context: Tensor, first: IntArray, draw: Draw) -> tuple[IntArray, Gaussians]:
        """Return z2 [N, Z] as drawn, and its posterior, given z1."""
        return self._posterior(1, self._rectified("infer.1", _beside(context, first)), None, draw)

    def prior(self, level: int, context: Tensor, above: IntArray | None) -> Mixtures:
        """Return the prior of a level's latents plus LIMIT, [N * Z] rows, given those of the level above."""
        out = self.priors[level](context if above is None else _beside(context, above)).numpy().astype(np.int32)
        means = (out[:, : LATENTS[level]] << _MEAN_SHIFT) + (LIMIT << MEAN_BITS)
        steps = _step(out[:, LATENTS[level] :], NARROWEST_PRIOR * DEVIATION_STEPS, _PRIOR_STEPS)
        inverses = _PRIOR_INVERSES[steps]
        weights = np.full((means.size, 1), 1 << logistic.WEIGHT_BITS, np.int32)
        return Mixtures(means.reshape(-1, 1), inverses.reshape(-1, 1), weights, MEAN_BITS, 2 * LIMIT)

    def likelihood(self, view: tiles.View, context: Tensor, first: IntArray) -> Likelihood:
        """Return what the pixels' net says, given z1 [N, Z]."""
        out = self.samples(self._rectified("pixels", _beside(context, first)))
        size = len(out), PLANES, tiles.PIXELS
        count = out.shape[1] - COEFFICIENTS * tiles.PIXELS
        shift = self.layers["synthesis"].apply(_to_input(first), OUT_BITS, *_WIDE).numpy().astype(np.int32)
        shift = (shift.reshape(size) << view.scale[:, None, None]) + (1 << (OUT_BITS - BASE_BITS - 1))
        base = view.base + (shift >> (OUT_BITS - BASE_BITS))
        slopes = out[:, count:].reshape(len(out), COEFFICIENTS, tiles.PIXELS)
        return Likelihood(base, view.scale, out[:, :count].reshape(*size, 3, -1), slopes.numpy())


def _step(octaves: IntArray, lowest: int, most: int) -> IntArray:
    """Return places on a ladder of DEVIATION_STEPS an octave from log2 in 2**-OUT_BITS, within 0 .. most."""
    rounded = (octaves + (1 << (_STEP_SHIFT - 1))) >> _STEP_SHIFT
    return np.ascontiguousarray(np.clip(rounded - lowest, 0, most), np.int32)


def _to_input(values: IntArray) -> Tensor:
    return torch.from_numpy(np.clip(values, -127, 127).astype(np.int8))


def _beside(context: Tensor, values: IntArray) -> Tensor:
    return torch.cat([context, _to_input(values)], 1)
