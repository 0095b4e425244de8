"""Where graphics start: packing, roles of planes, moving and training."""

import numpy as np
import pytest
from numpy.typing import NDArray

from neuralzip.codecs import image_mixing
from neuralzip.codecs.image_graphics import decode_graphics, encode_graphics, start
from neuralzip.codecs.image_mixing import Weights
from neuralzip.errors import CorruptError, ModelError
from neuralzip.experts.counters import map_updated
from neuralzip.experts.image_prior import ROLES, Prior, begin, fill, move, new_prior, pack, unpack
from neuralzip.experts.image_state import NODES, SELECTORS, SMALL_MAPS
from neuralzip.experts.mixer import W_MAX
from neuralzip.train import graphics as train_graphics

LIMITS = [(0, 255)] * 4


def random_prior(seed: int) -> Prior:
    """Return a start of random weights, maps and entries."""
    rng, prior = np.random.default_rng(seed), new_prior()
    for array in prior:
        if array.dtype == np.uint32:
            array[:] = rng.integers(0, 1 << 32, array.shape, np.uint32)
        else:
            array[:] = rng.integers(1, 65536, array.shape)
    return prior


def drawing(planes: int, seed: int = 1) -> NDArray[np.uint16]:
    """Return planes with repeats, steps and some noise."""
    rng = np.random.default_rng(seed)
    picture = np.repeat(np.repeat(rng.integers(0, 6, (planes, 6, 8)), 8, 1), 6, 2) * 40
    picture[:, 10:30, 5:25] += rng.integers(0, 3, (planes, 20, 20))
    return picture.astype(np.uint16)


def test_packed_weights_are_near_and_the_rest_is_exact() -> None:
    prior = random_prior(1)
    prior.final[:] &= ~15
    prior.repeat_final[:] &= ~15
    packed = pack(prior)
    back = unpack(packed)
    for name in Prior._fields:
        before, after = getattr(prior, name), getattr(back, name)
        assert before.dtype == after.dtype and before.shape == after.shape
        if name == "repeat_weights":
            assert (2 * np.abs(before - after) <= packed[f"{name}_steps"][..., None]).all()
        elif name != "weights":
            assert (before == after).all()


def test_packed_sets_of_weights_keep_each_row_or_the_mean_of_each_decision() -> None:
    prior = random_prior(1)
    back = unpack(pack(prior))
    step, first = 65535 // 127 + 1, 0
    for size, coarse in zip(SELECTORS, (False, False, True, True, False), strict=True):
        before = prior.weights[:, first : first + size].reshape(ROLES, NODES, size // NODES, -1)
        after = back.weights[:, first : first + size].reshape(before.shape)
        assert (2 * np.abs((before.mean(2, keepdims=True) if coarse else before) - after) <= step + 1).all()
        first += size
    assert first == prior.weights.shape[1]


@pytest.mark.parametrize("name", ["maps", "trust", "weights_steps"])
def test_broken_arrays_are_refused(name: str) -> None:
    packed = pack(new_prior())
    rest = {key: array for key, array in packed.items() if key != name}
    for broken in ({}, {name: packed[name][1:]}, {name: packed[name].astype(np.int64)}):
        with pytest.raises(ModelError, match="missing or of another shape"):
            unpack(rest | broken)


def test_weights_are_within_what_mixers_can_hold() -> None:
    packed = pack(new_prior())
    packed["weights_steps"][:] = 65535
    packed["final"][:] = -32768
    packed["maps"][:] = 0
    prior = unpack(packed)
    assert np.abs(prior.weights).max() <= W_MAX and np.abs(prior.final).max() <= W_MAX and prior.maps.min() == 1


@pytest.mark.parametrize(("planes", "roles"), [(1, [4]), (2, [4, 3]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])])
def test_a_plane_starts_by_its_role(planes: int, roles: list[int]) -> None:
    prior = random_prior(2)
    state, repeats = start(planes, 4, 4, LIMITS[:planes], prior)
    first, rows = planes * SELECTORS[0], SELECTORS[0]
    for plane, role in enumerate(roles):
        assert (state.mixer.weights[plane * rows : plane * rows + rows] == prior.weights[role, :rows]).all()
        second = state.mixer.weights[first + plane * SELECTORS[1] : first + (plane + 1) * SELECTORS[1]]
        assert (second == prior.weights[role, rows : rows + SELECTORS[1]]).all()
        assert (state.maps[plane * SMALL_MAPS : (plane + 1) * SMALL_MAPS] == prior.maps[role]).all()
    assert (repeats.histories == prior.repeat_histories[int(planes > 1)]).all()
    assert (state.histories == prior.histories[int(planes > 1)]).all()


