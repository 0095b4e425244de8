"""Least squares on lanes against numpy's solver, and its predictions against known planes."""

import numba
import numpy as np
import pytest

from neuralzip.exact.compiled import entry
from neuralzip.experts import least_squares
from neuralzip.experts.lanes import LANES
from neuralzip.experts.least_squares import LAG, UNIT, Bank, Learner, new_bank, new_planes, predict_step, reveal


@numba.njit(error_model="numpy")  # not kept on disk: code from there cannot be looked at
def solve(memory, n, least):
    least_squares._solve(memory, 0, n, least)


@entry
def predict_all(bank: Bank, samples, predictions):
    planes, height, width = samples.shape
    for t in range(width + 2 * height + LAG * planes):
        predict_step(bank, t)
        for k in range(len(bank.table)):
            plane = bank.table[k, 0]
            for y in range(height):
                x = t - LAG * plane - 2 * y
                if 0 <= x < width:
                    predictions[k, y, x] = bank.predictions[k, y]
        for plane in range(planes):
            for y in range(height):
                x = t - LAG * plane - 2 * y
                if 0 <= x < width:
                    reveal(bank, plane, x, y, samples[plane, y, x])


NEAR = ((0, -1, 0), (0, 0, -1), (0, -1, -1), (0, 1, -1), (0, -2, 0), (0, 0, -2))


def predictions_of(samples: np.ndarray, learners: tuple[Learner, ...]) -> np.ndarray:
    shape, limits = samples.shape[1:], [(0, 255)] * len(samples)
    bank = new_bank(learners, *shape, limits, new_planes(*shape, limits))
    out = np.zeros((len(learners), *samples.shape[1:]), np.int32)
    predict_all(bank, samples, out)
    return out


@pytest.mark.parametrize("n", [1, 3, 4, 8, 17, 32])
def test_eight_systems_are_solved_side_by_side(n: int) -> None:
    random = np.random.default_rng(n)
    factors = random.standard_normal((LANES, n, 2 * n))
    grams = factors @ factors.transpose(0, 2, 1)
    rights = random.standard_normal((LANES, n))
    memory = np.zeros(((n + 1) * n + 1) * LANES)
    memory[: n * n * LANES] = grams.transpose(1, 2, 0).ravel()
    memory[n * n * LANES : -LANES] = rights.T.ravel()
    memory[-LANES:] = 1e-9
    solve(memory, n, (n + 1) * n * LANES)
    solved = memory[n * n * LANES : -LANES].reshape(n, LANES).T
    assert np.allclose(solved, np.linalg.solve(grams, rights[:, :, None])[:, :, 0])


def test_lanes_do_not_depend_on_their_neighbours() -> None:
    random = np.random.default_rng(5)
    samples = random.integers(0, 256, (1, 24, 30)).astype(np.int32)
    changed = samples.copy()
    changed[0, 20:] = 7
    learners = (Learner(0, NEAR, 0.9, 0.1),)
    assert (predictions_of(samples, learners)[0, :20] == predictions_of(changed, learners)[0, :20]).all()


def test_a_plane_that_follows_another_is_learnt() -> None:
    random = np.random.default_rng(6)
    leader = random.integers(0, 200, (40, 60))
    samples = np.stack([leader, leader // 2 + 20]).astype(np.int32)
    inputs = ((1, -1, 0), (1, 0, -1), (0, 0, 0), (0, -1, 0), (0, 0, -1))
    learners = Learner(1, inputs[:2], 0.98, 0.02), Learner(1, inputs, 0.98, 0.02)
    alone, led = predictions_of(samples, learners) / UNIT
    assert np.abs(led - samples[1])[8:, 8:].mean() < 0.1 * np.abs(alone - samples[1])[8:, 8:].mean()


def test_predictions_stay_within_the_range_of_the_plane() -> None:
    random = np.random.default_rng(7)
    samples = (random.integers(0, 2, (1, 20, 20)) * 255).astype(np.int32)
    predicted = predictions_of(samples, (Learner(0, NEAR, 0.7, 0.3),))
    assert predicted.min() >= 0
    assert predicted.max() <= 255 * UNIT


def test_predictions_are_the_same_numbers_for_ever() -> None:
    ramp = np.add.outer(np.arange(11) ** 2, np.arange(13) * 5) % 256
    samples = np.stack([ramp, (ramp * 7 + 3) % 256]).astype(np.int32)
    learners = (Learner(0, NEAR, 0.95, 0.05), Learner(1, ((1, -1, 0), (0, 0, 0), (0, 1, 0)), 0.8, 0.2))
    predicted = predictions_of(samples, learners)
    assert predicted[:, 3:6, 4:8].tolist() == GOLDEN


def test_no_multiplication_is_fused_with_an_addition() -> None:
    code = "\n".join(solve.inspect_asm().values())
    assert "mulpd" in code or "mulsd" in code or numba.core.config.ENABLE_AVX is False
    assert "vfmadd" not in code
    assert "vfnmadd" not in code
    assert "fmla" not in code


GOLDEN = [
    [[1815, 2140, 2464, 2787], [2276, 2598, 2920, 3242], [2865, 3186, 3506, 3826]],
    [[12757, 15055, 16285, 0], [15994, 16320, 0, 3269], [16320, 2685, 5765, 8619]],
]
