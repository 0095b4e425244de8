"""The wavefront PixelCNN: what it sees, its taps, its mixtures, its agreement with the float net."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact import logistic
from neuralzip.experts.image_opinion import INVERSES, MEAN_BITS, MEANS, WEIGHTS
from neuralzip.nets import pixel_front, pixel_sight, pixelcnn
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from neuralzip.nets.pixelcnn_step import ALPHABET
from tests.pixel_models import in_bulk, picture, write_model


def coded_bits(net: IntPixelCNN, planes: np.ndarray) -> float:
    total = 0.0
    for mixtures, samples in in_bulk(net, planes):
        starts, freqs = np.empty_like(samples), np.empty_like(samples)
        parts = (np.ascontiguousarray(mixtures[:, place]) for place in (MEANS, INVERSES, WEIGHTS))
        logistic.intervals(samples, *parts, MEAN_BITS, ALPHABET, starts, freqs)
        total += float((24 - np.log2(freqs)).sum())
    return total


@pytest.fixture(scope="module")
def trained() -> pixelcnn.PixelCNN:
    torch.manual_seed(3)
    net = pixelcnn.PixelCNN(channels=16, blocks=2, hidden=16, components=3)
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    sight = pixel_sight.look(picture(3, 24, 32).astype(np.uint8), pixel_front.make_tables()).alone()
    inputs, base, scale, samples = (torch.from_numpy(part) for part in sight)
    for _ in range(12):
        optimiser.zero_grad()
        net.bits(net(inputs), base, scale, samples).mean().backward()
        optimiser.step()
    return net


def test_a_short_training_gains(trained: pixelcnn.PixelCNN) -> None:
    planes = picture(3, 24, 32, seed=1)
    fresh = pixelcnn.PixelCNN(channels=16, blocks=2, hidden=16, components=3)
    assert float_bits(trained, planes) < 0.99 * float_bits(fresh, planes)


def float_bits(net: pixelcnn.PixelCNN, planes: np.ndarray) -> float:
    sight = pixel_sight.look(planes.astype(np.uint8), pixel_front.make_tables()).alone()
    inputs, base, scale, samples = (torch.from_numpy(part) for part in sight)
    with torch.no_grad():
        return float(net.bits(net(inputs), base, scale, samples).sum())


def test_a_grown_net_says_the_same_and_goes_on_learning(trained: pixelcnn.PixelCNN) -> None:
    net = pixelcnn.PixelCNN(channels=24, blocks=3, hidden=20, components=3)
    pixelcnn.grow(trained, net)
    planes = picture(3, 24, 32, seed=1)
    assert float_bits(net, planes) == float_bits(trained, planes)
    sight = pixel_sight.look(planes.astype(np.uint8), pixel_front.make_tables()).alone()
    inputs, base, scale, samples = (torch.from_numpy(part) for part in sight)
    net.bits(net(inputs), base, scale, samples).mean().backward()
    for block in net.blocks:
        assert block.point.weight.grad[:16].abs().sum(0).count_nonzero() > 12
    taps = net.blocks[0].taps.weight.grad.view(24, len(pixelcnn.TAPS), 24)
    assert taps[:16, :, 16:].abs().sum() > 0


def test_integer_twin_costs_half_a_percent_at_most(trained: pixelcnn.PixelCNN, tmp_path: Path) -> None:
    arrays, meta = pixelcnn.export(trained, pixel_front.make_tables())
    path = zoo.save(tmp_path / "twin", arrays, meta)
    net = IntPixelCNN(zoo._read("twin", path, 0))
    planes = picture(3, 40, 48, seed=2)
    assert coded_bits(net, planes) == pytest.approx(float_bits(trained, planes), rel=0.005)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (7, 5), (5, 12)])
def test_steps_hold_every_sample_once_and_in_causal_order(height: int, width: int) -> None:
    seen = np.full((pixel_front.PLANES, height, width), -1)
    for step in range(pixel_front.steps(height, width)):
        first, count = pixel_front.rows(height, width, step)
        assert count >= 1
        for y in range(first, first + count):
            for plane in range(pixel_front.PLANES):
                x = step - 2 * y - pixel_front.LAG * plane
                if 0 <= x < width:
                    assert seen[plane, y, x] == -1
                    seen[plane, y, x] = step
    y, x, plane = np.ogrid[:height, :width, : pixel_front.PLANES]
    assert (seen.transpose(1, 2, 0) == x + 2 * y + pixel_front.LAG * plane).all()


def test_inputs_depend_on_earlier_steps_only(tmp_path: Path) -> None:
    net = IntPixelCNN(write_model(tmp_path))
    planes = picture(3, 12, 14).astype(np.uint8)
    before = [mixtures for mixtures, _ in in_bulk(net, planes)]
    for plane, y, x in [(0, 5, 6), (1, 0, 13), (2, 11, 0), (0, 6, 0), (1, 7, 13)]:
        changed = planes.copy()
        changed[plane, y, x] ^= 0x55
        after = [mixtures for mixtures, _ in in_bulk(net, changed)]
        step = x + 2 * y + pixel_front.LAG * plane
        same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
        assert all(same[: step + 1])
        assert not all(same) or (y, x) == (11, 13)


def test_inputs_do_not_depend_on_the_strength_of_the_texture() -> None:
    tables = pixel_front.make_tables()
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (3, 32, 32))
    faint, strong = (np.clip(128 + noise * s, 0, 255).astype(np.uint8) for s in (8, 32))
    inner = np.s_[8:, 8:-8, :20]
    weak, loud = (pixel_sight.look(picture, tables).inputs[inner].astype(int) for picture in (faint, strong))
    difference = weak - loud
    assert np.abs(difference).mean() < 5
    assert np.abs(loud).mean() > 15


def test_taps_are_self_west_north_northwest_northeast() -> None:
    layer = pixelcnn.TapLinear(1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]]))
        layer.bias.zero_()
    x = torch.zeros(1, 1, 4, 5)
    x[0, 0, 1, 2] = 1
    expected = torch.zeros(4, 5)
    expected[1, 2], expected[1, 3], expected[2, 2], expected[2, 3], expected[2, 1] = 1, 2, 4, 8, 16
    assert torch.equal(layer(x)[0, 0], expected)


def test_mixture_weights_sum_to_one(tmp_path: Path) -> None:
    for mixtures, _ in in_bulk(IntPixelCNN(write_model(tmp_path)), picture(3, 6, 8)):
        assert (mixtures[:, WEIGHTS].sum(axis=-1) == 1 << logistic.WEIGHT_BITS).all()
        assert (mixtures[:, WEIGHTS] >= 0).all()
        assert (mixtures[:, INVERSES] >= 1).all()


def test_other_models_are_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    with pytest.raises(ModelError, match="no PixelCNN"):
        IntPixelCNN(zoo.Model("x", model.arrays, {"architecture": "lstm"}, b"", 0))
    fewer = {name: array for name, array in model.arrays.items() if name != "head.bias"}
    with pytest.raises(ModelError, match=r"head\.bias"):
        IntPixelCNN(zoo.Model("x", fewer, model.meta, b"", 0))
    for name in ("blocks.0.taps.weight", "tables.compand", "levels"):
        shorter = {**model.arrays, name: model.arrays[name][:-1]}
        with pytest.raises(ModelError, match=name.removesuffix(".weight")):
            IntPixelCNN(zoo.Model("x", shorter, model.meta, b"", 0))
