"""The compiled integer step of `char_rnn`: embeddings, normalisation, recurrence, residual, logits.

Formats (int32 or wider while computed; rounding is floor(x + 1/2), clamps are symmetric; A = int8 in 2**-5):

    v = embeddings << 3                                              stream, 2**-8, 18 bits
    u = clamp(round(v * scale / 2**shift))                           A; scale and shift by the sum of squares of v
    a, z, g = round(U u) clamped to 4096, 2048, 4096                 gates, 2**-10
    t = 4096 - |a|;  s = t * t >> 10;  i = s if a < 0 else 2**15 - s        2**-15
    c = z * (4096 - |z|);  h = h + round(i (c - h) / 2**15)          2**-22
    y = clamp(round(h g / 2**27));  v = clamp(v + round(W y))        A, stream
    logits = round(V u)                                              2**-LOGIT_BITS nats

L lanes, T time, H stream width, E state width, N = L * T.
"""

from typing import NamedTuple, TypeAlias

import numba
import numpy as np
import numpy.typing as npt
import torch

from neuralzip.exact import kernels
from neuralzip.nets.char_rnn import SYMBOLS
from neuralzip.nets.char_rnn_ops import ACT_BITS, GATE_BITS, STREAM_BITS

LOGIT_BITS = 8
STATE_BITS = 22
ONE = 1 << 15
GATE_MAX, CANDIDATE_MAX = 4 << GATE_BITS, 2 << GATE_BITS
STREAM_MAX = (1 << 17) - 1
NARROW = 3
"""Up to so many lanes a compiled dot product beats torch's int8 product."""
ROWS = 1 << 10
"""So many rows go through the net at once: their sums stay in the cache."""

I8: TypeAlias = npt.NDArray[np.int8]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]


class Weights(NamedTuple):
    """Everything the compiled form reads, as contiguous host arrays.

    Attributes:
        tables: [sum of rows, dims] int8 of all hashed embeddings, one after another.
        byte: [256, H - 4 dims] int8.
        starts: [5] first row of each hashed embedding in `tables` (entry 0 unused).
        bounds: [S] int64, ends of the ranges of the sum of squares.
        scale: [S + 1] int32 multiplier of each range.
        shift: [S + 1] int32 shift of each range.
        gates: [layers, 3E, H] int8.
        gate_offset: [layers, 3E] int32, bias and rounding.
        gate_shift: [layers, 3E] int32.
        out: [layers, H, E] int8.
        out_offset: [layers, H] int32.
        out_shift: [layers, H] int32.
        head: [256, H] int8.
        head_offset: [256] int32.
        head_shift: [256] int32.
    """

    tables: I8
    byte: I8
    starts: I64
    bounds: I64
    scale: I32
    shift: I32
    gates: I8
    gate_offset: I32
    gate_shift: I32
    out: I8
    out_offset: I32
    out_shift: I32
    head: I8
    head_offset: I32
    head_shift: I32


@numba.njit(cache=True, nogil=True)
def _embed(w: Weights, rows: I64, v: I32) -> None:
    """Set v [N, H] to the embeddings of rows [N, 5], in stream units."""
    first, dims, up = w.byte.shape[1], w.tables.shape[1], STREAM_BITS - ACT_BITS
    for n in range(rows.shape[0]):
        for k in range(first):
            v[n, k] = np.int32(w.byte[rows[n, 0], k]) << up
        for j in range(1, 5):
            row, at = w.starts[j] + rows[n, j], first + (j - 1) * dims
            for k in range(dims):
                v[n, at + k] = np.int32(w.tables[row, k]) << up


@numba.njit(cache=True, nogil=True)
def _norm(w: Weights, v: I32, u: I8) -> None:
    """Set u [N, H] to v [N, H] scaled to unit root mean square."""
    for n in range(v.shape[0]):
        total = np.int64(0)
        for k in range(v.shape[1]):
            total += np.int64(v[n, k]) * np.int64(v[n, k])
        low, high = 0, w.bounds.shape[0]
        while low < high:  # the number of bounds <= total
            middle = (low + high) >> 1
            if w.bounds[middle] <= total:
                low = middle + 1
            else:
                high = middle
        scale, shift = w.scale[low], w.shift[low]
        half = np.int32(1) << (shift - 1)
        for k in range(v.shape[1]):
            u[n, k] = min(max((v[n, k] * scale + half) >> shift, -127), 127)


