"""What the image model knows while it walks a picture: samples, errors, counters and mixers.

All planes lie padded one after another, one geometry for all, that of least_squares.Bank.

    P planes, N samples of a padded plane, C centres (predictions that the residual is looked at from),
    D direct and H hashed contexts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts import apm, counters
from neuralzip.experts.image_cues import Cues, new_cues
from neuralzip.experts.image_sparse_squares import Squares, new_squares
from neuralzip.experts.least_squares import PAD
from neuralzip.experts.mixer import Mixer, new_mixer

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]

DIRECT = 11
DIRECT_SIZE = 1 << 12
HASHED = 27
DERIVED = 3
"""Centres beside the learners': their blend, and the blend with two learned corrections."""
NODES = 24
"""Kinds of decisions that mixers tell apart."""
ENERGIES = 16
BIASES = 1 << 11
SELECTORS = (NODES * ENERGIES, NODES * 16, NODES * 64, NODES * 64, NODES * 64)
FINALS = (NODES * ENERGIES, NODES * 64, NODES * 64)
"""Rows of a plane in each set of weights, of the mixer's first layer and its last; there photos have one set."""
_GRAPHICS_RATES: tuple[float, float, tuple[int, int]] = (0.008, 0.002, (0, 0))
_PHOTO_RATES: tuple[float, float, tuple[int, int]] = (0.0024, 0.001, (8, 0))
"""Learning rates of the mixer's layers, and their haste."""
SMALL_MAPS, LARGE_MAPS = NODES * ENERGIES, NODES << 10
HEARD = (0, 1, 2, 3, 4, 8, 9, 10, 13, 15, 17, 18, 21, 22, 23)
"""Hashed contexts of which graphics hear what the histories of their counters mean, too."""
HISTORIES = 3
"""Kinds of decisions with histories of their own: zero, sign, size."""
EXTRA = 2
"""Inputs of a net's opinion: as it is, and corrected; 0 without a net."""

HEIGHT, WIDTH, STRIDE, SIZE, CENTRES, PLANES, FINE, LIMITS = range(8)
"""Places in State.shape."""
VALUE, RESIDUAL, ERRORS = range(3)
"""Columns of State.samples."""
PLANE, BASE, ENERGY, FRACTION, LEADER, AROUND, APART, BIAS, KEYS = 0, 1, 2, 3, 4, 5, 6, 7, 9
SLOTS = KEYS + DIRECT + HASHED
CENTRE = SLOTS + DIRECT + HASHED
"""Places in State.scratch; centres, then as many scale indices, end it."""
ERROR_MAX = (1 << 15) - 1
PLANE_SLOTS = 1 << 19
"""Slots of the table that a plane has for itself, at most."""


class State(NamedTuple):
    """Everything adaptive but the least-squares bank.

    Attributes:
        shape: [LIMITS + 2 P] int64: H, W, stride of a padded row, N, C, P, bits beyond eight, then the planes'
            ranges.
        samples: [P * N, ERRORS + C] int32: value; residual to the blend, in 1/16 of the
            upper eight bits' level; errors of the centres, in 1/16 level.
        nodes: direct counters, [P, D, DIRECT_SIZE, 16] flat.
        table: hashed counters.
        biases: [2 P BIASES] int32, mean residuals of the blend by context, in 1/64 level << 10.
        maps: correction stages, [P * SMALL_MAPS + P * LARGE_MAPS, KNOTS], with a net P * SMALL_MAPS more.
        mixer: rows of plane p's sets follow those of plane p - 1.
        scratch: what is derived for the sample in work.
        histories: [len(HEARD), HISTORIES, MAP_STATES] flat, history maps; empty for photos.
        heard: [len(HEARD)] int64, the entries of a decision; empty for photos.
        mixtures: [T, H, 3, K] int32, a net's view of a plane at the steps in work, step t at t modulo T; K = 0
            where there is no net.
    """

    shape: Ints
    samples: Words
    nodes: npt.NDArray[np.uint32]
    table: npt.NDArray[np.uint32]
    biases: Words
    maps: Words
    mixer: Mixer
    scratch: Ints
    mixtures: Words
    cues: Cues
    squares: Squares
    histories: npt.NDArray[np.uint32]
    heard: Ints


