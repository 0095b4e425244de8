"""Parts of the image models: lattices, choice, heads of bodies."""

import numpy as np
import pytest

from neuralzip.codecs import image_graphics, image_mixing
from neuralzip.errors import CorruptError
from neuralzip.experts import image_lattice


def triples(seed: int, size: int = 64) -> np.ndarray:
    random = np.random.default_rng(seed)
    steps = random.integers(-3, 4, (size, size, 3)).cumsum(0).cumsum(1) // 4
    return (np.array([90, 0, 0]) + np.clip(steps, -40, 40)).astype(np.int32)


@pytest.mark.parametrize("kind", image_lattice.KINDS)
def test_a_lattice_is_detected_and_every_pixel_fits(kind: int) -> None:
    rgb = image_lattice.colours(kind, triples(kind))
    assert image_lattice.detect(rgb) == kind
    found, misses = image_lattice.fit(kind, rgb)
    assert (image_lattice.colours(kind, found)[~misses] == rgb[~misses]).all()
    assert misses.mean() < 0.01


def test_plain_colours_are_on_no_lattice() -> None:
    rgb = np.random.default_rng(3).integers(1, 255, (64, 64, 3)).astype(np.int32)
    assert image_lattice.detect(rgb) == image_lattice.NONE


def test_greys_say_nothing() -> None:
    rgb = np.repeat(np.random.default_rng(4).integers(1, 255, (64, 64, 1)), 3, axis=2).astype(np.int32)
    assert image_lattice.detect(rgb) == image_lattice.NONE


def test_photo_cd_arithmetic() -> None:
    given = np.array([[0, 0, 0], [100, 0, 0], [100, 5, -1], [188, 0, 0], [120, -30, 20]], np.int32)
    expected = [[0, 0, 0], [135, 135, 135], [134, 134, 146], [255, 255, 255], [199, 157, 96]]
    assert image_lattice.colours(image_lattice.PHOTO_CD, given).tolist() == expected


def test_shares_of_repeats() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (3, 40, 40)).astype(np.uint16)
    assert image_graphics.repeat_share(noise) < image_graphics.SURELY_PHOTO
    assert image_graphics.repeat_share(np.ones((3, 40, 40), np.uint16)) > image_graphics.SURELY_GRAPHICS
    assert image_graphics.repeat_share(np.ones((1, 1, 1), np.uint16)) == 0


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x09" + bytes(40), b"\x01" + bytes(40)])
def test_damaged_heads_are_refused(body: bytes) -> None:
    with pytest.raises(CorruptError):
        image_mixing.decode_picture(body, (2, 4, 4))


def test_ranges_upside_down_are_refused() -> None:
    with pytest.raises(CorruptError):
        image_graphics.decode_graphics(b"\x05\x00\x01\x00", (1, 4, 4))
