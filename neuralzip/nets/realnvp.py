"""RealNVP for pictures: affine couplings over parity groups and planes, with its fixed-point form.

L. Dinh, J. Sohl-Dickstein, S. Bengio, "Density estimation using Real NVP" (2017, arXiv 1605.08803). Masks are
those of `nets.lattice` (D, B, C of every level: the quincunx checkerboards, multi-scale) and, within a group, the
planes G, R, B (channels); a coupling maps the dequantised x_b to z = (x_b - t(x_a)) / w(x_a) and factors it out.
It departs from the paper in the nets (gathered neighbours, 7-bit weights, int8 activations) and in the base
density, a logistic with a wide one under it for outliers, which suits pictures better than a Gaussian.

Conditioners look at x_a through its integer part, so that translation and width are functions of the pixels alone
and exact. N pixels, F inputs.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact import tables
from neuralzip.exact.compiled import entry
from neuralzip.nets import idf
from neuralzip.nets.lattice import BASE_BITS, GROUPS, INPUT_BITS, NEAR, PLANES, inputs_of
from neuralzip.nets.quantise import export_layers, quantise

IntArray = npt.NDArray[np.int32]

TRANSLATION_BITS = 8
NARROWEST, WIDTH_STEPS = 2, 16
"""Widths are 2**(i / WIDTH_STEPS - NARROWEST) grey levels, i = 0 .. len(WIDTHS) - 1."""
WIDEST = 9
WIDTH_BITS = 20
OUTLIER_SHARE = 2.0**-7
OUTLIER_SCALE = 16.0


def _ladders() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (widths, inverse widths) in units of 2**-WIDTH_BITS."""
    rising = tables.powers(tables.root_of_two(WIDTH_STEPS), (WIDEST + NARROWEST) * WIDTH_STEPS + 1)
    widths = [tables.rounded(value, WIDTH_BITS - NARROWEST) for value in rising]
    falling = [(tables.ONE << tables.FRACTION) // value for value in rising]
    inverses = [tables.rounded(value, WIDTH_BITS + NARROWEST) for value in falling]
    return np.array(widths, np.int64), np.array(inverses, np.int64)


WIDTHS, INVERSE_WIDTHS = _ladders()


class RealNvp(nn.Module):
    """The couplings' nets, the same at every level.

    Args:
        widths: of the nets' layers, see `idf.GroupNet`.
    """

    taps = NEAR

    def __init__(self, widths: tuple[int, int, int] = (128, 96, 48)) -> None:
        super().__init__()
        self.config = {"widths": list(widths)}
        self.groups = nn.ModuleList(idf.GroupNet(inputs_of(NEAR[g]), widths, 1) for g in GROUPS)

    def bits(self, group: int, view: idf.View, samples: Tensor) -> Tensor:
        """Return -log2 of the density of samples [N, PLANES], dequantised by fresh uniform noise; [N, PLANES]."""
        scale = torch.exp2(view.scale.float())[:, None]
        base = view.base.float() * 2.0**-BASE_BITS
        left = (samples - base)[:, : PLANES - 1] / scale
        shift, out = self.groups[group](view.inputs.float() * 2.0**-INPUT_BITS, quantise(left, INPUT_BITS))
        octaves = (out[:, :, 2, 0] + view.scale.float()[:, None]).clamp(-NARROWEST, WIDEST)
        z = (samples + torch.rand_like(samples) - base - scale * (shift + out[:, :, 1, 0])) * torch.exp2(-octaves)
        return octaves - log2_base(z)


def log2_base(z: Tensor) -> Tensor:
    """Return log2 of the base density."""

    def logistic(x: Tensor) -> Tensor:
        return torch.sigmoid(x) * torch.sigmoid(-x)

    wide = logistic(z / OUTLIER_SCALE) * (OUTLIER_SHARE / OUTLIER_SCALE)
    return torch.log2((1 - OUTLIER_SHARE) * logistic(z) + wide)


def export(net: RealNvp) -> tuple[idf.Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    arrays = export_layers(net)
    return arrays, {"architecture": "realnvp", "version": 1, "config": net.config}


class Affine(NamedTuple):
    """A coupling of N samples of one plane: z = (x - translation) / WIDTHS[width].

    Attributes:
        translations: [N] int32 in 2**-TRANSLATION_BITS grey levels.
        widths: [N] int32 indices into WIDTHS.
    """

    translations: IntArray
    widths: IntArray


@entry
def to_affine(
    shift: npt.NDArray[np.int16],
    out: npt.NDArray[np.int16],
    base: IntArray,
    scale: IntArray,
    translations: IntArray,
    widths: IntArray,
) -> None:
    """Turn a head's output into translations and width indices [N]; see `idf.IntGroupNet.head`."""
    for n in range(len(base)):
        moved = (np.int64(shift[n, 0]) + out[n, 1, 0]) << scale[n]
        centre = (np.int64(base[n]) << (TRANSLATION_BITS - BASE_BITS)) + moved
        translations[n] = min(max(centre, 0), 255 << TRANSLATION_BITS)
        place = ((np.int64(out[n, 2, 0]) + 8) >> 4) + (scale[n] + NARROWEST) * WIDTH_STEPS
        widths[n] = min(max(place, 0), len(WIDTHS) - 1)


class IntRealNvp:
    """The integer couplings of a model.

    Raises:
        ModelError: these are not weights of a RealNVP.
    """

    def __init__(self, model: zoo.Model) -> None:
        if model.meta.get("architecture") != "realnvp" or model.meta.get("version") != 1:
            raise ModelError(f"model '{model.id}' is no RealNVP of version 1")
        self.identity = model.identity
        self.groups = idf.load_groups(model)

    def coupling(self, group: int, plane: int, trunk: Tensor, view: idf.View, seen: Tensor) -> Affine:
        """Return the coupling of a plane; arguments as for `idf.IntGroupNet.head`."""
        shift, out = self.groups[group].head(plane, trunk, view, seen)
        affine = Affine(np.empty(len(shift), np.int32), np.empty(len(shift), np.int32))
        base = np.ascontiguousarray(view.base[:, plane].numpy())
        to_affine(shift.numpy(), out.numpy(), base, view.scale.numpy(), *affine)
        return affine
