"""Least-squares predictors of a picture that learn from the picture itself, one state for each row.

The planes are walked along wavefronts, t = x + 2y, plane p lagging by LAG * p columns; all samples of a step are
predicted from earlier steps only, plane p from itself and planes before it, so that planes may be walked side by
side, each with a bank of its own. A *learner* predicts one plane as a linear combination of n known samples; its
weights at (x, y) minimise the squared error over samples before, weighted by nearness: each row keeps its own
normal equations A w = b, which forget by `keep` with each column and take in the row's newest sample and the one
above to the right (x + 1, y - 1), less where the picture is busy; a row starts from the row above. Inputs and
targets are differences to each plane's mean of west and north. Solved by Cholesky at every place.

Strict arithmetic: float64 +, -, *, / and sqrt in a fixed order, eight rows side by side (lanes.py), no libm, no
contraction; predictions leave rounded to 1/UNIT grey levels. So they are the same integers on every machine and
for any number of threads.

Source: least-squares prediction as in TMW, MRP and paq8px's OLS; the recursion by rows along a wavefront is ours.

    H rows, W columns, P planes, K learners of a plane, n inputs of a learner, R = ceil(H / LANES) bands of rows.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.lanes import (
    LANES,
    absorb,
    inverse_root,
    move_down,
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
        soft, top: a sample's weight is top / sqrt(soft + activity), activity the squares of its first six inputs.
    """

    plane: int
    inputs: tuple[tuple[int, int, int], ...]
    keep: float
    above: float
    ridge: float = 2.0
    soft: float = 100.0
    top: float = 40.0


class Bank(NamedTuple):
    """State of some learners of a picture.

    Attributes:
        memory: flat float64 working memory of all these learners.
        table: [L, _FIELDS] int64, plane, n, and places of each learner's state and offsets.
        settings: [L, 5] float64: keep, above, ridge, soft, top.
        offsets: for each learner, the offsets of its inputs within `planes`, then their planes.
        planes: flat float64, all padded planes one after another; banks of one picture share them.
        shape: [7] int64: H, W, stride of a padded row, samples of a padded plane, R, places of working vectors.
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


def new_planes(height: int, width: int, limits: list[tuple[int, int]]) -> Floats:
    """Return the padded planes before the first step; `limits` are the value range of each plane."""
    middle = np.array([(low + high) // 2 for low, high in limits], np.float64)
    return np.repeat(middle, (width + 2 * PAD) * (height + 2 * PAD))


def new_bank(
    learners: tuple[Learner, ...], height: int, width: int, limits: list[tuple[int, int]], planes: Floats
) -> Bank:
    """Return the state before the first step; `planes` come from `new_planes`."""
    stride = width + 2 * PAD
    size = stride * (height + 2 * PAD)
    bands = -(-height // LANES)
    table = np.zeros((len(learners), _FIELDS), np.int64)
    offsets: list[int] = []
    place = 0
    for row, learner in zip(table, learners, strict=True):
        n = len(learner.inputs)
        row[:] = learner.plane, n, place, place + bands * (n + 1) * n * LANES, len(offsets), len(offsets) + n
        place = row[_INPUTS] + 2 * bands * (n + 3) * LANES
        offsets += [(p - learner.plane) * size + dy * stride + dx for p, dx, dy in learner.inputs]
        offsets += [p for p, _, _ in learner.inputs]
    largest = max(len(learner.inputs) for learner in learners)
    scratch = place + (largest + 6) * LANES
    return Bank(
        memory=np.zeros(scratch + (largest + 1) * largest * LANES),
        table=table,
        settings=np.array([learner[2:] for learner in learners], np.float64),
        offsets=np.array(offsets, np.int64),
        planes=planes,
        shape=np.array([height, width, stride, size, bands, place, scratch], np.int64),
        limits=np.array(limits, np.float64),
        predictions=np.zeros((len(learners), bands * LANES), np.int32),
    )


@inner
def place_of(bank: Bank, plane: int, x: int, y: int) -> int:
    """Return where a sample lies in `planes`."""
    return plane * bank.shape[3] + (y + PAD) * bank.shape[2] + PAD + x


@inner
def reveal(bank: Bank, plane: int, x: int, y: int, value: int) -> None:
    """Enter a sample; the edges of the picture are continued by it, to the left those of the row below.

    Each place is written once only, so that it does not matter how far a plane is ahead of those that look at it.
    """
    height, width, stride = bank.shape[0], bank.shape[1], bank.shape[2]
    place = place_of(bank, plane, x, y)
    bank.planes[place] = value
    if x == 0:
        for dx in range(1, PAD + 1):
            bank.planes[place + stride - dx] = value
    if x == width - 1:
        for dx in range(1, PAD + 1):
            bank.planes[place + dx] = value
    if y == height - 1:
        for dy in range(1, PAD + 1):
            bank.planes[place + dy * stride] = value


@inner
def _inputs_at(bank: Bank, which: int, band: int, t: int) -> int:
    """Return the place of a band's input vectors of step t: n inputs, then the target and the reference."""
    row = bank.table[which]
    return row[_INPUTS] + ((t & 1) * bank.shape[4] + band) * (row[_SIZE] + 3) * LANES


