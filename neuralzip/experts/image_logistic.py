"""What a logistic distribution around a prediction says of each binary decision of a residual, in integers.

A residual r (sample less base) is a path of decisions: is it zero; its sign; then, bucket after bucket of growing
width, whether |r| lies in the bucket; then the bits of its place within. For a logistic of centre mu and scale s,
with z(v) = (v - mu) / s and softplus(z) = ln(1 + exp(z)), the logits of these decisions have closed forms:

    r = 0      ln sinh h - ln(cosh c + exp(-h)),  c = -mu / s, h = 1 / 2s
    r > 0      softplus(-z(-1/2)) - softplus(z(1/2))              given r != 0
    stop       ln(exp(w / s) - 1) - softplus(-z(a))               given r > a; the bucket is (a, a + w]
    upper      w / 2s + softplus(z(a)) - softplus(z(a + w))       given r in the bucket: in its upper half

so two look-ups in one table replace the division of tail probabilities. Logits are in 1/256 nat; distances in
1/64 grey level; scales are an index of quarter octaves. Tables come from correctly rounded decimal arithmetic,
hence are the same on every machine.
"""

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.logistic import ST_ONE, clamp_st

Ints = npt.NDArray[np.int32]

UNIT = 64
SCALES = 96
SMALLEST = Decimal("0.125")
"""Scale of index 0 in grey levels; index i stands for SMALLEST * 2**(i/4)."""
_REACH = 24 * ST_ONE
_STEP = 4
_INVERSE_BITS = 16
_RATIO_LOW = -80
"""ln(exp(w / s) - 1) is tabled by index of s / w, which may be below 0."""


def _softplus_table() -> Ints:
    """Return softplus in 1/256 nat at z = -_REACH .. _REACH, every _STEP/256 nat."""
    with localcontext() as context:
        context.prec = 24
        step = (Decimal(_STEP) / ST_ONE).exp()
        power, upper = Decimal(1), []
        for _ in range(_REACH // _STEP + 1):
            upper.append(int((ST_ONE * (1 + 1 / power).ln()).to_integral_value()))
            power *= step
    lower = np.array(upper, np.int64)
    rising = lower + np.arange(len(upper)) * _STEP
    return np.concatenate([lower[:0:-1], rising]).astype(np.int32)


def _scale_constants() -> npt.NDArray[np.int64]:
    """Return [SCALES, 3]: 2**_INVERSE_BITS * ST_ONE / (UNIT * s), h and ln sinh h."""
    rows = []
    with localcontext() as context:
        context.prec = 24
        for i in range(SCALES):
            scale = SMALLEST * (Decimal(i) / 4 * Decimal(2).ln()).exp()
            half = 1 / (2 * scale)
            sinh = (half.exp() - (-half).exp()) / 2
            row = (Decimal(1 << _INVERSE_BITS) * ST_ONE / (UNIT * scale), ST_ONE * half, ST_ONE * sinh.ln())
            rows.append([int(v.to_integral_value()) for v in row])
    return np.array(rows, np.int64)


def _stop_table() -> Ints:
    """Return ln(exp(1 / s) - 1) in 1/256 nat by index of s from _RATIO_LOW, clamped."""
    values = []
    with localcontext() as context:
        context.prec = 24
        for i in range(_RATIO_LOW, SCALES):
            inverse = min(1 / (SMALLEST * (Decimal(i) / 4 * Decimal(2).ln()).exp()), Decimal(20))
            values.append(int((ST_ONE * (inverse.exp() - 1).ln()).to_integral_value()))
    return np.array(values, np.int32)


SOFTPLUS = _softplus_table()
CONSTANTS = _scale_constants()
STOP = _stop_table()
_QUARTERS = np.array([0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4], np.int32)
"""round(4 log2((2 m + 1) / 32)), m = 16 .. 31."""


@inner
def scale_index(size: int) -> int:
    """Return the index of a scale given in 1/256 grey level; at least 32 (index 0)."""
    size = max(size, 32)
    shift = 0
    while size >= 512:
        size >>= 2
        shift += 8
    while size >= 32:
        if size < 64:
            break
        size >>= 1
        shift += 4
    return min(shift + _QUARTERS[(size >> 1) - 16], SCALES - 1)


@inner
def distance(offset: int, scale: int) -> int:
    """Return a distance in 1/64 level as multiple of the scale, in 1/256, clamped to the tables."""
    z = (offset * CONSTANTS[scale, 0]) >> _INVERSE_BITS
    return min(max(z, -_REACH), _REACH)


@inner
def softplus(z: int) -> int:
    """Return ln(1 + exp(z)); z within the tables, both in 1/256."""
    return SOFTPLUS[(z + _REACH) // _STEP]


@inner
def zero_logit(centre: int, scale: int) -> int:
    """Return the logit of r = 0; `centre` is mu in 1/64 level."""
    c = abs(distance(centre, scale))
    cosh = c + softplus(max(-2 * c, -_REACH)) - 177
    rest = softplus(max(-CONSTANTS[scale, 1] - cosh, -_REACH))
    return clamp_st(CONSTANTS[scale, 2] - cosh - rest)


@inner
def sign_logit(centre: int, scale: int) -> int:
    """Return the logit of r > 0 given r != 0."""
    below = softplus(distance(UNIT // 2 + centre, scale))
    above = softplus(distance(UNIT // 2 - centre, scale))
    return clamp_st(below - above)


@inner
def stop_logit(centre: int, scale: int, start: int, width_bits: int) -> int:
    """Return the logit of r <= start + 2**width_bits - 1 given r >= start > 0; for r < 0 negate centre."""
    tail = softplus(-distance(start * UNIT - UNIT // 2 - centre, scale))
    return clamp_st(STOP[max(scale - 4 * width_bits, _RATIO_LOW) - _RATIO_LOW] - tail)


@inner
def upper_logit(centre: int, scale: int, start: int, width_bits: int) -> int:
    """Return the logit of r being in the upper half of start .. start + 2**width_bits - 1, given it is there."""
    low = start * UNIT - UNIT // 2 - centre
    width = UNIT << width_bits
    half = min((width >> 1) * CONSTANTS[scale, 0] >> _INVERSE_BITS, 2 * _REACH)
    near, far = distance(low, scale), distance(low + width, scale)
    if near + far > 0:
        return clamp_st(softplus(-near) - softplus(-far) - half)
    return clamp_st(softplus(near) - softplus(far) + half)
