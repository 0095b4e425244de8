"""What experts start from instead of nothing: moving there from what files have taught, and shipping it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import ModelError
from neuralzip.experts.mixer import W_MAX

Array = npt.NDArray[Any]

_COUNT_MAX = np.uint32(1023)
_COUNT_BITS = np.uint32(10)
_MOST = 127
_FINAL_SHIFT = 4


def between(start: Array, end: Array, share: float) -> Array:
    """Return what lies a share of the way from integers to others."""
    return np.rint(start + share * (end.astype(np.float64) - start)).astype(start.dtype)


def entries_between(start: Array, end: Array, share: float, most: int) -> Array:
    """Return entries of counters.map_p, uint32, a share of the way, all of it where the start has seen nothing.

    They count as seen `most` times at most.
    """
    seen, now = start & _COUNT_MAX, end & _COUNT_MAX
    p = np.where(seen > 0, between(start >> _COUNT_BITS, end >> _COUNT_BITS, share), end >> _COUNT_BITS)
    return p.astype(np.uint32) << _COUNT_BITS | np.minimum(np.maximum(seen, now), np.uint32(most))


def check_arrays(arrays: Mapping[str, Array], like: Mapping[str, Array], what: str) -> None:
    """See that a weights file has arrays of the names, shapes and types of others.

    Raises:
        ModelError: it has not; `what` says of which weights.
    """
    for name, each in like.items():
        if name not in arrays or arrays[name].shape != each.shape or arrays[name].dtype != each.dtype:
            raise ModelError(f"{what}: array '{name}' is missing or of another shape")


def in_bytes(weights: Array) -> tuple[Array, Array]:
    """Return (int8, uint16): rows of weights in multiples of a step of each row, and these steps."""
    steps = np.maximum(-(-np.abs(weights).max(-1) // _MOST), 1)
    return np.rint(weights / steps[..., None]).astype(np.int8), steps.astype(np.uint16)


def from_bytes(weights: Array, steps: Array) -> Array:
    """Return rows of weights from what `in_bytes` returned, as mixers can hold them."""
    return np.clip(weights.astype(np.int32) * steps[..., None].astype(np.int32), -W_MAX, W_MAX)


def shortened(final: Array) -> Array:
    """Return weights of a last layer in sixteen bits."""
    half = 1 << (_FINAL_SHIFT - 1)
    return np.clip((final + half) >> _FINAL_SHIFT, -32768, 32767).astype(np.int16)


def lengthened(final: Array) -> Array:
    """Return weights of a last layer again, as mixers can hold them."""
    return np.maximum(final.astype(np.int32) << _FINAL_SHIFT, -W_MAX)


def loaded_maps(maps: Array) -> Array:
    """Return maps, shipped in sixteen bits, as apm holds them."""
    return np.clip(maps.astype(np.int32), 1, 65535)