@inner
def _settle(bank: Bank, which: int, band: int, t: int) -> None:
    """Enter the targets of the previous step, now known."""
    row, memory = bank.table[which], bank.memory
    target = _inputs_at(bank, which, band, t - 1) + row[_SIZE] * LANES
    for b in range(LANES):
        y = band * LANES + b
        x = t - 1 - LAG * row[_PLANE] - 2 * y
        if 0 <= x < bank.shape[1] and y < bank.shape[0]:
            value = bank.planes[place_of(bank, row[_PLANE], x, y)]
            memory[target + b] = value - memory[target + LANES + b]


@inner
def _inherit(bank: Bank, which: int, y: int) -> None:
    """Start a row from the state of the row above."""
    row, memory = bank.table[which], bank.memory
    vectors = (row[_SIZE] + 1) * row[_SIZE]
    above = row[_GRAM] + (y - 1) // LANES * vectors * LANES + (y - 1) % LANES
    own = row[_GRAM] + y // LANES * vectors * LANES + y % LANES
    for k in range(0, vectors * LANES, LANES):
        memory[own + k] = memory[above + k]


@inner
def _gather(bank: Bank, which: int, band: int, t: int) -> None:
    """Fill the input vectors of a band for step t, less each plane's mean of west and north there."""
    row, memory = bank.table[which], bank.memory
    n, stride = row[_SIZE], bank.shape[2]
    inputs, references = _inputs_at(bank, which, band, t), bank.shape[5]
    for b in range(LANES):
        y = min(band * LANES + b, bank.shape[0] - 1)
        x = min(max(t - LAG * row[_PLANE] - 2 * y, 0), bank.shape[1] - 1)
        here = place_of(bank, row[_PLANE], x, y)
        for plane in range(len(bank.limits)):
            other = here + (plane - row[_PLANE]) * bank.shape[3]
            memory[references + plane] = (bank.planes[other - 1] + bank.planes[other - stride]) * 0.5
        for k in range(n):
            reference = memory[references + bank.offsets[row[_REFERENCES] + k]]
            memory[inputs + k * LANES + b] = bank.planes[here + bank.offsets[row[_OFFSETS] + k]] - reference
        memory[inputs + (n + 1) * LANES + b] = memory[references + row[_PLANE]]
        energy = bank.settings[which, 3]
        for k in range(min(n, 6)):
            energy += memory[inputs + k * LANES + b] * memory[inputs + k * LANES + b]
        memory[inputs + (n + 2) * LANES + b] = bank.settings[which, 4] / np.sqrt(energy)


@inner
def _weigh(bank: Bank, which: int, band: int, t: int, weights: int, newest: int, above: int) -> None:
    """Fill three vectors: what remains of the past, weight of the newest sample, weight of the one above."""
    memory, settings = bank.memory, bank.settings[which]
    for b in range(LANES):
        y = band * LANES + b
        x = t - LAG * bank.table[which, _PLANE] - 2 * y
        inside = 0 <= x < bank.shape[1] and y < bank.shape[0]
        has_west, has_above = inside and x > 0, inside and y > 0 and x + 1 < bank.shape[1]
        memory[weights + b] = settings[0] if has_west else 1.0
        memory[weights + LANES + b] = (1.0 - settings[0]) * memory[newest + b] if has_west else 0.0
        memory[weights + 2 * LANES + b] = settings[1] * memory[above + b] if has_above else 0.0


@inner
def _shift(bank: Bank, which: int, band: int, t: int, above: int) -> None:
    """Copy the previous step's inputs and targets, moved down by one row."""
    source = _inputs_at(bank, which, band, t - 1)
    before = _inputs_at(bank, which, max(band - 1, 0), t - 1)
    move_down(bank.memory, above, source, before + LANES - 1, bank.table[which, _SIZE] + 3)


