"""Gated logistic mixing: many opinions on one bit become one probability.

Layer one has several sets of weight rows; for each bit every set selects one row by a small context of its own,
and gives squash(sum w * x). Layer two mixes the sets' logits, again with selected rows of one or more sets, whose
mean is the result. All rows in use learn online by the gradient of their own code length: w += rate * error * x,
at a rate that falls with the row's uses: a row that was selected u times learns at rate * (1 + h / (1 + u / 256)).

Formats: inputs x are int32 logits (1/256 nat, within ST_MAX), weights int32 in 2**-16 within [-8, 8), so that a
product stays inside 32 bits and the loops vectorise. A learning rate is an int in 2**-20, in the
end a multiple of 2**-12.

S sets with R rows together and N inputs; in layer two T sets with F rows together and S inputs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner, merged
from neuralzip.experts.logistic import P_ONE, clamp_st, squash

Ints = npt.NDArray[np.int32]

W_ONE = 1 << 16
W_MAX = 8 * W_ONE - 1
HASTE_USES = 256
"""Uses of a row after which half its haste is gone."""
USES_LIMIT = 4095
_USES_SHIFT = 4


class Mixer(NamedTuple):
    """Weights and what one bit's mixing leaves for its learning.

    Attributes:
        weights: [R, N] int32, rows of all sets one after another.
        final: [F, S] int32, the same of layer two.
        offsets: [S + T] int32, first row of each set, in `weights` and then in `final`.
        rows: [S + T] int32, rows selected for this bit.
        inputs: [N] int32, to be filled before `mix`.
        logits: [S] int32, the opinions of the sets of layer one.
        mixed: [T] int32, those of layer two.
        rates: [2, 256] int32, learning rates of the two layers, by uses of the row >> 4.
        uses: [R + F] int32, how often each row was selected, at most USES_LIMIT.
    """

    weights: Ints
    final: Ints
    offsets: Ints
    rows: Ints
    inputs: Ints
    logits: Ints
    mixed: Ints
    rates: Ints
    uses: Ints


def new_mixer(
    inputs: int,
    sizes: tuple[int, ...],
    final_sizes: tuple[int, ...],
    weight: float,
    rate: float,
    final_rate: float = 0.002,
    haste: tuple[int, int] = (0, 0),
) -> Mixer:
    """Return a mixer with every weight of layer one at `weight` and layer two averaging.

    Args:
        inputs: N, at most 512.
        sizes: rows of each set.
        final_sizes: the same of layer two.
        weight: start of each weight, rounded to 2**-16.
        rate: learning rate of layer one, rounded to 2**-12; useful values are 0.001 .. 0.02.
        final_rate: the same for layer two.
        haste: by how many times its rate a row of each layer learns faster at first; rate * (1 + haste) is at
            most 0.16, so that a step stays inside 32 bits.
    """
    sets = len(sizes)
    return Mixer(
        weights=np.full((sum(sizes), inputs), round(weight * W_ONE), np.int32),
        final=np.full((sum(final_sizes), sets), W_ONE // sets, np.int32),
        offsets=np.array([*_starts(sizes), *_starts(final_sizes)], np.int32),
        rows=np.zeros(sets + len(final_sizes), np.int32),
        inputs=np.zeros(inputs, np.int32),
        logits=np.zeros(sets, np.int32),
        mixed=np.zeros(len(final_sizes), np.int32),
        rates=np.stack([falling(rate, haste[0]), falling(final_rate, haste[1])]),
        uses=np.zeros(sum(sizes) + sum(final_sizes), np.int32),
    )


def falling(rate: float, haste: int) -> Ints:
    """Return a layer's learning rates by uses >> 4."""
    uses = np.arange((USES_LIMIT >> _USES_SHIFT) + 1, dtype=np.int64) << _USES_SHIFT
    end = round(rate * 4096) << 8
    return (end + end * haste * HASTE_USES // (HASTE_USES + uses)).astype(np.int32)


def _starts(sizes: tuple[int, ...]) -> list[int]:
    return [sum(sizes[:which]) for which in range(len(sizes))]


@inner
def select(mixer: Mixer, which: int, context: int) -> None:
    """Let set `which` use the row of a context, 0 <= context < its size."""
    mixer.rows[which] = mixer.offsets[which] + context


@inner
def select_final(mixer: Mixer, which: int, context: int) -> None:
    """Let set `which` of layer two use the row of a context, 0 <= context < its size."""
    select(mixer, len(mixer.logits) + which, context)


@inner
def _dot(weights: Ints, inputs: Ints) -> int:
    """Return sum(w * x) in logit units, clamped; exact in 32 bits for N <= 512."""
    total = np.int32(0)
    for i in range(len(inputs)):
        total = np.int32(total + np.int32(np.int32(weights[i] * inputs[i]) >> np.int32(10)))
    return clamp_st((np.int64(total) + 32) >> 6)


@inner
def _learn(weights: Ints, inputs: Ints, error: int) -> None:
    """Move weights by inputs * error * 2**-14, rounded; `error` is scaled by the learning rate already."""
    step = np.int32(error)
    for i in range(len(inputs)):
        moved = np.int32(
            weights[i] + np.int32(np.int32(np.int32(inputs[i] * step) + np.int32(8192)) >> np.int32(14))
        )
        weights[i] = min(max(moved, np.int32(-W_MAX)), np.int32(W_MAX))


@inner
def _rate(mixer: Mixer, layer: int, row: int) -> int:
    """Return a layer's learning rate for a row of `uses`, and count the use."""
    uses = mixer.uses[row]
    mixer.uses[row] = min(uses + 1, USES_LIMIT)
    return int(mixer.rates[layer, uses >> _USES_SHIFT])


@merged
def mix(mixer: Mixer) -> int:
    """Return the mixed logit of the inputs under the selected rows: the mean, rounded down, of layer two."""
    sets = len(mixer.logits)
    for s in range(sets):
        mixer.logits[s] = _dot(mixer.weights[mixer.rows[s]], mixer.inputs)
    total = np.int64(0)
    for t in range(len(mixer.mixed)):
        mixer.mixed[t] = _dot(mixer.final[mixer.rows[sets + t]], mixer.logits)
        total += mixer.mixed[t]
    return int(total // len(mixer.mixed))


@merged
def learn(mixer: Mixer, bit: int) -> None:
    """Move the rows that `mix` used towards the bit."""
    sets = len(mixer.logits)
    target = np.int64(bit) * (P_ONE - 1)
    for t in range(len(mixer.mixed)):
        row = mixer.rows[sets + t]
        error = ((target - squash(mixer.mixed[t])) * _rate(mixer, 1, len(mixer.weights) + row)) >> 14
        _learn(mixer.final[row], mixer.logits, error)
    for s in range(sets):
        row = mixer.rows[s]
        error = ((target - squash(mixer.logits[s])) * _rate(mixer, 0, row)) >> 14
        _learn(mixer.weights[row], mixer.inputs, error)
