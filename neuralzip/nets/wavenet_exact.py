"""The integer form of `wavenet`: weights on disk -> the arrays of `wavenet_step`, and a plain form of its sums.

The codec goes sample by sample (`wavenet_step`), as `mixtures` does over known views; `outputs` evaluates a whole
channel at once in numpy, with the same integers: the oracle of the tests.

F inputs, C channels, L layers, S skip channels, K components, T time, Q channels of sound.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact.compiled import entry
from neuralzip.exact.rounding import rounding
from neuralzip.nets.wavenet_step import (
    ACT_BITS,
    CANDIDATE_MAX,
    GATE_BITS,
    GATE_MAX,
    OUT_BITS,
    TOGETHER,
    Memory,
    Net,
    Shape,
    new_memory,
    step,
)

ARCHITECTURE, VERSION = "wavenet", 1
_LIMITS = Shape(128, 10, 256, 16)

Arrays = Mapping[str, npt.NDArray[Any]]
Longs = npt.NDArray[np.int64]


def gather(model: zoo.Model) -> Net:
    """Return the net of a model.

    Raises:
        ModelError: the weights are of another architecture or shape, or could leave their formats.
    """
    if model.meta.get("architecture") != ARCHITECTURE or model.meta.get("version") != VERSION:
        raise ModelError(f"model '{model.id}' is no WaveNet that this release knows")
    shape = Shape(*(int(model.meta["config"].get(name, 0)) for name in Shape._fields))
    if not all(1 <= size <= limit for size, limit in zip(shape, _LIMITS, strict=True)):
        raise ModelError(f"model '{model.id}' has impossible sizes {tuple(shape)}")
    parts = [_matrix(model.arrays, *matrix) for matrix in shape.matrices()]
    weights, offsets, shifts = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Net(np.array(shape, np.uint64), weights, offsets, shifts)


def _matrix(arrays: Arrays, name: str, inputs: int, outputs: int) -> tuple[npt.NDArray[Any], ...]:
    """Return (weights [inputs * outputs], bias + rounding, right shift), having proved that sums fit int32."""
    try:
        weight, bias, unit = (arrays[f"{name}.{part}"] for part in ("weight", "bias", "unit"))
    except KeyError as error:
        raise ModelError(f"weights of a WaveNet lack {error}") from error
    shapes = [part.shape for part in (weight, bias, unit)]
    if shapes != [(outputs, inputs), (outputs,), (outputs,)] or weight.dtype != np.int8 or inputs % TOGETHER:
        raise ModelError(f"weights of a WaveNet: matrix '{name}' is of another shape")
    offset, shift = rounding(weight, bias, unit, _bits(name), f"weights of a WaveNet: matrix '{name}'")
    return np.ascontiguousarray(weight.T).reshape(-1), offset, shift


def _bits(name: str) -> int:
    """Return the fractional bits that the sums of a matrix are rounded to."""
    return GATE_BITS if name.endswith("gate") else OUT_BITS if name == "head" else ACT_BITS


def mixtures(net: Net, views: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Return what the net says [Q, T, 3, K], as in `experts.audio_opinion`, for views [Q, T, F]."""
    found = np.zeros((*views.shape[:2], 3, int(net.sizes[3])), np.int32)
    _step_through(net, new_memory(net, len(views)), np.ascontiguousarray(views), found)
    return found


@entry
def _step_through(net: Net, memory: Memory, views: npt.NDArray[np.int8], found: npt.NDArray[np.int32]) -> None:
    for q in range(views.shape[0]):
        for t in range(views.shape[1]):
            for k in range(views.shape[2]):
                memory.seen[k] = views[q, t, k]
            step(net, memory, q)
            for row in range(3):
                for k in range(found.shape[3]):
                    found[q, t, row, k] = memory.mixture[row, k]


def outputs(net: Net, views: npt.NDArray[np.int8]) -> Longs:
    """Return the outputs [T, 3K] in 2**-OUT_BITS for views [T, F] of a whole channel."""
    matrices = _matrices(net)
    stream = np.clip(_product(views, *matrices["enter"]), -127, 127)
    gated = []
    for i in range(int(net.sizes[1])):
        back = np.concatenate([np.zeros((1 << i, stream.shape[1]), np.int64), stream])[: len(stream)]
        a, b = np.split(_product(np.concatenate([stream, back], 1), *matrices[f"layers.{i}.gate"]), 2, axis=1)
        gated.append(_gated(np.clip(a, -CANDIDATE_MAX, CANDIDATE_MAX), np.clip(b, -GATE_MAX, GATE_MAX)))
        stream = np.clip(stream + _product(gated[-1], *matrices[f"layers.{i}.residual"]), -127, 127)
    hidden = np.clip(_product(np.concatenate(gated, 1), *matrices["skip"]), 0, 127)
    return np.clip(_product(hidden, *matrices["head"]), -(1 << 15), (1 << 15) - 1)


def _matrices(net: Net) -> dict[str, tuple[Longs, Longs, Longs]]:
    """Return (weights [inputs, outputs], offsets, shifts) by name."""
    found, weight, output = {}, 0, 0
    for name, width, height in Shape(*(int(size) for size in net.sizes)).matrices():
        rows = slice(output, output + height)
        matrix = net.weights[weight : weight + width * height].reshape(width, height)
        found[name] = tuple(part.astype(np.int64) for part in (matrix, net.offsets[rows], net.shifts[rows]))
        weight, output = weight + width * height, output + height
    return found  # type: ignore[return-value]


def _product(x: npt.NDArray[Any], weights: Longs, offsets: Longs, shifts: Longs) -> Longs:
    return np.asarray((x.astype(np.int64) @ weights + offsets) >> shifts)


def _gated(a: Longs, b: Longs) -> Longs:
    lower = (GATE_MAX - np.abs(b)) ** 2 >> 10
    gate = np.where(b < 0, lower, (1 << 15) - lower)
    return np.clip(((a * (GATE_MAX - np.abs(a)) >> 7) * gate + (1 << 22)) >> 23, -127, 127)
