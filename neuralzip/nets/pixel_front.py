"""What PixelCNN sees of a picture: blended predictions, local scales and scale-free int8 inputs, in wavefront order.

Three planes (G, R, B) are walked together along x + 2y = t. Plane c lags by LAG * c columns: at step t the row y
holds G(x, y), R(x - LAG, y) and B(x - 2 LAG, y) with x = t - 2y, the "virtual" pixel (x, y) of a picture that is
W + 2 LAG wide. All planes of a virtual pixel, and all pixels of a step, are predicted from earlier steps only; so
R sees G at its own place, to its right and below-left, and B sees both, with no more steps than one plane needs.

For every sample six cheap predictions are blended by their recent errors nearby (as the self-correcting predictor
of JPEG XL, Alakuijala et al. 2019, and blending predictors, Seemann and Tischer 1997, do) into `base`; the mean
error of `base` nearby gives `scale`, an index of third-octaves. The net's inputs are differences to `base` in
units of that scale, companded by asinh, so the net works alike on faint and on strong texture. Everything is
integers: values in 1/8 of a grey level, tables stored with the model.

M rows of a step, F inputs, P = 6 predictions, N samples of a padded plane, order of planes G, R, B.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

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
_PAD, _TOP, _BOTTOM = 4, 3, 1
_ENERGY_CAP, _MISS_CAP = 4095, 255

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


# Inputs "value there, less base"; with a leading plane, the value there is first moved by the leader's slope.
_VALUES: tuple[tuple[tuple[Place, int | None], ...], ...] = (
    tuple((place, None) for place in _places(0, _WIDE)),
    (
        *((place, None) for place in _places(1, NEAR)),
        *((place, 0) for place in _places(1, (*NEAR, (-2, -1), (1, -2)))),
    ),
    (
        *((place, None) for place in _places(2, NEAR[:4])),
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
INPUTS = sum(len(part) for spec in (_VALUES, _SLOPES, _RESIDUALS) for part in spec) + PLANES * (PREDICTIONS + 2)
"""F, length of the input vector of a virtual pixel."""


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
    misses = np.arange(8 * _MISS_CAP + 1)
    weight = np.maximum(np.rint(2.0**24 / (misses / 2 + 1) ** 2), 1)
    energy = np.arange(_ENERGY_CAP + 1) / (8 * UNIT)
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
        residual: [PLANES * N] int8, sample - base as an input.
        misses: [PLANES * N, P] uint8, |sample - prediction| in half grey levels.
        shape: [4] int64: H, W, samples a padded row, N.
        near: [6] flat offsets of NEAR.
        values, slopes, residuals: [PLANES, n, 3], [PLANES, n, 2], [PLANES, n] flat offsets of the inputs' places.
        counts: [PLANES, 3] how many of those each plane has.
        tables: the model's tables.
    """

    pixels: npt.NDArray[np.int16]
    error: npt.NDArray[np.int16]
    residual: npt.NDArray[np.int8]
    misses: npt.NDArray[np.uint8]
    shape: IntArray
    near: IntArray
    values: IntArray
    slopes: IntArray
    residuals: IntArray
    counts: IntArray
    tables: Tables


class Group(NamedTuple):
    """The samples of one step, rows first .. first + M - 1; filled by `predict`, used again by `reveal`.

    Attributes:
        inputs: [M, F] int8 in 2**-INPUT_BITS.
        base: [M, PLANES] int32 in 1/8 grey levels.
        scale: [M, PLANES] int32, scale index; -1 where the plane has no sample in this row at this step.
        predictions: [M, PLANES, P] int32 in 1/8 grey levels.
    """

    inputs: npt.NDArray[np.int8]
    base: npt.NDArray[np.int32]
    scale: npt.NDArray[np.int32]
    predictions: npt.NDArray[np.int32]


def steps(height: int, width: int) -> int:
    """Return the number of steps of a picture."""
    return width + LAG * (PLANES - 1) + 2 * (height - 1)


