"""Least-squares predictors of a picture that learn from the picture itself, one state for each row.

The planes are walked along wavefronts, t = x + 2y, plane p lagging by LAG * p columns; all samples of a step are
predicted from earlier steps only. A *learner* predicts one plane as a linear combination of n known samples; its
weights at (x, y) minimise the squared error over samples before, weighted by nearness: each row keeps its own
normal equations A w = b, which forget by `keep` with each column and take in the row's newest sample and the one
above to the right (x + 1, y - 1); a row starts from the row above. Solved by Cholesky at every place.

Strict arithmetic: float64 +, -, *, / and sqrt in a fixed order, eight rows side by side (lanes.py), no libm, no
contraction; predictions leave rounded to 1/UNIT grey levels. So they are the same integers on every machine and
for any number of threads.

Source: least-squares prediction as in TMW, MRP and paq8px's OLS; the row-wise recursion along a wavefront is our own.

    H rows, W columns, P planes, K learners of a plane, n inputs of a learner, R = ceil(H / LANES) bands of rows.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from neuralzip.experts.lanes import (
    LANES,
    absorb,
    inverse_root,
    multiply,
    subtract_products,
    subtract_products_4,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LAG = 2
"""Columns by which each plane follows the one before."""
PAD = 8
"""Samples of padding around a plane."""
UNIT = 64
"""Predictions are in 1/UNIT grey levels."""

_PLANE, _SIZE, _GRAM, _INPUTS, _OFFSETS, _REFERENCES, _FIELDS = range(7)


class Learner(NamedTuple):
    """What one learner sees and how it forgets.

    Attributes:
        plane: the plane predicted.
        inputs: (plane, dx, dy) of each known sample.
        keep: weight that remains of older samples when the next column is taken in.
        above: weight of the sample above to the right; the row's own newest one has 1 - keep.
        ridge: added to the diagonal.
    """

    plane: int
    inputs: tuple[tuple[int, int, int], ...]
    keep: float
    above: float
    ridge: float


class Bank(NamedTuple):
    """State of all learners of a picture.

    Attributes:
        memory: flat float64 working memory of all learners.
        table: [L, _FIELDS] int64, plane, n, and places of each learner's state and offsets.
        settings: [L, 3] float64: keep, above, ridge.
        offsets: flat offsets of inputs and of their references within `planes`.
        planes: flat float64, padded planes one after another.
        shape: [5] int64: H, W, stride of a padded row, samples of a padded plane, R.
        limits: [P, 2] float64, smallest and largest value of a plane's samples.
        predictions: [L, R * LANES] int32, of the current step, by row, in 1/UNIT.
    """

    memory: Floats
    table: Ints
    settings: Floats
    offsets: Ints
    planes: Floats
    shape: Ints
    limits: Floats
    predictions: npt.NDArray[np.int32]


def new_bank(learners: tuple[Learner, ...], height: int, width: int, limits: list[tuple[int, int]]) -> Bank:
    """Return the state before the first step; `limits` are the value range of each plane."""
    stride = width + 2 * PAD
    size = stride * (height + 2 * PAD)
    bands = -(-height // LANES)
    table = np.zeros((len(learners), _FIELDS), np.int64)
    offsets: list[int] = []
    place = 0
    for row, learner in zip(table, learners, strict=True):
        n = len(learner.inputs)
        row[:] = learner.plane, n, place, place + bands * (n + 1) * n * LANES, len(offsets), len(offsets) + n
        place = row[_INPUTS] + 2 * (bands + 1) * (n + 1) * LANES
        offsets += [(p - learner.plane) * size + dy * stride + dx for p, dx, dy in learner.inputs]
        offsets += [(p - learner.plane) * size for p, _, _ in learner.inputs]
    largest = max(len(learner.inputs) for learner in learners)
    scratch = (largest + 1) * (largest + 1) * LANES + (largest + 8) * LANES
    middle = np.array([(low + high) // 2 for low, high in limits], np.float64)
    return Bank(
        memory=np.zeros(place + scratch),
        table=table,
        settings=np.array([(learner.keep, learner.above, learner.ridge) for learner in learners]),
        offsets=np.array(offsets, np.int64),
        planes=np.repeat(middle, size),
        shape=np.array([height, width, stride, size, bands], np.int64),
        limits=np.array(limits, np.float64),
        predictions=np.zeros((len(learners), bands * LANES), np.int32),
    )
