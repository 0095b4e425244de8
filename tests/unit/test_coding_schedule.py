"""Schedules: permutations of all positions whose groups see only what came before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuralzip.coding import schedule
from neuralzip.coding.schedule import Schedule


def steps_of(chosen: Schedule, count: int) -> np.ndarray:
    """Return the group of each position, having checked that each has exactly one."""
    steps = np.full(count, -1)
    for t, group in enumerate(chosen):
        assert len(group) and (steps[group] == -1).all()
        steps[group] = t
    assert (steps >= 0).all()
    return steps


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 3), st.integers(1, 9))
def test_schedules_are_permutations(h: int, w: int, c: int, lanes: int) -> None:
    n = h * w * c
    made = (
        schedule.whole(n),
        schedule.raster(n),
        schedule.lanes(n, lanes),
        schedule.wavefront(h, w, range(0, 2 * c, 2)),
        schedule.parity(h, w, c),
    )
    for chosen in made:
        steps_of(chosen, n)


def test_numbers_of_groups() -> None:
    assert len(schedule.whole(100)) == 1
    assert len(schedule.raster(100)) == 100
    assert len(schedule.lanes(100, 8)) == 13
    assert len(schedule.wavefront(30, 20)) == 20 + 2 * 29
    assert len(schedule.wavefront(30, 20, (2, 0, 4))) == 20 + 2 * 29 + 4
    assert len(schedule.parity(64, 64)) == 1 + 3 * 6
    assert len(schedule.whole(0)) == 0


def test_lanes_are_contiguous_pieces() -> None:
    assert [g.tolist() for g in schedule.lanes(7, 3)] == [[0, 3, 6], [1, 4], [2, 5]]


def test_wavefront_sees_its_causal_neighbours() -> None:
    h, w, delays = 9, 11, (2, 0, 4)
    steps = steps_of(schedule.wavefront(h, w, delays), h * w * 3).reshape(h, w, 3)
    padded = np.full((h + 2, w + 4, 3), -1)
    padded[2:, 2:-2] = steps
    for dy, dx in ((0, -1), (0, -2), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0), (-2, 2)):
        assert (padded[2 + dy : 2 + dy + h, 2 + dx : 2 + dx + w] < steps).all()
    assert (steps[..., 1] < steps[..., 0]).all() and (steps[..., 0] < steps[..., 2]).all()
    assert (steps[:, 1:, 1] < steps[:, :-1, 0]).all()


@pytest.mark.parametrize(("h", "w"), [(1, 1), (8, 8), (5, 13), (16, 3)])
def test_parity_groups_lie_between_known_samples(h: int, w: int) -> None:
    steps = steps_of(schedule.parity(h, w), h * w).reshape(h, w)
    for y in range(h):
        for x in range(w):
            if y % 2 and x % 2:
                assert steps[y, x] > steps[y - 1, x - 1]
            elif y % 2 or x % 2:
                around = [(y, x - 1), (y, x + 1)] if x % 2 else [(y - 1, x), (y + 1, x)]
                assert all(steps[b, a] < steps[y, x] for b, a in around if b < h and a < w)


def test_parity_channels_follow_one_another() -> None:
    steps = steps_of(schedule.parity(4, 4, 3), 48).reshape(16, 3)
    assert (np.diff(steps, axis=1) == 1).all()
