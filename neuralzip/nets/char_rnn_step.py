"""The compiled integer step of `char_rnn`: embeddings, normalisation, recurrence, residual, logits.

Formats (int32 or wider while computed; rounding is floor(x + 1/2), clamps are symmetric; A = int8 in 2**-5):

    v = embeddings << 3                                              stream, 2**-8, 18 bits
    u = clamp(round(v * scale / 2**shift))                           A; scale and shift by the sum of squares of v
    a, z, g = round(U u) clamped to 4096, 2048, 4096                 gates, 2**-10
    t = 4096 - |a|;  s = t * t >> 10;  i = s if a < 0 else 2**15 - s        2**-15
    c = z * (4096 - |z|);  h = h + round(i (c - h) / 2**15)          2**-22
    y = clamp(round(h g / 2**27));  v = clamp(v + round(W y))        A, stream
    logits = round(V u)                                              2**-LOGIT_BITS nats

The products run in tiles (`exact.tiles`), a few positions at a time so that the sums stay in the cache: the same
code takes one step of some lanes inside a decoding loop and many steps of known bytes.

L lanes, T time, H stream width, E state width, N = L * T; primes mean padded to whole tiles.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from neuralzip.exact import tiles
from neuralzip.exact.compiled import entry, inner
from neuralzip.exact.team import Team, meet, share
from neuralzip.nets.char_rnn_view import ACT_BITS, GATE_BITS, STREAM_BITS, SYMBOLS, context_rows

LOGIT_BITS = 8
STATE_BITS = 22
ONE = 1 << 15
GATE_MAX, CANDIDATE_MAX = 4 << GATE_BITS, 2 << GATE_BITS
STREAM_MAX = (1 << 17) - 1
POSITIONS = 64
"""So many positions go through the net at once, or one of every lane where there are more lanes."""

I8: TypeAlias = npt.NDArray[np.int8]
U8: TypeAlias = npt.NDArray[np.uint8]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]


class Weights(NamedTuple):
    """The integers of a net, as contiguous host arrays; `in_tiles` gives them as the compiled form reads them.

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


def in_tiles(w: Weights) -> Weights:
    """Return the weights with matrices [..., M, K] as tiles [..., G, K' / 4, 256] and offsets to match."""
    gates, out = (np.stack([tiles.tiled(layer) for layer in weight]) for weight in (w.gates, w.out))
    return w._replace(
        gates=gates,
        gate_offset=w.gate_offset + tiles.bias(w.gates),
        out=out,
        out_offset=w.out_offset + tiles.bias(w.out),
        head=tiles.tiled(w.head),
        head_offset=w.head_offset + tiles.bias(w.head),
    )


class Scratch(NamedTuple):
    """Room for N positions at once.

    Attributes:
        rows: [N, 5] int64 embedding rows.
        v: [N, H] int32 stream.
        u: [N, H'] uint8 normalised stream, as tiles take it.
        sums: [N, 3E'] int32 gates.
        y: [N, E'] uint8 outputs, as tiles take them.
        out: [N, H''] int32, what a layer adds to the stream.
        logits: [N, 256] int32.
    """

    rows: I64
    v: I32
    u: U8
    sums: I32
    y: U8
    out: I32
    logits: I32


class Lanes(NamedTuple):
    """Where L lanes of a net stand.

    Attributes:
        history: [L, 2] uint32, see `context_rows`.
        hash_rows: [4] int64, log2 of the rows of the hashed embeddings.
        h: [layers, L, E] int32 states.
        scratch: room for one position of every lane, or for POSITIONS.
    """

    history: npt.NDArray[np.uint32]
    hash_rows: I64
    h: I32
    scratch: Scratch


def _scratch(w: Weights, count: int, width: int) -> Scratch:
    """Return room for `count` positions of a net in tiles with a stream of some width."""
    inputs, outputs = (w.gates.shape[2] * tiles.INPUTS, w.out.shape[2] * tiles.INPUTS)
    return Scratch(
        rows=np.zeros((count, 5), np.int64),
        v=np.zeros((count, width), np.int32),
        u=np.full((count, inputs), tiles.ZERO, np.uint8),
        sums=np.zeros((count, w.gates.shape[1] * tiles.OUTPUTS), np.int32),
        y=np.full((count, outputs), tiles.ZERO, np.uint8),
        out=np.zeros((count, w.out.shape[1] * tiles.OUTPUTS), np.int32),
        logits=np.zeros((count, SYMBOLS), np.int32),
    )


def new_lanes(w: Weights, hash_rows: I64, h: I32) -> Lanes:
    """Return lanes of a net in tiles that have read nothing and start from states h [layers, L, E]."""
    lanes = h.shape[1]
    scratch = _scratch(w, max(lanes, POSITIONS), w.out_shift.shape[1])
    return Lanes(np.zeros((lanes, 2), np.uint32), hash_rows, h, scratch)


@inner
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


@inner
def _norm(w: Weights, v: I32, u: U8) -> None:
    """Set u [N, H'] to v [N, H] scaled to unit root mean square."""
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
            u[n, k] = np.uint8(128 + min(max((v[n, k] * scale + half) >> shift, -127), 127))


@inner
def _gate(gates: I8, u: U8, sums: I32, states: int, team: Team) -> None:
    """Set the member's share of the gates' sums [N, 3E'] from the stream u [N, H']."""
    if team.members == 1:
        tiles.products(gates, u, sums)
        return
    groups = states // tiles.OUTPUTS
    first, end = share(team, groups)
    for third in range(3):
        tiles.some_products(gates, u, sums, third * groups + first, third * groups + end)


