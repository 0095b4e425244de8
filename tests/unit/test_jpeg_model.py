"""Coefficients come back from the codec as they were, and damage is told."""

import numpy as np
import pytest

from neuralzip.codecs import jpeg_coefficients
from neuralzip.errors import CorruptError
from neuralzip.media.jpeg.coefficients import MAX_COEFFICIENT, Coefficients, Component, block_shapes

CHOICES = [[(1, 1)], [(2, 2), (1, 1), (1, 1)], [(1, 2), (2, 1), (1, 1), (1, 1)]]


def picture(factors: list[tuple[int, int]], scale: float, size: tuple[int, int] = (75, 42)) -> Coefficients:
    """Return Laplacian coefficients, smaller at higher frequencies."""
    generator = np.random.default_rng(7)
    decay = 1 / (1.0 + np.add.outer(np.arange(8), np.arange(8)))
    components = []
    for (horizontal, vertical), shape in zip(factors, block_shapes(*size, factors), strict=True):
        values = np.clip(generator.laplace(0, scale, (*shape, 8, 8)) * decay, -MAX_COEFFICIENT, MAX_COEFFICIENT)
        steps = generator.integers(1, 100, (8, 8), dtype=np.int32)
        components.append(Component(horizontal, vertical, steps, values.astype(np.int16)))
    return Coefficients(*size, tuple(components))


@pytest.mark.parametrize("factors", CHOICES)
@pytest.mark.parametrize("scale", [0.0, 3.0, 1e4])
def test_round_trip(factors: list[tuple[int, int]], scale: float) -> None:
    given = picture(factors, scale)
    payload, nll_bits = jpeg_coefficients.encode(given)
    assert len(payload) <= nll_bits / 8 + 16 * len(factors)
    found = jpeg_coefficients.decode(payload, given)
    assert (found.width, found.height) == (given.width, given.height)
    for a, b in zip(found.components, given.components, strict=True):
        assert np.array_equal(a.coefficients, b.coefficients)


def test_a_component_helps_the_next() -> None:
    one = picture([(1, 1)], 3.0, (200, 200))
    size = len(jpeg_coefficients.encode(one)[0])
    twice = Coefficients(one.width, one.height, one.components * 2)
    assert len(jpeg_coefficients.encode(twice)[0]) < 1.7 * size


def test_bands_are_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_coefficients, "BAND_BLOCKS", 1)
    given = picture([(1, 1)], 3.0)
    found = jpeg_coefficients.decode(jpeg_coefficients.encode(given)[0], given)
    assert np.array_equal(found.components[0].coefficients, given.components[0].coefficients)


def test_damage_is_told() -> None:
    given = picture([(2, 2), (1, 1), (1, 1)], 3.0)
    payload, _ = jpeg_coefficients.encode(given)
    for cut in (0, 1, 9, len(payload) - 1):
        with pytest.raises(CorruptError):
            jpeg_coefficients.decode(payload[:cut], given)
    with pytest.raises(CorruptError):
        jpeg_coefficients.decode(payload + b"\0", given)
    for at in range(2, len(payload), 97):
        forged = bytearray(payload)
        forged[at] ^= 0x40
        with pytest.raises(CorruptError):
            jpeg_coefficients.decode(bytes(forged), given)
