"""Where the model of coefficients starts: packing, moving, training, and what a block names."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import jpeg_coefficients
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.jpeg import JpegCodec
from neuralzip.codecs.jpeg_coefficients import PRIOR, PRIOR_ID
from neuralzip.errors import CorruptError, ModelError, UsageError
from neuralzip.experts.counters import map_updated
from neuralzip.experts.jpeg_prior import JpegPrior, begin, move, new_jpeg_prior, pack, unpack
from neuralzip.experts.jpeg_state import new_model
from neuralzip.experts.mixer import W_MAX
from neuralzip.train import jpeg as train_jpeg


def photo(seed: int, side: int = 96) -> Image.Image:
    """Return a smooth picture with edges and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    waves = 110 + 80 * np.sin(
        x / rng.uniform(6, 20) + y / rng.uniform(6, 20) + rng.uniform(0, 6, 3)[:, None, None]
    )
    waves[:, side // 3 :, side // 2 :] *= 0.6
    noisy = waves + rng.normal(0, 5, waves.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(6):
        photo(seed, 160).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def taught(folder: Path) -> JpegPrior:
    return train_jpeg.train(train_jpeg.pictures(folder, 1, 12), 2, seed=1)[0]


def jpeg_file(seed: int) -> bytes:
    file = io.BytesIO()
    photo(seed).save(file, "JPEG", quality=85)
    return file.getvalue()


def encoded(data: bytes) -> Block:
    return next(iter(JpegCodec().encode(io.BytesIO(data), Options())))


def random_prior(seed: int) -> JpegPrior:
    rng, prior = np.random.default_rng(seed), new_jpeg_prior()
    for array in prior:
        array[:] = rng.integers(1, 65536, array.shape)
    return prior


def test_packed_weights_are_near_and_the_rest_is_exact() -> None:
    prior = random_prior(1)
    prior.final[:] &= ~15
    packed = pack(prior)
    back = unpack(packed)
    for name in JpegPrior._fields:
        before, after = getattr(prior, name), getattr(back, name)
        assert before.dtype == after.dtype and before.shape == after.shape
        assert (before == after).all() == (name != "weights")
    assert (2 * np.abs(prior.weights - back.weights) <= packed["weights_steps"][:, None]).all()


@pytest.mark.parametrize("name", ["weights", "weights_steps", "final", "histories", "refined"])
def test_broken_arrays_are_refused(name: str) -> None:
    packed = pack(new_jpeg_prior())
    rest = {key: array for key, array in packed.items() if key != name}
    for broken in ({}, {name: packed[name][1:]}, {name: packed[name].astype(np.int64)}):
        with pytest.raises(ModelError, match="missing or of another shape"):
            unpack(rest | broken)


def test_weights_are_within_what_mixers_can_hold() -> None:
    packed = pack(new_jpeg_prior())
    packed["weights_steps"][:] = 65535
    packed["final"][:] = -32768
    packed["refined"][:] = 0
    prior = unpack(packed)
    assert np.abs(prior.weights).max() <= W_MAX and np.abs(prior.final).max() <= W_MAX and prior.refined.min() == 1


def test_moving_half_way_takes_half_but_all_of_what_is_new() -> None:
    prior, model = new_jpeg_prior(), new_model(10)
    model.mixer.weights[5] += 100
    model.maps[3, 2, 200] = map_updated.py_func(model.maps[3, 2, 200], 1, 1023)
    known = int(prior.weights[5, 0])
    move(prior, model, 0.5)
    assert (prior.weights[5] == known + 50).all() and (prior.weights[6] == known).all()
    assert prior.histories[3, 2, 200] == model.maps[3, 2, 200]
    again = new_model(10)
    begin(prior, again)
    assert (again.mixer.weights == prior.weights).all() and (again.maps == prior.histories).all()


def test_a_taught_start_saves_bytes(taught: JpegPrior, folder: Path) -> None:
    shipped = unpack(pack(taught))
    for given in train_jpeg.pictures(folder, 9, 3):
        plain, started = (jpeg_coefficients.encode(given, prior=prior) for prior in (None, shipped))
        assert started[1] < 0.99 * plain[1]
        back = jpeg_coefficients.decode(started[0], given, prior=shipped)
        for a, b in zip(back.components, given.components, strict=True):
            assert np.array_equal(a.coefficients, b.coefficients)
        with pytest.raises(CorruptError):
            jpeg_coefficients.decode(started[0], given)


def test_training_is_repeatable(taught: JpegPrior, folder: Path) -> None:
    again, sizes = train_jpeg.train(train_jpeg.pictures(folder, 1, 12), 2, seed=1)
    assert all((a == b).all() for a, b in zip(taught, again, strict=True)) and sizes[1] < sizes[0]
    with pytest.raises(UsageError, match="no pictures"):
        empty = folder / "none"
        empty.mkdir()
        train_jpeg.pictures(empty, 1, 1)


def test_a_block_names_the_start(taught: JpegPrior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.save(tmp_path / PRIOR_ID, pack(taught), {"architecture": PRIOR, "version": 1})
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [tmp_path])
    data = jpeg_file(20)
    block = encoded(data)
    assert block.models == (zoo.load(PRIOR_ID).identity,)
    assert JpegCodec().decode(block, Options()) == data
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [])
    with pytest.raises(ModelError):
        JpegCodec().decode(block, Options())
    without = encoded(data)
    assert without.models == () and len(without.payload) > len(block.payload)
    assert JpegCodec().decode(without, Options()) == data
