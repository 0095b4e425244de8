"""The compiled walk of `nets.pixel_front`: predict the samples of a step, reveal them, go on.

M rows of a step, P predictions, T slots of a group; planes in the order G, R, B.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.nets import pixel_front
from neuralzip.nets.pixel_front import (
    ENERGY_CAP,
    INPUT_BITS,
    INPUTS,
    LAG,
    MISS_CAP,
    PAD,
    PLANES,
    PREDICTIONS,
    REACH,
    TOP,
    UNIT,
    ZERO,
    Front,
    Group,
    IntArray,
    Tables,
)

_COUNTS = pixel_front.COUNTS
_SIZES = np.array([sum(counts) + PREDICTIONS + 2 for counts in _COUNTS.tolist()], np.int64)

rows = inner(pixel_front.rows)


@inner
def _compand(tables: Tables, difference: int, inverse: int) -> np.uint8:
    """Turn a difference in 1/8 grey levels into an input, by the inverse of its scale."""
    limit = REACH << INPUT_BITS
    ratio = (difference * inverse + 32768) >> 16
    return np.uint8(ZERO + tables.compand[min(max(ratio, -limit), limit) + limit])


@inner
def _candidates(front: Front, plane: int, i: int, out: npt.NDArray[np.int32]) -> None:
    """Write the P predictions of the sample at flat place i (of plane G), in 1/8 grey levels."""
    x, size, near = front.pixels, front.shape[3], front.near
    o_w, o_n, o_nw, o_ne, o_nn = near[0], near[1], near[2], near[3], near[5]
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


@inner
def _blend(front: Front, at: int, predictions: npt.NDArray[np.int32]) -> int:
    """Return the mean of the predictions at flat place `at`, weighted by how well each did nearby."""
    miss, near, total, value = front.misses, front.near, np.int64(0), np.int64(0)
    w, n, nw, ne, ww, nn = at + near[0], at + near[1], at + near[2], at + near[3], at + near[4], at + near[5]
    for k in range(PREDICTIONS):
        bad = 2 * (np.int64(miss[w, k]) + miss[n, k])
        bad += np.int64(miss[nw, k]) + miss[ne, k] + miss[ww, k] + miss[nn, k]
        weight = np.int64(front.tables.weight[bad])
        total += weight
        value += weight * predictions[k]
    return min(max(int((value + (total >> 1)) // total), 0), 255 * UNIT)


@inner
def _scale(front: Front, at: int) -> int:
    """Return the scale index at flat place `at`."""
    error, near = front.error, front.near
    energy = 2 * (np.int64(error[at + near[0]]) + error[at + near[1]])
    energy += np.int64(error[at + near[2]]) + error[at + near[3]] + error[at + near[4]] + error[at + near[5]]
    return int(front.tables.scale_of[min(energy, ENERGY_CAP)])


@inner
def _gather(
    front: Front,
    plane: int,
    i: int,
    base: int,
    scale: int,
    predictions: npt.NDArray[np.int32],
    out: npt.NDArray[np.uint8],
    k: int,
) -> None:
    """Write one plane's inputs at k .. of `out`."""
    x, tables = front.pixels, front.tables
    inverse = np.int64(tables.inverse[scale])
    places, moves, slopes, residuals = front.places, front.moves, front.slopes, front.residuals
    for m in range(_COUNTS[plane, 0]):
        out[k + m] = _compand(tables, 8 * x[i + places[plane, m]] - base, inverse)
    k += _COUNTS[plane, 0]
    for m in range(_COUNTS[plane, 1]):
        a, b, c = moves[plane, m, 0], moves[plane, m, 1], moves[plane, m, 2]
        out[k + m] = _compand(tables, 8 * (np.int64(x[i + a]) - x[i + b] + x[i + c]) - base, inverse)
    k += _COUNTS[plane, 1]
    for m in range(_COUNTS[plane, 2]):
        a, b = slopes[plane, m, 0], slopes[plane, m, 1]
        out[k + m] = _compand(tables, 8 * (np.int64(x[i + a]) - x[i + b]), inverse)
    k += _COUNTS[plane, 2]
    for m in range(_COUNTS[plane, 3]):
        out[k + m] = front.residual[i + residuals[plane, m]]
    k += _COUNTS[plane, 3]
    for m in range(PREDICTIONS):
        out[k + m] = _compand(tables, predictions[m] - base, inverse)
    k += PREDICTIONS
    out[k] = np.uint8(ZERO + 5 * scale - 62)
    out[k + 1] = np.uint8(ZERO + (base >> 4) - 64)


