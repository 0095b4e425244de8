"""Coefficients with the error of rounded samples -> the quantisation steps that they are multiples of.

The steps of each frequency are those that describe its coefficients in the fewest bits, about: a multiple of the
step costs what its size says, what is left over costs what a normal error of samples rounded to integers does.
Nearly all tables are the examples of T.81, scaled as the Independent JPEG Group does; one that costs little more
is preferred.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST = 255
_BINS = 8
"""Bins of the histogram in one unit of a coefficient."""
_REACH = 1100
"""Largest coefficient that the histogram holds; T.81 has up to 1024, more come from errors."""
_ERROR = 1 / 12
"""Variance of the error of samples, and so of coefficients."""
_OUTLIER_BITS = 16.0

_LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMINANCE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99" + " 99" * 32
)
"""The example tables of T.81, K.1."""
_TOLERANCE, _TOLERANCE_BITS = 0.03, 640.0
"""What a scaled example table may cost more than the cheapest one."""


def _scaled_examples() -> Ints:
    """Return [200, 64] the example tables at the qualities 1 to 100 of the IJG's scale."""
    examples = np.array([text.split() for text in (_LUMINANCE, _CHROMINANCE)], np.int64)
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return ((examples[:, None] * percent[:, None] + 50) // 100).clip(1, MOST).reshape(-1, 64)


@entry
def _costs(counts: Ints, bits: Floats, out: Floats) -> None:
    """Fill the bits [64, MOST + 1] that each step of each frequency costs, from histograms [64, bins]."""
    middle = counts.shape[1] // 2
    for k in range(64):
        for place in range(counts.shape[1]):
            count = counts[k, place]
            if count == 0:
                continue
            value = (place - middle) / _BINS
            for step in range(1, MOST + 1):
                level = np.floor(abs(value) / step + 0.5)
                error = abs(value) - level * step
                out[k, step] += count * (min(error * error * (0.72 / _ERROR), _OUTLIER_BITS) + bits[int(level)])


def find_steps(coefficients: npt.NDArray[np.floating]) -> Ints:
    """Return the quantisation steps [64], 1 .. MOST, of coefficients [N, 64]; the largest where nothing tells.

    Args:
        coefficients: those of N blocks of samples that are known, natural order.
    """
    size = 2 * _REACH * _BINS + 1
    places = np.rint(coefficients * _BINS).clip(-_REACH * _BINS, _REACH * _BINS).astype(np.int64) + size // 2
    counts = np.stack([np.bincount(places[:, k], minlength=size) for k in range(64)])
    levels = np.arange(_REACH + 2)
    bits = np.where(levels > 0, 4 + 2 * np.log2(levels + 1), 0.0)
    costs = np.zeros((64, MOST + 1))
    _costs(counts, bits, costs)
    free = MOST - np.argmin(costs[:, :0:-1], axis=1)
    examples = _scaled_examples()
    each = costs[np.arange(64), examples].sum(1)
    least = costs[np.arange(64), free].sum()
    return examples[each.argmin()] if each.min() <= least * (1 + _TOLERANCE) + _TOLERANCE_BITS else free


def example_for_chroma(steps: Ints) -> Ints | None:
    """Return the steps [64] that come with those of Y, if these are an example at some quality."""
    examples = _scaled_examples()
    same = np.flatnonzero((examples[:100] == steps).all(1))
    return examples[100 + same[0]] if len(same) else None
