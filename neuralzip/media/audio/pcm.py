"""Bytes of interleaved frames <-> sample arrays, exactly.

Floating-point samples become integers where every one of them is an integer over one common divisor (files that
were integers once) or times one gain; others are split (see `floats`). C channels, T frames.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError
from neuralzip.media.audio import floats
from neuralzip.media.audio.layout import Layout

Samples = npt.NDArray[np.int32]

DIVISORS = (1, 2**15, 2**15 - 1, 2**7, 2**23, 2**23 - 1, 2**19, 2**27, 2**31)
"""Divisors of float samples, by code; integer samples have code 0."""
GAIN, SPLIT = len(DIVISORS), len(DIVISORS) + 1
"""Codes of float samples that are multiples of a gain, and of those that are split."""
CODES = SPLIT + 1
_USUAL_RANGE = 1 << 24
"""Integers in a wider range may be multiples of something."""


class Taken(NamedTuple):
    """Frames taken apart.

    Attributes:
        samples: [C, T] int32.
        code: what the integers of float samples mean: a place in DIVISORS, GAIN or SPLIT.
        rest: the gain as a double, or what a split leaves over; else nothing.
    """

    samples: Samples
    code: int = 0
    rest: bytes = b""


def to_samples(data: bytes, layout: Layout) -> Taken:
    """Take whole frames apart."""
    if layout.encoding == "float":
        return _from_floats(data, layout)
    return Taken(_by_channel(_integers(data, layout), layout))


def from_samples(taken: Taken, layout: Layout) -> bytes:
    """Return the bytes of whole frames; the inverse of `to_samples`.

    Raises:
        CorruptError: a gain of another size than a double.
    """
    flat = np.ascontiguousarray(taken.samples.T).reshape(-1)
    if layout.encoding == "float":
        return _floats(flat, taken, layout).astype(_dtype(layout), copy=False).tobytes()
    if layout.encoding == "unsigned":
        return (flat + 128).astype(np.uint8).tobytes()
    if layout.width == 3:
        parts = flat.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
        return np.ascontiguousarray(parts[:, ::-1] if layout.big_endian else parts).tobytes()
    return flat.astype(_dtype(layout)).tobytes()


def _dtype(layout: Layout) -> str:
    kind = "f" if layout.encoding == "float" else "i"
    return f"{'>' if layout.big_endian else '<'}{kind}{layout.width}"


def _integers(data: bytes, layout: Layout) -> Samples:
    if layout.encoding == "unsigned":
        return np.frombuffer(data, np.uint8).astype(np.int32) - np.int32(128)
    if layout.width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(parts), 4), np.uint8)
        wide[:, 1:] = parts[:, ::-1] if layout.big_endian else parts
        return (wide.view("<i4").reshape(-1) >> 8).astype(np.int32)
    return np.frombuffer(data, _dtype(layout)).astype(np.int32)


def _by_channel(flat: Samples, layout: Layout) -> Samples:
    return np.ascontiguousarray(flat.reshape(-1, layout.channels).T)


def _from_floats(data: bytes, layout: Layout) -> Taken:
    native = np.frombuffer(data, _dtype(layout)).astype(f"f{layout.width}")
    with np.errstate(all="ignore"):  # any bytes may come here
        return _as_integers(data, native.astype(np.float64), layout) or _as_split(native, layout)


def _as_integers(data: bytes, values: npt.NDArray[np.float64], layout: Layout) -> Taken | None:
    """Return float samples as integers over a divisor or times a gain, None where they are none."""
    if not np.isfinite(values).all() or (np.signbit(values) & (values == 0)).any():
        return None
    tries = (_scaled(values * divisor, code, b"", layout) for code, divisor in enumerate(DIVISORS))
    found = next((taken for taken in tries if taken and from_samples(taken, layout) == data), None)
    if found and int(found.samples.max(initial=0)) - int(found.samples.min(initial=0)) < _USUAL_RANGE:
        return found
    gain = floats.find_gain(values, layout.width)
    taken = _scaled(values / gain, GAIN, np.array(gain, "<f8").tobytes(), layout) if gain else None
    return taken if taken and from_samples(taken, layout) == data else found


def _as_split(native: npt.NDArray[np.floating], layout: Layout) -> Taken:
    integers, rest = floats.split(native, floats.WIDTHS[layout.width])
    return Taken(_by_channel(integers, layout), SPLIT, rest)


def _scaled(values: npt.NDArray[np.float64], code: int, rest: bytes, layout: Layout) -> Taken | None:
    """Return the values rounded to integers, None where they are too large."""
    nearest = np.rint(values)
    if not np.abs(nearest).max(initial=0) < 2**31:
        return None
    return Taken(_by_channel(nearest.astype(np.int32), layout), code, rest)


def _floats(flat: Samples, taken: Taken, layout: Layout) -> npt.NDArray[np.floating]:
    if taken.code == SPLIT:
        return floats.join(flat, taken.rest, floats.WIDTHS[layout.width])
    if taken.code != GAIN:
        return flat / np.float64(DIVISORS[taken.code])
    if len(taken.rest) != 8:
        raise CorruptError("damaged: a gain of samples is no number")
    with np.errstate(all="ignore"):  # a forged gain may be anything
        return floats.multiples(flat, float(np.frombuffer(taken.rest, "<f8")[0]), layout.width)
