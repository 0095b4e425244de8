"""What PixelCNN sees of a picture: blended predictions, local scales and scale-free inputs, in wavefront order.

Three planes (G, R, B) are walked together along x + 2y = t. Plane c lags by LAG * c columns: at step t the row y
holds G(x, y), R(x - LAG, y) and B(x - 2 LAG, y) with x = t - 2y, the "virtual" pixel (x, y) of a picture that is
W + 2 LAG wide. All planes of a virtual pixel, and all pixels of a step, are predicted from earlier steps only; so
R sees G at its own place, to its right and below-left, and B sees both, with no more steps than one plane needs.

For every sample six cheap predictions are blended by their recent errors nearby (as the self-correcting predictor
of JPEG XL, Alakuijala et al. 2019, and blending predictors, Seemann and Tischer 1997, do) into `base`; the mean
error of `base` nearby gives `scale`, an index of third-octaves. The net's inputs are differences to `base` in
units of that scale, companded by asinh, so the net works alike on faint and on strong texture. Everything is
integers: values in 1/8 of a grey level, tables stored with the model.

H rows, M rows of a step, F inputs, P = 6 predictions, N samples of a padded plane, T slots, planes G, R, B.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

PLANES = 3
LAG = 2
UNIT = 8
"""Steps of `base` and of predictions in one grey level."""
PREDICTIONS = 6
SCALES = 26
SMALLEST_SCALE = 0.2
"""Scale 0 in grey levels; index i stands for SMALLEST_SCALE * 2**(i/3)."""
INPUT_BITS = 5
"""Fractional bits of the int8 inputs."""
REACH = 26
"""Differences are clamped to this many scales before companding."""
PAD, TOP, BOTTOM = 4, 3, 1
"""Samples beside, rows above and below a plane."""
ENERGY_CAP, MISS_CAP = 4095, 255
"""Largest entries of the tables `scale_of` and, times 8, `weight`."""

NEAR = ((-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2))
"""Places (dx, dy) of W, N, NW, NE, WW, NN, whose errors weigh 2, 2, 1, 1, 1, 1."""
_WIDE = (
    *((dx, 0) for dx in (-1, -2, -3)),
    *((dx, -1) for dx in (-3, -2, -1, 0, 1)),
    *((dx, -2) for dx in (-3, -2, -1, 0, 1, 2)),
    *((dx, -3) for dx in (-1, 0, 1, 2)),
)

Place = tuple[int, int, int]
"""(plane, dx, dy) relative to the sample at hand."""


def _places(plane: int, offsets: tuple[tuple[int, int], ...]) -> tuple[Place, ...]:
    return tuple((plane, dx, dy) for dx, dy in offsets)


# Inputs "value there, less base".
_PLACES: tuple[tuple[Place, ...], ...] = (_places(0, _WIDE), _places(1, NEAR), _places(2, NEAR[:4]))
# The same, but the value there is first moved by the slope of a leading plane, which is named beside the place.
_MOVES: tuple[tuple[tuple[Place, int], ...], ...] = (
    (),
    tuple((place, 0) for place in _places(1, (*NEAR, (-2, -1), (1, -2)))),
    (
        *((place, 0) for place in _places(2, NEAR)),
        *((place, 1) for place in _places(2, NEAR[:4])),
    ),
)
# Inputs "leading plane there, less the same plane here".
_SLOPES: tuple[tuple[Place, ...], ...] = (
    (),
    _places(0, ((1, 0), (-1, 1), (-1, 0), (0, -1), (-1, -1), (1, -1))),
    _places(0, ((1, 0), (0, 1), (1, 1), (-1, 0), (0, -1))) + _places(1, ((1, 0), (-1, 0), (0, -1), (-1, 1))),
)
# Inputs "how far base was off there".
_RESIDUALS: tuple[tuple[Place, ...], ...] = (
    _places(0, NEAR),
    _places(1, NEAR) + _places(0, ((0, 0), (1, 0), (-1, 0), (0, -1))),
    _places(2, NEAR) + _places(0, ((0, 0), (1, 0), (0, 1))) + _places(1, ((0, 0), (1, 0), (-1, 0), (0, -1))),
)
_KINDS = (_PLACES, _MOVES, _SLOPES, _RESIDUALS)
COUNTS = np.array([[len(spec[plane]) for spec in _KINDS] for plane in range(PLANES)])
"""[PLANES, 4]: how many of those each plane has."""
INPUTS = int(COUNTS.sum()) + PLANES * (PREDICTIONS + 2)
"""F, length of the input vector of a virtual pixel."""
ROOM = -(-INPUTS // 4) * 4
"""F as the tiles of `exact.tiles` take it."""
ZERO = 128
"""What an input of 0 is kept as."""


class Tables(NamedTuple):
    """Integer tables, part of a model.

    Attributes:
        weight: [8 * 255 + 1] int32, weight of a prediction by the sum of its misses nearby (1/16 grey levels).
        scale_of: [4096] uint8, scale index by the sum of errors of `base` nearby (1/64 grey levels).
        inverse: [SCALES] int32, 2**16 times input steps for each 1/8 grey level.
        compand: [2 * REACH * 2**INPUT_BITS + 1] int8, input by difference in 2**-INPUT_BITS scales.
    """

    weight: npt.NDArray[np.int32]
    scale_of: npt.NDArray[np.uint8]
    inverse: npt.NDArray[np.int32]
    compand: npt.NDArray[np.int8]


def scale_levels() -> npt.NDArray[np.float64]:
    """Return [SCALES]: each scale in grey levels."""
    return SMALLEST_SCALE * np.exp2(np.arange(SCALES) / 3)


def make_tables() -> Tables:
    """Compute the tables of a new model; a trained model brings its own."""
    misses = np.arange(8 * MISS_CAP + 1)
    weight = np.maximum(np.rint(2.0**24 / (misses / 2 + 1) ** 2), 1)
    energy = np.arange(ENERGY_CAP + 1) / (8 * UNIT)
    index = np.rint(3 * np.log2((energy + SMALLEST_SCALE) / SMALLEST_SCALE))
    inverse = np.rint(2.0**16 * 2**INPUT_BITS / UNIT / scale_levels())
    steps = REACH << INPUT_BITS
    compand = np.rint(np.arcsinh(np.arange(-steps, steps + 1) / 2**INPUT_BITS) * 2**INPUT_BITS)
    return Tables(
        weight.astype(np.int32),
        np.clip(index, 0, SCALES - 1).astype(np.uint8),
        inverse.astype(np.int32),
        np.clip(compand, -127, 127).astype(np.int8),
    )


class Front(NamedTuple):
    """Everything known of a picture so far: padded planes, flat, one after the other, and where to look.

    Attributes:
        pixels: [PLANES * N] int16.
        error: [PLANES * N] int16, |sample - base| in 1/8 grey levels.
        residual: [PLANES * N] uint8, sample - base as an input.
        misses: [PLANES * N, P] uint8, |sample - prediction| in half grey levels.
        shape: [4] int64: H, W, samples a padded row, N.
        near: [6] flat offsets of NEAR.
        places, moves, slopes, residuals: [PLANES, n], [PLANES, n, 3], [PLANES, n, 2], [PLANES, n] flat offsets of
            the inputs' places.
        tables: the model's tables.
    """

    pixels: npt.NDArray[np.int16]
    error: npt.NDArray[np.int16]
    residual: npt.NDArray[np.uint8]
    misses: npt.NDArray[np.uint8]
    shape: Longs
    near: Longs
    places: Longs
    moves: Longs
    slopes: Longs
    residuals: Longs
    tables: Tables


class Group(NamedTuple):
    """The samples of some steps, filled by `predict`, used again by `reveal`; step t at slot t modulo T.

    Attributes:
        inputs: [T, H, ROOM] uint8, values in 2**-INPUT_BITS plus ZERO.
        base: [T, H, PLANES] int32 in 1/8 grey levels.
        scale: [T, H, PLANES] int32, scale index; -1 where the plane has no sample in this row at this step.
        predictions: [T, H, PLANES, P] int32 in 1/8 grey levels.
    """

    inputs: npt.NDArray[np.uint8]
    base: IntArray
    scale: IntArray
    predictions: IntArray


def steps(height: int, width: int) -> int:
    """Return the number of steps of a picture."""
    return width + LAG * (PLANES - 1) + 2 * (height - 1)


def rows(height: int, width: int, step: int) -> tuple[int, int]:
    """Return (first row, number of rows M) of a step."""
    first = max(0, (step - (width + LAG * (PLANES - 1)) + 2) // 2)
    return first, min(height - 1, step // 2) + 1 - first


def _table(spec: list[list[list[int]]], columns: int) -> Longs:
    longest = max(len(part) for part in spec)
    table = np.zeros((PLANES, longest, columns), np.int64)
    for plane, part in enumerate(spec):
        table[plane, : len(part)] = np.array(part, np.int64).reshape(-1, columns)
    return table


def start(height: int, width: int, tables: Tables) -> Front:
    """Return the state before the first step of a picture [H, W]."""
    stride = width + 2 * PAD
    size = (height + TOP + BOTTOM) * stride

    def flat(place: Place) -> int:
        return place[0] * size + place[2] * stride + place[1]

    def moved(place: Place, leader: int) -> list[int]:
        return [flat(place), flat((leader, *place[1:])), flat((leader, 0, 0))]

    places, residuals = ([[[flat(place)] for place in part] for part in spec] for spec in (_PLACES, _RESIDUALS))
    moves = [[moved(*item) for item in part] for part in _MOVES]
    slopes = [[[flat(place), flat((place[0], 0, 0))] for place in part] for part in _SLOPES]
    return Front(
        pixels=np.full(PLANES * size, 128, np.int16),
        error=np.full(PLANES * size, 8 * UNIT, np.int16),
        residual=np.full(PLANES * size, ZERO, np.uint8),
        misses=np.full((PLANES * size, PREDICTIONS), 16, np.uint8),
        shape=np.array([height, width, stride, size]),
        near=np.array([dy * stride + dx for dx, dy in NEAR]),
        places=_table(places, 1)[:, :, 0].copy(),
        moves=_table(moves, 3),
        slopes=_table(slopes, 2),
        residuals=_table(residuals, 1)[:, :, 0].copy(),
        tables=tables,
    )


def new_group(height: int, slots: int) -> Group:
    """Return room for so many steps of a picture of H rows."""
    return Group(
        np.full((slots, height, ROOM), ZERO, np.uint8),
        np.zeros((slots, height, PLANES), np.int32),
        np.zeros((slots, height, PLANES), np.int32),
        np.zeros((slots, height, PLANES, PREDICTIONS), np.int32),
    )
