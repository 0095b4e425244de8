"""Rows of mixing weights that carry over from picture to picture: by plane, by decision.

A state has the rows of each set for all planes one after another (image_state.SELECTORS, FINALS); a start has them
by the role of a plane. R roles, W rows of a plane, N inputs.
"""

from collections.abc import Iterator

import numpy as np

from neuralzip.experts.image_state import NODES, SELECTORS
from neuralzip.experts.starts import Array

_COARSE = (2, 3)
"""Sets of the samples' mixer that are shipped as one row for each kind of decision: little depends on more."""


def by_plane(rows: Array, sizes: tuple[int, ...], planes: int) -> Iterator[tuple[slice, Array]]:
    """Yield, of each set of rows, where it is in a start, and its rows [planes, size, ...] in a state."""
    first = begin = 0
    for size in sizes:
        yield slice(first, first + size), rows[begin : begin + planes * size].reshape(planes, size, -1)
        first, begin = first + size, begin + planes * size


def fill_unused(weights: Array, new: int) -> None:
    """Let rows [R, W, N] that are all `new` still be the mean of those that their decision has used elsewhere."""
    for rows in _by_decision(weights, SELECTORS):
        for role, node in np.ndindex(rows.shape[:2]):
            contexts = rows[role, node]
            used = (contexts != new).any(1)
            if used.any():
                contexts[~used] = np.rint(contexts[used].mean(0))


def _by_decision(weights: Array, sizes: tuple[int, ...]) -> Iterator[Array]:
    """Yield the rows [R, NODES, ..., N] of each set in weights [R, W, N]: the memory itself."""
    for rows in np.split(weights, np.cumsum(sizes)[:-1], axis=1):
        yield rows.reshape(len(rows), NODES, -1, rows.shape[2])


def coarse(weights: Array) -> Array:
    """Return the rows of weights [R, W, N] that are shipped: of a coarse set the means."""
    sets = enumerate(_by_decision(weights, SELECTORS))
    kept = [rows.mean(2) if k in _COARSE else rows.reshape(len(rows), -1, rows.shape[3]) for k, rows in sets]
    return np.rint(np.concatenate(kept, axis=1)).astype(np.int32)


def whole(weights: Array) -> Array:
    """Return all rows again from what `coarse` returned."""
    shipped = tuple(NODES if k in _COARSE else size for k, size in enumerate(SELECTORS))
    sets = zip(SELECTORS, _by_decision(weights, shipped), strict=True)
    repeated = [np.repeat(rows, size // (NODES * rows.shape[2]), axis=2) for size, rows in sets]
    return np.concatenate([rows.reshape(len(rows), -1, rows.shape[3]) for rows in repeated], axis=1)
