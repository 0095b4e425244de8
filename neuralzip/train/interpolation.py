"""Fitting what the multiscale PixelCNN sees (`nets.parity_front`): its filters and its scales, by least squares.

N samples of a group, W filter entries, E energies.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.parallel import groups_of
from neuralzip.nets import parity_front
from neuralzip.nets.lattice import GROUPS
from neuralzip.nets.parity_front import (
    CLASSES,
    ENERGIES,
    ENERGY_BITS,
    FILTER_BITS,
    LEVEL_CLASSES,
    PLANES,
    UNIT,
    WEIGHTS,
    Tables,
    View,
)
from neuralzip.nets.pixel_sight import Planes

FloatArray = npt.NDArray[np.floating[Any]]

_CALM = 2.0
"""Grey levels added to a sample's steepness: its square error counts by the inverse square of both."""
_SHRINK, _DAMP = 1e-3, 2.0
"""Pull of a class's filter to that of its group, relative and absolute."""
_ROUNDS = 300


class Crop(NamedTuple):
    """Planes to fit or train on.

    Attributes:
        planes: [3, H, W] uint8.
        above: level of the picture that they are, thinned out.
    """

    planes: Planes
    above: int


class Seen(NamedTuple):
    """A group of a crop whose groups before are known: N samples and what is shown of them."""

    plane: int
    group: int
    kind: int
    view: View
    samples: npt.NDArray[np.int32]


def walk(tables: Tables, crop: Crop) -> Iterator[Seen]:
    """Yield the groups of a crop in coding order."""
    front = parity_front.start(crop.planes)
    for plane, (level, group, ys, xs) in groups_of(crop.planes.shape):
        view = parity_front.look(front, tables, plane, group, level, ys, xs, crop.above)
        samples = crop.planes[plane, ys, xs].astype(np.int32)
        parity_front.reveal(front, plane, ys, xs, view.base, samples)
        yield Seen(plane, group, min(level + crop.above, LEVEL_CLASSES - 1), view, samples)


def fit(crops: Sequence[Crop]) -> Tables:
    """Return tables fitted to crops."""
    tables = parity_front.unfitted()
    _fit_filters(tables, crops)
    _fit_energies(tables, crops)
    return tables


def _fit_filters(tables: Tables, crops: Sequence[Crop]) -> None:
    """Set the filters to weighted least squares solutions, a class's pulled to its group's."""
    shape = LEVEL_CLASSES, PLANES, len(GROUPS)
    squares, products = np.zeros((*shape, CLASSES, WEIGHTS, WEIGHTS)), np.zeros((*shape, CLASSES, WEIGHTS))
    for crop in crops:
        _observe(crop, squares, products)
    for place in np.ndindex(shape):
        used = parity_front.weights_of(*place[1:])
        square, product = squares[place][:, :used, :used], products[place][:, :used]
        common = _solve(square.sum(0), product.sum(0), np.zeros(used))
        for k in range(CLASSES):
            weights = _solve(square[k], product[k], common) * 2**FILTER_BITS
            tables.filters[(*place, k)][:used] = np.clip(np.rint(weights), -(2**15), 2**15 - 1)


def _observe(crop: Crop, squares: FloatArray, products: FloatArray) -> None:
    """Add a crop's samples to the normal equations."""
    front = parity_front.start(crop.planes)
    for plane, (level, group, ys, xs) in groups_of(crop.planes.shape):
        means, classes = np.empty(len(ys), np.int32), np.empty(len(ys), np.int32)
        differences = np.zeros((len(ys), WEIGHTS), np.int32)
        own, leader = parity_front.OWN[group], parity_front.LEADER
        parity_front.observe(front, plane, ys, xs, level, own, leader, means, classes, differences)
        importance = 1 / (np.abs(differences[:, :4]).mean(1) + _CALM * UNIT)
        rows = differences * importance[:, None]
        wanted = (UNIT * crop.planes[plane, ys, xs].astype(np.float64) - means) * importance
        at = min(level + crop.above, LEVEL_CLASSES - 1), plane, group
        for k in np.unique(classes):
            chosen = rows[classes == k]
            squares[at][k] += chosen.T @ chosen
            products[at][k] += chosen.T @ wanted[classes == k]


def _solve(square: FloatArray, product: FloatArray, pulled_to: FloatArray) -> FloatArray:
    pull = np.diag(np.diag(square) * _SHRINK + _DAMP)
    return np.linalg.solve(square + pull, product + pull @ pulled_to)


def _fit_energies(tables: Tables, crops: Sequence[Crop]) -> None:
    """Set the energies' weights so that their sum is near the distance of samples from `base`."""
    squares = np.zeros((LEVEL_CLASSES, PLANES, len(GROUPS), ENERGIES, ENERGIES))
    products = np.zeros(squares.shape[:-1])
    for crop in crops:
        for plane, group, kind, view, samples in walk(tables, crop):
            energies = view.energies.astype(np.float64)
            importance = 1 / (energies.mean(1) + UNIT / 2)
            rows = energies * importance[:, None]
            squares[kind, plane, group] += rows.T @ rows
            products[kind, plane, group] += rows.T @ (np.abs(UNIT * samples - view.base) * importance)
    for place in np.ndindex(squares.shape[:-2]):
        tables.energies[place] = np.rint(_not_negative(squares[place], products[place]) * 2**ENERGY_BITS)


def _not_negative(square: FloatArray, product: FloatArray) -> FloatArray:
    """Return the least squares solution without negative entries, by coordinate descent."""
    out: Any = np.zeros(len(product))
    for _ in range(_ROUNDS):
        for i in np.flatnonzero(np.diag(square)):
            out[i] = max(0.0, out[i] - (square[i] @ out - product[i]) / square[i, i])
    return out
