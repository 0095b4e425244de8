"""Where the graphics model starts: mixing weights, corrections and trust that carry over from picture to picture.

A start belongs to the *role* of a plane: G, R, B or opacity of a picture in colour, or the only plane of another;
what looks at whole pixels has one start for pictures of one plane and another for the rest.

R roles, W rows of weights of a plane, N inputs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.errors import ModelError
from neuralzip.experts.apm import KNOTS
from neuralzip.experts.image_cues import CUES
from neuralzip.experts.image_graphics import PREDICTIONS
from neuralzip.experts.image_repeats import Repeats, new_repeats
from neuralzip.experts.image_state import FINALS, NODES, PLANES, SELECTORS, SMALL_MAPS, State, new_state
from neuralzip.experts.mixer import W_MAX

ROLES = 5
_ROLES_OF = ((4,), (4, 3), (0, 1, 2), (0, 1, 2, 3))
"""Roles of the planes of pictures of 1 to 4 planes."""
_COARSE = (2, 3)
"""Sets of the samples' mixer that are shipped as one row for each kind of decision: little depends on more."""
_RATE = 16 << 8
"""Learning rate, in 2**-20, of the samples' mixer: lower than that of one that starts from nothing."""
_MOST = 127
_FINAL_SHIFT = 4
_COUNT_BITS, _COUNT_MAX = np.uint32(10), np.uint32(1023)

Array = npt.NDArray[Any]


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


def _by_plane(rows: Array, sizes: tuple[int, ...], planes: int) -> Iterator[tuple[slice, Array]]:
    """Yield, of each set of rows, where it is in a start, and its rows [planes, size, ...] in a state."""
    first = begin = 0
    for size in sizes:
        yield slice(first, first + size), rows[begin : begin + planes * size].reshape(planes, size, -1)
        first, begin = first + size, begin + planes * size


def parts(prior: Prior, state: State, repeats: Repeats) -> Iterator[tuple[Array, Any, Array]]:
    """Yield (array of the start, index into it, what a state has there: the memory itself)."""
    planes = int(state.shape[PLANES])
    roles, kind = list(_ROLES_OF[planes - 1]), int(planes > 1)
    for rows, view in _by_plane(state.mixer.weights, SELECTORS, planes):
        yield prior.weights, (roles, rows), view
    for rows, view in _by_plane(state.mixer.final, FINALS, planes):
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
        towards = _entries_between if array.dtype == np.uint32 else _between
        array[index] = towards(array[index], view, share)
        if array.dtype == np.uint32:
            array[index] = array[index] & ~_COUNT_MAX | np.minimum(array[index] & _COUNT_MAX, np.uint32(most))


def fill(prior: Prior) -> None:
    """Let rows of weights that no picture has used be the mean of those that the decision has used elsewhere."""
    new = new_prior().weights[0, 0]
    for rows in _by_decision(prior.weights, SELECTORS):
        for role, node in np.ndindex(rows.shape[:2]):
            contexts = rows[role, node]
            used = (contexts != new).any(1)
            if used.any():
                contexts[~used] = np.rint(contexts[used].mean(0))


def _by_decision(weights: Array, sizes: tuple[int, ...]) -> Iterator[Array]:
    """Yield the rows [R, NODES, ..., N] of each set in weights [R, W, N]: the memory itself."""
    for rows in np.split(weights, np.cumsum(sizes)[:-1], axis=1):
        yield rows.reshape(len(rows), NODES, -1, rows.shape[2])


def _coarse(weights: Array) -> Array:
    """Return the rows of weights that are shipped: of a coarse set the means."""
    sets = enumerate(_by_decision(weights, SELECTORS))
    kept = [rows.mean(2) if k in _COARSE else rows.reshape(len(rows), -1, rows.shape[3]) for k, rows in sets]
    return np.rint(np.concatenate(kept, axis=1)).astype(np.int32)


def _whole(weights: Array) -> Array:
    """Return all rows again."""
    shipped = tuple(NODES if k in _COARSE else size for k, size in enumerate(SELECTORS))
    sets = zip(SELECTORS, _by_decision(weights, shipped), strict=True)
    repeated = [np.repeat(rows, size // (NODES * rows.shape[2]), axis=2) for size, rows in sets]
    return np.concatenate([rows.reshape(len(rows), -1, rows.shape[3]) for rows in repeated], axis=1)


def _between(start: Array, end: Array, share: float) -> Array:
    """Return what lies a share of the way from integers to others."""
    return np.rint(start + share * (end.astype(np.float64) - start)).astype(start.dtype)


def _entries_between(start: Array, end: Array, share: float) -> Array:
    """Return entries of map_p a share of the way, all of it where the start has seen nothing."""
    seen, now = start & _COUNT_MAX, end & _COUNT_MAX
    p = np.where(seen > 0, _between(start >> _COUNT_BITS, end >> _COUNT_BITS, share), end >> _COUNT_BITS)
    return p.astype(np.uint32) << _COUNT_BITS | np.maximum(seen, now)


def _in_bytes(weights: Array) -> tuple[Array, Array]:
    """Return (int8, uint16): rows of weights in multiples of a step of each row, and these steps."""
    steps = np.maximum(-(-np.abs(weights).max(-1) // _MOST), 1)
    return np.rint(weights / steps[..., None]).astype(np.int8), steps.astype(np.uint16)


def pack(prior: Prior) -> dict[str, Array]:
    """Return the arrays of a weights file."""
    packed = dict(prior._asdict(), weights=_coarse(prior.weights))
    half = 1 << (_FINAL_SHIFT - 1)
    for name in ("weights", "repeat_weights"):
        packed[name], packed[f"{name}_steps"] = _in_bytes(packed[name])
    for name in ("final", "repeat_final"):
        packed[name] = np.clip((packed[name] + half) >> _FINAL_SHIFT, -32768, 32767).astype(np.int16)
    packed["maps"] = packed["maps"].astype(np.uint16)
    return packed


def unpack(arrays: Mapping[str, Array]) -> Prior:
    """Return what `pack` packed.

    Raises:
        ModelError: arrays are missing or of another shape.
    """
    for name, like in pack(new_prior()).items():
        if name not in arrays or arrays[name].shape != like.shape or arrays[name].dtype != like.dtype:
            raise ModelError(f"graphics weights: array '{name}' is missing or of another shape")
    whole = {name: np.array(arrays[name]) for name in Prior._fields}
    for name in ("weights", "repeat_weights"):
        steps = arrays[f"{name}_steps"][..., None].astype(np.int32)
        whole[name] = np.clip(whole[name].astype(np.int32) * steps, -W_MAX, W_MAX)
    for name in ("final", "repeat_final"):
        whole[name] = np.maximum(whole[name].astype(np.int32) << _FINAL_SHIFT, -W_MAX)
    whole["maps"] = np.clip(whole["maps"].astype(np.int32), 1, 65535)
    whole["weights"] = _whole(whole["weights"])
    return Prior(**whole)