@inner
def _absorb_all(bank: Bank, which: int, band: int, t: int, weights: int) -> None:
    """Take two samples a row into the normal equations, and copy these to the scratch memory."""
    n = bank.table[which, _SIZE]
    newest = _inputs_at(bank, which, band, t - 1)
    above = weights + 3 * LANES
    _shift(bank, which, band, t, above)
    _weigh(bank, which, band, t, weights, newest + (n + 2) * LANES, above + (n + 2) * LANES)
    gram, scratch = bank.table[which, _GRAM] + band * (n + 1) * n * LANES, bank.shape[6]
    for i in range(n + 1):
        row = i * n * LANES
        absorb(bank.memory, gram + row, scratch + row, weights, newest, above, i, min(i + 1, n))


@inner
def _factor_row(memory: Floats, work: int, n: int, i: int, least: int) -> None:
    """Replace row i of A by its row of the Cholesky factor, with inverse diagonal; row n is the right side."""
    row = n * LANES
    own = work + i * row
    for start in range(0, min(i + 1, n), 4):
        stop = min(start + 4, n)
        done = 0
        if start + 4 <= min(i, n):
            subtract_products_4(memory, own + start * LANES, own, work + start * row, row, start)
            done = start
        for j in range(start, min(stop, i + 1)):
            target, other = own + j * LANES, work + j * row
            subtract_products(memory, target, own + done * LANES, other + done * LANES, LANES, j - done)
            if j == i:
                inverse_root(memory, target, least)
            else:
                multiply(memory, target, other + j * LANES)


@inner
def _solve(memory: Floats, work: int, n: int, least: int) -> None:
    """Solve A w = b for a band; the lower triangle of A and, as row n, b are at `work`; w replaces b."""
    row = n * LANES
    for i in range(n + 1):
        _factor_row(memory, work, n, i, least)
    solution = work + n * row
    for i in range(n - 1, -1, -1):
        target, below = solution + i * LANES, work + i * row + i * LANES
        subtract_products(memory, target, target + LANES, below + row, row, n - 1 - i)
        multiply(memory, target, below)


@inner
def _rounded(value: float, low: float, high: float) -> np.int64:
    """Return a prediction in 1/UNIT, clamped; a NaN becomes the lower limit."""
    if not value > low:
        return np.int64(low) * UNIT
    return np.int64(np.floor(min(value, high) * UNIT + 0.5))


@inner
def _predict_band(bank: Bank, which: int, band: int, t: int) -> None:
    """Learn from the previous step and predict a band of rows."""
    memory, row = bank.memory, bank.table[which]
    n = row[_SIZE]
    weights, scratch = bank.shape[5], bank.shape[6]
    _absorb_all(bank, which, band, t, weights)
    for i in range(n):
        for b in range(LANES):
            memory[scratch + (i * n + i) * LANES + b] += bank.settings[which, 2]
    for b in range(LANES):
        memory[weights + b] = bank.settings[which, 2]
    _solve(memory, scratch, n, weights)
    _gather(bank, which, band, t)
    inputs, solution = _inputs_at(bank, which, band, t), scratch + n * n * LANES
    for b in range(LANES):
        memory[weights + b] = -memory[inputs + (n + 1) * LANES + b]
    subtract_products(memory, weights, inputs, solution, LANES, n)
    for b in range(LANES):
        low, high = bank.limits[row[_PLANE], 0], bank.limits[row[_PLANE], 1]
        bank.predictions[which, band * LANES + b] = _rounded(-memory[weights + b], low, high)


@inner
def predict_step(bank: Bank, t: int) -> None:
    """Predict all samples of step t; all samples of earlier steps must have been revealed."""
    height, width, bands = bank.shape[0], bank.shape[1], bank.shape[4]
    for which in range(len(bank.table)):
        lead = t - LAG * bank.table[which, _PLANE]
        if lead >= 2 and lead % 2 == 0 and lead // 2 < height:
            _inherit(bank, which, lead // 2)
        first = max(0, (lead - width) // (2 * LANES) - 1)
        stop = min(bands, max(lead // (2 * LANES) + 1, 0))
        for band in range(first, stop):
            _settle(bank, which, band, t)
        for band in range(first, stop):
            _predict_band(bank, which, band, t)
