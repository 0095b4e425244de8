"""What the multiscale PixelCNN sees of a parity group: fitted interpolations, local scales, scale-free inputs.

Planes come one after the other, so that a sample of R sees all of G on its own lattice, one of B all of G and R,
and each sees those of its own plane that `nets.lattice` lets it see. For every sample

- `base` is the mean of the four nearest samples of its plane plus a linear filter over the differences of its
  neighbours to that mean (and of the leading planes' to theirs), one of several by the direction and the
  steepness of what surrounds it; the filters are fitted to training pictures by least squares (as in
  X. Wu, K. Barthel, W. Zhang, "Piecewise 2D autoregression for predictive image coding", 1998);
- `scale` is a third-octave index of the error to expect, a fitted sum of steepness and of errors of `base` nearby;
- the net's inputs are differences to `base` and errors in units of that scale, companded by asinh, as those of
  `nets.pixel_front` are, whose tables it shares.

N samples of a group, P planes, H rows, W columns, T taps of the own plane, F inputs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.nets import lattice, pixel_front
from neuralzip.nets.pixel_front import ENERGY_CAP, INPUT_BITS, REACH
from neuralzip.nets.pixel_front import UNIT as UNIT

Samples = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.int8]

PLANES = 3
LEVEL_CLASSES = 3
"""Filters for level 0, level 1, and all above."""
DIRECTIONS, STEEPNESSES = 3, 4
CLASSES = DIRECTIONS * STEEPNESSES
FILTER_BITS = 12
ENERGY_BITS = 8
ENERGIES = 9
"""Steepness, errors of the four nearest, of the next four; of each leading plane: here, beside, across."""
NEARBY = 8
"""Neighbours of the own plane whose errors are seen, and which are also shown moved by the leaders' slope."""
LEADER_INPUTS = 13
_EXTRAS = 5

