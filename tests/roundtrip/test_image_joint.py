"""Photos through the mixing model that hears a net, with a tiny net; and without any."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuralzip.codecs import image_mixing
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.image import ImageCodec
from neuralzip.codecs.image_mixing import Weights
from neuralzip.errors import CorruptError, ModelError
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from tests.pixel_models import picture, write_model


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> IntPixelCNN:
    return IntPixelCNN(write_model(tmp_path_factory.mktemp("models")))


def png(planes: np.ndarray, opacity: np.ndarray | None = None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0).astype(np.uint8)))
    if opacity is not None:
        image.putalpha(Image.fromarray(opacity))
    image.save(file, "PNG")
    return file.getvalue()


def encoded(data: bytes) -> Block:
    return next(iter(ImageCodec().encode(io.BytesIO(data), Options())))


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize(("height", "width", "top"), [(64, 65, 255), (40, 120, 90), (110, 53, 255)])
def test_photos_come_back(net: IntPixelCNN, planes: int, height: int, width: int, top: int) -> None:
    given = picture(planes, height, width, top=top)
    body = image_mixing.encode_picture(given, weights=Weights(net=lambda: net))
    assert image_mixing.needs(body) == {"net"}
    assert (image_mixing.decode_picture(body, given.shape, weights=Weights(net=lambda: net)) == given).all()


def test_the_stream_is_the_same_for_ever(net: IntPixelCNN) -> None:
    body = image_mixing.encode_picture(picture(3, 64, 64, seed=3), weights=Weights(net=lambda: net))
    assert hashlib.sha256(body).hexdigest()[:16] == "a32c729399fd0a6f"


@pytest.mark.parametrize(
    "given",
    [picture(4, 80, 80), picture(2, 80, 80), picture(3, 80, 80, top=900), picture(1, 30, 30), picture(3, 5, 4000)],
)
def test_other_pictures_do_without(net: IntPixelCNN, given: np.ndarray) -> None:
    body = image_mixing.encode_picture(given, weights=Weights(net=lambda: net))
    assert not image_mixing.needs(body)
    assert (image_mixing.decode_picture(body, given.shape) == given).all()


def test_blocks_name_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_model(tmp_path, "image-base")
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [tmp_path])
    data = png(picture(3, 64, 70))
    block = encoded(data)
    assert block.models == (model.identity,)
    assert ImageCodec().decode(block, Options()) == data
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [])
    with pytest.raises(ModelError):
        ImageCodec().decode(block, Options())


@pytest.mark.parametrize(
    "opacity", [np.full((64, 70), 255, np.uint8), picture(1, 64, 70, seed=5)[0].astype(np.uint8)]
)
def test_photos_with_opacity_hear_the_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opacity: np.ndarray
) -> None:
    model = write_model(tmp_path, "image-base")
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [tmp_path])
    data = png(picture(3, 64, 70), opacity)
    block = encoded(data)
    assert block.models == (model.identity,)
    assert ImageCodec().decode(block, Options()) == data


def test_without_weights_none_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [])
    data = png(picture(3, 64, 70))
    block = encoded(data)
    assert block.models == ()
    assert ImageCodec().decode(block, Options()) == data


def test_damaged_bodies_are_refused(net: IntPixelCNN) -> None:
    given = picture(3, 64, 65)
    body = image_mixing.encode_picture(given, weights=Weights(net=lambda: net))
    with pytest.raises(CorruptError):
        image_mixing.decode_picture(body, given.shape)
    with pytest.raises(CorruptError):
        image_mixing.decode_picture(body, (3, 1, 65 * 64), weights=Weights(net=lambda: net))
    with pytest.raises(CorruptError):
        image_mixing.decode_picture(body[:-4], given.shape, weights=Weights(net=lambda: net))