def test_moving_all_the_way_takes_what_a_state_has_and_leaves_other_roles() -> None:
    prior, taught = new_prior(), random_prior(3)
    state, repeats = start(3, 4, 4, LIMITS[:3], taught)
    move(prior, state, repeats, 1.0, 50)
    assert (prior.weights[:3] == taught.weights[:3]).all() and (prior.weights[3:] == new_prior().weights[3:]).all()
    assert (prior.trust[:3] >> 10 == taught.trust[:3] >> 10).all()
    assert (prior.trust & 1023).max() == 50


def test_moving_half_way_takes_half_but_all_of_what_is_new() -> None:
    prior = new_prior()
    state, repeats = start(1, 4, 4, LIMITS[:1], None)
    state.mixer.weights[5] += 100
    state.histories[7] = map_updated.py_func(state.histories[7], 1, 1023)
    known = int(prior.weights[4, 5, 0])
    move(prior, state, repeats, 0.5, 50)
    assert (prior.weights[4, 5] == known + 50).all() and (prior.weights[4, 6] == known).all()
    assert prior.histories[0, 7] == state.histories[7]


def test_unused_rows_become_the_mean_of_those_of_their_decision() -> None:
    prior, contexts = new_prior(), SELECTORS[0] // NODES
    known = int(prior.weights[0, 0, 0])
    prior.weights[2, 3 * contexts] = 10
    prior.weights[2, 3 * contexts + 1] = 30
    fill(prior)
    assert (prior.weights[2, 3 * contexts + 2 : 4 * contexts] == 20).all()
    assert (prior.weights[2, 3 * contexts + 1] == 30).all()
    assert (prior.weights[2, 4 * contexts] == known).all() and (prior.weights[1] == known).all()


def test_a_taught_start_saves_bytes_and_decodes() -> None:
    given = [drawing(3, seed) for seed in range(3)] + [drawing(1, seed) for seed in range(3)]
    prior, sizes = train_graphics.train(given, 2, seed=1)
    again, _ = train_graphics.train(given, 2, seed=1)
    assert all((a == b).all() for a, b in zip(prior, again, strict=True)) and sizes[1] < sizes[0]
    for planes in (1, 3):
        other = drawing(planes, 9)
        body = encode_graphics(other, prior=prior)
        assert len(body) < len(encode_graphics(other))
        assert (decode_graphics(body, other.shape, prior=prior) == other).all()


def test_a_picture_that_needs_a_start_is_refused_without() -> None:
    given, prior = drawing(3), new_prior()
    body = image_mixing.encode_picture(given, weights=Weights(graphics=lambda: prior))
    assert image_mixing.needs(body) == {"graphics"}
    assert (image_mixing.decode_picture(body, given.shape, weights=Weights(graphics=lambda: prior)) == given).all()
    assert not image_mixing.needs(image_mixing.encode_picture(given))
    with pytest.raises(CorruptError, match="names no weights"):
        image_mixing.decode_picture(body, given.shape)


def test_the_roles_are_those_of_the_arrays() -> None:
    assert {len(part) for part in new_prior()} == {ROLES, 2}
    state, repeats = start(4, 4, 4, LIMITS, None)
    begin(new_prior(), state, repeats)
    bare, plain = start(4, 4, 4, LIMITS, None)
    assert (state.mixer.weights == bare.mixer.weights).all() and (repeats.mixer.final == plain.mixer.final).all()
