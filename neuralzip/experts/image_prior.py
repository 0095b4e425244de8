"""Where the graphics model starts: mixing weights, corrections and trust that carry over from picture to picture.

A start belongs to the *role* of a plane: G, R, B or opacity of a picture in colour, or the only plane of another;
what looks at whole pixels has one start for pictures of one plane and another for the rest.

R roles, W rows of weights of a plane, N inputs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from neuralzip.experts.apm import KNOTS
from neuralzip.experts.image_cues import CUES
from neuralzip.experts.image_graphics import PREDICTIONS
from neuralzip.experts.image_repeats import Repeats, new_repeats
from neuralzip.experts.image_rows import by_plane, coarse, fill_unused, whole
from neuralzip.experts.image_state import FINALS, PLANES, SELECTORS, SMALL_MAPS, State, new_state
from neuralzip.experts.starts import (
    Array,
    between,
    check_arrays,
    entries_between,
    from_bytes,
    in_bytes,
    lengthened,
    loaded_maps,
    shortened,
)

ROLES = 5
_ROLES_OF = ((4,), (4, 3), (0, 1, 2), (0, 1, 2, 3))
"""Roles of the planes of pictures of 1 to 4 planes."""
_RATE = 16 << 8
"""Learning rate, in 2**-20, of the samples' mixer: lower than that of one that starts from nothing."""


class Prior(NamedTuple):
    """A start; `entries` are those of counters.map_p.

    Attributes:
        weights: [R, W, N] int32, of the sets of the samples' mixer one after another.
        final: [R, sum(FINALS), S] int32, the same of its second layer.
        maps: [R, SMALL_MAPS, KNOTS] int32.
        trust: [R, CUES, ...] uint32 entries.
        histories: [2, ...] uint32 entries, of pictures of one plane and of the others, as all that follow.
        repeat_weights: [2, ...] int32.
        repeat_final: [2, ...] int32.
        repeat_histories: [2, ...] uint32 entries.
    """

    weights: Array
    final: Array
    maps: Array
    trust: Array
    histories: Array
    repeat_weights: Array
    repeat_final: Array
    repeat_histories: Array


def new_prior() -> Prior:
    """Return the start that knows nothing."""
    state, repeats = new_state(1, 1, 1, PREDICTIONS, [(0, 0)], graphics=True), new_repeats(1, 1)
    roles = [
        state.mixer.weights,
        state.mixer.final,
        state.maps[:SMALL_MAPS],
        state.cues.trust.reshape(CUES, -1),
    ]
    kinds = [
        state.histories,
        repeats.mixer.weights,
        repeats.mixer.final,
        repeats.histories,
    ]
    return Prior(*(np.stack([part] * ROLES) for part in roles), *(np.stack([part] * 2) for part in kinds))


def parts(prior: Prior, state: State, repeats: Repeats) -> Iterator[tuple[Array, Any, Array]]:
    """Yield (array of the start, index into it, what a state has there: the memory itself)."""
    planes = int(state.shape[PLANES])
    roles, kind = list(_ROLES_OF[planes - 1]), int(planes > 1)
    for rows, view in by_plane(state.mixer.weights, SELECTORS, planes):
        yield prior.weights, (roles, rows), view
    for rows, view in by_plane(state.mixer.final, FINALS, planes):
        yield prior.final, (roles, rows), view
    yield prior.maps, roles, state.maps[: planes * SMALL_MAPS].reshape(planes, SMALL_MAPS, KNOTS)
    yield prior.trust, roles, state.cues.trust.reshape(CUES, planes, -1).transpose(1, 0, 2)
    yield prior.histories, kind, state.histories
    yield prior.repeat_weights, kind, repeats.mixer.weights
    yield prior.repeat_final, kind, repeats.mixer.final
    yield prior.repeat_histories, kind, repeats.histories


def begin(prior: Prior, state: State, repeats: Repeats) -> None:
    """Let a state that is new start from here."""
    for array, index, view in parts(prior, state, repeats):
        view[...] = array[index]
    state.mixer.rates[0] = _RATE


def move(prior: Prior, state: State, repeats: Repeats, share: float, most: int) -> None:
    """Move a start by a share of the way to what a picture has taught; entries were seen `most` times at most."""
    for array, index, view in parts(prior, state, repeats):
        if array.dtype == np.uint32:
            array[index] = entries_between(array[index], view, share, most)
        else:
            array[index] = between(array[index], view, share)


def fill(prior: Prior) -> None:
    """Let rows of weights that no picture has used be the mean of those that the decision has used elsewhere."""
    fill_unused(prior.weights, new_prior().weights[0, 0, 0])


def pack(prior: Prior) -> dict[str, Array]:
    """Return the arrays of a weights file."""
    packed = dict(prior._asdict(), weights=coarse(prior.weights), maps=prior.maps.astype(np.uint16))
    for name in ("weights", "repeat_weights"):
        packed[name], packed[f"{name}_steps"] = in_bytes(packed[name])
    for name in ("final", "repeat_final"):
        packed[name] = shortened(packed[name])
    return packed


def unpack(arrays: Mapping[str, Array]) -> Prior:
    """Return what `pack` packed.

    Raises:
        ModelError: arrays are missing or of another shape.
    """
    check_arrays(arrays, pack(new_prior()), "graphics weights")
    parts = {name: np.array(arrays[name]) for name in Prior._fields}
    for name in ("weights", "repeat_weights"):
        parts[name] = from_bytes(parts[name], arrays[f"{name}_steps"])
    for name in ("final", "repeat_final"):
        parts[name] = lengthened(parts[name])
    return Prior(**parts | {"weights": whole(parts["weights"]), "maps": loaded_maps(parts["maps"])})
