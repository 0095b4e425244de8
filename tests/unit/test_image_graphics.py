"""The parts of the graphics model: cues for exact values and sparse least squares, against plain computations."""

import numpy as np
import pytest

from neuralzip.codecs.image_graphics import decode_graphics, encode_graphics
from neuralzip.exact.compiled import entry
from neuralzip.experts import image_sparse_squares as squares_module
from neuralzip.experts.image_cues import NONE, SIGN, STOP, UPPER, ZERO, enter_cues, find_cues, new_cues, way_of
from neuralzip.experts.image_sparse_squares import learn_last, new_squares, predict
from neuralzip.experts.least_squares import UNIT


def path_of(residual: int, bits: int) -> list[tuple[tuple[int, int, int, int, int], int]]:
    """Return a residual's decisions (kind, negative, start, bits, reach) and outcomes; a bucket starts at 3."""
    negative, size = int(residual < 0), abs(residual)
    path = [((ZERO, 0, 0, 0, 0), int(residual == 0))]
    if residual:
        path.append(((SIGN, 0, 1, 0, 0), 1 - negative))
    for start in (1, 2):
        if size >= start:
            path.append(((STOP, negative, start, 0, start + 1), int(size == start)))
    start = 3
    while size >= 3 and bits:
        bits -= 1
        bit = int(size >= start + (1 << bits))
        path.append(((UPPER, negative, start, bits + 1, start + (1 << bits)), bit))
        start += bit << bits
    return path


@entry
def ways(residual: int, decision: tuple[int, int, int, int, int]) -> int:
    kind, negative, start, bits, reach = decision
    return way_of(residual, kind, negative, start, bits, reach)


@pytest.mark.parametrize("true", [0, 1, -2, 3, -7, 10])
def test_a_suggestion_goes_the_way_of_its_residual_until_that_is_ruled_out(true: int) -> None:
    for suggested in range(-10, 11):
        possible = True
        for decision, outcome in path_of(true, 3):
            own = dict(path_of(suggested, 3))
            expected = own.get(decision, -1) if possible else -1
            assert ways(suggested, decision) == expected
            possible = possible and expected == outcome
    assert ways(NONE, (ZERO, 0, 0, 0, 0)) == -1


@entry
def count_suggestions(cues, colours, values, found):  # type: ignore[no-untyped-def]
    """Count the cues that suggest each value, walking a row of a padded picture with rows of 40."""
    for x in range(len(values)):
        find_cues(cues, colours, 90 + x, 40, 0, 0, 7)
        for k in range(len(cues.residuals)):
            found[x] += cues.residuals[k] == values[x] - 7
        enter_cues(cues, values[x], 7)
        colours[90 + x] = values[x]


def test_cues_suggest_what_followed_the_same_colours() -> None:
    cues, colours = new_cues(1, 1000), np.zeros(200, np.int64)
    values = np.array([5, 9, 300] * 6, np.int64)
    found = np.zeros(len(values), np.int64)
    count_suggestions(cues, colours, values, found)
    assert found[0] == 0
    assert (found[9:] >= 8).all()
    assert len(new_cues(0, 1000).places) == 0


@entry
def walk(squares, which, samples, stride, size, targets, limits, predictions):  # type: ignore[no-untyped-def]
    for i in range(len(targets)):
        for k in range(squares_module.SQUARES):
            x = targets[i] % stride
            value = predict(squares, k, samples, stride, size, targets[i], 0, x, limits)
            if k == which:
                predictions[i] = value
        learn_last(squares, 0, x, samples[targets[i], 0])


def solved(samples: np.ndarray, which: int, stride: int, targets: np.ndarray) -> list[float]:
    """The same predictions of plane 0, by NumPy."""
    n, out = squares_module.SIZES[which][0], []
    places = [dx + dy * stride for dx, dy in squares_module.OWN[:n]]
    keeps = squares_module._KEEPS[which], squares_module._STRIP_KEEPS[which]
    sums = [(np.zeros((n, n)), np.zeros(n)) for _ in range(1 + -(-stride // squares_module._STRIP_COLUMNS))]
    for at in targets:
        around = samples[at + np.array(places), 0].astype(float)
        mean = (around[0] + around[1]) / 2
        x = around - mean
        strip = 1 + at % stride // squares_module._STRIP_COLUMNS
        a, b = (sums[0][i] + sums[strip][i] for i in range(2))
        out.append(mean + x @ np.linalg.solve(a + squares_module._RIDGE * np.eye(n), b))
        near = squares_module._TOP / np.sqrt(squares_module._SOFT + x[:6] @ x[:6])
        for which_sum, keep in zip((0, strip), keeps, strict=True):
            a, b = sums[which_sum]
            weight = (1 - keep) * near
            target = samples[at, 0] - mean
            sums[which_sum] = a * keep + weight * np.outer(x, x), b * keep + weight * x * target
    return out


@pytest.mark.parametrize("which", range(squares_module.SQUARES))
def test_sparse_least_squares_predict_as_a_plain_solution_does(which: int) -> None:
    source = np.random.default_rng(3)
    stride, size = 30, 900
    y, x = np.mgrid[:30, :30]
    samples = (100 + 3 * x - 2 * y + source.integers(-4, 5, (30, 30))).astype(np.int32).reshape(-1, 1)
    targets = np.sort(source.choice(np.arange(100, 800), 200, replace=False))
    found = np.zeros(len(targets), np.int64)
    walk(new_squares(1, stride, stride), which, samples, stride, size, targets, np.array([0, 255]), found)
    expected = np.clip(solved(samples, which, stride, targets), 0, 255) * UNIT
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_graphics_of_any_planes_come_back(planes: int) -> None:
    source = np.random.default_rng(planes)
    picture = source.integers(0, 1 << (16 if planes == 2 else 8), (planes, 24, 31)).astype(np.uint16)
    picture[:, 8:16] = picture[:, :8]
    picture[:, :, 20:] = picture[:, :1, :1]
    assert np.array_equal(decode_graphics(encode_graphics(picture), picture.shape), picture)
