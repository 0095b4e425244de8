"""The windows through which FLAC encoders look at a block before linear prediction.

libFLAC up to 1.3: tukey(0.5), partial_tukey(2), punchout_tukey(3); from 1.4 on: subdivide_tukey(2) and (3), whose
parts take the ends of one window. ffmpeg: the squared distance from the nearer end. In float32, as there. The
cosine is a series of our own, since both sides must get the same values on every machine.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner

Singles = npt.NDArray[np.float32]

COUNT = 16
"""Windows; in order: tukey(1/2); tukey(1/4) and its halves; tukey(1/6), its halves and its thirds; both of
partial_tukey(2); the three of punchout_tukey(3); the squared distance."""
ROOT, FIRST_THIRD = 4, 7
"""Rows of the window whose thirds are subtracted from it, and of the first of these."""
_PI = 3.141592653589793
_TERMS = 14
_OVERLAP_PARTIAL = 1 / 0.9 - 1
_OVERLAP_PUNCHOUT = 1 / 0.8 - 1


@inner
def _cosine(angle: float) -> float:
    """Return the cosine of an angle within 0..pi."""
    folded = _PI - angle if angle > _PI / 2 else angle
    square, total = folded * folded, 1.0
    for k in range(_TERMS, 0, -1):  # Horner's scheme of the Taylor series
        total = 1.0 - square * total / float((2 * k - 1) * (2 * k))
    return -total if angle > _PI / 2 else total


@inner
def _rise(i: int, steps: int) -> np.float32:
    """Return the value of a half-cosine slope, 0 at 0 and 1 at `steps`."""
    return np.float32(0.5 - 0.5 * _cosine(_PI * i / steps))


@inner
def _tukey(window: Singles, count: int, share: float) -> None:
    steps = int(share / 2 * count) - 1
    window[:count] = np.float32(1)
    for i in range(steps + 1 if steps > 0 else 0):
        window[i] = _rise(i, steps)
        window[count - 1 - i] = window[i]


@inner
def _part(window: Singles, root: Singles, count: int, number: int, parts: int) -> None:
    """Set part `number` of `parts`: both ends of the root, moved together."""
    half, start = count // parts // 2, number * count // parts
    window[:count] = np.float32(0)
    for i in range(half):
        window[start + i] = root[i]
        window[start + half + i] = root[count - half + i]


@inner
def _partial_tukey(window: Singles, count: int, start: int, end: int) -> None:
    slope = int(0.1 * (end - start))
    window[:count] = np.float32(0)
    window[start:end] = np.float32(1)
    for i in range(slope):
        window[start + i] = _rise(i + 1, slope)
        window[end - 1 - i] = window[start + i]


@inner
def _punchout_tukey(window: Singles, count: int, start: int, end: int) -> None:
    window[:count] = np.float32(1)
    window[start:end] = np.float32(0)
    before, after = int(0.1 * start), int(0.1 * (count - end))
    for i in range(before):
        window[i] = _rise(i + 1, before)
        window[start - 1 - i] = window[i]
    for i in range(after):
        window[end + i] = _rise(i + 1, after)
        window[count - 1 - i] = window[end + i]


@entry
def set_windows(windows: Singles, count: int) -> None:
    """Set windows [COUNT, at least `count`] for blocks of `count` samples."""
    _tukey(windows[0], count, 0.5)
    _tukey(windows[1], count, 0.25)
    _tukey(windows[ROOT], count, 0.5 / 3)
    for number in range(2):
        _part(windows[2 + number], windows[1], count, number, 2)
        _part(windows[5 + number], windows[ROOT], count, number, 2)
        whole = 2 + _OVERLAP_PARTIAL
        start, end = int(number / whole * count), int((number + 1 + _OVERLAP_PARTIAL) / whole * count)
        _partial_tukey(windows[10 + number], count, start, min(end, count))
    for number in range(3):
        _part(windows[FIRST_THIRD + number], windows[ROOT], count, number, 3)
        whole = 3 + _OVERLAP_PUNCHOUT
        start, end = int(number / whole * count), int((number + 1 + _OVERLAP_PUNCHOUT) / whole * count)
        _punchout_tukey(windows[12 + number], count, start, min(end, count))
    for i in range(count):
        rise = min(i, count - 1 - i) + 1 - 2 / (count - 1 if count > 1 else 1)
        windows[15, i] = np.float32(rise * rise - 1)
