"""Floating-point samples that are no plain fractions: integers times a gain, or integers and the bits below them.

A *gain* is one double of which all samples are multiples, each rounded once to the width of the file. Otherwise a
sample x is *split* at the weight 2**-scale: its integer is x * 2**scale cut towards zero, and the bits of its
mantissa below that are coded on their own, in a context of how many there are and which it is. Samples without an
integer (small ones, infinite and undefined ones, -0) are coded in full.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media import bitcoder
from neuralzip.media.bitcoder import DECODING, BitCoder, code_bit, code_bits

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Samples = npt.NDArray[np.int32]

INTEGER_BITS = 23
"""Bits of the integers of a split, sign not counted; louder outliers have up to eight more."""
SCALE_BYTES = 2
_SCALE_ORIGIN = 1 << 14
_RARE = 0.001
_OUTLIER_BITS = 4
_MOST_BITS = 31
_IS_ZERO = 0
_SIGN = 1
_EXPONENT = 2
_MANTISSA = _EXPONENT + 2048
_LOW = _MANTISSA + 64
CONTEXTS = _LOW + 64 * 64


class Width(NamedTuple):
    """How a float is laid out: bytes, bits of the mantissa with the leading one, bits of the exponent."""

    size: int
    precision: int
    exponent: int

    @property
    def bias(self) -> int:
        """Exponent of one."""
        return (1 << (self.exponent - 1)) - 1


WIDTHS = {4: Width(4, 24, 8), 8: Width(8, 53, 11)}


def find_gain(values: Reals, size: int) -> float | None:
    """Return a gain of which all finite samples of so many bytes are multiples, None where there is none."""
    sizes = np.unique(np.abs(values))
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return None
    steps = np.unique(np.geomspace(1, len(sizes), 256).astype(int) - 1)
    gain = _common_divisor(sizes[steps], 2.0**-24 if size == 4 else 2.0**-53)
    if gain is None:
        return None
    for candidate in _candidates(sizes, gain, size):
        if (multiples(np.rint(sizes / candidate), candidate, size) == sizes).all():
            return float(candidate)
    return None


def _common_divisor(sizes: Reals, precision: float) -> float | None:
    """Return the greatest common divisor of numbers rounded to a relative precision, by Euclid's algorithm.

    The error of every remainder is followed, so that one that may be zero is taken for zero.
    """
    divisor, error = float(sizes[0]), float(sizes[0]) * precision
    for value in map(float, sizes):
        larger, larger_error, smaller, smaller_error = value, value * precision, divisor, error
        while smaller_error * 4 < smaller:
            times = round(larger / smaller)
            rest, rest_error = abs(larger - times * smaller), larger_error + times * smaller_error
            if rest <= 2 * rest_error:
                break
            larger, larger_error, smaller, smaller_error = smaller, smaller_error, rest, rest_error
        else:
            return None
        times = max(round(value / smaller), 1)
        divisor, error = value / times, value * precision / times  # the larger the value, the more it says
    return divisor


def _candidates(sizes: Reals, gain: float, size: int) -> Reals:
    """Return gains to try: the middle of what all samples allow, and doubles near the largest sample's."""
    counts = np.rint(sizes / gain)
    counts, sizes = counts[counts > 0], sizes[counts > 0]
    kind = np.float32 if size == 4 else np.float64
    half = np.spacing(sizes.astype(kind)).astype(np.float64) / 2
    low, high = ((sizes - half) / counts).max(), ((sizes + half) / counts).min()
    near = sizes[-1] / counts[-1]
    steps = np.arange(-4, 5) * np.spacing(near)
    return np.concatenate([[(low + high) / 2, np.float64(np.float32(near)), 1 / np.rint(1 / near)], near + steps])


def multiples(counts: npt.NDArray[np.generic], gain: float, size: int) -> Reals:
    """Return counts times the gain, rounded to floats of so many bytes."""
    product = counts.astype(np.float64) * gain
    return product.astype(np.float32).astype(np.float64) if size == 4 else product


def split(values: npt.NDArray[np.floating], width: Width) -> tuple[Samples, bytes]:
    """Return (integers, the rest coded) of flat samples in the order of the machine."""
    patterns = _patterns(values, width)
    scale = _scale(values)
    integers = np.zeros(len(patterns), np.int32)
    cut(patterns, width, scale, integers)
    coder = bitcoder.encoder(len(patterns) * (width.size + 1) + 64, CONTEXTS)
    code_rest(coder, integers, patterns, width, scale)
    return integers, (scale + _SCALE_ORIGIN).to_bytes(SCALE_BYTES, "little") + bitcoder.finish(coder)


