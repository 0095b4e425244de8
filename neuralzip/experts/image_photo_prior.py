"""Where the mixing model of photos starts: mixing weights and corrections that carry over from picture to picture.

A start belongs to the *role* of a plane: G, R or B of a picture, or the only plane of a grey one. It is for planes
that are heard beside a net; others start from nothing.

R roles, W rows of weights of a plane, N inputs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from neuralzip.experts.apm import KNOTS
from neuralzip.experts.image_rows import by_plane, coarse, fill_unused, whole
from neuralzip.experts.image_state import FINALS, LARGE_MAPS, PLANES, SELECTORS, SMALL_MAPS, State, new_state
from neuralzip.experts.mixer import falling
from neuralzip.experts.starts import (
    Array,
    between,
    check_arrays,
    from_bytes,
    in_bytes,
    lengthened,
    loaded_maps,
    shortened,
)

COLOURS, GREY = (0, 1, 2), (3,)
"""Roles of the planes of a picture of three planes, and of one."""
LEARNERS = 3
"""Least-squares learners of each plane."""
_RATES = ((0.0016, 4), (0.0005, 0))
"""Rate and haste of each layer of the mixer: lower than of one that starts from nothing."""


class PhotoPrior(NamedTuple):
    """A start; all int32.

    Attributes:
        weights: [R, W, N] of the sets of the mixer one after another.
        final: [R, FINALS[0], S], the same of its second layer.
        maps: [R, SMALL_MAPS, KNOTS], corrections by energy.
        net_maps: [R, SMALL_MAPS, KNOTS], those of the net's opinion.
    """

    weights: Array
    final: Array
    maps: Array
    net_maps: Array


def new_photo_prior() -> PhotoPrior:
    """Return the start that knows nothing."""
    states = [
        new_state(len(roles), 1, 1, LEARNERS, [(0, 255)] * len(roles), components=1) for roles in (COLOURS, GREY)
    ]
    roles, inputs = len(COLOURS + GREY), states[0].mixer.weights.shape[1]
    prior = PhotoPrior(
        weights=np.zeros((roles, sum(SELECTORS), inputs), np.int32),
        final=np.zeros((roles, FINALS[0], len(SELECTORS)), np.int32),
        maps=np.zeros((roles, SMALL_MAPS, KNOTS), np.int32),
        net_maps=np.zeros((roles, SMALL_MAPS, KNOTS), np.int32),
    )
    for state in states:
        move(prior, state, 1.0)
    return prior


def _parts(prior: PhotoPrior, state: State) -> Iterator[tuple[Array, Any, Array]]:
    """Yield (array of the start, index into it, what a state has there: the memory itself)."""
    planes = int(state.shape[PLANES])
    roles = list(COLOURS if planes > 1 else GREY)
    small, net = planes * SMALL_MAPS, planes * (SMALL_MAPS + LARGE_MAPS)
    for rows, view in by_plane(state.mixer.weights, SELECTORS, planes):
        yield prior.weights, (roles, rows), view
    yield prior.final, roles, state.mixer.final.reshape(planes, FINALS[0], -1)
    yield prior.maps, roles, state.maps[:small].reshape(planes, SMALL_MAPS, KNOTS)
    yield prior.net_maps, roles, state.maps[net:].reshape(planes, SMALL_MAPS, KNOTS)


def begin(prior: PhotoPrior, state: State) -> None:
    """Let a state that is new start from here, and all that share its memory."""
    for array, index, view in _parts(prior, state):
        view[...] = array[index]
    for layer, chosen in enumerate(_RATES):
        state.mixer.rates[layer] = falling(*chosen)


def move(prior: PhotoPrior, state: State, share: float) -> None:
    """Move a start by a share of the way to what a picture has taught."""
    for array, index, view in _parts(prior, state):
        array[index] = between(array[index], view, share)


def fill(prior: PhotoPrior) -> None:
    """Let rows of weights that no picture has used be the mean of those that the decision has used elsewhere."""
    fill_unused(prior.weights, new_photo_prior().weights[0, 0, 0])


def pack(prior: PhotoPrior) -> dict[str, Array]:
    """Return the arrays of a weights file."""
    weights, steps = in_bytes(coarse(prior.weights))
    maps, net_maps = (each.astype(np.uint16) for each in (prior.maps, prior.net_maps))
    return {
        "weights": weights,
        "weights_steps": steps,
        "final": shortened(prior.final),
        "maps": maps,
        "net_maps": net_maps,
    }


def unpack(arrays: Mapping[str, Array]) -> PhotoPrior:
    """Return what `pack` packed.

    Raises:
        ModelError: arrays are missing or of another shape.
    """
    check_arrays(arrays, pack(new_photo_prior()), "photo weights")
    return PhotoPrior(
        weights=whole(from_bytes(arrays["weights"], arrays["weights_steps"])),
        final=lengthened(arrays["final"]),
        maps=loaded_maps(arrays["maps"]),
        net_maps=loaded_maps(arrays["net_maps"]),
    )
