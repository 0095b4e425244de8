"""The predictors of one channel: least-squares windows, filters on what they leave, and their combination. BASE:

    long   48 own + 48 other taps, slow forgetting -> NLMS 256 -> NLMS 32 -> NLMS 16
    middle 16 own +  8 other taps                  -> NLMS  32 -> NLMS 16
    short  16 own +  4 other taps, fast forgetting -> NLMS  32
    brief  12 own +  4 other taps, 40 samples
    all of them -> least squares with one tap each

"Own" is the channel itself, "other" its partner, whose sample of the same moment is known when it goes first. A
channel alone uses its own past for the other taps. Measured on the development clips against one window of 24 + 8
taps with the same filters: 2 to 3 % fewer bits for speech, 1 to 2 % for music.

All samples are doubles that hold integers; arrays of the past run backwards in time, so that taps are slices.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts import audio_least_squares, nlms
from neuralzip.experts.audio_least_squares import U, inputs_at, learn_ls, predict_ls
from neuralzip.experts.nlms import Taps, learn_nlms, predict_nlms

Reals = npt.NDArray[np.float64]


class Preset(NamedTuple):
    """Which predictors a bank has. Stages are numbered: windows, then filters, then the combination of all.

    Attributes:
        windows: (own taps, other taps, forgetting, period) of each least-squares window.
        filters: (stage whose remainder it predicts, taps, step, ageing) of each NLMS filter.
        shown: PREDICTIONS stages that are shown to the coder.
    """

    windows: tuple[tuple[int, int, float, int], ...]
    filters: tuple[tuple[int, int, float, float], ...]
    shown: tuple[int, ...]


PREDICTIONS = 6
PAST = 96
"""Samples of the past that a bank reads."""
BASE = Preset(
    windows=((48, 48, 0.9985, 16), (16, 8, 0.995, 4), (16, 4, 0.99, 4), (12, 4, 0.975, 4)),
    filters=(
        (0, 256, 0.06, 0.1),
        (4, 32, 0.02, 0.0),
        (5, 16, 0.03, 0.0),
        (1, 32, 0.02, 0.0),
        (7, 16, 0.04, 0.0),
        (2, 32, 0.02, 0.0),
    ),
    shown=(6, 8, 9, 3, 0, 10),
)
RICH = Preset(
    windows=(*BASE.windows, (32, 16, 0.9995, 16)),
    filters=(
        (0, 1024, 0.02, 0.02),
        (5, 256, 0.06, 0.1),
        (6, 32, 0.02, 0.0),
        (7, 16, 0.03, 0.0),
        (1, 32, 0.02, 0.0),
        (9, 16, 0.04, 0.0),
        (2, 32, 0.02, 0.0),
        (4, 256, 0.02, 0.1),
        (12, 16, 0.03, 0.0),
    ),
    shown=(8, 10, 11, 3, 13, 14),
)
"""What the WaveNet judges: BASE with a longer filter, and a window and filters that forget slowly."""
RICH_STAGES = 15
FAST = Preset(
    windows=((16, 8, 0.998, 16),),
    filters=((0, 256, 0.06, 0.1), (1, 32, 0.02, 0.0), (2, 16, 0.03, 0.0)),
    shown=(0, 1, 1, 2, 3, 4),
)
_COMBINE = (0.998, 4, 0.01)
"""Forgetting, period and ridge of the combination."""


class Bank(NamedTuple):
    """Predictors of all channels of a group; make it with `new_bank`.

    Attributes:
        memory: [N] all their state.
        windows: [C, windows, 5] places of the least-squares predictors; the combination is the last one.
        filters: [C, filters, 2] places of the NLMS filters.
        taps: [windows, 2] own and other taps.
        parents: [filters] stage that each filter follows.
        shown: [PREDICTIONS] stages that are shown to the coder.
        stages: [windows + filters + 1] latest predictions, the combination last.
    """

    memory: Reals
    windows: npt.NDArray[np.uint64]
    filters: npt.NDArray[np.uint64]
    taps: npt.NDArray[np.uint64]
    parents: npt.NDArray[np.int64]
    shown: npt.NDArray[np.int64]
    stages: Reals


def new_bank(channels: int, preset: Preset) -> Bank:
    """Return the predictors of channels that have not begun."""
    stages = len(preset.windows) + len(preset.filters)
    sizes = [*(own + other for own, other, _, _ in preset.windows), stages]
    settings = [*((forget, period, 1e-5) for _, _, forget, period in preset.windows), _COMBINE]
    cursor = audio_least_squares.scratch_size(max(sizes))
    windows, filters = [], []
    for _ in range(channels):
        for size, (_, period, _) in zip(sizes, settings, strict=True):
            windows.append(audio_least_squares.place(cursor, size, period, 0))
            cursor += audio_least_squares.state_size(size)
        for _, taps, _, _ in preset.filters:
            filters.append(Taps(U(cursor), U(taps)))
            cursor += nlms.state_size(taps)
    memory = np.zeros(cursor)
    for i, window in enumerate(windows):
        audio_least_squares.start(memory, window, settings[i % len(sizes)][0], settings[i % len(sizes)][2])
    for i, taps_at in enumerate(filters):
        nlms.start(memory, taps_at, *preset.filters[i % len(preset.filters)][2:])
    return Bank(
        memory=memory,
        windows=np.array(windows, np.uint64).reshape(channels, len(sizes), 5),
        filters=np.array(filters, np.uint64).reshape(channels, len(preset.filters), 2),
        taps=np.array([window[:2] for window in preset.windows], np.uint64),
        parents=np.array([row[0] for row in preset.filters], np.int64),
        shown=np.array(preset.shown, np.int64),
        stages=np.zeros(stages + 1),
    )


@inner
def _window(bank: Bank, c: int, w: int) -> audio_least_squares.Place:
    row = bank.windows[c, w]
    return audio_least_squares.Place(row[0], row[1], row[2], row[3], row[4])


@inner
def _filter(bank: Bank, c: int, f: int) -> Taps:
    return Taps(bank.filters[c, f, 0], bank.filters[c, f, 1])


@inner
def predict_bank(bank: Bank, c: int, past: Reals, own: np.uint64, other: np.uint64, t: np.uint64) -> None:
    """Fill bank.stages with the predictions of sample t of channel c.

    Args:
        bank: the predictors.
        c: channel.
        past: samples of all channels, each backwards in time.
        own: place in `past` of the channel's latest sample; PAST are read from there.
        other: place of the partner's latest sample likewise; for a channel alone: `own`, and older taps of its own
            take the place of the partner's.
        t: number of the sample.
    """
    stages, memory = bank.stages, bank.memory
    windows, filters = len(bank.taps), len(bank.parents)
    for w in range(windows):
        where = _window(bank, c, w)
        first, inputs = bank.taps[w, 0], inputs_at(where)
        for k in range(first):
            memory[inputs + k] = past[own + k]
        second = other + (first if other == own else U(0))
        for k in range(bank.taps[w, 1]):
            memory[inputs + first + k] = past[second + k]
        stages[w] = predict_ls(memory, where)
    for f in range(filters):
        stages[windows + f] = stages[bank.parents[f]] + predict_nlms(memory, _filter(bank, c, f), t)
    where = _window(bank, c, windows)
    inputs = inputs_at(where)
    for s in range(windows + filters):
        memory[inputs + U(s)] = stages[s]
    stages[windows + filters] = predict_ls(memory, where)


@inner
def prediction(bank: Bank, k: int) -> float:
    """Return the one of PREDICTIONS that `predict_bank` found."""
    return bank.stages[bank.shown[k]]


@inner
def learn_bank(bank: Bank, c: int, value: float, t: np.uint64) -> None:
    """Take in sample t of channel c, which `predict_bank` has just predicted."""
    stages, memory = bank.stages, bank.memory
    windows, filters = len(bank.taps), len(bank.parents)
    learn_ls(memory, _window(bank, c, windows), value, stages[windows + filters], t)
    for f in range(filters):
        learn_nlms(memory, _filter(bank, c, f), value - stages[bank.parents[f]], t)
    for w in range(windows):
        learn_ls(memory, _window(bank, c, w), value, stages[w], t)
