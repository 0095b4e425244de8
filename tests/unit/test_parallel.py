"""The multiscale PixelCNN: files come back, groups are few, and nothing that is shown is unknown."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import parallel as codec
from neuralzip.codecs.base import Options
from neuralzip.errors import ModelError
from neuralzip.exact import logistic
from neuralzip.nets import lattice, parallel_pixelcnn, parity_front
from neuralzip.nets.pixel_front import UNIT
from neuralzip.train import interpolation


def make_model() -> zoo.Model:
    torch.manual_seed(1)
    net = parallel_pixelcnn.ParallelPixelCnn((24, 16), 5)
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        net.tables.filters[...] = rng.integers(-400, 400, net.tables.filters.shape)
        net.tables.energies[...] = rng.integers(0, 100, net.tables.energies.shape)
    arrays, meta = parallel_pixelcnn.export(net)
    return zoo.Model("image-parallel", arrays, meta, b"identity", 0)


@pytest.mark.parametrize("mode", ["L", "RGB", "LA"])
def test_files_are_restored(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "load", lambda name: make_model())
    monkeypatch.setattr(zoo, "load_identity", lambda identity: make_model())
    ramp = np.add.outer(np.arange(33) * 3, np.arange(46) * 2)[..., None] + 20 * np.arange(len(mode))
    noisy = ramp + np.random.default_rng(1).normal(0, 4, ramp.shape)
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels).save(out, "PNG")
    chosen = codec.ParallelCodec()
    assert chosen.claims(out.getvalue(), Options(model="parallel"))
    assert not chosen.claims(out.getvalue(), Options(model="idf"))
    (block,) = chosen.encode(io.BytesIO(out.getvalue()), Options(model="parallel"))
    assert chosen.decode(block, Options()) == out.getvalue()


def test_groups_are_few() -> None:
    assert len(list(codec.groups_of((3, 512, 768)))) == 54
    assert len(list(codec.groups_of((3, 2048, 2048)))) == 63


@pytest.mark.parametrize("shape", [(3, 37, 52), (1, 1, 70), (3, 40, 3), (3, 1, 1)])
def test_every_sample_is_in_one_group(shape: tuple[int, int, int]) -> None:
    seen = np.zeros(shape, int)
    seen[(slice(None), *codec.top_of(*shape[1:], codec.TOP_SIDE))] += 1
    for plane, part in codec.groups_of(shape):
        seen[plane, part.ys, part.xs] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("shape", [(3, 37, 52), (1, 1, 70), (3, 40, 3)])
def test_nothing_unknown_is_shown(shape: tuple[int, int, int]) -> None:
    """A decoder's picture, empty where nothing is known yet, shows what the encoder's does."""
    rng = np.random.default_rng(2)
    planes, known = rng.integers(0, 256, shape).astype(np.uint8), np.zeros(shape, np.uint8)
    top = (slice(None), *codec.top_of(*shape[1:], codec.TOP_SIDE))
    known[top] = planes[top]
    nets = parallel_pixelcnn.IntParallelPixelCnn(make_model())
    whole, partly = parity_front.start(planes), parity_front.start(known)
    for plane, (level, group, ys, xs) in codec.groups_of(shape):
        views = [nets.look(front, plane, group, level, ys, xs) for front in (whole, partly)]
        assert all(np.array_equal(one, other) for one, other in zip(*views, strict=True))
        samples = planes[plane, ys, xs].astype(np.int32)
        for front, view in zip((whole, partly), views, strict=True):
            parity_front.reveal(front, plane, ys, xs, view.base, samples)
    assert np.array_equal(known, planes)


def test_the_view_is_that_of_the_definition() -> None:
    """One sample of plane R, group C, in whole numbers without the compiled code."""
    planes = np.random.default_rng(3).integers(0, 256, (3, 24, 24)).astype(np.uint8)
    model = make_model()
    tables = parallel_pixelcnn.IntParallelPixelCnn(model).tables
    front = parity_front.start(planes)
    front.errors[:2] = np.random.default_rng(4).integers(-300, 300, (2, 24 * 24))
    y, x, plane, group = 12, 11, 1, lattice.BESIDE
    row = (np.array([y], np.int32), np.array([x], np.int32))
    view = parity_front.look(front, tables, plane, group, 0, *row)
    own = [(y + dy, x + dx) for dy, dx in parity_front.OWN[group]]
    lead = [(y + dy, x + dx) for dy, dx in parity_front.LEADER]
    r, g = planes[1].astype(int), planes[0].astype(int)
    means = [2 * sum(p[at] for at in own[:4]) for p in (r, g)]
    differences = [8 * r[at] - means[0] for at in own] + [8 * g[at] - means[1] for at in lead]
    one, other = abs(differences[0] - differences[3]), abs(differences[1] - differences[2])
    direction = 1 if one > 2 * other + 8 else 2 if other > 2 * one + 8 else 0
    spread = sum(map(abs, differences[:4]))
    steepness = sum(spread >= 1 << (4 + 2 * i) for i in range(3))
    weights = tables.filters[0, plane, group, 4 * direction + steepness].astype(int)
    total = int(np.dot(weights[: len(differences)], differences))
    assert view.base[0] == min(max(means[0] + ((total + 2048) >> 12), 0), 255 * UNIT)
    errors = front.errors.astype(int).reshape(3, 24, 24)
    misses = [sum(abs(errors[1][at]) for at in own[:4]) // 4, sum(abs(errors[1][at]) for at in own[4:8]) // 4]
    misses += [abs(errors[0][lead[0]]), sum(abs(errors[0][at]) for at in lead[1:5]) // 4]
    misses += [sum(abs(errors[0][at]) for at in lead[5:9]) // 4]
    assert list(view.energies[0]) == [spread // 4, *misses, 0, 0, 0]
    energy = int(np.dot(tables.energies[0, plane, group], view.energies[0]))
    assert view.scale[0] == tables.scale_of[min(energy >> 5, 4095)]
    ratio = ((differences[5] + means[0] - view.base[0]) * int(tables.inverse[view.scale[0]]) + 32768) >> 16
    limit = len(tables.compand) // 2
    assert view.inputs[0, 5] == tables.compand[min(max(ratio, -limit), limit) + limit]


def test_mixtures_match_the_float_net() -> None:
    model, planes = make_model(), np.random.default_rng(5).integers(90, 130, (3, 40, 40)).astype(np.uint8)
    nets = parallel_pixelcnn.IntParallelPixelCnn(model)
    torch.manual_seed(1)
    net = parallel_pixelcnn.ParallelPixelCnn((24, 16), 5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for seen in interpolation.walk(nets.tables, interpolation.Crop(planes, 0)):
            bits = net.bits(seen.plane, seen.group, seen.view, seen.samples).double().sum()
            _, widths = nets.mixtures(seen.plane, seen.group, seen.view).intervals(seen.samples)
            exact = (logistic.PRECISION - np.log2(widths)).sum()
            assert abs(exact / float(bits) - 1) < 0.01


def test_fitted_filters_beat_the_mean() -> None:
    rng = np.random.default_rng(6)
    ramp = np.add.outer(np.arange(64) * 2, np.arange(64))[None] + 8 * np.sin(np.arange(64) / 2)
    planes = (np.repeat(ramp, 3, 0) + rng.normal(0, 2, (3, 64, 64))).clip(0, 255).astype(np.uint8)
    crop = interpolation.Crop(planes, 0)

    def miss(tables: parity_front.Tables) -> float:
        walked = list(interpolation.walk(tables, crop))
        return float(np.mean([np.abs(UNIT * seen.samples - seen.view.base).mean() for seen in walked]))

    fitted = interpolation.fit([crop])
    assert miss(fitted) < 0.8 * miss(parity_front.unfitted())
    for seen in interpolation.walk(fitted, crop):
        if len(seen.samples) > 500:
            scale = parallel_pixelcnn.pixel_front.scale_levels()[seen.view.scale]
            ratio = scale.mean() / (np.abs(UNIT * seen.samples - seen.view.base).mean() / UNIT)
            assert 0.5 < ratio < 2


def test_foreign_weights_are_refused() -> None:
    model = make_model()
    with pytest.raises(ModelError):
        other = zoo.Model("x", model.arrays, {"architecture": "idf", "version": 1}, b"", 0)
        parallel_pixelcnn.IntParallelPixelCnn(other)
