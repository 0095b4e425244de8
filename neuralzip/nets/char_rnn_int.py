"""The integer form of `char_rnn`: the same net on any machine, some bytes of every lane at a time.

Two implementations give the same integers: compiled (`char_rnn_step`, on the CPU), and plain torch
(`char_rnn_oracle`, for CUDA and as the oracle of the tests). Formats are listed in `char_rnn_step`.
L lanes, T time, H stream width, E state width.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact.rounding import rounding
from neuralzip.exact.team import new_team
from neuralzip.nets import char_rnn_step as step
from neuralzip.nets.char_rnn_step import I8, I32, LOGIT_BITS, STATE_BITS
from neuralzip.nets.char_rnn_view import GATE_BITS, STREAM_BITS, SYMBOLS, context_rows

if TYPE_CHECKING:
    from neuralzip.nets.char_rnn_oracle import Plain

ARCHITECTURE = "char-rnn-1"
INITIAL_BITS = 7
START = 10
"""The byte that is taken as read before the first one: a line feed."""
_ALONE = new_team(1)[0]


def _parts(model: zoo.Model, name: str, bits: int) -> tuple[I8, I32, I32]:
    """Return (weight, bias + rounding, right shift) of a linear layer whose sums go to a format."""
    weight, bias, unit = (np.array(model.arrays[f"{name}.{part}"]) for part in ("weight", "bias", "unit"))
    return weight, *rounding(weight, bias, unit, bits, f"model '{model.id}': {name}")


def _stacked(parts: list[tuple[I8, I32, I32]]) -> tuple[I8, I32, I32]:
    weights, offsets, shifts = zip(*parts, strict=True)
    return np.stack(weights), np.stack(offsets), np.stack(shifts)


def gather(model: zoo.Model) -> step.Weights:
    """Return the arrays of a model as the integer step reads them.

    Raises:
        ModelError: an array is missing, a sum could leave int32, or a row would need a left shift.
    """
    depth = model.meta["shape"]["layers"]
    hashed = [np.array(model.arrays[f"embed.{k}"], np.int8) for k in range(1, 5)]
    starts = np.cumsum([0, 0, *[len(table) for table in hashed[:-1]]]).astype(np.int64)
    bounds, scale, shift = (np.array(model.arrays[f"norm.{name}"]) for name in ("bounds", "scale", "shift"))
    gates = _stacked([_parts(model, f"layers.{k}.gates", GATE_BITS) for k in range(depth)])
    out = _stacked([_parts(model, f"layers.{k}.out", STREAM_BITS) for k in range(depth)])
    byte, head = np.array(model.arrays["embed.0"]), _parts(model, "head", LOGIT_BITS)
    return step.Weights(np.concatenate(hashed), byte, starts, bounds, scale, shift, *gates, *out, *head)


def _plain(weights: step.Weights, device: str) -> "Plain":
    from neuralzip.nets.char_rnn_oracle import Plain  # torch: not where the compiled form runs

    return Plain(weights, device)


class IntCharRNN:
    """The integer net on L lanes, with their states.

    Args:
        model: weights of this architecture.
        lanes: L.
        device: "cpu", or "cuda" for the torch form there.
        compiled: use the compiled form; False for plain torch (always so on CUDA).

    Attributes:
        tiles: the weights as the compiled form reads them.
        plain: the net in plain torch, None where the compiled form runs.
        at: where the lanes stand; the compiled form's scratch is there too.

    Raises:
        ModelError: the weights are of another architecture or damaged.
    """

    def __init__(self, model: zoo.Model, lanes: int, device: str = "cpu", compiled: bool = True) -> None:
        if model.meta.get("architecture") != ARCHITECTURE or model.meta.get("logit_bits") != LOGIT_BITS:
            raise ModelError(f"model '{model.id}' is not a {ARCHITECTURE} net of this release")
        self.lanes = lanes
        self.rows = np.array(model.meta["shape"]["hash_rows"], np.int64)
        self.initial = np.asarray(model.arrays["initial"], np.int32)
        weights = gather(model)
        self.tiles = step.in_tiles(weights)
        self.plain = None if compiled and device == "cpu" else _plain(weights, device)
        self.at = step.new_lanes(self.tiles, self.rows, self._start(np.zeros(lanes, np.int64)))

    @property
    def kinds(self) -> int:
        """Number of learned initial states."""
        return len(self.initial)

    def _start(self, kinds: npt.NDArray[np.int64]) -> I32:
        """Return the initial states [layers, L, E] of kinds [L]."""
        return np.ascontiguousarray(self.initial[kinds].transpose(1, 0, 2) << (STATE_BITS - INITIAL_BITS))

    def reset(self, kind: int | npt.NDArray[np.integer[Any]] = 0) -> I32:
        """Start every lane anew, as if a line feed had just been read.

        Args:
            kind: the initial state, one for all or one for each lane [L].

        Returns:
            [L, 256] int32 logits of the first byte, in 2**-LOGIT_BITS nats.

        Raises:
            ModelError: there is no such initial state.
        """
        kinds = np.broadcast_to(np.asarray(kind, np.int64), (self.lanes,))
        if kinds.size and not (kinds.min() >= 0 and kinds.max() < self.kinds):
            raise ModelError(f"initial state {kinds.max()} of {self.kinds}")
        self.at.history[:] = 0
        self.at.h[:] = self._start(kinds)
        return self.step(np.full(self.lanes, START, np.uint8))

    def step(self, symbols: npt.NDArray[np.integer[Any]]) -> I32:
        """Reveal one byte of every lane [L]; return the logits [L, 256] of the next, in 2**-LOGIT_BITS nats."""
        return self.bulk(np.asarray(symbols)[:, None])[:, 0]

    def bulk(self, symbols: npt.NDArray[np.integer[Any]]) -> I32:
        """Reveal T bytes of every lane [L, T]; return logits [L, T, 256], the integers of `step`."""
        symbols = np.ascontiguousarray(symbols, np.uint8)
        if self.plain is None:
            logits = np.empty((*symbols.shape, SYMBOLS), np.int32)
            step.read(self.tiles, self.at, symbols, logits, _ALONE)
            return logits
        rows = np.empty((*symbols.shape, 5), np.int64)
        context_rows(symbols, self.at.history, self.rows, rows)
        return self.plain(rows, self.at.h)
