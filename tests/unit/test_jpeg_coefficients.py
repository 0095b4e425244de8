"""What the parser and the codec of quantised DCT coefficients hand each other is checked."""

import numpy as np
import pytest

from neuralzip.media.jpeg.coefficients import Coefficients, Component, block_shapes


def component(rows: int = 2, columns: int = 4, factors: tuple[int, int] = (2, 1), step: int = 7) -> Component:
    return Component(*factors, np.full((8, 8), step, np.int32), np.zeros((rows, columns, 8, 8), np.int16))


@pytest.mark.parametrize(
    ("size", "factors", "shapes"),
    [
        ((1, 1), [(1, 1)], [(1, 1)]),
        ((17, 16), [(2, 2), (1, 1), (1, 1)], [(2, 4), (1, 2), (1, 2)]),
        ((33, 9), [(4, 1), (1, 1), (2, 1)], [(2, 8), (2, 2), (2, 4)]),
        ((9, 9), [(2, 2)], [(2, 2)]),
    ],
)
def test_blocks_are_those_of_whole_mcus(
    size: tuple[int, int], factors: list[tuple[int, int]], shapes: list[tuple[int, int]]
) -> None:
    assert block_shapes(*size, factors) == shapes


def test_a_picture_knows_its_blocks() -> None:
    Coefficients(20, 16, (component(), component(2, 2, (1, 1))))
    with pytest.raises(ValueError, match="blocks"):
        Coefficients(20, 17, (component(), component(2, 2, (1, 1))))


@pytest.mark.parametrize(("width", "height"), [(0, 8), (8, 0), (65536, 8)])
def test_impossible_sizes_are_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="pixels"):
        Coefficients(width, height, (component(1, 1, (1, 1)),))


@pytest.mark.parametrize("count", [0, 5])
def test_impossible_numbers_of_components_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="components"):
        Coefficients(8, 8, (component(1, 1, (1, 1)),) * count)


@pytest.mark.parametrize("factors", [(0, 1), (1, 5)])
def test_impossible_factors_are_refused(factors: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="factors"):
        component(factors=factors)


@pytest.mark.parametrize("step", [0, 65536])
def test_impossible_steps_are_refused(step: int) -> None:
    with pytest.raises(ValueError, match="steps"):
        component(step=step)


def test_impossible_coefficients_are_refused() -> None:
    steps = np.ones((8, 8), np.int32)
    with pytest.raises(ValueError, match="coefficient"):
        Component(1, 1, steps, np.full((1, 1, 8, 8), -32768, np.int16))
    with pytest.raises(ValueError, match="int16"):
        Component(1, 1, steps, np.zeros((1, 1, 64), np.int16))
