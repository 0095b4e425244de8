"""PixelSNAIL: attention as defined, the integer twin near the float net, steps and bulk alike, files come back."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip import zoo
from neuralzip.codecs import image_fast
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import ImageCodec
from neuralzip.errors import ModelError
from neuralzip.exact import softmax
from neuralzip.nets import pixel_front, pixel_sight, pixelsnail, pixelsnail_exact
from neuralzip.nets.pixelsnail_exact import IntPixelSnail, attend
from tests.pixel_models import in_bulk, picture, step_by_step


def make_net() -> pixelsnail.PixelSnail:
    """A net whose attention says much."""
    torch.manual_seed(2)
    net = pixelsnail.PixelSnail(channels=16, blocks=2, hidden=16, components=3)
    with torch.no_grad():
        net.attention.point.weight.normal_(std=1.0)
        net.attention.query.weight.normal_(std=0.4)
        net.attention.key.weight.normal_(std=0.4)
        net.attention.nearness.normal_()
        net.out.weight.normal_(std=0.3)
    return net


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> zoo.Model:
    path = zoo.save(
        tmp_path_factory.mktemp("models") / "image-fast", *pixelsnail.export(make_net(), pixel_front.make_tables())
    )
    return zoo._read("image-fast", path, 0)


def test_the_window_holds_what_earlier_steps_have_computed() -> None:
    assert len(set(pixelsnail.PLACES)) == len(pixelsnail.PLACES) == 24
    assert all(dx + 2 * dy < 0 and -pixelsnail.REACH_UP <= dy <= 0 for dx, dy in pixelsnail.PLACES)
    assert {(-1, 0), (0, -1), (1, -1), (-1, -1)} <= set(pixelsnail.PLACES)
    x = torch.arange(30.0).view(1, 1, 5, 6) + 1
    seen = pixelsnail.windows(x)[0, 0]
    for p, (dx, dy) in enumerate(pixelsnail.PLACES):
        for row in range(5):
            for column in range(6):
                inside = 0 <= row + dy and 0 <= column + dx < 6
                assert seen[p, row, column] == (x[0, 0, row + dy, column + dx] if inside else 0)


def test_attention_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    back, up = np.array([1, 2, 3]), np.array([0, 1, 1])
    queries = rng.integers(-127, 128, (2, 4, 5)).astype(np.int8)
    slots = rng.integers(-127, 128, (8, 9, 5 + 6)).astype(np.int8)
    nearness, out = np.array([100, -300, 0], np.int32), np.empty((2, 4, 6), np.int8)
    memory = np.empty(3, np.int32), np.empty(3, np.int32)
    attend(queries, slots, 5, 2, back, up, nearness, *memory, out)
    for t in range(2):
        for m in range(4):
            kept = [
                slots[5 + t - b, 2 + m - u + pixelsnail.REACH_UP].astype(int)
                for b, u in zip(back, up, strict=True)
            ]
            scores = [int(queries[t, m].astype(int) @ k[:5]) + int(n) for k, n in zip(kept, nearness, strict=True)]
            weights = softmax.to_freqs([scores], pixelsnail.SCORE_BITS, pixelsnail.WEIGHT_BITS)[0]
            assert weights.sum() == 256
            total = sum(int(w) * k[5:] for w, k in zip(weights, kept, strict=True))
            assert list(out[t, m]) == list((total + 128) >> 8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 9), (19, 7), (5, 30)])
def test_steps_and_bulk_agree(model: zoo.Model, height: int, width: int) -> None:
    planes, net = picture(3, height, width), IntPixelSnail(model)
    for one, other in zip(step_by_step(net, planes), in_bulk(net, planes), strict=True):
        assert np.array_equal(one.mixtures, other.mixtures)


def test_the_integer_twin_costs_what_the_float_net_says(model: zoo.Model) -> None:
    planes = picture(3, 40, 48, seed=2)
    sight = pixel_sight.look(planes.astype(np.uint8), pixel_front.make_tables()).alone()
    inputs, base, scale, samples = (torch.from_numpy(part) for part in sight)
    net, with_none = make_net(), make_net()
    with torch.no_grad():
        wanted = float(net.bits(net(inputs), base, scale, samples).sum())
        with_none.attention.point.weight.zero_()
        without = float(with_none.bits(with_none(inputs), base, scale, samples).sum())
    _, bits = image_fast.encode(IntPixelSnail(model), planes, 0)
    assert abs(bits / wanted - 1) < 0.003 < 0.01 < abs(without / wanted - 1)


@pytest.mark.parametrize(("planes", "height", "width"), [(3, 21, 17), (1, 9, 30), (3, 1, 5)])
def test_planes_come_back(model: zoo.Model, planes: int, height: int, width: int) -> None:
    samples, net = picture(planes, height, width, seed=3), IntPixelSnail(model)
    payload, bits = image_fast.encode(net, samples, 0)
    assert 0 <= 8 * len(payload) - bits < 64
    geometry = image_fast.Geometry(planes, height, width, 0)
    assert np.array_equal(image_fast.decode(net, payload, geometry), samples)


def test_a_trained_one_takes_the_place_of_the_shipped_net(
    model: zoo.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo.save(tmp_path / "image-fast", dict(model.arrays), model.meta)
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path))
    pixels = picture(3, 24, 32, seed=4).astype(np.uint8).transpose(1, 2, 0)
    data = b"P6 32 24 255\n" + np.ascontiguousarray(pixels).tobytes()
    (block,) = ImageCodec().encode(io.BytesIO(data), Options(model="fast"))
    assert block.models == (model.identity,)
    assert ImageCodec().decode(block, Options()) == data


def test_foreign_weights_are_refused(model: zoo.Model) -> None:
    with pytest.raises(ModelError):
        IntPixelSnail(zoo.Model("x", model.arrays, {**model.meta, "architecture": "pixelcnn"}, b"", 0))
    for name in ("attention.key.weight", "attention.nearness"):
        fewer = {key: array for key, array in model.arrays.items() if key != name}
        with pytest.raises(ModelError):
            IntPixelSnail(zoo.Model("x", fewer, model.meta, b"", 0))
    short = {**model.arrays, "attention.nearness": model.arrays["attention.nearness"][:5]}
    with pytest.raises(ModelError):
        IntPixelSnail(zoo.Model("x", short, model.meta, b"", 0))
    assert pixelsnail_exact._HISTORY == 9
