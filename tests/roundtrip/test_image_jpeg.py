"""Pictures that a JPEG decoder made come back, smaller than the JPEG files were."""

import io

import numpy as np
import pytest
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import image_jpeg
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import ImageCodec
from neuralzip.codecs.image_stacks import JPEG, Coder, is_photo
from neuralzip.codecs.jpeg_coefficients import PRIOR_ID
from neuralzip.errors import CorruptError
from neuralzip.media.types import Picture
from tests.roundtrip.check import check_roundtrip
from tests.unit.test_jpeg_decoder import scene, shown, written

ODD = 187, 205


def planes_of(pixels: np.ndarray) -> np.ndarray:
    """Return planes [P, H, W] in coding order of pixels [H, W, C]."""
    order = [1, 0, 2] if pixels.shape[2] == 3 else [0]
    return np.ascontiguousarray(pixels[:, :, order].transpose(2, 0, 1)).astype(np.uint16)


def body_of(planes: np.ndarray) -> bytes:
    """Return the body of planes, coded from no start."""
    found = image_jpeg.recover(planes)
    assert found is not None
    return image_jpeg.encode(planes, found)[0]


def method_of(pixels: np.ndarray, model: str | None = None) -> tuple[int, bytes]:
    """Return the method and body of pixels [H, W, C], once they came back."""
    planes = planes_of(pixels)
    coder = Coder(Options(model=model))
    picture = Picture(pixels, "rgb" if len(planes) == 3 else "grey", 8)
    assert coder.stacks(picture) == [len(planes)]
    method, body = coder.encode(planes, picture, None)
    again = Coder(Options(), coder.models)
    assert (again.decode(method, body, planes.shape, None) == planes).all()
    if method == JPEG:
        assert coder.models == (zoo.load(PRIOR_ID).identity,)
        assert abs(coder.nll_bits / 8 - len(body)) < 64
    return method, body


@pytest.mark.parametrize("size", [(160, 192), ODD])
@pytest.mark.parametrize(("mode", "subsampling"), [("L", 0), ("RGB", 0), ("RGB", 1), ("RGB", 2)])
@pytest.mark.parametrize("quality", [50, 92])
def test_decoded_files_are_smaller_than_the_files(
    size: tuple[int, int], mode: str, subsampling: int, quality: int
) -> None:
    data = written(scene(*size), mode, quality=quality, subsampling=subsampling)
    method, body = method_of(shown(data))
    assert method == JPEG
    assert len(body) < 0.9 * len(data)


def test_png_files_come_back_smaller() -> None:
    data = written(scene(160, 176), quality=80, subsampling=2)
    png = io.BytesIO()
    Image.open(io.BytesIO(data)).save(png, "PNG")
    blocks = check_roundtrip(ImageCodec(), png.getvalue())
    assert sum(len(block.payload) for block in blocks) < len(data)


def test_fast_model_takes_them_too() -> None:
    data = written(scene(144, 160), quality=85)
    method, body = method_of(shown(data), "fast")
    assert method == JPEG and len(body) < len(data)


def test_grey_files_shown_in_colour_are_one_component() -> None:
    data = written(scene(160, 176), "L", quality=80)
    method, body = method_of(shown(data).repeat(3, 2))
    assert method == JPEG and body[0] == 1 + image_jpeg.STARTED and len(body) < 0.9 * len(data)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_edited_pixels_are_listed(mode: str) -> None:
    data = written(scene(160, 176), mode, quality=75, subsampling=0)
    pixels = shown(data).copy()
    pixels[40:44, 50:56] = 255 - pixels[40:44, 50:56]
    pixels[-1, -1] = 7
    method, body = method_of(pixels)
    assert method == JPEG and len(body) < len(data)


@pytest.mark.parametrize(("mode", "subsampling"), [("L", 0), ("RGB", 0), ("RGB", 2)])
def test_clipped_pictures_come_back(mode: str, subsampling: int) -> None:
    harsh = np.clip(scene(176, 208).astype(int) * 2 - 130, 0, 255).astype(np.uint8)
    data = written(harsh, mode, quality=75, subsampling=subsampling)
    assert ((shown(data) == 0) | (shown(data) == 255)).any(2).mean() > 0.001
    method, body = method_of(shown(data))
    assert method == JPEG and len(body) < len(data)


def test_flat_pictures_are_what_is_smaller() -> None:
    data = written(scene(160, 176), quality=12, subsampling=0)
    assert not is_photo(planes_of(shown(data)))
    method, body = method_of(shown(data))
    assert method == JPEG and len(body) < 0.9 * len(data)
    tiles = np.tile(shown(data)[:32, :32], (5, 5, 1))
    assert method_of(tiles)[0] != JPEG


def test_plain_photos_are_coded_as_before() -> None:
    assert image_jpeg.recover(planes_of(scene(160, 160))) is None
    assert method_of(scene(48, 48))[0] != JPEG
    assert not image_jpeg.suits(np.full((1, 20, 20), 256, np.uint16))
    assert not image_jpeg.suits(np.zeros((2, 20, 20), np.uint16))


def test_without_a_start_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [])
    planes = planes_of(shown(written(scene(64, 80), quality=75)))
    coder = Coder(Options())
    method, body = coder.encode(planes, Picture(planes.transpose(1, 2, 0)[:, :, [1, 0, 2]], "rgb", 8), None)
    assert method == JPEG and coder.models == () and not image_jpeg.is_started(body)
    assert (Coder(Options(), ()).decode(method, body, planes.shape, None) == planes).all()
    with pytest.raises(CorruptError):
        Coder(Options(), ()).decode(method, bytes([body[0] | image_jpeg.STARTED]) + body[1:], planes.shape, None)


def test_damaged_bodies_are_refused() -> None:
    planes = planes_of(shown(written(scene(64, 80), quality=75)))
    body = body_of(planes)
    size = int.from_bytes(body[2:6], "little")
    bad = [
        b"",
        body[:5],
        body[: 6 + size],
        body[:-1],
        body + b"\0",
        b"\2" + body[1:],
        body[:1] + b"\4" + body[2:],
        body[:2] + b"\xff" * 4 + body[6:],
        body[:2] + (65).to_bytes(4, "little") + bytes([0]) + bytes(64) + body[6 + size :],
        body[:2] + (1).to_bytes(4, "little") + b"\0" + body[6 + size :],
        body[:2] + (198).to_bytes(4, "little") + b"\0" + b"\1" * 197 + body[6 + size :],
        body[:2] + (200).to_bytes(4, "little") + b"\0" + b"\1" * 192 + b"\xff" * 7 + body[6 + size :],
    ]
    for each in bad:
        with pytest.raises(CorruptError):
            image_jpeg.decode(each, planes.shape)
    for shape in ((1, 64, 80), (2, 64, 80), (3, 1, 1 << 16)):
        with pytest.raises(CorruptError):
            image_jpeg.decode(body, shape)


def test_flipped_bits_never_crash() -> None:
    planes = planes_of(shown(written(scene(64, 64), quality=60)))
    body = body_of(planes)
    random = np.random.default_rng(4)
    for _ in range(60):
        damaged = bytearray(body)
        damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        try:
            decoded = image_jpeg.decode(bytes(damaged), planes.shape)
        except CorruptError:
            continue
        assert decoded.shape == planes.shape and decoded.max() <= 255
