"""The compiled integer step of `wavenet`, for calls inside the audio codec's loop.

Formats (sums int32; rounding is floor(x + 1/2), clamps are symmetric; A = int8 in 2**-5, G = int8 in 2**-7):

    stream = clamp(round(enter view))                                A
    a, b = round(gate [stream, stream of `dilation` samples ago])    2**-10, clamped to 2048 and 4096
    c = a * (4096 - |a|) >> 7;  r = 4096 - |b|;  s = r * r >> 10;  i = s if b < 0 else 2**15 - s        2**-15
    z = round(c * i / 2**23)                                         G
    stream = clamp(stream + round(residual z))                       A
    hidden = clamp(round(skip [all z]), 0, 127)                      A
    out = round(head hidden)                                         int16 in 2**-8

Streams of the past lie in rings, one for each layer: 2**l rows for a dilation of 2**l. Before a recording starts
all of them are zero. Four products of a 7-bit weight and an activation fit int16, so they are added there: vectors
hold twice as many. Unsigned indices into flat arrays let the loops vectorise.

F inputs, C channels of the net, L layers, S skip channels, K components, Q = 1 or 2 channels of sound.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact import logistic
from neuralzip.exact.compiled import inner
from neuralzip.experts.audio_opinion import INVERSES, MEANS, PLACE_BITS, WEIGHTS
from neuralzip.nets.wavenet_view import INPUTS

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
U = np.uint64

ACT_BITS, GATED_BITS, GATE_BITS, OUT_BITS = 5, 7, 10, 8
GATE_MAX, CANDIDATE_MAX = 4 << GATE_BITS, 2 << GATE_BITS
TOGETHER = 4
"""Inputs that are summed in int16; layers have a multiple of it."""
WIDEST = 6
"""Log2 of a component's width over the running scale is within plus and minus this."""
_WIDTH_STEPS = 16
_INVERSES = logistic.inverse_scales(2 * WIDEST * _WIDTH_STEPS + 1, _WIDTH_STEPS, WIDEST)
_MOST, _TOP = np.int32(127), np.int32((1 << 15) - 1)


class Shape(NamedTuple):
    """C, L, S and K of a net."""

    channels: int
    layers: int
    skip: int
    components: int

    def matrices(self) -> list[tuple[str, int, int]]:
        """Return (name, inputs, outputs) of all matrices in the order of `Net`."""
        c, s = self.channels, self.skip
        pairs = [
            row for i in range(self.layers)
            for row in ((f"layers.{i}.gate", 2 * c, 2 * c), (f"layers.{i}.residual", c, c))
        ]  # fmt: skip
        return [("enter", INPUTS, c), *pairs, ("skip", self.layers * c, s), ("head", s, 3 * self.components)]


class Net(NamedTuple):
    """A net; `wavenet_exact` makes it. Its matrices lie one after another, in the order of `Shape.matrices`.

    Attributes:
        sizes: [4] uint64: C, L, S, K.
        weights: int8, each matrix [inputs, outputs].
        offsets: int32, bias and rounding of each output.
        shifts: int32, of each output.
    """

    sizes: npt.NDArray[np.uint64]
    weights: I8
    offsets: I32
    shifts: I32


NO_NET = Net(np.zeros(4, np.uint64), np.zeros(0, np.int8), np.zeros(0, np.int32), np.zeros(0, np.int32))
"""What stands for a net where there is none: its mixtures have no components."""


class Memory(NamedTuple):
    """What a net keeps of a group of channels, and room to work in; make it with `new_memory`.

    Attributes:
        rings: [Q * (2**L - 1) * C] int8, streams of the past of each sound channel; layer l's ring starts at its
            row 2**l - 1.
        times: [Q] uint64, samples seen.
        cursor: [2] uint64, where the next matrix has its weights and its outputs.
        seen: [F] int8, the view; to be filled before `step`.
        taps: [2C] int8.
        gated: [L * C] int8.
        hidden: [S] int8.
        sums: int32, as long as the widest matrix.
        mixture: [3, K] int32, the net's answer (`experts.audio_opinion`).
    """

    rings: I8
    times: npt.NDArray[np.uint64]
    cursor: npt.NDArray[np.uint64]
    seen: I8
    taps: I8
    gated: I8
    hidden: I8
    sums: I32
    mixture: I32


def new_memory(net: Net, sounds: int) -> Memory:
    """Return the memory of a net before the first sample of Q channels."""
    channels, layers, skip, components = (int(size) for size in net.sizes)
    return Memory(
        rings=np.zeros(sounds * ((1 << layers) - 1) * channels, np.int8),
        times=np.zeros(sounds, np.uint64),
        cursor=np.zeros(2, np.uint64),
        seen=np.zeros(INPUTS, np.int8),
        taps=np.zeros(2 * channels, np.int8),
        gated=np.zeros(layers * channels, np.int8),
        hidden=np.zeros(skip, np.int8),
        sums=np.zeros(max(2 * channels, skip, 3 * components), np.int32),
        mixture=np.zeros((3, components), np.int32),
    )


