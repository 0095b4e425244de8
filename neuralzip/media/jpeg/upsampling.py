"""Planes of fewer samples than the picture has pixels -> one sample a pixel, as libjpeg's "fancy" upsampling.

A plane of half the width, or height, is interpolated linearly between the middles of its samples: each pixel takes
3/4 of the nearest sample and 1/4 of the next nearest; at the border a sample stands for its missing neighbour.
Results are rounded once, half downwards or upwards in turn. H rows, W columns of the picture; h, w of the plane.
"""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]

_NARROW = 2
"""Planes of up to so many columns are not interpolated where their width is doubled, but repeated."""


def plane_size(height: int, width: int, factors: tuple[int, int]) -> tuple[int, int]:
    """Return the (rows, columns) of the plane of a picture, subsampled by (horizontal, vertical) factors."""
    return -(-height // factors[1]), -(-width // factors[0])


def is_repeated(width: int, factors: tuple[int, int]) -> bool:
    """Say whether a plane of a picture `width` pixels wide is repeated instead of interpolated."""
    return factors[0] == 2 and -(-width // 2) <= _NARROW


def _doubled(plane: Ints) -> Ints:
    """Return rows [2 h, w], four times as large: 3 parts of the nearest row, 1 of the next nearest."""
    padded = np.concatenate([plane[:1], plane, plane[-1:]])
    out = np.repeat(3 * plane, 2, axis=0)
    out[::2] += padded[:-2]
    out[1::2] += padded[2:]
    return out


def upsample(plane: Samples, factors: tuple[int, int], size: tuple[int, int]) -> Samples:
    """Return the samples [H, W] of a subsampled plane.

    Args:
        plane: [h, w], as `plane_size` says.
        factors: (horizontal, vertical), one of FACTORS.
        size: (H, W).
    """
    horizontal, vertical = factors
    height, width = size
    if factors == (1, 1):
        return plane
    if is_repeated(width, factors):
        return plane.repeat(vertical, 0).repeat(horizontal, 1)[:height, :width]
    sums = plane.astype(np.int32)
    if vertical == 2:
        sums = _doubled(sums)
    if horizontal == 2:
        sums = np.ascontiguousarray(_doubled(np.ascontiguousarray(sums.T)).T)
    if factors == (1, 2):
        sums[::2] += 1
        sums[1::2] += 2
    else:
        sums[:, ::2] += 8 if vertical == 2 else 1
        sums[:, 1::2] += 7 if vertical == 2 else 2
    return (sums >> (4 if vertical == 2 and horizontal == 2 else 2)).astype(np.uint8)[:height, :width]
