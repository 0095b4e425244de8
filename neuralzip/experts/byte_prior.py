"""The start of the byte model, as weights on disk: what carries over from file to file, and back."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_SHIFT = 4


class Learned(NamedTuple):
    """The parts of a byte model that carry over from file to file; all integers.

    Attributes:
        weights: [R, INPUTS] int32 of the mixer's first layer.
        final: [F, S] int32 of its second layer.
        maps: [CONTEXTS, 2, MAP_STATES] uint32 history maps.
        trust: trust in match lengths, uint32.
        net_refined: [256, KNOTS] int32, probability maps of the net's opinion.
    """

    weights: npt.NDArray[np.int32]
    final: npt.NDArray[np.int32]
    maps: npt.NDArray[np.uint32]
    trust: npt.NDArray[np.uint32]
    net_refined: npt.NDArray[np.int32]


def pack(parts: Learned) -> dict[str, npt.NDArray[Any]]:
    """Return the parts as arrays to ship: weights in 2**-12 and 16 bits, since more would be noise."""
    return {
        **parts._asdict(),
        "weights": np.clip(parts.weights >> _SHIFT, -(1 << 15), (1 << 15) - 1).astype(np.int16),
        "final": np.clip(parts.final >> _SHIFT, -(1 << 15), (1 << 15) - 1).astype(np.int16),
    }


def unpack(arrays: Mapping[str, npt.NDArray[Any]]) -> Learned:
    """Return the parts from what `pack` returned; KeyError where one is missing."""
    parts = {name: arrays[name] for name in Learned._fields}
    for name in ("weights", "final"):
        parts[name] = parts[name].astype(np.int32) << _SHIFT
    return Learned(**parts)
