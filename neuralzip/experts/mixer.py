"""Gated logistic mixing: many opinions on one bit become one probability.

Layer one has several sets of weight rows; for each bit every set selects one row by a small context of its own,
and gives squash(sum w * x). Layer two mixes the sets' logits, again with a selected row. All rows in use learn
online by the gradient of the code length: w += rate * error * x.

Formats: inputs x are int32 logits (1/256 nat, within ST_MAX), weights int32 in 2**-16 within [-8, 8), so that a
product stays inside 32 bits and the loops vectorise. A learning rate is an int in 2**-12.

S sets, R rows in all sets together, N inputs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner, merged
from neuralzip.experts.logistic import P_ONE, clamp_st, squash

Ints = npt.NDArray[np.int32]

W_ONE = 1 << 16
W_MAX = 8 * W_ONE - 1


class Mixer(NamedTuple):
    """Weights and what one bit's mixing leaves for its learning.

    Attributes:
        weights: [R, N] int32, rows of all sets one after another.
        final: [F, S] int32, rows of layer two.
        offsets: [S] int32, first row of each set.
        rows: [S + 1] int32, rows selected for this bit, the last one in `final`.
        inputs: [N] int32, to be filled before `mix`.
        logits: [S] int32, the sets' opinions.
        rates: [2] int32, learning rates of the two layers.
    """

    weights: Ints
    final: Ints
    offsets: Ints
    rows: Ints
    inputs: Ints
    logits: Ints
    rates: Ints


def new_mixer(
    inputs: int, sizes: tuple[int, ...], final_size: int, weight: float, rate: float, final_rate: float = 0.002
) -> Mixer:
    """Return a mixer with every weight of layer one at `weight` and layer two averaging.

    Args:
        inputs: N, at most 512.
        sizes: rows of each set.
        final_size: rows of layer two.
        weight: start of each weight, rounded to 2**-16.
        rate: learning rate of layer one, rounded to 2**-12; useful values are 0.001 .. 0.02.
        final_rate: the same for layer two.
    """
    offsets = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
    sets = len(sizes)
    return Mixer(
        weights=np.full((sum(sizes), inputs), round(weight * W_ONE), np.int32),
        final=np.full((final_size, sets), W_ONE // sets, np.int32),
        offsets=offsets,
        rows=np.zeros(sets + 1, np.int32),
        inputs=np.zeros(inputs, np.int32),
        logits=np.zeros(sets, np.int32),
        rates=np.array([round(rate * 4096), round(final_rate * 4096)], np.int32),
    )


@inner
def select(mixer: Mixer, which: int, context: int) -> None:
    """Let set `which` use the row of a context, 0 <= context < its size."""
    mixer.rows[which] = mixer.offsets[which] + context


@inner
def select_final(mixer: Mixer, context: int) -> None:
    """Let layer two use the row of a context."""
    mixer.rows[len(mixer.logits)] = context


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


@merged
def mix(mixer: Mixer) -> int:
    """Return the mixed logit of the inputs under the selected rows."""
    sets = len(mixer.logits)
    for s in range(sets):
        mixer.logits[s] = _dot(mixer.weights[mixer.rows[s]], mixer.inputs)
    return _dot(mixer.final[mixer.rows[sets]], mixer.logits)


@merged
def learn(mixer: Mixer, bit: int, mixed: int) -> None:
    """Move the selected rows towards the bit; `mixed` is what `mix` returned."""
    sets = len(mixer.logits)
    target = np.int64(bit) * (P_ONE - 1)
    error = ((target - squash(mixed)) * mixer.rates[1]) >> 6
    _learn(mixer.final[mixer.rows[sets]], mixer.logits, error)
    for s in range(sets):
        error = ((target - squash(mixer.logits[s])) * mixer.rates[0]) >> 6
        _learn(mixer.weights[mixer.rows[s]], mixer.inputs, error)
