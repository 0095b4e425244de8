"""Coefficients decode to the pixels that libjpeg makes of a file, and are found again from those."""

import io

import numpy as np
import pytest
from PIL import Image

from neuralzip.media import jpeg
from neuralzip.media.jpeg.block_search import forward_dct, search_blocks
from neuralzip.media.jpeg.coefficients import FACTORS, Coefficients, Component
from neuralzip.media.jpeg.decoder import decode
from neuralzip.media.jpeg.downsampling import downsample
from neuralzip.media.jpeg.inverse_dct import inverse_dct
from neuralzip.media.jpeg.luma_bounds import luma_bounds
from neuralzip.media.jpeg.recovery import recover
from neuralzip.media.jpeg.steps_search import find_steps
from neuralzip.media.jpeg.upsampling import plane_size, upsample

MANY = 1 << 20
SIDES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 40)


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth shapes, an edge and noise: [H, W, 3]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    soft = 125 + 55 * np.sin(x / 19 + seed) * np.cos(y / 23) + 20 * (x + y > 150)
    tints = soft[:, :, None] + np.array([18, -6, -20]) * np.sin(y / 31 + x / 47)[:, :, None]
    grain = random.normal(0, 5, (height, width, 1)) + random.normal(0, 1, (height, width, 3))
    return (tints + grain).clip(0, 255).astype(np.uint8)


def written(pixels: np.ndarray, mode: str = "RGB", **choices: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **choices)
    return file.getvalue()


def shown(data: bytes) -> np.ndarray:
    """Return the pixels [H, W, C] that libjpeg makes of a file."""
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    return pixels.reshape(*pixels.shape[:2], -1)


def parsed(data: bytes) -> Coefficients:
    return jpeg.parse(data, MANY)[1]


def tall(data: bytes) -> bytes:
    """Return a square 4:2:2 file as 4:4:0, with the same blocks in other places."""
    place = data.index(b"\x01\x21\x00")
    return data[:place] + b"\x01\x12\x00" + data[place + 3 :]


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("height", SIDES)
def test_pixels_are_those_of_libjpeg(height: int, subsampling: int) -> None:
    for width in SIDES:
        noise = np.random.default_rng(height * 64 + width).integers(0, 256, (height // 3 + 1, width // 3 + 1, 3))
        pixels = noise.astype(np.uint8).repeat(3, 0).repeat(3, 1)[:height, :width]
        data = written(pixels, quality=30 + (7 * height + width) % 71, subsampling=subsampling)
        assert (decode(parsed(data)) == shown(data)).all()


@pytest.mark.parametrize("quality", [30, 75, 95, 100])
def test_greys_and_halved_heights_are_those_of_libjpeg(quality: int) -> None:
    grey = written(scene(45, 77), "L", quality=quality)
    assert (decode(parsed(grey)) == shown(grey)).all()
    data = tall(written(scene(48, 48), quality=quality, subsampling=1))
    assert parsed(data).components[1].coefficients.shape[:2] == (3, 6)
    assert (decode(parsed(data)) == shown(data)).all()


def test_extreme_coefficients_are_clipped() -> None:
    blocks = np.full((1, 2, 8, 8), 32767, np.int16)
    samples = inverse_dct(Component(1, 1, np.full((8, 8), 255, np.int32), blocks))
    assert samples.shape == (8, 16) and samples.max() == 255


@pytest.mark.parametrize("factors", FACTORS)
def test_planes_are_found_from_interpolated_ones(factors: tuple[int, int]) -> None:
    size = 61, 90
    plane = scene(*plane_size(*size, factors))[:, :, 0]
    given = upsample(plane, factors, size)
    found = downsample(given, np.ones(size, np.bool_), factors)
    assert (upsample(found, factors, size) == given).mean() > 0.97
    assert np.abs(found.astype(int) - plane).max() <= 2


@pytest.mark.parametrize("quality", [50, 85, 95])
def test_steps_and_blocks_are_found(quality: int) -> None:
    data = written(scene(160, 160), "L", quality=quality)
    component = parsed(data).components[0]
    samples = shown(data)[:, :, 0]
    steps = find_steps(forward_dct(samples).reshape(-1, 64))
    assert (steps == component.quantisation.reshape(64)).all()
    found, wanted = np.zeros((20, 20, 64), np.int16), np.ones((20, 20), np.uint8)
    search_blocks(np.stack([samples] * 3), steps, wanted, found)
    assert wanted.mean() < 0.03
    assert (found == component.coefficients.reshape(20, 20, 64)).all(2).mean() > 0.9


def test_steps_of_other_tables_are_found() -> None:
    random = np.random.default_rng(3)
    steps = random.integers(3, 40, 64)
    values = steps * np.rint(random.laplace(0, 3, (900, 64))) + random.normal(0, 0.29, (900, 64))
    assert (find_steps(values) == steps).all()


def test_bounds_of_luma_hold_it() -> None:
    data = written(
        np.clip(scene(96, 160).astype(int) * 20 - 2500, 0, 255).astype(np.uint8), quality=80, subsampling=0
    )
    y, cb, cr = map(inverse_dct, parsed(data).components)
    guess, low, high = luma_bounds(shown(data), cb, cr, np.full_like(y, 7))
    assert ((low <= y) & (y <= high) & (low <= guess) & (guess <= high)).all()
    assert (low == high).mean() > 0.9 and (shown(data) == 0).any() and (shown(data) == 255).any()


@pytest.mark.parametrize(("mode", "subsampling"), [("L", 0), ("RGB", 0), ("RGB", 1), ("RGB", 2)])
@pytest.mark.parametrize("quality", [60, 90])
def test_coefficients_are_found(mode: str, subsampling: int, quality: int) -> None:
    data = written(scene(176, 208), mode, quality=quality, subsampling=subsampling)
    found = recover(shown(data))
    assert found is not None
    assert (decode(found) == shown(data)).mean() > 0.999
    for one, other in zip(found.components, parsed(data).components, strict=True):
        assert one.coefficients.shape == other.coefficients.shape
        assert (one.coefficients == other.coefficients).all((2, 3)).mean() > 0.9


def test_coefficients_under_other_tables_and_factors_are_found() -> None:
    tables = [list(np.random.default_rng(seed).integers(4, 30, 64)) for seed in (1, 2)]
    file = io.BytesIO()
    Image.fromarray(scene(176, 208)).save(file, "JPEG", qtables=tables, subsampling=0)
    for data in (file.getvalue(), tall(written(scene(192, 192), quality=80, subsampling=1))):
        found = recover(shown(data))
        assert found is not None
        assert (decode(found) == shown(data)).mean() > 0.99


def test_what_no_decoder_made_is_left_alone() -> None:
    assert recover(scene(160, 160)) is None
    assert recover(scene(160, 160)[:, :, :1]) is None
    assert recover(shown(written(scene(12, 200)))) is None
    resized = np.asarray(Image.fromarray(shown(written(scene(200, 200), quality=85))).resize((150, 150)))
    assert recover(resized) is None
    assert recover(resized[:, :, :1]) is None