def inputs_of(centres: int, cues: int = 0) -> int:
    """Return how many inputs the mixers have."""
    return -(-(centres + 1 + EXTRA + DIRECT + HASHED + 1 + cues) // 16) * 16


def new_state(
    planes: int,
    height: int,
    width: int,
    learners: int,
    limits: list[tuple[int, int]],
    components: int = 0,
    most_slots: int = 1 << 21,
    graphics: bool = False,
) -> State:
    """Return the state before the first sample; `learners` is their number for each plane.

    Only for graphics there are cues, histories and sparse least squares.
    """
    cues = new_cues(planes if graphics else 0, height * width)
    heard = len(HEARD) if graphics else 0
    stride = width + 2 * PAD
    size = stride * (height + 2 * PAD)
    centres = learners + DERIVED
    fine = max(0, max(high - low for low, high in limits).bit_length() - 8)
    samples = np.zeros((planes * size, ERRORS + centres), np.int32)
    samples[:, VALUE] = np.repeat(np.array([(low + high) // 2 for low, high in limits], np.int32), size)
    samples[:, ERRORS:] = 32
    log2_slots = int(min(max(planes * height * width * HASHED // 4, 1 << 12), most_slots) - 1).bit_length()
    sets = tuple(planes * rows for rows in SELECTORS)
    finals = tuple(planes * rows for rows in (FINALS if graphics else FINALS[:1]))
    rates = _GRAPHICS_RATES if graphics else _PHOTO_RATES
    return State(
        shape=np.array([height, width, stride, size, centres, planes, fine, *np.ravel(limits)], np.int64),
        samples=samples,
        nodes=counters.new_nodes(planes * DIRECT * DIRECT_SIZE * 16),
        table=counters.new_table(log2_slots),
        biases=np.zeros(2 * planes * BIASES, np.int32),
        maps=apm.new_maps(planes * (SMALL_MAPS * (2 if components else 1) + LARGE_MAPS)),
        mixer=new_mixer(inputs_of(centres, len(cues.places) + heard), sets, finals, 0.06, *rates),
        scratch=np.zeros(CENTRE + 2 * centres, np.int64),
        mixtures=np.zeros((1, height, 3, components), np.int32),
        cues=cues,
        squares=new_squares(planes if graphics else 0, width, stride),
        histories=counters.new_maps(heard * HISTORIES).reshape(-1),
        heard=np.zeros(heard, np.int64),
    )


def new_states(
    planes: int,
    height: int,
    width: int,
    learners: int,
    limits: list[tuple[int, int]],
    told: Words | None = None,
) -> list[State]:
    """Return the state of each plane before its first sample; they may be walked side by side.

    They share the samples, and arrays of which each plane has rows of its own. A net, if there is one, tells its
    mixtures in `told`, of each plane as State.mixtures has them.
    """
    components = 0 if told is None else told.shape[-1]
    shared = new_state(planes, height, width, learners, limits, components, PLANE_SLOTS)
    states = [shared, *(_beside(shared) for _ in range(planes - 1))]
    return states if told is None else [state._replace(mixtures=told[i]) for i, state in enumerate(states)]


def _beside(shared: State) -> State:
    """Return a state with what another plane needs for itself alone."""
    mixer = shared.mixer
    return shared._replace(
        table=shared.table.copy(),
        mixer=mixer._replace(
            rows=mixer.rows.copy(),
            inputs=mixer.inputs.copy(),
            logits=mixer.logits.copy(),
            mixed=mixer.mixed.copy(),
        ),
        scratch=shared.scratch.copy(),
    )


@inner
def _copy_row(samples: Words, source: int, first: int, stop: int) -> None:
    for place in range(first, stop):
        for k in range(samples.shape[1]):
            samples[place, k] = samples[source, k]


@inner
def extend(samples: Words, stride: int, place: int, left: bool, right: bool, bottom: bool) -> None:
    """Continue the edges of the picture by the sample at `place`, just known, where it lies at an edge."""
    for edge in range(4):
        if (edge < 2 and left) or (edge == 2 and right) or (edge == 3 and bottom):
            first = place + 1 if edge == 2 else place - 3 + stride * (edge & 1)
            _copy_row(samples, place, first, first + 3 + (edge == 3))


@inner
def extend_once(samples: Words, stride: int, place: int, left: bool, right: bool, bottom: bool) -> None:
    """Continue the edges as `extend` does, but write each place once only: to the left those of the row below.

    So it does not matter how far a plane is ahead of those that look at it.
    """
    if left:
        _copy_row(samples, place, place + stride - 3, place + stride)
    if right:
        _copy_row(samples, place, place + 1, place + 4)
    if bottom:
        _copy_row(samples, place, place + stride, place + stride + 1)
