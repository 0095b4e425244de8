"""The image model's view of one sample before it is known: centres, scales, contexts.

Names of places: w, n, nw, ne, ww, nn for west, north and so on; a and b for the planes one and two before.
Residuals are in 1/16 level, centres in 1/64.
"""

import numpy as np

from neuralzip.exact.compiled import inner, merged
from neuralzip.experts.counters import find_slot, hash_start, hash_step, slot_of
from neuralzip.experts.image_logistic import scale_index
from neuralzip.experts.image_state import (
    APART,
    AROUND,
    BASE,
    BIAS,
    BIASES,
    CENTRE,
    CENTRES,
    DERIVED,
    DIRECT,
    DIRECT_SIZE,
    ENERGY,
    ERRORS,
    FINE,
    FRACTION,
    HASHED,
    KEYS,
    LEADER,
    LIMITS,
    PLANE,
    PLANES,
    RESIDUAL,
    SIZE,
    SLOTS,
    STRIDE,
    VALUE,
    Ints,
    State,
    Words,
)
from neuralzip.experts.prefetch import prefetch

_OWN, _LED = 8, 15
"""Hashed contexts from a sample's own plane, and from several planes; those from residuals are the rest."""
_BLEND_POWER = np.array([round(65536 * 2 ** (-0.75 * d)) for d in range(22)], np.int64)


@inner
def quantised(value: int) -> int:
    """Return one of 15 classes of a signed value in 1/16 level: 7 of magnitude to either side of 8."""
    size = abs(value)
    if size < 8:
        return 8
    level = 1 + (size >= 24) + (size >= 40) + (size >= 72) + (size >= 136) + (size >= 240) + (size >= 500)
    return 8 + level if value > 0 else 8 - level


@inner
def clipped(value: int, reach: int) -> int:
    """Return value + reach, within 0 .. 2 * reach."""
    return min(max(value, -reach), reach) + reach


@inner
def _energy(samples: Words, stride: int, place: int, k: int) -> np.int64:
    """Return the weighted sum of a centre's errors nearby, weights 2, 2, 1, 1, 1."""
    north, k = place - stride, ERRORS + k
    near = samples[place - 1, k] + samples[north, k]
    return np.int64(2 * near + samples[north - 1, k] + samples[north + 1, k] + samples[place - 2, k])


@inner
def _scale(energy: int) -> int:
    """Return the scale index of a weighted sum of errors."""
    return scale_index(((energy * 161) >> 7) + 40)


@inner
def _blend(centres: Ints, scales: Ints, learners: int) -> np.int64:
    """Return the mean of the learners' centres, weighted by nearness of their scales to the best."""
    least = scales[0]
    for k in range(1, learners):
        least = min(least, scales[k])
    total, weights = np.int64(0), np.int64(0)
    for k in range(learners):
        weight = _BLEND_POWER[min(scales[k] - least, 21)]
        total += weight * centres[k]
        weights += weight
    return (total + (weights >> 1)) // weights


@inner
def _bias_contexts(samples: Words, shape: Ints, scratch: Ints, place: int, blend: int) -> tuple[int, int]:
    """Return the contexts of the two corrections: texture around the blend, and residuals nearby."""
    north, plane = place - shape[STRIDE], scratch[PLANE]
    texture = np.int64(samples[place - 1, VALUE] * 64 > blend)
    texture |= np.int64(samples[north, VALUE] * 64 > blend) << 1
    texture |= np.int64(samples[north - 1, VALUE] * 64 > blend) << 2
    texture |= np.int64(samples[north + 1, VALUE] * 64 > blend) << 3
    texture |= np.int64(samples[place - 2, VALUE] * 64 > blend) << 4
    texture |= np.int64(samples[north - shape[STRIDE], VALUE] * 64 > blend) << 5
    signs = quantised(samples[place - 1, RESIDUAL]) * 16 + quantised(samples[north, RESIDUAL])
    before = np.int64(4)
    if plane > 0:
        before = quantised(samples[place - shape[SIZE], RESIDUAL]) >> 1
    first = plane * BIASES + texture * 16 + scratch[ENERGY]
    return first, (shape[PLANES] + plane) * BIASES + signs * 8 + before