@inner
def predict(front: Front, group: Group, step: int, first: int, count: int) -> None:
    """Fill the slot of `group` for a step, rows first .. first + count - 1."""
    width, stride, slot = front.shape[1], front.shape[2], step % group.inputs.shape[0]
    for y in range(first, first + count):
        k, inputs = np.int64(0), group.inputs[slot, y]
        for plane in range(PLANES):
            x = step - 2 * y - LAG * plane
            if x < 0 or x >= width:
                group.scale[slot, y, plane] = -1
                group.base[slot, y, plane] = 0
                for m in range(_SIZES[plane]):
                    inputs[k + m] = ZERO
            else:
                i = (y + TOP) * stride + x + PAD
                predictions = group.predictions[slot, y, plane]
                _candidates(front, plane, i, predictions)
                base = _blend(front, i + plane * front.shape[3], predictions)
                scale = _scale(front, i + plane * front.shape[3])
                group.base[slot, y, plane] = base
                group.scale[slot, y, plane] = scale
                _gather(front, plane, i, base, scale, predictions, inputs, k)
            k += _SIZES[plane]


@inner
def _copy(front: Front, at: int, to: int) -> None:
    """Repeat a sample and its errors in the padding."""
    front.pixels[to] = front.pixels[at]
    front.error[to] = front.error[at]
    for k in range(PREDICTIONS):
        front.misses[to, k] = front.misses[at, k]


@inner
def _store(front: Front, at: int, value: int, base: int, scale: int, predictions: npt.NDArray[np.int32]) -> None:
    """Enter a sample and what was predicted of it at flat place `at`."""
    front.pixels[at] = value
    front.error[at] = abs(8 * value - base)
    front.residual[at] = _compand(front.tables, 8 * value - base, np.int64(front.tables.inverse[scale]))
    for k in range(PREDICTIONS):
        front.misses[at, k] = min(abs(8 * value - predictions[k]) >> 2, MISS_CAP)


@inner
def reveal(front: Front, group: Group, step: int, first: int, count: int, planes: IntArray, fine: int) -> None:
    """Enter the samples of a step that `predict` filled `group` for, from planes [1 or PLANES, H, W] >> fine.

    The one plane of a grey picture stands for all: R and B lag, so that G at their places is known.
    """
    height, width, stride, size = front.shape[0], front.shape[1], front.shape[2], front.shape[3]
    slot, last = step % group.inputs.shape[0], planes.shape[0] - 1
    for y in range(first, first + count):
        for plane in range(PLANES):
            x = step - 2 * y - LAG * plane
            if x < 0 or x >= width:
                continue
            at, value = plane * size + (y + TOP) * stride + x + PAD, planes[min(plane, last), y, x] >> fine
            base, scale = group.base[slot, y, plane], group.scale[slot, y, plane]
            _store(front, at, value, base, scale, group.predictions[slot, y, plane])
            if x == 0:
                for k in range(1, PAD):
                    _copy(front, at, at + stride - k)
            if x == width - 1:
                for k in range(1, PAD):
                    _copy(front, at, at + k)
            if y == height - 1:
                front.pixels[at + stride] = value


@entry
def analyse(
    front: Front,
    group: Group,
    planes: IntArray,
    inputs: npt.NDArray[np.uint8],
    base: npt.NDArray[np.int32],
    scale: npt.NDArray[np.int32],
) -> None:
    """Walk a whole picture whose planes [PLANES, H, W] are known; for training.

    Args:
        front: fresh state.
        group: scratch space of one slot.
        planes: the samples.
        inputs: [H, W + 2 LAG, F], filled, virtual pixels in raster order.
        base: [H, W + 2 LAG, PLANES], filled.
        scale: [H, W + 2 LAG, PLANES], filled.
    """
    height, wide = inputs.shape[:2]
    for step in range(wide + 2 * (height - 1)):
        first, count = rows(front.shape[0], front.shape[1], step)
        predict(front, group, step, first, count)
        reveal(front, group, step, first, count, planes, 0)
        for y in range(first, first + count):
            x = step - 2 * y
            for k in range(INPUTS):
                inputs[y, x, k] = group.inputs[0, y, k]
            for plane in range(PLANES):
                base[y, x, plane] = group.base[0, y, plane]
                scale[y, x, plane] = group.scale[0, y, plane]
