"""Bytes of interleaved frames <-> sample arrays, exactly.

Floating-point samples become integers where every one of them is an integer over one common divisor (files that
were integers once); the divisor's code is what `to_samples` returns beside the samples. C channels, T frames.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.errors import UnsupportedError
from neuralzip.media.audio.layout import Layout

Samples = npt.NDArray[np.int32]

DIVISORS = (1, 2**15, 2**15 - 1, 2**7, 2**23, 2**23 - 1, 2**19, 2**27, 2**31)
"""Divisors of float samples, by code; integer samples have code 0."""


def to_samples(data: bytes, layout: Layout) -> tuple[Samples, int]:
    """Return ([C, T] int32, divisor code) of whole frames.

    Raises:
        UnsupportedError: floats that are no integers over any of DIVISORS (not numbers and -0 included).
    """
    if layout.encoding == "float":
        return _from_floats(data, layout)
    flat = _integers(data, layout)
    return np.ascontiguousarray(flat.reshape(-1, layout.channels).T), 0


def from_samples(samples: Samples, code: int, layout: Layout) -> bytes:
    """Return the bytes of whole frames; the inverse of `to_samples`."""
    flat = np.ascontiguousarray(samples.T).reshape(-1)
    if layout.encoding == "float":
        return (flat / np.float64(DIVISORS[code])).astype(_dtype(layout)).tobytes()
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


def _from_floats(data: bytes, layout: Layout) -> tuple[Samples, int]:
    values = np.frombuffer(data, _dtype(layout)).astype(np.float64)
    if not np.isfinite(values).all() or (np.signbit(values) & (values == 0)).any():
        raise UnsupportedError("float samples with values that no integer stands for")
    for code, divisor in enumerate(DIVISORS):
        scaled = np.rint(values * divisor)
        if np.abs(scaled).max(initial=0) < 2**31:
            samples = np.ascontiguousarray(scaled.astype(np.int32).reshape(-1, layout.channels).T)
            if from_samples(samples, code, layout) == data:
                return samples, code
    raise UnsupportedError("float samples that are no scaled integers")