def join(integers: Samples, rest: bytes, width: Width) -> npt.NDArray[np.floating]:
    """Return the samples that `split` was given; any bytes are some samples."""
    scale = int.from_bytes(rest[:SCALE_BYTES], "little") - _SCALE_ORIGIN
    patterns = np.zeros(len(integers), np.int64)
    code_rest(bitcoder.decoder(rest[SCALE_BYTES:], CONTEXTS), integers, patterns, width, scale)
    if width.size == 4:
        return patterns.astype(np.uint32).view(np.float32)
    return patterns.view(np.float64)


def _patterns(values: npt.NDArray[np.floating], width: Width) -> Ints:
    return values.view(np.uint32).astype(np.int64) if width.size == 4 else values.view(np.int64).copy()


def _scale(values: npt.NDArray[np.floating]) -> int:
    """Return the scale that gives all but a few samples INTEGER_BITS bits at most."""
    sizes = np.abs(values[np.isfinite(values)])
    if not len(sizes) or not sizes.max() > 0:
        return 0
    usual = np.frexp(np.quantile(sizes, 1 - _RARE))[1] + _OUTLIER_BITS
    return int(INTEGER_BITS - min(np.frexp(sizes.max())[1], usual))


@entry
def cut(patterns: Ints, width: Width, scale: int, integers: Samples) -> None:
    """Set the integers of all samples that have one, 0 for the others."""
    below = width.precision - 1
    for t in range(len(patterns)):
        exponent = (patterns[t] >> below) & ((1 << width.exponent) - 1)
        size = exponent - ((1 << (width.exponent - 1)) - 1) + scale + 1
        value = np.int64(0)
        if exponent != 0 and 1 <= size <= _MOST_BITS:  # infinite and undefined ones are far above
            value = patterns[t] & ((np.int64(1) << below) - 1) | np.int64(1) << below
            surplus = width.precision - size
            value = value >> surplus if surplus > 0 else value << -surplus
        negative = (patterns[t] >> (below + width.exponent)) & 1
        integers[t] = -value if negative else value


@entry
def code_rest(coder: BitCoder, integers: Samples, patterns: Ints, width: Width, scale: int) -> None:
    """Code what the integers do not say of each sample; decoding fills the patterns in."""
    below = width.precision - 1
    bias = (1 << (width.exponent - 1)) - 1
    for t in range(len(integers)):
        value = np.int64(abs(np.int64(integers[t])))
        if value == 0:
            patterns[t] = _code_all(coder, patterns[t], width.precision, width.exponent)
            continue
        size = 0
        while value >> size > 0:
            size += 1
        if size >= width.precision:
            mantissa = value >> (size - width.precision)
        else:
            count = width.precision - size
            mantissa = value << count | _code_low(coder, patterns[t], count)
        exponent = (size - 1 - scale + bias) & ((1 << width.exponent) - 1)
        sign = np.int64(1 if integers[t] < 0 else 0)
        pattern = (sign << width.exponent | exponent) << below | mantissa & ((np.int64(1) << below) - 1)
        if coder[DECODING] == 1:
            patterns[t] = pattern


@inner
def _code_low(coder: BitCoder, pattern: int, count: int) -> Any:
    """Code the lowest `count` bits of a mantissa, the highest one first."""
    low = np.int64(0)
    for k in range(count):
        bit = (pattern >> (count - 1 - k)) & 1
        low = 2 * low + code_bit(coder, _LOW + 64 * count + k, bit)
    return low


@inner
def _code_all(coder: BitCoder, pattern: int, precision: int, exponent_bits: int) -> Any:
    """Code a whole sample that has no integer."""
    below = precision - 1
    if code_bit(coder, _IS_ZERO, 1 if pattern == 0 else 0):
        return np.int64(0)
    sign = np.int64(code_bit(coder, _SIGN, (pattern >> (below + exponent_bits)) & 1))
    given = (pattern >> below) & ((1 << exponent_bits) - 1)
    exponent = np.int64(code_bits(coder, _EXPONENT, exponent_bits, given))
    mantissa = np.int64(0)
    for k in range(below):
        mantissa = 2 * mantissa + code_bit(coder, _MANTISSA + k, (pattern >> (below - 1 - k)) & 1)
    return (sign << exponent_bits | exponent) << below | mantissa
