"""The compiled integer walk of `nets.pixelcnn`: inputs, net, mixtures, symbols and their coding, step after step.

Formats (sums int32; rounding is floor(x + 1/2); A = int8 in 2**-ACT_BITS, kept as unsigned bytes plus 128):

    s = clamp(round(E inputs))                            stream, A
    h = clamp(round(T taps of max(s, 0)), 0);  s = clamp(s + round(P h))          for every block
    out = clamp16(round(O h)),  h = clamp(round(H max(s, 0)), 0)                  2**-OUT_BITS local scales

The taps self, W, N, NW, NE of row y at step t are those of the steps and rows (t, y), (t-1, y), (t-2, y-1),
(t-3, y-1), (t-1, y-1): of each block four steps are kept, step t at t modulo 4. Rows that a step does not have
count as zeros. The products run in tiles (`exact.tiles`), some rows at a time so that all stays in the cache.

H rows, C channels, K components, R rows at a time, T slots; primes mean padded to whole tiles.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from neuralzip.exact import logistic, tiles
from neuralzip.exact.compiled import entry, inner
from neuralzip.experts import bits
from neuralzip.experts.bits import BitCoder
from neuralzip.experts.image_opinion import INVERSES, MEAN_BITS, MEANS, WEIGHTS
from neuralzip.nets import pixel_walk
from neuralzip.nets.pixel_front import LAG, PLANES, ZERO, Front, Group

OUT_BITS = 8
ALPHABET = 256
TAPS, KEPT = 5, 4
ROWS = 32
"""R."""
LOOK, NET, MIX, CODE, REVEAL = 1, 2, 4, 8, 16
"""What `walk_steps` does of each step."""
_WIDTH_STEPS, _NARROWEST, _WIDEST = 16, 6, 9
_MEAN_LIMIT = 1024 << MEAN_BITS
_INVERSES = logistic.inverse_scales((_NARROWEST + _WIDEST) * _WIDTH_STEPS + 1, _WIDTH_STEPS, _NARROWEST)
_TOP = 127

I8: TypeAlias = npt.NDArray[np.int8]
U8: TypeAlias = npt.NDArray[np.uint8]
I16: TypeAlias = npt.NDArray[np.int16]
I32: TypeAlias = npt.NDArray[np.int32]


class Layer(NamedTuple):
    """A linear layer, or the same one of all blocks.

    Attributes:
        weight: [G, K' / 4, 256] int8 tiles.
        offset: [M] int32, bias and rounding.
        shift: [M] int32, right shift to the format of the output.
    """

    weight: I8
    offset: I32
    shift: I32


class Weights(NamedTuple):
    """The integers of a net as the walk reads them.

    Attributes:
        enter: inputs to C.
        taps: TAPS * C to C; every array has a first axis, the block.
        point: C to C, likewise.
        head: C to the head's width.
        out: to PLANES * 3 * K.
        levels: [SCALES] int32, each scale in 2**-12 grey levels.
        octaves: [SCALES] int32, log2 of each scale in 2**-8.
    """

    enter: Layer
    taps: Layer
    point: Layer
    head: Layer
    out: Layer
    levels: I32
    octaves: I32


class Scratch(NamedTuple):
    """Room for R rows.

    Attributes:
        stream: [R, C] int32.
        taps: [R, (TAPS * C)'] uint8.
        hidden: [R, C'] uint8.
        last: [R, width of the head'] uint8.
        sums: [R, C''] int32.
        head_sums, out_sums: [R, ...''] int32.
        mixture: [3, K] int32.
    """

    stream: I32
    taps: U8
    hidden: U8
    last: U8
    sums: I32
    head_sums: I32
    out_sums: I32
    mixture: I32


class State(NamedTuple):
    """One picture on its way through the net.

    Attributes:
        front: what is known of the picture.
        group: what was seen of the steps in work.
        maps: [blocks, KEPT, H + 2, C] uint8, inputs of the blocks; row y at y + 1.
        scratch: scratch space.
        out: [T, H, PLANES, 3, K] int16, log2 weights, means and log2 widths in 2**-OUT_BITS local scales.
        told: [PLANES, T, H, 3, K] int32, mixtures in the units of `exact.logistic`, by the places of
            `experts.image_opinion`; step t at slot t modulo T here and in `out`.
    """

    front: Front
    group: Group
    maps: U8
    scratch: Scratch
    out: I16
    told: I32


def _inputs(weight: I8, count: int = ROWS) -> U8:
    return np.full((count, weight.shape[-2] * tiles.INPUTS), tiles.ZERO, np.uint8)


def _sums(weight: I8) -> I32:
    return np.zeros((ROWS, weight.shape[-3] * tiles.OUTPUTS), np.int32)


def new_state(w: Weights, front: Front, group: Group) -> State:
    """Return the state before the first step."""
    slots, height = group.inputs.shape[:2]
    blocks, channels = w.taps.shift.shape
    components = w.out.shift.shape[0] // (3 * PLANES)
    scratch = Scratch(
        stream=np.zeros((ROWS, channels), np.int32),
        taps=_inputs(w.taps.weight),
        hidden=_inputs(w.point.weight),
        last=_inputs(w.out.weight),
        sums=_sums(w.enter.weight),
        head_sums=_sums(w.head.weight),
        out_sums=_sums(w.out.weight),
        mixture=np.zeros((3, components), np.int32),
    )
    return State(
        front,
        group,
        np.full((blocks, KEPT, height + 2, channels), ZERO, np.uint8),
        scratch,
        np.zeros((slots, height, PLANES, 3, components), np.int16),
        np.zeros((PLANES, slots, height, 3, components), np.int32),
    )


@inner
def _rectified(sums: I32, offset: I32, shift: I32, out: U8) -> None:
    """Set out [R, M'] to clamp(round(sums), 0)."""
    for n in range(out.shape[0]):
        for k in range(offset.shape[0]):
            out[n, k] = np.uint8(ZERO + min(max((sums[n, k] + offset[k]) >> shift[k], 0), _TOP))


@inner
def _add(sums: I32, offset: I32, shift: I32, stream: I32) -> None:
    """Add round(sums) to the stream [R, C]."""
    for n in range(stream.shape[0]):
        for k in range(offset.shape[0]):
            stream[n, k] = min(max(stream[n, k] + ((sums[n, k] + offset[k]) >> shift[k]), -_TOP), _TOP)


@inner
def _keep(stream: I32, out: U8) -> None:
    """Set out [R, C] to max(stream, 0)."""
    for n in range(stream.shape[0]):
        for k in range(stream.shape[1]):
            out[n, k] = np.uint8(ZERO + max(stream[n, k], 0))


@inner
def _see(seen: U8, step: int, first: int, taps: U8) -> None:
    """Gather the taps [R, TAPS C] of rows first .. of a step from a block's maps [KEPT, H + 2, C]."""
    now, w, n, nw = step & 3, (step - 1) & 3, (step - 2) & 3, (step - 3) & 3
    channels = seen.shape[2]
    for m in range(taps.shape[0]):
        at = first + m + 1
        for k in range(channels):
            taps[m, k] = seen[now, at, k]
        for k in range(channels):
            taps[m, channels + k] = seen[w, at, k]
        for k in range(channels):
            taps[m, 2 * channels + k] = seen[n, at - 1, k]
        for k in range(channels):
            taps[m, 3 * channels + k] = seen[nw, at - 1, k]
        for k in range(channels):
            taps[m, 4 * channels + k] = seen[w, at - 1, k]


@inner
def _frame(maps: U8, step: int, first: int, count: int) -> None:
    """Zero the rows before and after those of a step."""
    slot = step & 3
    for block in range(maps.shape[0]):
        for k in range(maps.shape[3]):
            maps[block, slot, first, k] = ZERO
            maps[block, slot, first + count + 1, k] = ZERO


@inner
def _forward(w: Weights, s: State, step: int, first: int, count: int) -> None:
    """Evaluate rows first .. first + count - 1 <= R of a step: inputs -> out."""
    r, slot = s.scratch, step % s.out.shape[0]
    stream, sums, hidden = r.stream[:count], r.sums[:count], r.hidden[:count]
    taps, last = r.taps[:count], r.last[:count]
    for n in range(count):
        for k in range(stream.shape[1]):
            stream[n, k] = 0
    tiles.products(w.enter.weight, s.group.inputs[slot, first : first + count], sums)
    _add(sums, w.enter.offset, w.enter.shift, stream)
    for block in range(s.maps.shape[0]):
        _keep(stream, s.maps[block, step & 3, first + 1 : first + 1 + count])
        _see(s.maps[block], step, first, taps)
        tiles.products(w.taps.weight[block], taps, sums)
        _rectified(sums, w.taps.offset[block], w.taps.shift[block], hidden)
        tiles.products(w.point.weight[block], hidden, sums)
        _add(sums, w.point.offset[block], w.point.shift[block], stream)
    _keep(stream, hidden)
    tiles.products(w.head.weight, hidden, r.head_sums[:count])
    _rectified(r.head_sums, w.head.offset, w.head.shift, last)
    tiles.products(w.out.weight, last, r.out_sums[:count])
    for n in range(count):
        out = s.out[slot, first + n].reshape(-1)
        for k in range(out.shape[0]):
            value = (r.out_sums[n, k] + w.out.offset[k]) >> w.out.shift[k]
            out[k] = min(max(value, -(1 << 15)), (1 << 15) - 1)


@inner
def _mix(w: Weights, out: I16, base: int, scale: int, mixture: I32) -> None:
    """Turn the net's output [3, K] on a sample into a mixture [3, K]."""
    logistic.weigh(out[0], out.shape[1], mixture[WEIGHTS])
    centre, level, octave = np.int64(base) << (MEAN_BITS - 3), np.int64(w.levels[scale]), w.octaves[scale]
    for k in range(out.shape[1]):
        mean = centre + ((out[1, k] * level + 2048) >> 12)
        mixture[MEANS, k] = min(max(mean, -_MEAN_LIMIT), _MEAN_LIMIT)
        spread = min(max(np.int64(out[2, k]), -8 << OUT_BITS), 8 << OUT_BITS)
        place = (spread + octave + (_NARROWEST << OUT_BITS) + 8) >> 4
        mixture[INVERSES, k] = _INVERSES[min(max(place, 0), len(_INVERSES) - 1)]


@inner
def _mix_step(w: Weights, s: State, step: int, first: int, count: int) -> None:
    """Set the mixtures of a step's samples."""
    slot = step % s.out.shape[0]
    for y in range(first, first + count):
        for plane in range(PLANES):
            scale = s.group.scale[slot, y, plane]
            if scale >= 0:
                _mix(w, s.out[slot, y, plane], s.group.base[slot, y, plane], scale, s.told[plane, slot, y])


@inner
def _stretch(mixture: I32, fine: int, out: I32) -> None:
    """Set a mixture [3, K] of symbols 2**-fine as wide; a level takes 2**fine of them."""
    for k in range(mixture.shape[1]):
        out[MEANS, k] = (np.int64(mixture[MEANS, k]) << fine) + (((np.int64(1) << fine) - 1) << (MEAN_BITS - 1))
        out[INVERSES, k] = max(mixture[INVERSES, k] >> fine, 1)
        out[WEIGHTS, k] = mixture[WEIGHTS, k]


@inner
def _code(coder: BitCoder, symbol: int, mixture: I32, fine: int) -> int:
    """Code a sample below ALPHABET << fine; return it."""
    means, inverses, weights, alphabet = mixture[MEANS], mixture[INVERSES], mixture[WEIGHTS], ALPHABET << fine
    if coder.decoding:
        symbol, start, freq = logistic.find(bits.peek(coder), means, inverses, weights, MEAN_BITS, alphabet)
        bits.drop(coder, start, freq)
        return symbol
    start = logistic.start_of(symbol, means, inverses, weights, MEAN_BITS, alphabet)
    bits.put(coder, start, logistic.start_of(symbol + 1, means, inverses, weights, MEAN_BITS, alphabet) - start)
    return symbol


@inner
def _code_step(s: State, coder: BitCoder, step: int, first: int, count: int, planes: I32, fine: int) -> None:
    """Code the samples of a step, or fill them in."""
    slot, mixture = step % s.out.shape[0], s.scratch.mixture
    for y in range(first, first + count):
        for plane in range(planes.shape[0]):
            if s.group.scale[slot, y, plane] >= 0:
                x = step - 2 * y - LAG * plane
                _stretch(s.told[plane, slot, y], fine, mixture)
                planes[plane, y, x] = _code(coder, planes[plane, y, x], mixture, fine)


@entry
def walk_steps(
    w: Weights, s: State, coder: BitCoder, planes: I32, fine: int, first: int, stop: int, what: int
) -> None:
    """Walk steps first .. stop - 1.

    Args:
        w: the net.
        s: moved on.
        coder: for CODE.
        planes: [1 or PLANES, H, W] samples below ALPHABET << fine; filled in where the coder decodes.
        fine: bits beyond the upper eight, which the net does not see.
        first: the first step; each thing has to be done for all steps in order.
        stop: the end; at most T steps may lie between one thing and another.
        what: sum of what is to be done: LOOK (inputs), NET, MIX, CODE, REVEAL (samples to the front).
    """
    for t in range(first, stop):
        top, count = pixel_walk.rows(s.front.shape[0], s.front.shape[1], t)
        if what & LOOK:
            pixel_walk.predict(s.front, s.group, t, top, count)
        if what & NET:
            _frame(s.maps, t, top, count)
            for y in range(top, top + count, ROWS):
                _forward(w, s, t, y, min(ROWS, top + count - y))
        if what & MIX:
            _mix_step(w, s, t, top, count)
        if what & CODE:
            _code_step(s, coder, t, top, count, planes, fine)
        if what & REVEAL:
            pixel_walk.reveal(s.front, s.group, t, top, count, planes, fine)
