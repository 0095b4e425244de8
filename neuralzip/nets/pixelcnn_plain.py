"""The integer PixelCNN with its products in torch: for CUDA, and what the compiled form is compared to.

Many steps are evaluated at once where their inputs are known. Feature maps are kept in wavefront order, one row of
memory a step, so that the taps W, N, NW, NE of a whole group are contiguous slices: (t-1, y), (t-2, y-1),
(t-3, y-1), (t-1, y-1).

T steps at once, M rows, C channels, K components, F inputs.
"""

import numpy as np
import torch
from torch import Tensor

from neuralzip import zoo
from neuralzip.exact import layers
from neuralzip.nets import pixel_front
from neuralzip.nets.pixelcnn_step import I16, OUT_BITS, U8

ACT_BITS = 5
_HISTORY, _ROOM = 3, 64


class Map:
    """A feature map in wavefront order: int8 [slots, H + 2, C], of which the last steps are kept.

    Rows are shifted by one, so that row -1 (and H) read as zeros.
    """

    def __init__(self, height: int, channels: int, device: torch.device) -> None:
        self.slots = torch.zeros(_ROOM + _HISTORY, height + 2, channels, dtype=torch.int8, device=device)
        self.next = _HISTORY

    def append(self, block: Tensor, first: int) -> Tensor:
        """Store [T, M, C], rows first .. of the next T steps; return their taps [T, M, 5 C].

        Rows of the block that a step does not have must be zero.
        """
        count, rows = block.shape[:2]
        if self.next + count > len(self.slots):
            self.slots[:_HISTORY] = self.slots[self.next - _HISTORY : self.next].clone()
            self.next = _HISTORY
        at, low, slots = self.next, first + 1, self.slots
        slots[at : at + count, low - 1] = 0
        slots[at : at + count, low + rows] = 0
        slots[at : at + count, low : low + rows] = block
        self.next += count

        def tap(back: int, up: int) -> Tensor:
            return slots[at - back : at - back + count, low - up : low - up + rows]

        return torch.cat([block, tap(1, 0), tap(2, 1), tap(3, 1), tap(1, 1)], dim=2)


class Plain:
    """The net's products.

    Args:
        model: weights that `pixelcnn_exact.gather` takes.
        device: where they run.
    """

    def __init__(self, model: zoo.Model, device: str) -> None:
        self.device = torch.device(device)
        self.enter, self.head, self.out = (self._layer(model, name) for name in ("enter", "head", "out"))
        self.blocks = [
            (self._layer(model, f"blocks.{i}.taps"), self._layer(model, f"blocks.{i}.point"))
            for i in range(int(model.meta["config"]["blocks"]))
        ]

    def _layer(self, model: zoo.Model, name: str) -> layers.Linear:
        parts = (torch.from_numpy(model.arrays[f"{name}.{part}"].copy()) for part in ("weight", "bias", "unit"))
        return layers.Linear(*(part.to(self.device) for part in parts))

    def maps(self, height: int) -> list[Map]:
        """Return the feature maps of a picture before its first step."""
        return [Map(height, len(point.bias), self.device) for _, point in self.blocks]

    def forward(self, maps: list[Map], inputs: U8, out: I16, first: int, stop: int, size: tuple[int, int]) -> None:
        """Evaluate steps first .. stop - 1 of a picture of some size.

        Args:
            maps: moved on.
            inputs: [slots, H, ROOM] as pixel_front.Group has them.
            out: [slots, H, PLANES, 3, K], filled where a step has rows.
        """
        places = [pixel_front.rows(*size, t) for t in range(first, stop)]
        top, end = places[0][0], places[-1][0] + places[-1][1]
        slots = np.arange(first, stop) % len(inputs)
        seen = inputs[slots, top:end, : pixel_front.INPUTS] ^ np.uint8(pixel_front.ZERO)
        mask = np.zeros((len(slots), end - top, 1), np.int8)
        for row, (low, count) in zip(mask, places, strict=True):
            row[low - top : low - top + count] = 1
        found = self._forward(
            maps, torch.from_numpy(seen.view(np.int8)).to(self.device), torch.from_numpy(mask).to(self.device), top
        )
        out[slots, top:end] = found.reshape(len(slots), end - top, *out.shape[2:])

    def _forward(self, maps: list[Map], inputs: Tensor, mask: Tensor, first: int) -> I16:
        """Return the net's output [T, M, 9 K] for inputs [T, M, F] of the next T steps."""
        count, rows = inputs.shape[:2]
        stream = self.enter.apply(inputs.reshape(count * rows, -1), ACT_BITS)
        for (taps, point), kept in zip(self.blocks, maps, strict=True):
            block = stream.clamp_min(0).view(count, rows, -1) * mask
            seen = kept.append(block, first).view(count * rows, -1)
            stream = point.apply(taps.apply(seen, ACT_BITS, low=0), ACT_BITS, residual=stream)
        stream = self._read(maps, stream, mask, first)
        hidden = self.head.apply(stream.clamp_min_(0), ACT_BITS, low=0)
        out: I16 = self.out.to_format(self.out(hidden), OUT_BITS, -(2**15), 2**15 - 1).cpu().numpy()
        return out

    def _read(self, maps: list[Map], stream: Tensor, mask: Tensor, first: int) -> Tensor:
        """Return what the head reads of the last stream [T * M, C]; nets with more layers put them here."""
        return stream
