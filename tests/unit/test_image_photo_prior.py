"""Where photos start: packing, roles of planes, moving and training."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from neuralzip.codecs import image_mixing
from neuralzip.codecs.image_mixing import JOINT, STARTED, Weights
from neuralzip.codecs.image_planes import PlaneCoder, start
from neuralzip.errors import CorruptError, ModelError, UsageError
from neuralzip.experts.image_photo_prior import (
    COLOURS,
    GREY,
    PhotoPrior,
    begin,
    fill,
    move,
    new_photo_prior,
    pack,
    unpack,
)
from neuralzip.experts.image_state import FINALS, LARGE_MAPS, NODES, SELECTORS, SMALL_MAPS, new_state
from neuralzip.experts.mixer import W_MAX
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from neuralzip.train import photos as train_photos
from tests.pixel_models import picture, write_model

LIMITS = [(0, 255)] * 3


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> IntPixelCNN:
    return IntPixelCNN(write_model(tmp_path_factory.mktemp("models")))


def random_prior(seed: int) -> PhotoPrior:
    """Return a start of random weights and maps."""
    rng, prior = np.random.default_rng(seed), new_photo_prior()
    for array in prior:
        array[:] = rng.integers(1, 65536, array.shape)
    return prior


def coders_of(planes: int, prior: PhotoPrior | None) -> list[PlaneCoder]:
    """Return what codes planes, beside a net, before the first step."""
    told = np.zeros((planes, 2, 8, 3, 5), np.int32)
    return start(np.zeros((planes, 8, 8), np.int32), LIMITS[:planes], None, told, prior)


def test_packed_weights_are_near_and_the_rest_is_exact() -> None:
    prior = random_prior(1)
    prior.final[:] &= ~15
    back = unpack(pack(prior))
    for name in PhotoPrior._fields:
        before, after = getattr(prior, name), getattr(back, name)
        assert before.dtype == after.dtype and before.shape == after.shape
        assert (before == after).all() == (name != "weights")
    size = SELECTORS[0]
    assert np.abs(prior.weights[:, :size] - back.weights[:, :size]).max() <= 65535 // 127 // 2 + 1


@pytest.mark.parametrize("name", ["maps", "net_maps", "final", "weights_steps"])
def test_broken_arrays_are_refused(name: str) -> None:
    packed = pack(new_photo_prior())
    rest = {key: array for key, array in packed.items() if key != name}
    for broken in ({}, {name: packed[name][1:]}, {name: packed[name].astype(np.int64)}):
        with pytest.raises(ModelError, match="missing or of another shape"):
            unpack(rest | broken)


def test_weights_are_within_what_mixers_can_hold() -> None:
    packed = pack(new_photo_prior())
    packed["weights_steps"][:] = 65535
    packed["final"][:] = -32768
    packed["maps"][:] = packed["net_maps"][:] = 0
    prior = unpack(packed)
    assert np.abs(prior.weights).max() <= W_MAX and np.abs(prior.final).max() <= W_MAX
    assert prior.maps.min() == prior.net_maps.min() == 1


@pytest.mark.parametrize(("planes", "roles"), [(1, GREY), (3, COLOURS)])
def test_a_plane_starts_by_its_role(planes: int, roles: tuple[int, ...]) -> None:
    prior = random_prior(2)
    state = coders_of(planes, prior)[0].state
    first, rows = planes * SELECTORS[0], SELECTORS[0]
    for plane, role in enumerate(roles):
        assert (state.mixer.weights[plane * rows : plane * rows + rows] == prior.weights[role, :rows]).all()
        second = state.mixer.weights[first + plane * SELECTORS[1] : first + (plane + 1) * SELECTORS[1]]
        assert (second == prior.weights[role, rows : rows + SELECTORS[1]]).all()
        assert (state.mixer.final[plane * FINALS[0] : (plane + 1) * FINALS[0]] == prior.final[role]).all()
        assert (state.maps[plane * SMALL_MAPS : (plane + 1) * SMALL_MAPS] == prior.maps[role]).all()
        heard = planes * (SMALL_MAPS + LARGE_MAPS) + plane * SMALL_MAPS
        assert (state.maps[heard : heard + SMALL_MAPS] == prior.net_maps[role]).all()


@pytest.mark.parametrize("planes", [1, 3])
def test_the_start_that_knows_nothing_is_that_of_a_new_state(planes: int) -> None:
    with_start, without = (coders_of(planes, prior)[0].state for prior in (new_photo_prior(), None))
    assert (with_start.mixer.weights == without.mixer.weights).all()
    assert (with_start.mixer.final == without.mixer.final).all() and (with_start.maps == without.maps).all()
    assert (with_start.mixer.rates < without.mixer.rates).any()


def test_moving_all_the_way_takes_what_a_state_has_and_leaves_other_roles() -> None:
    prior, taught, new = new_photo_prior(), random_prior(3), new_photo_prior()
    move(prior, coders_of(3, taught)[0].state, 1.0)
    colours, grey = list(COLOURS), list(GREY)
    for name in PhotoPrior._fields:
        assert (getattr(prior, name)[colours] == getattr(taught, name)[colours]).all()
        assert (getattr(prior, name)[grey] == getattr(new, name)[grey]).all()


def test_moving_half_way_takes_half() -> None:
    prior = new_photo_prior()
    state = coders_of(1, None)[0].state
    state.mixer.weights[5] += 100
    known = int(prior.weights[3, 5, 0])
    move(prior, state, 0.5)
    assert (prior.weights[3, 5] == known + 50).all() and (prior.weights[3, 6] == known).all()


def test_unused_rows_become_the_mean_of_those_of_their_decision() -> None:
    prior, contexts = new_photo_prior(), SELECTORS[0] // NODES
    known = int(prior.weights[0, 0, 0])
    prior.weights[2, 3 * contexts] = 10
    prior.weights[2, 3 * contexts + 1] = 30
    fill(prior)
    assert (prior.weights[2, 3 * contexts + 2 : 4 * contexts] == 20).all()
    assert (prior.weights[2, 4 * contexts] == known).all() and (prior.weights[1] == known).all()


def test_a_taught_start_saves_bytes_and_decodes(net: IntPixelCNN) -> None:
    given = [picture(planes, 64, 64, seed).astype(np.int32) for planes in (1, 3) for seed in range(3)]
    prior, sizes = train_photos.train(net, given, 2, seed=1)
    again, _ = train_photos.train(net, given, 2, seed=1)
    assert all((a == b).all() for a, b in zip(prior, again, strict=True)) and sizes[1] < sizes[0]
    shipped = unpack(pack(prior))
    weights = Weights(net=lambda: net, photos=lambda: shipped)
    for planes in (1, 3):
        other = picture(planes, 64, 64, 9)
        body = image_mixing.encode_picture(other, weights=weights)
        assert image_mixing.needs(body) == {"net", "photos"}
        assert len(body) < len(image_mixing.encode_picture(other, weights=Weights(net=lambda: net)))
        assert (image_mixing.decode_picture(body, other.shape, weights=weights) == other).all()


def test_crops_are_of_both_kinds_and_use_all_pictures_alike(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures"):
        train_photos.crops(tmp_path, 1, 4)
    for value in range(3):
        Image.new("RGB", (100 + value, 120), (value, value, value)).save(tmp_path / f"{value}.png")
    crops = train_photos.crops(tmp_path, 1, 30)
    assert all((a == b).all() for a, b in zip(crops, train_photos.crops(tmp_path, 1, 30), strict=True))
    assert sorted(int(crop.max()) for crop in crops) == [0] * 10 + [1] * 10 + [2] * 10
    assert {len(crop) for crop in crops} == {1, 3} and {crop.shape[1] for crop in crops} <= {96, 100, 101, 102}
    assert {crop.dtype for crop in crops} == {np.dtype(np.int32)}


@pytest.mark.parametrize("given", [picture(4, 64, 64), picture(2, 64, 64), picture(1, 64, 64, top=900)])
def test_other_pictures_have_no_start(given: NDArray[np.uint16]) -> None:
    prior = new_photo_prior()
    body = image_mixing.encode_picture(given, weights=Weights(photos=lambda: prior))
    assert not image_mixing.needs(body)
    assert (image_mixing.decode_picture(body, given.shape) == given).all()
    forged = bytes([body[0] + STARTED]) + body[1:]
    with pytest.raises(CorruptError, match="learnt start"):
        image_mixing.decode_picture(forged, given.shape, weights=Weights(photos=lambda: prior))


def test_a_picture_that_needs_a_start_is_refused_without(net: IntPixelCNN) -> None:
    given, prior = picture(3, 64, 64), new_photo_prior()
    body = image_mixing.encode_picture(given, weights=Weights(net=lambda: net, photos=lambda: prior))
    assert body[0] == JOINT + STARTED
    with pytest.raises(CorruptError, match="names no weights"):
        image_mixing.decode_picture(body, given.shape, weights=Weights(net=lambda: net))
    forged = bytes([JOINT]) + body[1:]
    with pytest.raises(CorruptError):
        image_mixing.decode_picture(forged, given.shape, weights=Weights(net=lambda: net))


def test_a_start_reaches_every_plane_of_a_picture() -> None:
    states = [each.state for each in coders_of(3, random_prior(5))]
    assert all(np.shares_memory(each.mixer.rates, states[0].mixer.rates) for each in states)
    state = new_state(1, 1, 1, 3, [(0, 255)], components=1)
    begin(new_photo_prior(), state)
    assert state.mixer.rates[0, -1] < state.mixer.rates[0, 0]