@inner
def find_centres(state: State, place: int, plane: int) -> None:
    """Complete the learners' centres by the derived ones; find all scales, the energy and the base."""
    shape, samples, scratch = state.shape, state.samples, state.scratch
    count, stride = shape[CENTRES], shape[STRIDE]
    learners = count - DERIVED
    centres, scales = scratch[CENTRE : CENTRE + count], scratch[CENTRE + count :]
    for k in range(learners):
        scales[k] = _scale(_energy(samples, stride, place, k))
    blend = _blend(centres, scales, learners)
    energy = _energy(samples, stride, place, learners)
    if plane > 0:
        energy = (energy * 2 + 7 * (abs(np.int64(samples[place - shape[SIZE], RESIDUAL])) << shape[FINE])) // 3
    scratch[PLANE] = plane
    scratch[ENERGY] = min(_scale(energy >> shape[FINE]) // 2, 15)
    scratch[BIAS], scratch[BIAS + 1] = _bias_contexts(samples, shape, scratch, place, blend)
    centres[learners] = blend
    centres[learners + 1] = blend + (state.biases[scratch[BIAS]] >> 10)
    centres[learners + 2] = blend + (state.biases[scratch[BIAS + 1]] >> 10)
    for k in range(learners, count):
        scales[k] = _scale((_energy(samples, stride, place, k) + energy) >> 1)
    base = (centres[learners + 1] + 32) >> 6
    scratch[BASE] = min(max(base, shape[LIMITS + 2 * plane]), shape[LIMITS + 2 * plane + 1])


@inner
def _joined(a: int, b: int, c: int) -> int:
    """Return a key of three integers; b and c are small, of either sign."""
    return (a << 40) + (b << 20) + c


@merged
def _fill_direct(state: State, place: int, x: int, y: int) -> None:
    """Describe the surroundings of a sample by D small numbers, and by what selects weights."""
    shape, scratch, v = state.shape, state.scratch, state.samples
    centres, keys = scratch[CENTRE:], scratch[KEYS:]
    learners, plane = shape[CENTRES] - DERIVED, scratch[PLANE]
    base, energy = scratch[BASE], scratch[ENERGY]
    up = place - shape[STRIDE]
    w, n, nw = np.int64(v[place - 1, VALUE]), np.int64(v[up, VALUE]), np.int64(v[up - 1, VALUE])
    ne, nne = np.int64(v[up + 1, VALUE]), np.int64(v[up - shape[STRIDE] + 1, VALUE])
    rw, rn = quantised(v[place - 1, RESIDUAL]), quantised(v[up, RESIDUAL])
    rnw, rne = quantised(v[up - 1, RESIDUAL]), quantised(v[up + 1, RESIDUAL])
    ra = rb = rae = ras = np.int64(8)
    if plane > 0:
        before = place - shape[SIZE]
        ra, rae = quantised(v[before, RESIDUAL]), quantised(v[before + 1, RESIDUAL])
        ras = quantised(v[before + shape[STRIDE] - 1, RESIDUAL])
    if plane > 1:
        rb = quantised(v[place - 2 * shape[SIZE], RESIDUAL])
    apart = clipped((centres[0] - centres[min(1, learners - 1)]) >> 4, 7)
    scratch[FRACTION] = ((centres[learners + 1] - base * 64 + 32) >> 3) & 7
    scratch[LEADER] = ra
    scratch[AROUND] = (rw >> 1) * 8 + (rn >> 1)
    scratch[APART] = apart >> 1
    keys[0] = energy * 8 + scratch[FRACTION]
    keys[1] = rw * 16 + rn
    keys[2] = (ra * 16 + energy) * 8 + (rae >> 1)
    keys[3] = (ra * 16 + rb) * 4 + (energy >> 2)
    keys[4] = (apart * 16 + clipped((centres[0] - centres[learners - 1]) >> 4, 7)) * 8 + (energy >> 1)
    keys[5] = (base & 255) * 16 + (energy >> 1)
    keys[6] = (rnw * 16 + rne) * 4 + (energy >> 2)
    keys[7] = (ra * 16 + rae) * 16 + ras
    keys[8] = ((x & 7) * 8 + (y & 7)) * 8 + (energy >> 1)
    keys[9] = clipped(w - base, 31) * 64 + clipped(n - base, 31)
    keys[10] = clipped(w + n - nw - base, 31) * 64 + clipped(n + ne - nne - base, 31)


@merged
def _fill_own(state: State, keys: Ints, place: int) -> None:
    """Describe a sample by its own plane: the first OWN keys to be hashed."""
    v, centres, base = state.samples, state.scratch[CENTRE:], state.scratch[BASE]
    energy, learners = state.scratch[ENERGY], state.shape[CENTRES] - DERIVED
    up = place - state.shape[STRIDE]
    top = up - state.shape[STRIDE]
    w, n = np.int64(v[place - 1, VALUE]), np.int64(v[up, VALUE])
    nw, ne = np.int64(v[up - 1, VALUE]), np.int64(v[up + 1, VALUE])
    ww, nn, nne = np.int64(v[place - 2, VALUE]), np.int64(v[top, VALUE]), np.int64(v[top + 1, VALUE])
    last, middle = centres[learners - 1], centres[min(1, learners - 1)]
    keys[0] = _joined(w - n, n - ne, w - nw)
    keys[1] = _joined(w, base, energy >> 2)
    keys[2] = _joined(w - base, n - base, nw - base)
    keys[3] = _joined(n - base, ne - base, nne - base)
    keys[4] = _joined((w + ne - 2 * base) >> 1, (n + nw - 2 * base) >> 1, (ww + nn - 2 * base) >> 1)
    keys[5] = _joined((centres[0] - base * 64) >> 3, (last - base * 64) >> 3, energy)
    keys[6] = _joined((centres[0] - base * 64) >> 2, (centres[learners + 2] - base * 64) >> 3, energy >> 1)
    keys[7] = _joined((middle - base * 64) >> 3, (last - base * 64) >> 3, energy >> 1)


@merged
def _fill_led(state: State, keys: Ints, place: int) -> None:
    """Describe a sample by its own plane and the two before, 0 where there is none."""
    v, shape, base, energy = state.samples, state.shape, state.scratch[BASE], state.scratch[ENERGY]
    plane, stride, up = state.scratch[PLANE], shape[STRIDE], place - shape[STRIDE]
    w, n, nw = np.int64(v[place - 1, VALUE]), np.int64(v[up, VALUE]), np.int64(v[up - 1, VALUE])
    ww, nn = np.int64(v[place - 2, VALUE]), np.int64(v[up - stride, VALUE])
    a = aw = an = ae = anw = b = bw = bn = np.int64(0)
    if plane > 0:
        at = place - shape[SIZE]
        a, aw, ae = np.int64(v[at, VALUE]), np.int64(v[at - 1, VALUE]), np.int64(v[at + 1, VALUE])
        an, anw = np.int64(v[at - stride, VALUE]), np.int64(v[at - stride - 1, VALUE])
    if plane > 1:
        at = place - 2 * shape[SIZE]
        b, bw, bn = np.int64(v[at, VALUE]), np.int64(v[at - 1, VALUE]), np.int64(v[at - stride, VALUE])
    bias = state.scratch[CENTRE + shape[CENTRES] - DERIVED + 1] - base * 64
    keys[0] = _joined((w << 16) + n, a, b)
    keys[1] = _joined(a - base, b - base, energy >> 2)
    keys[2] = _joined(ww - w, w - base, a - aw)
    keys[3] = _joined(nn - n, n - base, a - an)
    keys[4] = _joined(w + a - aw - base, n + a - an - base, energy >> 2)
    keys[5] = _joined(base, a, b)
    keys[6] = _joined(w + b - bw - base, b, base)
    keys[7] = _joined((a - aw) * 1024 + (a - an), a - ae, w - base)
    keys[8] = _joined(bias >> 2, a - base, b - base)
    keys[9] = _joined(w, a, base)
    keys[10] = _joined(n, a, base)
    keys[11] = _joined(w + n - nw - base, a - aw - an + anw, energy >> 2)
    keys[12] = _joined((2 * a - aw - an) >> 1, (w + n - 2 * base) >> 1, energy >> 2)
    keys[13] = _joined(w - base, a - aw, b - bw)
    keys[14] = _joined(n - base, a - an, b - bn)


@merged
def _fill_residuals(state: State, keys: Ints, place: int) -> None:
    """Describe a sample by the residuals around it: the last keys to be hashed."""
    v, shape, energy, plane = state.samples, state.shape, state.scratch[ENERGY], state.scratch[PLANE]
    up = place - shape[STRIDE]
    rw, rn = quantised(v[place - 1, RESIDUAL]), quantised(v[up, RESIDUAL])
    rnw, rne = quantised(v[up - 1, RESIDUAL]), quantised(v[up + 1, RESIDUAL])
    rww, rnn = quantised(v[place - 2, RESIDUAL]), quantised(v[up - shape[STRIDE], RESIDUAL])
    ra = rae = rb = np.int64(8)
    if plane > 0:
        before = place - shape[SIZE]
        ra, rae = quantised(v[before, RESIDUAL]), quantised(v[before + 1, RESIDUAL])
    if plane > 1:
        rb = quantised(v[place - 2 * shape[SIZE], RESIDUAL])
    keys[0] = _joined(rw * 16 + rn, rnw * 16 + rne, ra * 16 + rb)
    keys[1] = _joined(rw, ra, energy * 16 + rae)
    keys[2] = _joined(rn * 16 + rw, ra, rb)
    keys[3] = _joined(rw * 16 + rww, rn * 16 + rnn, ra)


@merged
def find_contexts(state: State, place: int, x: int, y: int) -> None:
    """Choose the counters and weight rows of a sample; its centres must be there."""
    scratch, table = state.scratch, state.table
    hashed_keys = scratch[KEYS + DIRECT :]
    _fill_direct(state, place, x, y)
    _fill_own(state, hashed_keys, place)
    _fill_led(state, hashed_keys[_OWN:], place)
    _fill_residuals(state, hashed_keys[_OWN + _LED :], place)
    plane = scratch[PLANE]
    for i in range(DIRECT):
        context = scratch[KEYS + i] & (DIRECT_SIZE - 1)
        scratch[SLOTS + i] = ((plane * DIRECT + i) * DIRECT_SIZE + context) * 16
    for i in range(DIRECT, DIRECT + HASHED):
        hashed = hash_step(hash_start(i * 4 + plane), scratch[KEYS + i])
        scratch[KEYS + i] = np.int64(hashed)
        prefetch(table, slot_of(table, hashed))
    for i in range(DIRECT, DIRECT + HASHED):
        scratch[SLOTS + i] = find_slot(table, np.uint64(scratch[KEYS + i]))
