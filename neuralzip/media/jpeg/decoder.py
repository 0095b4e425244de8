"""Quantised coefficients -> the picture that JPEG decoders make of them, exactly (`inverse_dct`, `upsampling`).

Pictures of one component are grey; of three, Y, Cb and Cr of the JFIF, in which Y is not subsampled. H rows, W
columns.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.experts import image_lattice
from neuralzip.media.jpeg.coefficients import Coefficients, Component
from neuralzip.media.jpeg.inverse_dct import inverse_dct
from neuralzip.media.jpeg.upsampling import plane_size, upsample

Samples = npt.NDArray[np.uint8]

MIDDLE = 128
"""Cb and Cr of greys."""
_ROWS = 1 << 8


def factors_of(component: Component, first: Component) -> tuple[int, int]:
    """Return the (horizontal, vertical) factors by which a component is subsampled, if the first one is not."""
    return first.horizontal // component.horizontal, first.vertical // component.vertical


def decode_planes(coefficients: Coefficients) -> list[Samples]:
    """Return the samples [H, W] of each component."""
    size = coefficients.height, coefficients.width
    planes = []
    for each in coefficients.components:
        factors = factors_of(each, coefficients.components[0])
        rows, columns = plane_size(*size, factors)
        planes.append(upsample(inverse_dct(each)[:rows, :columns], factors, size))
    return planes


def colours_of(planes: list[Samples]) -> Samples:
    """Return the pixels [H, W, C] of planes [H, W]: greys, C = 1, or R, G, B of Y, Cb, Cr."""
    if len(planes) == 1:
        return planes[0][:, :, None]
    out = np.empty((*planes[0].shape, 3), np.uint8)
    for first in range(0, len(out), _ROWS):
        triples = np.stack([plane[first : first + _ROWS] for plane in planes], axis=2).astype(np.int32)
        triples[:, :, 1:] -= MIDDLE
        out[first : first + _ROWS] = image_lattice.colours(image_lattice.JFIF, triples)
    return out


def decode(coefficients: Coefficients) -> Samples:
    """Return the pixels [H, W, C], C = 1 or 3."""
    return colours_of(decode_planes(coefficients))
