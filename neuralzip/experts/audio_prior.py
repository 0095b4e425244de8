"""The start of the audio mixer, as weights on disk: packed to 16 bits, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import ModelError
from neuralzip.experts.audio_state import Prior, new_residual, parts
from neuralzip.experts.counters import NODE_NEW

_WEIGHT_SHIFT = 4
_SEEN_MAX = 24
"""Counters start as if they had seen at most so many outcomes, and adapt to the file from there."""


def pack(prior: Prior) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a weights file."""
    half = 1 << (_WEIGHT_SHIFT - 1)
    seen = np.minimum((prior.nodes >> np.uint32(7)) & np.uint32(127), _SEEN_MAX)
    return {
        "weights": np.clip((prior.weights + half) >> _WEIGHT_SHIFT, -32768, 32767).astype(np.int16),
        "final": np.clip((prior.final + half) >> _WEIGHT_SHIFT, -32768, 32767).astype(np.int16),
        "nodes": (prior.nodes >> np.uint32(16)).astype(np.uint16),
        "seen": seen.astype(np.uint8),
        "maps": prior.maps.astype(np.uint16),
    }


def unpack(arrays: Mapping[str, npt.NDArray[Any]]) -> Prior:
    """Return what `pack` packed.

    Raises:
        ModelError: arrays are missing or of another shape.
    """
    shapes = pack(parts(new_residual(1)))
    for name, like in shapes.items():
        if name not in arrays or arrays[name].shape != like.shape or arrays[name].dtype != like.dtype:
            raise ModelError(f"audio weights: array '{name}' is missing or of another shape")
    seen = arrays["seen"].astype(np.uint32)
    nodes = arrays["nodes"].astype(np.uint32) << np.uint32(16) | seen << np.uint32(7) | np.uint32(1)
    return Prior(
        weights=arrays["weights"].astype(np.int32) << _WEIGHT_SHIFT,
        final=arrays["final"].astype(np.int32) << _WEIGHT_SHIFT,
        nodes=np.where(seen > 0, nodes, NODE_NEW).astype(np.uint32),
        maps=np.clip(arrays["maps"].astype(np.int32), 1, 65535),
    )