@inner
def _range(team: Team, count: int) -> tuple[int, int]:
    """Return (first, end) of the member's share of channels, whole groups of a tile's outputs."""
    first, end = share(team, -(-count // tiles.OUTPUTS))
    return first * tiles.OUTPUTS, min(end * tiles.OUTPUTS, count)


@inner
def _recur(sums: I32, offset: I32, shift: I32, h: I32, y: U8, first: int, end: int) -> None:
    """Move states first .. end - 1 of h [L, E] on by T steps: gates sums [N, 3E'] -> outputs y [N, E'].

    Indices are unsigned: those that cannot be negative need no look, and the loop runs in vector lanes.
    """
    lanes, states = h.shape[0], np.uint64(h.shape[1])
    time = sums.shape[0] // lanes
    for lane in range(lanes):
        for n in range(lane * time, (lane + 1) * time):
            for e in range(np.uint64(first), np.uint64(end)):
                a = min(max((sums[n, e] + offset[e]) >> shift[e], -GATE_MAX), GATE_MAX)
                r = GATE_MAX - abs(a)
                s = (r * r) >> 10
                i = s if a < 0 else ONE - s
                k = states + e
                z = min(max((sums[n, k] + offset[k]) >> shift[k], -CANDIDATE_MAX), CANDIDATE_MAX)
                k += states
                g = min(max((sums[n, k] + offset[k]) >> shift[k], -GATE_MAX), GATE_MAX)
                now = h[lane, e] + (((z * (GATE_MAX - abs(z)) - h[lane, e]) * i + (ONE >> 1)) >> 15)
                h[lane, e] = now
                y[n, e] = np.uint8(128 + min(max((now * g + (1 << 26)) >> 27, -127), 127))


@inner
def _add(out: I32, offset: I32, shift: I32, v: I32, first: int, end: int) -> None:
    """Add channels first .. end - 1 of the layer's output [N, H''] to the stream v [N, H]."""
    for n in range(v.shape[0]):
        for k in range(np.uint64(first), np.uint64(end)):
            v[n, k] = min(max(v[n, k] + ((out[n, k] + offset[k]) >> shift[k]), -STREAM_MAX), STREAM_MAX)


@inner
def _finish(logits: I32, offset: I32, shift: I32, first: int, end: int) -> None:
    """Round logits first .. end - 1 of sums [N, 256] in place."""
    for n in range(logits.shape[0]):
        for k in range(np.uint64(first), np.uint64(end)):
            logits[n, k] = (logits[n, k] + offset[k]) >> shift[k]


@inner
def _forward(w: Weights, scratch: Scratch, count: int, h: I32, team: Team) -> None:
    """Run the net over `count` = L * T positions, lane by lane: scratch rows -> scratch logits; moves h on."""
    v, u, sums = scratch.v[:count], scratch.u[:count], scratch.sums[:count]
    y, out, logits = scratch.y[:count], scratch.out[:count], scratch.logits[:count]
    if team.me == 0:
        _embed(w, scratch.rows[:count], v)
    meet(team)
    for k in range(h.shape[0]):
        _norm(w, v, u)
        _gate(w.gates[k], u, sums, h.shape[2], team)
        first, end = _range(team, h.shape[2])
        _recur(sums, w.gate_offset[k], w.gate_shift[k], h[k], y, first, end)
        meet(team)
        first, end = share(team, w.out.shape[1])
        tiles.some_products(w.out[k], y, out, first, end)
        first, end = _range(team, v.shape[1])
        _add(out, w.out_offset[k], w.out_shift[k], v, first, end)
        meet(team)
    _norm(w, v, u)
    first, end = share(team, w.head.shape[0])
    tiles.some_products(w.head, u, logits, first, end)
    first, end = _range(team, SYMBOLS)
    _finish(logits, w.head_offset, w.head_shift, first, end)
    meet(team)


@entry
def read(w: Weights, lanes: Lanes, symbols: U8, logits: I32, team: Team) -> None:
    """Read bytes of every lane and predict what follows each.

    Args:
        w: weights in tiles.
        lanes: moved on.
        symbols: [L, T].
        logits: [L, T, 256] int32 out, in 2**-LOGIT_BITS nats.
        team: alone, or the first of two while the other runs `assist`; then T is 1.
    """
    count, time = symbols.shape
    stride = max(lanes.scratch.rows.shape[0] // count, 1)
    for at in range(0, time, stride):
        steps = min(stride, time - at)
        rows = lanes.scratch.rows[: count * steps].reshape(count, steps, 5)
        context_rows(symbols[:, at : at + steps], lanes.history, lanes.hash_rows, rows)
        _forward(w, lanes.scratch, count * steps, lanes.h, team)
        for n in range(count * steps):
            for k in range(SYMBOLS):
                logits[n // steps, at + n % steps, k] = lanes.scratch.logits[n, k]


@entry
def assist(w: Weights, lanes: Lanes, steps: int, team: Team) -> None:
    """Be the second of a team for so many steps of every lane.

    Args:
        w: weights in tiles.
        lanes: as `with_own_stream` gives them.
        steps: calls of `read` that the first member makes.
        team: the second member's view.
    """
    for _ in range(steps):
        _forward(w, lanes.scratch, lanes.h.shape[1], lanes.h, team)


def is_shareable(w: Weights) -> bool:
    """Tell whether a team can share a net in tiles: its states come in whole tiles, at least two of them."""
    states = w.gate_shift.shape[1] // 3
    return states % tiles.OUTPUTS == 0 and states >= 2 * tiles.OUTPUTS


def with_own_stream(lanes: Lanes) -> Lanes:
    """Return lanes for a second member: the same but for the room in which it normalises the stream."""
    return lanes._replace(scratch=lanes.scratch._replace(u=lanes.scratch.u.copy()))
