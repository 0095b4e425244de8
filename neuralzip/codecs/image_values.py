"""Planes that leave out many of the values in their range, as dense ranks among those that occur.

Contrast stretched after it was stored, or fewer bits blown up to more, leaves a histogram with gaps; predictions
around a sample should not spend probability on them.

    head = size (4) and packed bytes of: for each plane, number of values - 1 (2), all low bytes of the first value
           and the steps from value to value, all their high bytes

P planes, H rows, W columns.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.codecs import side
from neuralzip.errors import CorruptError

Samples = npt.NDArray[np.uint16]
Values = list[Samples]

_BESIDE_GAPS = 0.1
"""Share of samples next to a value that does not occur from which ranks are worth their list."""
_PIXELS_A_VALUE = 64
"""With fewer, gaps may be mere chance."""


def sparse(stack: Samples) -> Values | None:
    """Return the values that occur in each plane of [P, H, W], None where they are dense or too many to say."""
    found, beside = [], 0
    for plane in stack:
        known, counts = np.unique(plane, return_counts=True)
        steps = np.diff(known) > 1
        beside += int(counts[:-1][steps].sum() + counts[1:][steps].sum())
        found.append(known)
    used = sum(len(known) for known in found)
    return found if beside > _BESIDE_GAPS * stack.size and used * _PIXELS_A_VALUE <= stack.size else None


def to_ranks(stack: Samples, values: Values) -> Samples:
    """Return the ranks [P, H, W] of samples among the values of their plane."""
    return np.stack([np.searchsorted(*pair) for pair in zip(values, stack, strict=True)]).astype(np.uint16)


def from_ranks(ranks: Samples, values: Values) -> Samples:
    """Return the samples that have these ranks; raise CorruptError for a rank that is none."""
    if any(plane.max(initial=0) >= len(known) for plane, known in zip(ranks, values, strict=True)):
        raise CorruptError("damaged: rank of a sample that is none")
    return np.stack([known[plane] for plane, known in zip(ranks, values, strict=True)])


def pack(values: Values) -> bytes:
    """Return the values of all planes as the head of a body."""
    out = bytearray()
    for known in values:
        steps = np.diff(known, prepend=np.uint16(0)).astype("<u2")
        out += (len(known) - 1).to_bytes(2, "little") + steps.view(np.uint8).reshape(-1, 2).T.tobytes()
    packed = side.pack(bytes(out))
    return len(packed).to_bytes(4, "little") + packed


def unpack(body: bytes, planes: int) -> tuple[Values, bytes]:
    """Return the values of all planes, and the rest of a body.

    Raises:
        CorruptError: the body does not begin with values.
    """
    end = 4 + int.from_bytes(body[:4], "little")
    if len(body) < end:
        raise CorruptError("damaged: list of values ends too early")
    data, place, values = side.unpack(body[4:end]), 0, []
    for _ in range(planes):
        count = int.from_bytes(data[place : place + 2], "little") + 1
        steps = np.frombuffer(data[place + 2 : place + 2 + 2 * count], np.uint8)
        if len(steps) != 2 * count:
            raise CorruptError("damaged: list of values ends too early")
        known = np.cumsum(np.ascontiguousarray(steps.reshape(2, count).T).view("<u2").reshape(-1), dtype=np.int64)
        if known[-1] > 0xFFFF:
            raise CorruptError("damaged: impossible list of values")
        values.append(known.astype(np.uint16))
        place += 2 + 2 * count
    if place != len(data):
        raise CorruptError("damaged: list of values has the wrong size")
    return values, body[end:]
