"""The integer step of `char_rnn` in torch operations; gives the integers of `char_rnn_step`, formats there.

L lanes, T time, H stream width, E state width, N = L * T.
"""

import torch
from torch import Tensor

from neuralzip.exact import kernels
from neuralzip.nets.char_rnn_step import CANDIDATE_MAX, GATE_MAX, I32, I64, ONE, STREAM_MAX, Weights
from neuralzip.nets.char_rnn_view import ACT_BITS, STREAM_BITS, SYMBOLS


class Plain:
    """The forward pass in torch operations on 64-bit integers: for CUDA, and the oracle of the compiled form.

    Args:
        weights: the net.
        device: where to run.
    """

    def __init__(self, weights: Weights, device: str) -> None:
        self.device = torch.device(device)
        self.w = {name: torch.from_numpy(array).to(self.device) for name, array in weights._asdict().items()}
        self.gates, self.out = ([kernels.pack(x) for x in self.w[name]] for name in ("gates", "out"))
        self.head = kernels.pack(self.w["head"])

    def _product(self, a: Tensor, packed: kernels.Packed, name: str, k: int | None = None) -> Tensor:
        acc = kernels.matmul(a, packed).long()
        offset, shift = self.w[f"{name}_offset"], self.w[f"{name}_shift"]
        return (acc + offset) >> shift if k is None else (acc + offset[k]) >> shift[k]

    def _embed(self, rows: Tensor) -> Tensor:
        hashed = [self.w["tables"][self.w["starts"][j] + rows[:, j]] for j in range(1, 5)]
        return torch.cat([self.w["byte"][rows[:, 0]], *hashed], 1).long() << (STREAM_BITS - ACT_BITS)

    def _norm(self, v: Tensor) -> Tensor:
        index = torch.searchsorted(self.w["bounds"], v.square().sum(1, keepdim=True), right=True)
        scale, shift = self.w["scale"].long()[index], self.w["shift"].long()[index]
        half = torch.ones_like(shift) << (shift - 1)
        return ((v * scale + half) >> shift).clamp(-127, 127).to(torch.int8)

    def _recur(self, gates: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Gates [L, T, 3E] in 2**-10 and states [L, E] -> outputs [L, T, E] int8, states."""
        a, z, g = gates.chunk(3, -1)
        a, z, g = (
            a.clamp(-GATE_MAX, GATE_MAX),
            z.clamp(-CANDIDATE_MAX, CANDIDATE_MAX),
            g.clamp(-GATE_MAX, GATE_MAX),
        )
        s = (GATE_MAX - a.abs()).square() >> 10
        i, c = torch.where(a < 0, s, ONE - s), z * (GATE_MAX - z.abs())
        states = []
        for t in range(gates.shape[1]):
            h = h + (((c[:, t] - h) * i[:, t] + (ONE >> 1)) >> 15)
            states.append(h)
        return ((torch.stack(states, 1) * g + (1 << 26)) >> 27).clamp(-127, 127).to(torch.int8), h

    def __call__(self, rows: I64, h: I32) -> I32:
        """Return logits [L, T, 256] for rows [L, T, 5]; moves the states h [layers, L, E] on."""
        lanes, time = rows.shape[:2]
        v = self._embed(torch.from_numpy(rows).to(self.device).view(lanes * time, 5))
        for k in range(len(h)):
            gates = self._product(self._norm(v), self.gates[k], "gate", k)
            y, last = self._recur(gates.view(lanes, time, -1), torch.from_numpy(h[k]).to(self.device).long())
            h[k] = last.cpu().numpy()
            v = (v + self._product(y.flatten(0, 1), self.out[k], "out", k)).clamp(-STREAM_MAX, STREAM_MAX)
        logits = self._product(self._norm(v), self.head, "head")
        return logits.to(torch.int32).cpu().numpy().reshape(lanes, time, SYMBOLS)