@inner
def _multiply(net: Net, memory: Memory, x: I8, first: np.uint64, inputs: np.uint64, outputs: np.uint64) -> None:
    """Set memory.sums to the rounded product of the next matrix and x[first : first + inputs]."""
    weights, sums, at = net.weights, memory.sums, memory.cursor[0]
    for m in range(outputs):
        sums[m] = net.offsets[memory.cursor[1] + m]
    for k in range(first, first + inputs, U(TOGETHER)):
        x0, x1, x2, x3 = np.int16(x[k]), np.int16(x[k + U(1)]), np.int16(x[k + U(2)]), np.int16(x[k + U(3)])
        second, third, fourth = at + outputs, at + U(2) * outputs, at + U(3) * outputs
        for m in range(outputs):
            p = np.int16(np.int16(weights[at + m] * x0) + np.int16(weights[second + m] * x1))
            q = np.int16(np.int16(weights[third + m] * x2) + np.int16(weights[fourth + m] * x3))
            sums[m] += np.int32(np.int16(p + q))
        at += U(TOGETHER) * outputs
    for m in range(outputs):
        sums[m] >>= net.shifts[memory.cursor[1] + m]
    memory.cursor[0] = at
    memory.cursor[1] += outputs


@inner
def _gate(sums: I32, out: I8, first: np.uint64, channels: np.uint64) -> None:
    """Set out[first : first + channels] to the gated activations."""
    for k in range(channels):
        a = min(max(sums[k], np.int32(-CANDIDATE_MAX)), np.int32(CANDIDATE_MAX))
        b = min(max(sums[channels + k], np.int32(-GATE_MAX)), np.int32(GATE_MAX))
        c = np.int32(a * (np.int32(GATE_MAX) - abs(a))) >> np.int32(7)
        r = np.int32(GATE_MAX) - abs(b)
        s = np.int32(r * r) >> np.int32(10)
        i = s if b < 0 else np.int32(1 << 15) - s
        z = np.int32(np.int32(c * i) + np.int32(1 << 22)) >> np.int32(23)
        out[first + k] = min(max(z, -_MOST), _MOST)


@inner
def _layer(net: Net, memory: Memory, q: int, layer: np.uint64) -> None:
    """Move the stream, the first half of memory.taps, through a layer."""
    taps, sums, channels = memory.taps, memory.sums, net.sizes[0]
    dilation = U(1) << layer
    sound = U(q) * ((U(1) << net.sizes[1]) - U(1))
    row = (sound + dilation - U(1) + (memory.times[q] & (dilation - U(1)))) * channels
    for k in range(channels):
        taps[channels + k] = memory.rings[row + k]
        memory.rings[row + k] = taps[k]
    _multiply(net, memory, taps, U(0), U(2) * channels, U(2) * channels)
    _gate(sums, memory.gated, layer * channels, channels)
    _multiply(net, memory, memory.gated, layer * channels, channels, channels)
    for k in range(channels):
        taps[k] = min(max(np.int32(taps[k]) + sums[k], -_MOST), _MOST)


@inner
def step(net: Net, memory: Memory, q: int) -> None:
    """Set memory.mixture for the next sample of channel q of the sound, from memory.seen."""
    taps, sums = memory.taps, memory.sums
    channels, layers, skip, components = net.sizes[0], net.sizes[1], net.sizes[2], net.sizes[3]
    memory.cursor[0] = memory.cursor[1] = U(0)
    _multiply(net, memory, memory.seen, U(0), U(INPUTS), channels)
    for k in range(channels):
        taps[k] = min(max(sums[k], -_MOST), _MOST)
    for layer in range(layers):
        _layer(net, memory, q, layer)
    _multiply(net, memory, memory.gated, U(0), layers * channels, skip)
    for k in range(skip):
        memory.hidden[k] = min(max(sums[k], np.int32(0)), _MOST)
    _multiply(net, memory, memory.hidden, U(0), skip, U(3) * components)
    memory.times[q] += U(1)
    _to_mixture(sums, memory.mixture)


@inner
def _to_mixture(out: I32, mixture: I32) -> None:
    """Turn outputs [3K] (log2 weights, means, log2 widths; in 2**-OUT_BITS) into a mixture [3, K]."""
    count = mixture.shape[1]
    for k in range(3 * count):
        out[k] = min(max(out[k], -_TOP - np.int32(1)), _TOP)
    logistic.weigh(out, count, mixture[WEIGHTS])
    for k in range(count):
        mixture[MEANS, k] = out[count + k] << (PLACE_BITS - OUT_BITS)
        spread = min(max(out[2 * count + k], np.int32(-WIDEST << OUT_BITS)), np.int32(WIDEST << OUT_BITS))
        mixture[INVERSES, k] = _INVERSES[(spread + (WIDEST << OUT_BITS) + 8) >> 4]