OWN: lattice.Taps = lattice.NEAR
"""Offsets of the own plane's neighbours for each group, in spacings of the level."""
LEADER: Offsets = np.array(
    sorted(((dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if abs(dy * dx) < 4),
           key=lambda o: (o[0] ** 2 + o[1] ** 2, o)), np.int64,
)  # fmt: skip
"""Offsets [21, 2] of a leading plane's samples, that at the sample's own place first."""
WEIGHTS = max(len(taps) for taps in OWN) + (PLANES - 1) * len(LEADER)
"""Entries of a filter; those that a plane or group has no tap for are zero."""


def inputs_of(plane: int, group: int) -> int:
    """Return F of a plane's group."""
    return len(OWN[group]) + NEARBY + plane * (2 * NEARBY + 1 + LEADER_INPUTS) + _EXTRAS


def weights_of(plane: int, group: int) -> int:
    """Return how many entries of a filter a plane's group uses."""
    return len(OWN[group]) + plane * len(LEADER)


class Tables(NamedTuple):
    """Integer tables, part of a model.

    Attributes:
        filters: [LEVEL_CLASSES, PLANES, GROUPS, CLASSES, WEIGHTS] int16 in 2**-FILTER_BITS.
        energies: [LEVEL_CLASSES, PLANES, GROUPS, ENERGIES] int32 in 2**-ENERGY_BITS, at least 0.
        scale_of, inverse, compand: as in `pixel_front.Tables`.
    """

    filters: npt.NDArray[np.int16]
    energies: IntArray
    scale_of: npt.NDArray[np.uint8]
    inverse: IntArray
    compand: npt.NDArray[np.int8]


def unfitted() -> Tables:
    """Return tables whose filters and energies are zero: `base` is a mean, and every scale the smallest."""
    filters = np.zeros((LEVEL_CLASSES, PLANES, len(lattice.GROUPS), CLASSES, WEIGHTS), np.int16)
    energies = np.zeros((LEVEL_CLASSES, PLANES, len(lattice.GROUPS), ENERGIES), np.int32)
    shared = pixel_front.make_tables()
    return Tables(filters, energies, shared.scale_of, shared.inverse, shared.compand)


class Front(NamedTuple):
    """A picture so far, and working memory.

    Attributes:
        planes: [P, H * W] uint8.
        errors: [P, H * W] int16, sample - base in 1/8 grey levels; 0 where there was no base.
        height: H.
        width: W.
        places: [WEIGHTS] int64, of a sample's neighbours in a plane.
        differences: [WEIGHTS] int32, of those neighbours to their plane's local mean, in 1/8 grey levels.
    """

    planes: Samples
    errors: npt.NDArray[np.int16]
    height: int
    width: int
    places: Offsets
    differences: IntArray


class View(NamedTuple):
    """What is known of N samples of a plane's group.

    Attributes:
        inputs: [N, F] int8 in 2**-INPUT_BITS.
        base: [N] int32 in 1/8 grey levels.
        scale: [N] int32 index of scales.
        energies: [N, ENERGIES] int32 in 1/8 grey levels, what `scale` is made of.
    """

    inputs: Bytes
    base: IntArray
    scale: IntArray
    energies: IntArray


def start(planes: Samples) -> Front:
    """Begin a picture [P, H, W]; the caller's samples are looked at when they are due."""
    count, height, width = planes.shape
    return Front(
        planes.reshape(count, -1), np.zeros((count, height * width), np.int16), height, width,
        np.zeros(WEIGHTS, np.int64), np.zeros(WEIGHTS, np.int32),
    )  # fmt: skip


@inner
def _place(front: Front, y: int, x: int, dy: int, dx: int, level: int) -> int:
    """Return the flat place of a neighbour, mirrored at borders; in tiny pictures one of the level above."""
    row, column = y + (dy << level), x + (dx << level)
    if row < 0 or row >= front.height:
        row = y - (dy << level)
    if column < 0 or column >= front.width:
        column = x - (dx << level)
    if row < 0 or row >= front.height or column < 0 or column >= front.width:
        row, column = (y >> (level + 1)) << (level + 1), (x >> (level + 1)) << (level + 1)
    return int(row * front.width + column)


@inner
def _four(front: Front, plane: int) -> int:
    """Return the mean of a plane's samples at the first four places, in 1/8 grey levels."""
    total = np.int32(0)
    for i in range(4):
        total += np.int32(front.planes[plane, front.places[i]])
    return int(total) * (UNIT // 4)


@inner
def _class_of(differences: IntArray) -> int:
    """Return the filter class by the differences of the four nearest to their mean."""
    one, other = abs(differences[0] - differences[3]), abs(differences[1] - differences[2])
    direction = 0
    if one > 2 * other + UNIT:
        direction = 1
    elif other > 2 * one + UNIT:
        direction = 2
    spread = abs(differences[0]) + abs(differences[1]) + abs(differences[2]) + abs(differences[3])
    steepness = 0
    while steepness < STEEPNESSES - 1 and spread >> (4 + 2 * steepness):
        steepness += 1
    return direction * STEEPNESSES + steepness


@inner
def _look_round(front: Front, plane: int, y: int, x: int, level: int, own: Offsets, leader: Offsets) -> int:
    """Fill places and differences of a sample's neighbours; return the mean of the four nearest."""
    count = len(own)
    for t in range(count):
        front.places[t] = _place(front, y, x, own[t, 0], own[t, 1], level)
    mean = _four(front, plane)
    for t in range(count):
        front.differences[t] = UNIT * np.int32(front.planes[plane, front.places[t]]) - mean
    for c in range(plane):
        first, leading = count + c * len(leader), _four(front, c)
        for t in range(len(leader)):
            if c == 0:
                front.places[first + t] = _place(front, y, x, leader[t, 0], leader[t, 1], level)
            else:
                front.places[first + t] = front.places[count + t]
            front.differences[first + t] = UNIT * np.int32(front.planes[c, front.places[first + t]]) - leading
    return mean


@entry
def observe(
    front: Front, plane: int, ys: IntArray, xs: IntArray, level: int, own: Offsets, leader: Offsets,
    means: IntArray, classes: IntArray, differences: IntArray,
) -> None:  # fmt: skip
    """Fill means and classes [N] and differences [N, WEIGHTS] of samples, to fit filters to."""
    used = len(own) + plane * len(leader)
    for n in range(len(ys)):
        means[n] = _look_round(front, plane, ys[n], xs[n], level, own, leader)
        classes[n] = _class_of(front.differences)
        for t in range(used):
            differences[n, t] = front.differences[t]


@inner
def _filtered(front: Front, mean: int, used: int, weights: npt.NDArray[np.int16]) -> int:
    """Return `base` of the sample looked round from."""
    total = np.int64(1) << (FILTER_BITS - 1)
    for t in range(used):
        total += np.int64(weights[t]) * front.differences[t]
    return min(max(mean + int(total >> FILTER_BITS), 0), 255 * UNIT)


@inner
def _misses(front: Front, plane: int, first: int, count: int) -> int:
    """Return the mean distance of `base` from a plane's samples at count (2**n) of the places."""
    total = np.int32(0)
    for t in range(first, first + count):
        total += abs(np.int32(front.errors[plane, front.places[t]]))
    return int(total) // count


@inner
def _weigh_up(front: Front, plane: int, own: int, leader: int, energies: IntArray) -> None:
    """Fill the energies [ENERGIES] of the sample looked round from."""
    spread = np.int32(0)
    for i in range(4):
        spread += abs(front.differences[i])
    energies[0] = spread >> 2
    energies[1], energies[2] = _misses(front, plane, 0, 4), _misses(front, plane, 4, 4)
    for c in range(plane):
        first = own + c * leader
        energies[3 + 3 * c] = _misses(front, c, first, 1)
        energies[4 + 3 * c] = _misses(front, c, first + 1, 4)
        energies[5 + 3 * c] = _misses(front, c, first + 5, 4)


@inner
def _scale(tables: Tables, energies: IntArray, weights: IntArray) -> int:
    """Return the scale index to expect."""
    total = np.int64(0)
    for e in range(ENERGIES):
        total += np.int64(weights[e]) * energies[e]
    return int(tables.scale_of[min(int(total) >> (ENERGY_BITS - 3), ENERGY_CAP)])


@inner
def _input(tables: Tables, difference: int, scale: int) -> int:
    """Return a difference in 1/8 grey levels as an input."""
    limit = REACH << INPUT_BITS
    ratio = (difference * int(tables.inverse[scale]) + 32768) >> 16
    return int(tables.compand[min(max(ratio, -limit), limit) + limit])


@inner
def _write_inputs(
    front: Front, tables: Tables, plane: int, own: int, leader: int, lead: int, scale: int, out: Bytes
) -> int:
    """Write the inputs of neighbours; return how many. `lead` is base - mean."""
    k = 0
    for t in range(own):
        out[k] = _input(tables, front.differences[t] - lead, scale)
        k += 1
    for t in range(NEARBY):
        out[k] = _input(tables, front.errors[plane, front.places[t]], scale)
        k += 1
    for c in range(plane):
        first = own + c * leader
        here = UNIT * np.int32(front.planes[c, front.places[first]])
        for t in range(NEARBY):
            slope = here - UNIT * np.int32(front.planes[c, front.places[t]])
            out[k] = _input(tables, front.differences[t] + slope - lead, scale)
            k += 1
        for t in range(NEARBY + 1):
            out[k] = _input(tables, front.errors[c, front.places[first + t]], scale)
            k += 1
        for t in range(LEADER_INPUTS):
            out[k] = _input(tables, UNIT * np.int32(front.planes[c, front.places[first + t]]) - here, scale)
            k += 1
    return k


@entry
def predict(
    front: Front, tables: Tables, plane: int, group: int, ys: IntArray, xs: IntArray, level: int, kind: int,
    own: Offsets, leader: Offsets, view: View,
) -> None:  # fmt: skip
    """Fill the view of samples (ys, xs) [N] of a plane's group.

    Args:
        front: of which everything before the group is known.
        tables: of the model.
        plane, group: which.
        ys, xs: rows and columns.
        level: of the group.
        kind: its level class.
        own, leader: OWN[group] and LEADER.
        view: filled.
    """
    used = len(own) + plane * len(leader)
    for n in range(len(ys)):
        mean = _look_round(front, plane, ys[n], xs[n], level, own, leader)
        base = _filtered(front, mean, used, tables.filters[kind, plane, group, _class_of(front.differences)])
        _weigh_up(front, plane, len(own), len(leader), view.energies[n])
        scale = _scale(tables, view.energies[n], tables.energies[kind, plane, group])
        k = _write_inputs(front, tables, plane, len(own), len(leader), base - mean, scale, view.inputs[n])
        out = view.inputs[n]
        out[k] = _input(tables, base - mean, scale)
        out[k + 1] = _input(tables, view.energies[n, 0], scale)
        out[k + 2] = 5 * scale - 62
        out[k + 3] = (base >> 4) - 64
        out[k + 4] = 32 * kind
        view.base[n], view.scale[n] = base, scale


@entry
def reveal(front: Front, plane: int, ys: IntArray, xs: IntArray, base: IntArray, samples: IntArray) -> None:
    """Enter samples [N] of a plane's group, whose base is known."""
    for n in range(len(ys)):
        at = ys[n] * front.width + xs[n]
        front.planes[plane, at] = samples[n]
        front.errors[plane, at] = UNIT * samples[n] - base[n]


def look(
    front: Front, tables: Tables, plane: int, group: int, level: int, ys: IntArray, xs: IntArray, above: int = 0
) -> View:
    """Return what is shown of samples of a plane's group.

    Args:
        front: of which everything before the group is known.
        tables: of the model.
        plane, group, level: which.
        ys, xs: [N] rows and columns.
        above: level of the picture itself, where it is another one thinned out.
    """
    inputs = np.empty((len(ys), inputs_of(plane, group)), np.int8)
    base, scale = np.empty(len(ys), np.int32), np.empty(len(ys), np.int32)
    view = View(inputs, base, scale, np.zeros((len(ys), ENERGIES), np.int32))
    kind = min(level + above, LEVEL_CLASSES - 1)
    predict(front, tables, plane, group, ys, xs, level, kind, OWN[group], LEADER, view)
    return view