@numba.njit(cache=True, nogil=True)
def _recur(acc: I32, offset: I32, shift: I32, h: I32, y: I8) -> None:
    """Move states h [L, E] on by T steps: gates acc [L, T, 3E] -> outputs y [L, T, E]."""
    states = h.shape[1]
    for n in range(acc.shape[0]):
        for t in range(acc.shape[1]):
            for e in range(states):
                a = min(max((acc[n, t, e] + offset[e]) >> shift[e], -GATE_MAX), GATE_MAX)
                r = GATE_MAX - abs(a)
                s = (r * r) >> 10
                i = s if a < 0 else ONE - s
                k = states + e
                z = min(max((acc[n, t, k] + offset[k]) >> shift[k], -CANDIDATE_MAX), CANDIDATE_MAX)
                k += states
                g = min(max((acc[n, t, k] + offset[k]) >> shift[k], -GATE_MAX), GATE_MAX)
                now = h[n, e] + (((z * (GATE_MAX - abs(z)) - h[n, e]) * i + (ONE >> 1)) >> 15)
                h[n, e] = now
                y[n, t, e] = min(max((now * g + (1 << 26)) >> 27, -127), 127)


@numba.njit(cache=True, nogil=True)
def _add(acc: I32, offset: I32, shift: I32, v: I32) -> None:
    """Add the layer's output acc [N, H] to the stream v [N, H]."""
    for n in range(acc.shape[0]):
        for k in range(acc.shape[1]):
            v[n, k] = min(max(v[n, k] + ((acc[n, k] + offset[k]) >> shift[k]), -STREAM_MAX), STREAM_MAX)


@numba.njit(cache=True, nogil=True)
def _finish(acc: I32, offset: I32, shift: I32, logits: I32) -> None:
    """Round the head's sums acc [N, 256] to logits."""
    for n in range(acc.shape[0]):
        for k in range(acc.shape[1]):
            logits[n, k] = (acc[n, k] + offset[k]) >> shift[k]


@numba.njit(cache=True, nogil=True)
def narrow_step(w: Weights, rows: I64, h: I32, logits: I32) -> None:
    """Take one step of a few lanes in one call, for use inside compiled loops.

    Args:
        w: the weights.
        rows: [L, 5] from `context_rows`.
        h: [layers, L, E] int32 states, moved on.
        logits: [L, 256] int32 out.
    """
    lanes, width, states = rows.shape[0], w.head.shape[1], h.shape[2]
    v, u = np.empty((lanes, width), np.int32), np.empty((lanes, width), np.int8)
    acc, y = np.empty((lanes, 1, 3 * states), np.int32), np.empty((lanes, 1, states), np.int8)
    out = np.empty((lanes, width), np.int32)
    _embed(w, rows, v)
    for k in range(h.shape[0]):
        _norm(w, v, u)
        for n in range(lanes):
            kernels.matvec(w.gates[k], u[n], acc[n, 0])
        _recur(acc, w.gate_offset[k], w.gate_shift[k], h[k], y)
        for n in range(lanes):
            kernels.matvec(w.out[k], y[n, 0], out[n])
        _add(out, w.out_offset[k], w.out_shift[k], v)
    _norm(w, v, u)
    for n in range(lanes):
        kernels.matvec(w.head, u[n], logits[n])
    _finish(logits, w.head_offset, w.head_shift, logits)


class Compiled:
    """The forward pass in compiled pieces around `exact.kernels`.

    Args:
        weights: the net.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.gates, self.out = (
            [kernels.pack(torch.from_numpy(x)) for x in w] for w in (weights.gates, weights.out)
        )
        self.head = kernels.pack(torch.from_numpy(weights.head))

    def __call__(self, rows: I64, h: I32) -> I32:
        """Return logits [L, T, 256] for rows [L, T, 5]; moves the states h [layers, L, E] on."""
        lanes, time = rows.shape[:2]
        if lanes <= NARROW and time == 1:
            logits = np.empty((lanes, SYMBOLS), np.int32)
            narrow_step(self.weights, rows[:, 0], h, logits)
            return logits[:, None]
        stride = max(1, ROWS // lanes)
        parts = [self._wide(rows[:, at : at + stride], h) for at in range(0, time, stride)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)

    def _wide(self, rows: I64, h: I32) -> I32:
        w, width, states = self.weights, self.weights.head.shape[1], h.shape[2]
        lanes, time = rows.shape[:2]
        rows = rows.reshape(lanes * time, 5)
        v, u = np.empty((len(rows), width), np.int32), np.empty((len(rows), width), np.int8)
        y = np.empty((lanes, time, states), np.int8)
        normed, outputs = torch.from_numpy(u), torch.from_numpy(y).view(len(rows), states)
        _embed(w, rows, v)
        for k in range(len(h)):
            _norm(w, v, u)
            acc = kernels.matmul(normed, self.gates[k]).numpy()
            _recur(acc.reshape(lanes, time, -1), w.gate_offset[k], w.gate_shift[k], h[k], y)
            _add(kernels.matmul(outputs, self.out[k]).numpy(), w.out_offset[k], w.out_shift[k], v)
        _norm(w, v, u)
        logits = kernels.matmul(normed, self.head).numpy()
        _finish(logits, w.head_offset, w.head_shift, logits)
        return logits.reshape(lanes, time, SYMBOLS)
