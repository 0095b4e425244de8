"""The char-RNN as a guide beside a coding loop: logits for the steps to come, moved on by the bytes that came.

L lanes, S steps; logits are int32 in 1/256 nat.
"""

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.nets.char_rnn_int import IntCharRNN

PROBE_BYTES = 512
"""So many first bytes decide on the initial state."""

Logits = npt.NDArray[np.int32]
Symbols = npt.NDArray[np.uint8]


class Guide:
    """A net on L lanes that always knows the logits of the next byte.

    Args:
        model: weights of a char-RNN.
        lanes: L.
        kind: which of its initial states.
        device: "cpu" or "cuda".
    """

    def __init__(self, model: zoo.Model, lanes: int, kind: int, device: str) -> None:
        self.net = IntCharRNN(model, lanes, device)
        self.next = self.net.reset(kind)  # [L, 256]

    def foresee(self, symbols: Symbols) -> Logits:
        """Return the logits [L, S, 256] of S steps whose bytes [L, S] are known already."""
        after = self.net.bulk(symbols)
        logits = np.concatenate([self.next[:, None], after[:, :-1]], axis=1)
        self.next = after[:, -1].copy()
        return np.ascontiguousarray(logits)

    def reveal(self, symbols: Symbols) -> None:
        """Move on by one byte [L] of every lane."""
        self.next = self.net.step(symbols)


def best_kind(model: zoo.Model, data: bytes) -> int:
    """Return the initial state under which the net gives the first bytes the highest likelihood."""
    kinds = len(model.arrays["initial"])
    symbols = np.frombuffer(data[:PROBE_BYTES], np.uint8)
    net = IntCharRNN(model, kinds)
    first = net.reset(np.arange(kinds))
    after = net.bulk(np.broadcast_to(symbols, (kinds, len(symbols))))
    logits = np.concatenate([first[:, None], after[:, :-1]], axis=1) / 256.0
    logits -= logits.max(axis=2, keepdims=True)
    chosen = logits[:, np.arange(len(symbols)), symbols]
    return int((chosen - np.log(np.exp(logits).sum(axis=2))).sum(axis=1).argmax())
