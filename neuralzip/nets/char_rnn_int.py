"""The integer form of `char_rnn`: the same net on any machine, some bytes of every lane at a time.

Two implementations give the same integers: compiled (`char_rnn_step`, on the CPU), and plain torch
(`char_rnn_oracle`, for CUDA and as the oracle of the tests). Formats are listed in `char_rnn_step`.
L lanes, T time, H stream width, E state width.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact import layers
from neuralzip.nets import char_rnn_oracle as oracle
from neuralzip.nets import char_rnn_step as step
from neuralzip.nets.char_rnn import SYMBOLS, CharRNN, context_rows
from neuralzip.nets.char_rnn_ops import ACT_BITS, GATE_BITS, RMS_FLOOR, STREAM_BITS
from neuralzip.nets.char_rnn_step import I8, I32, LOGIT_BITS, STATE_BITS

ARCHITECTURE = "char-rnn-1"
INITIAL_BITS = 7
STEPS_PER_OCTAVE = 64
SCALE_BITS = 12
START = 10
"""The byte that is taken as read before the first one: a line feed."""


def norm_tables(width: int) -> dict[str, npt.NDArray[Any]]:
    """Return the tables that turn a sum of squares over `width` channels into a multiplier and a shift."""
    least = width * (RMS_FLOOR * 2.0**STREAM_BITS) ** 2
    octaves = int(np.ceil(np.log2(width * float(step.STREAM_MAX) ** 2 / least)))
    bounds = least * 2.0 ** (np.arange(octaves * STEPS_PER_OCTAVE + 1) / STEPS_PER_OCTAVE)
    middle = np.concatenate([[least], bounds * 2.0 ** (0.5 / STEPS_PER_OCTAVE)])
    ratio = 2.0**ACT_BITS / np.sqrt(middle / width)
    shift = SCALE_BITS - 1 - np.floor(np.log2(ratio)).astype(np.int32)
    return {
        "norm.bounds": np.ceil(bounds).astype(np.int64),
        "norm.scale": np.floor(ratio * 2.0**shift + 0.5).astype(np.int32),
        "norm.shift": shift,
    }


def export(net: CharRNN) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return (integer arrays, description) of a trained net, for `zoo.save`."""
    arrays = norm_tables(net.shape.width)
    grid = 1 << ACT_BITS
    for k, table in enumerate(net.embed.tables):
        rows = torch.floor(table.weight.detach().float() * grid + 0.5).clamp(-127, 127)  # type: ignore[operator]
        arrays[f"embed.{k}"] = rows.to(torch.int8).numpy()
    for k, layer in enumerate(net.layers):
        for name in ("gates", "out"):
            parts = zip(("weight", "bias", "unit"), getattr(layer, name).export(), strict=True)
            arrays |= {f"layers.{k}.{name}.{part}": value.numpy() for part, value in parts}
    arrays |= {
        f"head.{part}": x.numpy() for part, x in zip(("weight", "bias", "unit"), net.head.export(), strict=True)
    }
    initial = torch.floor(net.initial.detach().float() * 2.0**INITIAL_BITS + 0.5).clamp(-127, 127)
    arrays["initial"] = initial.to(torch.int8).numpy()
    return arrays, {"architecture": ARCHITECTURE, "shape": net.shape.meta(), "logit_bits": LOGIT_BITS}


def _parts(model: zoo.Model, name: str, bits: int) -> tuple[I8, I32, I32]:
    """Return (weight, bias + rounding, right shift) of a linear layer whose sums go to a format."""
    parts = [np.array(model.arrays[f"{name}.{part}"]) for part in ("weight", "bias", "unit")]
    layer = layers.Linear(*(torch.from_numpy(part) for part in parts))
    shift = layer.shift(bits)
    if shift.left is not None:
        raise ModelError(f"model '{model.id}': a row of {name} is too large for its format")
    return parts[0], (layer.bias + shift.half).numpy(), (layer.unit - bits).numpy()


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
        on_cpu = compiled and torch.device(device).type == "cpu"
        self.tiles = step.in_tiles(weights)
        self.plain = None if on_cpu else oracle.Plain(weights, torch.device(device))
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
            step.read(self.tiles, self.at, symbols, logits)
            return logits
        rows = np.empty((*symbols.shape, 5), np.int64)
        context_rows(symbols, self.at.history, self.rows, rows)
        return self.plain(rows, self.at.h)