@numba.njit(cache=True)
def rows(height: int, width: int, step: int) -> tuple[int, int]:
    """Return (first row, number of rows M) of a step."""
    first = max(0, (step - (width + LAG * (PLANES - 1)) + 2) // 2)
    return first, min(height - 1, step // 2) + 1 - first


def _table(spec: list[list[list[int]]], columns: int) -> IntArray:
    longest = max(len(part) for part in spec)
    table = np.zeros((PLANES, longest, columns), np.int64)
    for plane, part in enumerate(spec):
        table[plane, : len(part)] = np.array(part, np.int64).reshape(-1, columns)
    return table


def start(height: int, width: int, tables: Tables) -> Front:
    """Return the state before the first step of a picture [H, W]."""
    stride = width + 2 * _PAD
    size = (height + _TOP + _BOTTOM) * stride

    def flat(place: Place) -> int:
        return place[0] * size + place[2] * stride + place[1]

    def moved(place: Place, leader: int | None) -> list[int]:
        there = (place[0] if leader is None else leader, *place[1:])
        here = there if leader is None else (leader, 0, 0)
        return [flat(place), flat(there), flat(here)]

    values = [[moved(*item) for item in part] for part in _VALUES]
    slopes = [[[flat(place), flat((place[0], 0, 0))] for place in part] for part in _SLOPES]
    residuals = [[[flat(place)] for place in part] for part in _RESIDUALS]
    return Front(
        pixels=np.full(PLANES * size, 128, np.int16),
        error=np.full(PLANES * size, 8 * UNIT, np.int16),
        residual=np.zeros(PLANES * size, np.int8),
        misses=np.full((PLANES * size, PREDICTIONS), 16, np.uint8),
        shape=np.array([height, width, stride, size]),
        near=np.array([dy * stride + dx for dx, dy in NEAR]),
        values=_table(values, 3),
        slopes=_table(slopes, 2),
        residuals=_table(residuals, 1)[:, :, 0].copy(),
        counts=np.array([[len(part) for part in (v, s, r)] for v, s, r in zip(values, slopes, residuals, strict=True)]),
        tables=tables,
    )


def new_group(front: Front) -> Group:
    """Return scratch space for the widest step of a picture."""
    height, width = int(front.shape[0]), int(front.shape[1])
    most = min(height, (width + LAG * (PLANES - 1) + 1) // 2)
    return Group(
        np.zeros((most, INPUTS), np.int8),
        np.zeros((most, PLANES), np.int32),
        np.zeros((most, PLANES), np.int32),
        np.zeros((most, PLANES, PREDICTIONS), np.int32),
    )


@numba.njit(cache=True)
def _compand(tables: Tables, difference: int, scale: int) -> int:
    """Turn a difference in 1/8 grey levels into an input."""
    limit = REACH << INPUT_BITS
    ratio = (difference * np.int64(tables.inverse[scale]) + 32768) >> 16
    return np.int64(tables.compand[min(max(ratio, -limit), limit) + limit])


@numba.njit(cache=True)
def _candidates(front: Front, plane: int, i: int, out: npt.NDArray[np.int32]) -> None:
    """Write the P predictions of the sample at flat place i (of plane G), in 1/8 grey levels."""
    x, size = front.pixels, front.shape[3]
    o_w, o_n, o_nw, o_ne, _, o_nn = front.near
    own = i + plane * size
    w, n, nw, ne = 8 * x[own + o_w], 8 * x[own + o_n], 8 * x[own + o_nw], 8 * x[own + o_ne]
    flat = ((w + n) >> 1) + ((ne - nw) >> 2)
    if plane == 0:
        out[0], out[1], out[2], out[3] = w, n, w + n - nw, w + ne - n
        out[4], out[5] = flat, n + ne - 8 * x[own + o_nn - o_w]
        return
    # Differences to the leading plane just before: G for R, R for B.
    j = own - size
    here = 8 * x[j]
    w, n = w - 8 * x[j + o_w], n - 8 * x[j + o_n]
    nw, ne = nw - 8 * x[j + o_nw], ne - 8 * x[j + o_ne]
    even = ((w + n) >> 1) + ((ne - nw) >> 2)
    out[0], out[1], out[2], out[4], out[5] = here + w, here + n, here + w + n - nw, here + even, flat
    if plane == 1:
        out[3] = here + ((w + ne) >> 1)
        return
    w, n = 8 * (x[own + o_w] - x[i + o_w]), 8 * (x[own + o_n] - x[i + o_n])
    nw, ne = 8 * (x[own + o_nw] - x[i + o_nw]), 8 * (x[own + o_ne] - x[i + o_ne])
    out[3] = 8 * x[i] + ((w + n) >> 1) + ((ne - nw) >> 2)


@numba.njit(cache=True)
def _blend(front: Front, at: int, predictions: npt.NDArray[np.int32]) -> int:
    """Return the mean of the predictions at flat place `at`, weighted by how well each did nearby."""
    w, n, nw, ne, ww, nn = front.near
    miss, total, value = front.misses, np.int64(0), np.int64(0)
    for k in range(PREDICTIONS):
        bad = 2 * (np.int64(miss[at + w, k]) + miss[at + n, k])
        bad += np.int64(miss[at + nw, k]) + miss[at + ne, k] + miss[at + ww, k] + miss[at + nn, k]
        weight = np.int64(front.tables.weight[bad])
        total += weight
        value += weight * predictions[k]
    return min(max((value + (total >> 1)) // total, 0), 255 * UNIT)


@numba.njit(cache=True)
def _scale(front: Front, at: int) -> int:
    """Return the scale index at flat place `at`."""
    w, n, nw, ne, ww, nn = front.near
    error = front.error
    energy = 2 * (np.int64(error[at + w]) + error[at + n])
    energy += np.int64(error[at + nw]) + error[at + ne] + error[at + ww] + error[at + nn]
    return np.int64(front.tables.scale_of[min(energy, _ENERGY_CAP)])


@numba.njit(cache=True)
def _gather(
    front: Front, plane: int, i: int, base: int, scale: int, predictions: npt.NDArray[np.int32],
    out: npt.NDArray[np.int8], k: int,
) -> int:
    """Write one plane's inputs at k .. of `out`; return the place after the last."""
    x, tables, own = front.pixels, front.tables, i + plane * front.shape[3]
    for m in range(front.counts[plane, 0]):
        a, b, c = front.values[plane, m]
        out[k] = _compand(tables, 8 * (x[i + a] - x[i + b] + x[i + c]) - base, scale)
        k += 1
    for m in range(front.counts[plane, 1]):
        a, b = front.slopes[plane, m]
        out[k] = _compand(tables, 8 * (x[i + a] - x[i + b]), scale)
        k += 1
    for m in range(front.counts[plane, 2]):
        out[k] = front.residual[i + front.residuals[plane, m]]
        k += 1
    for m in range(PREDICTIONS):
        out[k] = _compand(tables, predictions[m] - base, scale)
        k += 1
    out[k] = 5 * scale - 62
    out[k + 1] = (base >> 4) - 64
    return k + 2


@numba.njit(cache=True, nogil=True)
def predict(front: Front, group: Group, step: int, first: int, count: int) -> None:
    """Fill `group` for a step, rows first .. first + count - 1."""
    height, width, stride, _ = front.shape
    for m in range(count):
        k, y = 0, first + m
        for plane in range(PLANES):
            x = step - 2 * y - LAG * plane
            predictions = group.predictions[m, plane]
            size = front.counts[plane].sum() + PREDICTIONS + 2
            if x < 0 or x >= width:
                group.scale[m, plane] = -1
                group.base[m, plane] = 0
                group.inputs[m, k : k + size] = 0
                k += size
                continue
            i = (y + _TOP) * stride + x + _PAD
            _candidates(front, plane, i, predictions)
            base = _blend(front, i + plane * front.shape[3], predictions)
            scale = _scale(front, i + plane * front.shape[3])
            group.base[m, plane] = base
            group.scale[m, plane] = scale
            k = _gather(front, plane, i, base, scale, predictions, group.inputs[m], k)


@numba.njit(cache=True)
def _copy(front: Front, at: int, to: int) -> None:
    """Repeat a sample and its errors in the padding."""
    front.pixels[to] = front.pixels[at]
    front.error[to] = front.error[at]
    for k in range(PREDICTIONS):
        front.misses[to, k] = front.misses[at, k]


@numba.njit(cache=True)
def _store(front: Front, group: Group, m: int, plane: int, at: int, value: int) -> None:
    base = group.base[m, plane]
    front.pixels[at] = value
    front.error[at] = abs(8 * value - base)
    front.residual[at] = _compand(front.tables, 8 * value - base, group.scale[m, plane])
    for k in range(PREDICTIONS):
        front.misses[at, k] = min(abs(8 * value - group.predictions[m, plane, k]) >> 2, _MISS_CAP)


@numba.njit(cache=True, nogil=True)
def reveal(
    front: Front, group: Group, step: int, first: int, count: int, samples: npt.NDArray[np.int32]
) -> None:
    """Enter the samples [count, PLANES] of a step that `predict` filled `group` for."""
    height, width, stride, size = front.shape
    for m in range(count):
        y = first + m
        for plane in range(PLANES):
            x = step - 2 * y - LAG * plane
            if x < 0 or x >= width:
                continue
            at = plane * size + (y + _TOP) * stride + x + _PAD
            _store(front, group, m, plane, at, samples[m, plane])
            if x == 0:
                for k in range(1, _PAD):
                    _copy(front, at, at + stride - k)
            if x == width - 1:
                for k in range(1, _PAD):
                    _copy(front, at, at + k)
            if y == height - 1:
                front.pixels[at + stride] = samples[m, plane]


@numba.njit(cache=True, nogil=True)
def repeat_grey(front: Front, step: int, first: int, count: int, samples: npt.NDArray[np.int32]) -> None:
    """Set R and B of the samples [count, PLANES] of a step to G at their own places, for pictures of one plane."""
    _, width, stride, _ = front.shape
    for m in range(count):
        for plane in range(1, PLANES):
            x = step - 2 * (first + m) - LAG * plane
            at = (first + m + _TOP) * stride + x + _PAD
            samples[m, plane] = front.pixels[at] if 0 <= x < width else 0


@numba.njit(cache=True, nogil=True)
def _pass(
    front: Front, group: Group, planes: npt.NDArray[np.uint8], step: int, samples: npt.NDArray[np.int32]
) -> tuple[int, int]:
    """Predict and reveal a step whose samples are known from planes [PLANES, H, W]; return its rows."""
    height, width = planes.shape[1:]
    first, count = rows(height, width, step)
    predict(front, group, step, first, count)
    for m in range(count):
        for plane in range(PLANES):
            x = step - 2 * (first + m) - LAG * plane
            samples[m, plane] = planes[plane, first + m, x] if 0 <= x < width else 0
    reveal(front, group, step, first, count, samples)
    return first, count


@numba.njit(cache=True, nogil=True)
def advance(
    front: Front,
    group: Group,
    planes: npt.NDArray[np.uint8],
    begin: int,
    top: int,
    inputs: npt.NDArray[np.int8],
    base: npt.NDArray[np.int32],
    scale: npt.NDArray[np.int32],
    samples: npt.NDArray[np.int32],
    mask: npt.NDArray[np.int8],
) -> None:
    """Walk the next T steps of a picture whose planes [PLANES, H, W] are known.

    Args:
        front: state before step `begin`.
        group: scratch space.
        planes: the samples.
        begin: the first step.
        top: row of the picture that row 0 of the results stands for.
        inputs: [T, M, F] zeros, filled where a step has the row.
        base, scale, samples: [T, M, PLANES], filled likewise.
        mask: [T, M, 1] zeros, set to 1 where a step has the row.
    """
    known = np.zeros((group.base.shape[0], PLANES), np.int32)
    for i in range(inputs.shape[0]):
        first, count = _pass(front, group, planes, begin + i, known)
        for m in range(count):
            row = first - top + m
            inputs[i, row] = group.inputs[m]
            base[i, row] = group.base[m]
            scale[i, row] = group.scale[m]
            samples[i, row] = known[m]
            mask[i, row, 0] = 1


@numba.njit(cache=True, nogil=True)
def analyse(
    front: Front,
    group: Group,
    planes: npt.NDArray[np.uint8],
    inputs: npt.NDArray[np.int8],
    base: npt.NDArray[np.int32],
    scale: npt.NDArray[np.int32],
) -> None:
    """Walk a whole picture whose planes [PLANES, H, W] are known; for training.

    Args:
        front: fresh state.
        group: scratch space.
        planes: the samples.
        inputs: [H, W + 2 LAG, F], filled, virtual pixels in raster order.
        base: [H, W + 2 LAG, PLANES], filled.
        scale: [H, W + 2 LAG, PLANES], filled.
    """
    height, wide = inputs.shape[:2]
    known = np.zeros((group.base.shape[0], PLANES), np.int32)
    for step in range(wide + 2 * (height - 1)):
        first, count = _pass(front, group, planes, step, known)
        for m in range(count):
            y, x = first + m, step - 2 * (first + m)
            inputs[y, x] = group.inputs[m]
            base[y, x] = group.base[m]
            scale[y, x] = group.scale[m]
