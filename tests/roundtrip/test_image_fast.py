"""Pictures of all shapes and depths through the image codec, with a tiny net."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import image_fast, image_stacks
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.image import ImageCodec
from neuralzip.errors import CorruptError, LimitError, NeuralzipError, UnsupportedError
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from tests.pixel_models import picture, write_model
from tests.roundtrip.check import check_roundtrip

FAST = Options(model="fast")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> IntPixelCNN:
    return IntPixelCNN(write_model(tmp_path_factory.mktemp("models")))


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path)
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path))


def check(net: IntPixelCNN, planes: np.ndarray, fine: int) -> None:
    payload, nll = image_fast.encode(net, planes, fine)
    assert 8 * len(payload) - nll <= 0.001 * nll + 64 * 8
    geometry = image_fast.Geometry(*planes.shape, fine)
    assert np.array_equal(image_fast.decode(net, payload, geometry), planes)


@given(st.sampled_from([1, 3]), st.integers(1, 12), st.integers(1, 12), st.integers(0, 8), st.randoms())
@settings(max_examples=25, deadline=None)
def test_small_planes(net: IntPixelCNN, planes: int, height: int, width: int, fine: int, random: object) -> None:
    rng = np.random.default_rng(hash(random) % 2**32)
    check(net, rng.integers(0, 256 << fine, (planes, height, width)).astype(np.uint16), fine)


@pytest.mark.parametrize("fine", [0, 4, 8])
@pytest.mark.parametrize("planes", [1, 3])
def test_smooth_planes(net: IntPixelCNN, planes: int, fine: int) -> None:
    check(net, picture(planes, 33, 40, top=(256 << fine) - 1), fine)


@pytest.mark.parametrize("value", [0, 255])
def test_extremes(net: IntPixelCNN, value: int) -> None:
    planes = np.full((3, 9, 9), value, np.uint16)
    planes[:, 4, 4] = 255 - value
    check(net, planes, 0)


def test_progress_is_told(net: IntPixelCNN) -> None:
    shares: list[float] = []
    image_fast.encode(net, picture(3, 40, 40), 0, shares.append)
    assert shares == sorted(shares) and len(shares) >= 2 and 0 <= shares[0] <= shares[-1] <= 1


@given(st.binary(min_size=0, max_size=64).map(lambda b: b[: len(b) // 4 * 4]))
@settings(max_examples=30, deadline=None)
def test_foreign_payloads_end_in_samples_or_a_refusal(net: IntPixelCNN, payload: bytes) -> None:
    try:
        planes = image_fast.decode(net, payload, image_fast.Geometry(3, 4, 5, 0))
    except CorruptError:
        return
    assert planes.max() <= 255


def file_of(pixels: np.ndarray, form: str, mode: str | None = None) -> bytes:
    file = io.BytesIO()
    made = Image.fromarray(pixels)
    (made.convert(mode) if mode else made).save(file, form)
    return file.getvalue()


def pixels(channels: int, seed: int = 0) -> np.ndarray:
    planes = picture(channels, 21, 17, seed).astype(np.uint8).transpose(1, 2, 0)
    return np.ascontiguousarray(planes if channels > 1 else planes[:, :, 0])


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("form", ["png", "bmp", "ppm", "tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_files(form: str, channels: int) -> None:
    check_roundtrip(ImageCodec(), file_of(pixels(channels), form), FAST)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha(channels: int) -> None:
    check_roundtrip(ImageCodec(), file_of(pixels(channels), "png"), FAST)


@pytest.mark.usefixtures("models")
def test_sixteen_bits() -> None:
    samples = picture(1, 30, 30, top=65535)[0]
    check_roundtrip(ImageCodec(), b"P5 30 30 65535\n" + samples.astype(">u2").tobytes(), FAST)


@pytest.mark.usefixtures("models")
def test_eight_bits_in_sixteen_cost_no_more() -> None:
    codec, samples = ImageCodec(), picture(1, 40, 40)[0]
    narrow = check_roundtrip(codec, b"P5 40 40 255\n" + samples.astype(np.uint8).tobytes(), FAST)
    wide = check_roundtrip(codec, b"P5 40 40 65535\n" + (samples * 257).astype(">u2").tobytes(), FAST)
    assert len(wide[0].payload) <= len(narrow[0].payload) + 8


@pytest.mark.usefixtures("models")
def test_constant_alpha_costs_nothing() -> None:
    opaque = np.dstack([pixels(3), np.full((21, 17), 255, np.uint8)])
    with_alpha, without = (
        next(ImageCodec().encode(io.BytesIO(file_of(p, "png")), FAST)) for p in (opaque, pixels(3))
    )
    assert len(with_alpha.payload) <= len(without.payload) + 8


@pytest.mark.usefixtures("models")
def test_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_stacks, "BAND_ROWS", 8)
    check_roundtrip(ImageCodec(), file_of(pixels(3), "ppm"), FAST)


@pytest.mark.usefixtures("models")
def test_memory_limit_is_kept() -> None:
    block = next(ImageCodec().encode(io.BytesIO(file_of(pixels(3), "ppm")), FAST))
    small = Options(model="fast", memory_bytes=1000)
    with pytest.raises(LimitError, match="--memory"):
        next(ImageCodec().encode(io.BytesIO(file_of(pixels(3), "ppm")), small))
    with pytest.raises(LimitError, match="--memory"):
        ImageCodec().decode(block, small)


@pytest.mark.usefixtures("models")
def test_more_pixels_than_the_file_can_hold_are_refused() -> None:
    block = next(ImageCodec().encode(io.BytesIO(file_of(np.zeros((40, 40, 3), np.uint8), "ppm")), FAST))
    with pytest.raises(CorruptError, match="more pixels"):
        ImageCodec().decode(Block("image", block.params, block.payload, 1, block.models), FAST)


@pytest.mark.usefixtures("models")
def test_damage_ends_in_a_neuralzip_error() -> None:
    data = file_of(pixels(3), "ppm")
    block = next(ImageCodec().encode(io.BytesIO(data), FAST))
    head = len(block.payload) - 4 * 3
    for place in [*range(40), head]:
        for flip in (0x01, 0x80):
            payload = bytearray(block.payload)
            payload[place] ^= flip
            bad = Block(block.codec, block.params, bytes(payload), block.raw_size, block.models)
            try:
                assert len(ImageCodec().decode(bad, Options(memory_bytes=1 << 28))) == block.raw_size
            except (NeuralzipError, zlib.error):
                continue
    with pytest.raises(CorruptError):
        ImageCodec().decode(Block("image", block.params[:-1], block.payload, block.raw_size), FAST)


def test_only_raster_files_are_claimed() -> None:
    codec = ImageCodec()
    assert codec.claims(b"\x89PNG\r\n\x1a\n", FAST) and codec.claims(b"P6 1 1 255\n", Options())
    assert not codec.claims(b"RIFF", FAST)
    assert not codec.claims(b"BM", Options(model="flow"))


@pytest.mark.usefixtures("models")
def test_no_picture_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        next(ImageCodec().encode(io.BytesIO(b"P6 not a picture"), FAST))


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_default_model(mode: str) -> None:
    check_roundtrip(ImageCodec(), file_of(pixels(3), "png", mode), Options())


@pytest.mark.usefixtures("models")
def test_graphics_do_not_go_through_the_net() -> None:
    flat = np.zeros((60, 60, 3), np.uint8)
    flat[10:40, 10:40] = 200
    (block,) = check_roundtrip(ImageCodec(), file_of(flat, "ppm"), FAST)
    assert block.models == (zoo.load("image-graphics").identity,)
    (block,) = check_roundtrip(ImageCodec(), file_of(pixels(3), "ppm"), FAST)
    assert len(block.models) == 1
