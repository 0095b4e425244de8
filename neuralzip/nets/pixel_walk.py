"""The compiled walk of `nets.pixel_front`: predict the samples of a step, reveal them, go on.

M rows of a step, P predictions, T steps at once; planes in the order G, R, B.
"""

import numba
import numpy as np
import numpy.typing as npt

from neuralzip.nets.pixel_front import (
    ENERGY_CAP,
    INPUT_BITS,
    LAG,
    MISS_CAP,
    PAD,
    PLANES,
    PREDICTIONS,
    REACH,
    TOP,
    UNIT,
    Front,
    Group,
    Tables,
)


@numba.njit(cache=True)
def rows(height: int, width: int, step: int) -> tuple[int, int]:
    """Return (first row, number of rows M) of a step."""
    first = max(0, (step - (width + LAG * (PLANES - 1)) + 2) // 2)
    return first, min(height - 1, step // 2) + 1 - first


@numba.njit(cache=True)
def _compand(tables: Tables, difference: int, scale: int) -> int:
    """Turn a difference in 1/8 grey levels into an input."""
    limit = REACH << INPUT_BITS
    ratio = (difference * int(tables.inverse[scale]) + 32768) >> 16
    return int(tables.compand[min(max(ratio, -limit), limit) + limit])


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
    return min(max(int((value + (total >> 1)) // total), 0), 255 * UNIT)


@numba.njit(cache=True)
def _scale(front: Front, at: int) -> int:
    """Return the scale index at flat place `at`."""
    w, n, nw, ne, ww, nn = front.near
    error = front.error
    energy = 2 * (np.int64(error[at + w]) + error[at + n])
    energy += np.int64(error[at + nw]) + error[at + ne] + error[at + ww] + error[at + nn]
    return int(front.tables.scale_of[min(energy, ENERGY_CAP)])


@numba.njit(cache=True)
def _gather(
    front: Front,
    plane: int,
    i: int,
    base: int,
    scale: int,
    predictions: npt.NDArray[np.int32],
    out: npt.NDArray[np.int8],
    k: int,
) -> int:
    """Write one plane's inputs at k .. of `out`; return the place after the last."""
    x, tables = front.pixels, front.tables
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
    _, width, stride, _ = front.shape
    for m in range(count):
        k, y = np.int64(0), first + m
        for plane in range(PLANES):
            x = step - 2 * y - LAG * plane
            predictions = group.predictions[m, plane]
            size = front.counts[plane, 0] + front.counts[plane, 1] + front.counts[plane, 2] + PREDICTIONS + 2
            if x < 0 or x >= width:
                group.scale[m, plane] = -1
                group.base[m, plane] = 0
                for _ in range(size):
                    group.inputs[m, k] = 0
                    k += 1
                continue
            i = (y + TOP) * stride + x + PAD
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
        front.misses[at, k] = min(abs(8 * value - group.predictions[m, plane, k]) >> 2, MISS_CAP)


@numba.njit(cache=True, nogil=True)
def reveal(front: Front, group: Group, step: int, first: int, count: int, samples: npt.NDArray[np.int32]) -> None:
    """Enter the samples [count, PLANES] of a step that `predict` filled `group` for."""
    height, width, stride, size = front.shape
    for m in range(count):
        y = first + m
        for plane in range(PLANES):
            x = step - 2 * y - LAG * plane
            if x < 0 or x >= width:
                continue
            at = plane * size + (y + TOP) * stride + x + PAD
            _store(front, group, m, plane, at, samples[m, plane])
            if x == 0:
                for k in range(1, PAD):
                    _copy(front, at, at + stride - k)
            if x == width - 1:
                for k in range(1, PAD):
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
            at = (first + m + TOP) * stride + x + PAD
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


@numba.njit(cache=True)
def _hand_over(
    group: Group, m: int, inputs: npt.NDArray[np.int8], base: npt.NDArray[np.int32], scale: npt.NDArray[np.int32]
) -> None:
    """Copy row m of a group; loops, since slice assignments compile slowly."""
    for k in range(len(inputs)):
        inputs[k] = group.inputs[m, k]
    for plane in range(PLANES):
        base[plane] = group.base[m, plane]
        scale[plane] = group.scale[m, plane]


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
            _hand_over(group, m, inputs[i, row], base[i, row], scale[i, row])
            mask[i, row, 0] = 1
            for plane in range(PLANES):
                samples[i, row, plane] = known[m, plane]


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
            _hand_over(group, m, inputs[y, x], base[y, x], scale[y, x])
