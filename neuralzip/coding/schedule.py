"""Schedules: in which order positions are coded, and which of them together.

A schedule is a permutation of all positions, cut into groups; the symbols of a group are predicted from those of
earlier groups only. It decides how many steps a model takes: N for a raster, N / L for L lanes, W + 2H for a
wavefront, O(log N) for parity groups, one for a flow.

    wavefront, group of each pixel      parity groups of each pixel
    0 1 2 3 4                           0 5 2 5
    2 3 4 5 6                           6 4 6 4
    4 5 6 7 8                           3 5 1 5

Sources: wavefronts as in HEVC's parallel processing (Clare, Henry, 2011), multiscale groups as in S. Reed et al.,
"Parallel multiscale autoregressive density estimation" (2017), arXiv 1703.03664.

H rows, W columns, C channels; the position of a sample is (y * W + x) * C + c.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """An ordered list of groups of positions.

    Attributes:
        order: [N] every position once, group after group.
        ends: [G] where in `order` each group ends; no group is empty.
    """

    order: Positions
    ends: Positions

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.ends)

    def __iter__(self) -> Iterator[Positions]:
        """Yield the positions of each group."""
        start = 0
        for end in self.ends.tolist():
            yield self.order[start:end]
            start = end


def by_step(steps: npt.NDArray[np.int64]) -> Schedule:
    """Return the schedule of positions [N] by their steps: equal ones form a group, in order of position."""
    flat = steps.reshape(-1)
    order = np.argsort(flat, kind="stable")
    changes = np.flatnonzero(np.diff(flat[order])) + 1
    return Schedule(order, np.append(changes, flat.size) if flat.size else changes)


def whole(count: int) -> Schedule:
    """Return one group of all positions."""
    return by_step(np.zeros(count, np.int64))


def raster(count: int) -> Schedule:
    """Return a group for each position."""
    return by_step(np.arange(count))


def lanes(count: int, lanes: int) -> Schedule:
    """Cut positions into lanes of ceil(count / lanes); a group takes the next position of every lane."""
    length = max(-(-count // lanes), 1)
    return by_step(np.arange(count) % length)


def wavefront(height: int, width: int, delays: Sequence[int] = (0,)) -> Schedule:
    """Return groups x + 2y + delay = t of a picture.

    W, N, NW, NE and everything before them lie in earlier groups. A channel with a longer delay sees, in
    channels of shorter delay, its own place and as many columns more to the right.

    Args:
        height: H.
        width: W.
        delays: steps that each of the C channels runs behind.
    """
    y, x, delay = np.ogrid[:height, :width, : len(delays)]
    return by_step(x + 2 * y + np.asarray(delays, np.int64)[delay])


def parity(height: int, width: int, channels: int = 1) -> Schedule:
    """Return multiscale groups: a coarse grid, then at each halving of its step the three other parities in turn.

    Of every two by two samples the diagonal one comes first, between four known corners; the two others then lie
    between four known neighbours. Channels follow one another within a parity.
    """
    rank = np.zeros((height, width), np.int64)
    step, last = 1, 0
    while step < max(height, width):
        step *= 2
    while step > 1:
        half = step // 2
        for dy, dx in ((half, half), (0, half), (half, 0)):
            last += 1
            rank[dy::step, dx::step] = last
        step = half
    return by_step(rank[:, :, None] * channels + np.arange(channels))
