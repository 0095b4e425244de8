"""PixelSNAIL in integers: the walk of `nets.pixelcnn_exact`, products in torch, attention in a compiled loop.

    score[p]  = query . key[p] + nearness[p]            in 2**-10 nats
    weight    = softmax.freqs_of_row(score), of sum 256
    attended  = (sum of weight[p] * value[p] + 128) >> 8

T steps at once, M rows, C channels, D width of queries and keys, V width of values, P places of the window.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact import softmax
from neuralzip.exact.compiled import entry
from neuralzip.nets.pixelcnn_exact import ACT_BITS, IntPixelCNN, gather
from neuralzip.nets.pixelcnn_plain import Map, Plain
from neuralzip.nets.pixelsnail import ARCHITECTURE, NEAREST, PLACES, REACH_UP, SCORE_BITS, WEIGHT_BITS

Bytes = npt.NDArray[np.int8]
IntArray = npt.NDArray[np.int32]

_BACK = np.array([-dx - 2 * dy for dx, dy in PLACES], np.int64)
_UP = np.array([-dy for _, dy in PLACES], np.int64)
_HISTORY = int(_BACK.max())
_ROOM = 64


@entry
def attend(
    queries: Bytes,
    slots: Bytes,
    at: int,
    first: int,
    back: npt.NDArray[np.int64],
    up: npt.NDArray[np.int64],
    nearness: IntArray,
    scores: IntArray,
    weights: IntArray,
    out: Bytes,
) -> None:
    """Fill what places attend to.

    Args:
        queries: [T, M, D].
        slots: [steps, rows, D + V] keys and values in wavefront order, rows shifted by REACH_UP.
        at: slot of the first step.
        first: row of the picture that row 0 stands for.
        back, up: [P] how many steps and rows before a place the places of its window lie.
        nearness: [P] in 2**-SCORE_BITS nats.
        scores, weights: [P] working memory.
        out: [T, M, V], filled.
    """
    width = queries.shape[2]
    for t in range(queries.shape[0]):
        for m in range(queries.shape[1]):
            for p in range(len(back)):
                kept = slots[at + t - back[p], first + m - up[p] + REACH_UP]
                score = np.int32(nearness[p])
                for d in range(width):
                    score += np.int32(queries[t, m, d]) * np.int32(kept[d])
                scores[p] = score
            softmax.freqs_of_row(scores, SCORE_BITS, WEIGHT_BITS, weights)
            for v in range(out.shape[2]):
                total = np.int32(1 << (WEIGHT_BITS - 1))
                for p in range(len(back)):
                    kept = slots[at + t - back[p], first + m - up[p] + REACH_UP]
                    total += weights[p] * np.int32(kept[width + v])
                out[t, m, v] = np.int8(total >> WEIGHT_BITS)  # a mean of int8 values


class Memory:
    """Keys and values of the last steps, int8 [slots, H + REACH_UP, D + V], zero where a step has no row."""

    def __init__(self, height: int, width: int) -> None:
        self.slots = np.zeros((_ROOM + _HISTORY, height + REACH_UP, width), np.int8)
        self.next = _HISTORY

    def append(self, block: Bytes, first: int) -> int:
        """Store [T, M, D + V], rows first .. of the next T steps; return the first one's slot."""
        if self.next + len(block) > len(self.slots):
            self.slots[:_HISTORY] = self.slots[self.next - _HISTORY : self.next].copy()
            self.next = _HISTORY
        at = self.next
        self.slots[at : at + len(block)] = 0
        self.slots[at : at + len(block), first + REACH_UP : first + REACH_UP + block.shape[1]] = block
        self.next += len(block)
        return at


class Maps(list[Map]):
    """The feature maps of the convolutions, and what attention remembers."""

    def __init__(self, maps: Iterable[Map], memory: Memory) -> None:
        super().__init__(maps)
        self.memory = memory


class Snail(Plain):
    """The net's products.

    Args:
        model: weights of architecture "pixelsnail".
        device: where the convolutions' run; attention runs on the CPU.

    Raises:
        ModelError: the window does not fit.
    """

    def __init__(self, model: zoo.Model, device: str) -> None:
        super().__init__(model, device)
        self.query, self.key, self.value, self.point = (
            self._layer(model, f"attention.{name}") for name in ("query", "key", "value", "point")
        )
        self.nearness = np.array(model.arrays["attention.nearness"], np.int32)
        if self.nearness.shape != (len(PLACES),) or np.abs(self.nearness).max() > NEAREST:
            raise ModelError(f"model '{model.id}' has an impossible window")

    def maps(self, height: int) -> Maps:
        """Return the memory of a picture before its first step."""
        return Maps(super().maps(height), Memory(height, len(self.key.bias) + len(self.value.bias)))

    def _read(self, maps: list[Map], stream: Tensor, mask: Tensor, first: int) -> Tensor:
        """Return the last stream [T * M, C], in which places have looked at those like them."""
        assert isinstance(maps, Maps)
        steps, rows = mask.shape[:2]
        seen = stream.clamp_min(0)
        query, key, value = (
            layer.apply(seen, ACT_BITS).view(steps, rows, -1) for layer in (self.query, self.key, self.value)
        )
        at = maps.memory.append((torch.cat([key, value], 2) * mask).cpu().numpy(), first)
        found = np.empty(value.shape, np.int8)
        scores, weights = np.empty(len(PLACES), np.int32), np.empty(len(PLACES), np.int32)
        queries = query.contiguous().cpu().numpy()
        attend(queries, maps.memory.slots, at, first, _BACK, _UP, self.nearness, scores, weights, found)
        attended = torch.from_numpy(found).to(stream.device).view(steps * rows, -1)
        return self.point.apply(attended, ACT_BITS, residual=stream)


class IntPixelSnail(IntPixelCNN):
    """The integer net of a model; one object serves any number of pictures.

    Args:
        model: weights of architecture "pixelsnail".
        device: where the products run, "cpu" or "cuda"; never changes the integers.

    Raises:
        ModelError: the weights are of another kind or do not fit together.
    """

    def __init__(self, model: zoo.Model, device: str = "cpu") -> None:
        if model.meta.get("architecture") != ARCHITECTURE or model.meta.get("version") != 1:
            raise ModelError(f"model '{model.id}' is no PixelSNAIL that this release knows")
        try:
            self.weights, self.tables = gather(model)
            self.plain = Snail(model, device)
        except KeyError as error:
            raise ModelError(f"model '{model.id}' lacks {error}") from error
