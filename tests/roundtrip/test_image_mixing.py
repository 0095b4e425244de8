"""Pictures of all sizes, channel counts and depths through the default and the graphics model."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from neuralzip.codecs.image_graphics import decode_graphics, encode_graphics
from neuralzip.codecs.image_mixing import decode_picture, encode_picture
from neuralzip.codecs.image_planes import code_samples, decode_samples, finish_words, start
from neuralzip.errors import CorruptError
from neuralzip.experts import image_lattice
from neuralzip.experts.image_walk import steps_of

Encode = Callable[..., bytes]
Decode = Callable[..., np.ndarray]
MODELS = [(encode_picture, decode_picture), (encode_graphics, decode_graphics)]
SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (3, 17), (20, 13), (8, 8), (19, 20)]


def texture(shape: tuple[int, int, int], high: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    smooth = random.integers(-4, 5, shape).cumsum(2).cumsum(1) * max(1, high // 256)
    return np.clip(smooth + high // 2, 0, high - 1).astype(np.uint16)


def drawing(shape: tuple[int, int, int], high: int) -> np.ndarray:
    random = np.random.default_rng(9)
    tile = random.integers(0, high, (shape[0], 6, 7))
    return np.tile(tile, (1, shape[1] // 6 + 1, shape[2] // 7 + 1))[:, : shape[1], : shape[2]].astype(np.uint16)


@pytest.mark.parametrize(("encode", "decode"), MODELS)
@pytest.mark.parametrize("size", SIZES)
def test_every_size_comes_back(encode: Encode, decode: Decode, size: tuple[int, int]) -> None:
    for make in (texture, drawing):
        given = make((3, *size), 256)
        assert (decode(encode(given), given.shape) == given).all()


@pytest.mark.parametrize(("encode", "decode"), MODELS)
@pytest.mark.parametrize(
    ("planes", "high"), [(1, 1), (1, 2), (1, 256), (2, 256), (4, 256), (1, 65536), (3, 65536)]
)
def test_every_kind_comes_back(encode: Encode, decode: Decode, planes: int, high: int) -> None:
    given = np.concatenate([texture((planes, 12, 17), high), drawing((planes, 12, 12), high)], axis=2)
    assert (decode(encode(given), given.shape) == given).all()


@pytest.mark.parametrize(("encode", "decode"), MODELS)
def test_noise_grows_little(encode: Encode, decode: Decode) -> None:
    given = np.random.default_rng(1).integers(0, 256, (3, 48, 48)).astype(np.uint16)
    body = encode(given)
    assert (decode(body, given.shape) == given).all()
    assert len(body) < given.size * 1.08


@pytest.mark.parametrize("kind", image_lattice.KINDS)
def test_lattices_with_strays_come_back_small(kind: int) -> None:
    smooth = texture((3, 48, 48), 120, seed=2).astype(np.int32).transpose(1, 2, 0) - np.array([0, 60, 60])
    rgb = image_lattice.colours(kind, np.ascontiguousarray(smooth, np.int32))
    rgb[5, 7] = 3, 200, 90
    rgb[47, 47] = 1, 2, 99
    planes = np.ascontiguousarray(rgb[..., [1, 0, 2]].transpose(2, 0, 1)).astype(np.uint16)
    body = encode_picture(planes)
    assert body[0] == kind
    assert (decode_picture(body, planes.shape) == planes).all()


def test_drawings_cost_next_to_nothing_as_graphics() -> None:
    given = drawing((3, 60, 70), 256)
    assert len(encode_graphics(given)) < len(encode_picture(given)) / 2


def test_progress_is_told() -> None:
    shares: list[float] = []
    body = encode_picture(texture((3, 20, 90), 256), shares.append)
    decode_picture(body, (3, 20, 90), shares.append)
    assert shares
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize(("encode", "decode"), MODELS)
def test_a_truncated_body_is_refused(encode: Encode, decode: Decode) -> None:
    given = texture((3, 20, 20), 256)
    with pytest.raises(CorruptError):
        decode(encode(given)[:-8], given.shape)


@pytest.mark.parametrize(
    ("encode", "digest"), [(encode_picture, "5dfcd51e1ca08e6d"), (encode_graphics, "0c257e61b2453831")]
)
def test_the_stream_is_the_same_for_ever(encode: Encode, digest: str) -> None:
    given = texture((3, 24, 32), 256, seed=7)
    if encode is encode_graphics:
        given[:, :, 20:] = drawing((3, 24, 12), 256)
    assert hashlib.sha256(encode(given)).hexdigest()[:16] == digest


def test_it_does_not_matter_how_far_a_plane_is_ahead() -> None:
    given, limits = texture((3, 30, 70), 256).astype(np.int32), [(0, 255)] * 3
    coders = start(given, limits)
    for coder in coders:
        coder.walk(0, steps_of(*given.shape))
    words = finish_words(coders)
    assert words == finish_words(code_samples(given, limits))
    assert (decode_samples(words, given.shape, limits) == given).all()


@pytest.mark.parametrize("size", [0, 3, 1 << 31])
def test_impossible_sizes_of_planes_are_refused(size: int) -> None:
    given, limits = texture((3, 20, 20), 256).astype(np.int32), [(0, 255)] * 3
    words = size.to_bytes(4, "little") + finish_words(code_samples(given, limits))[4:]
    with pytest.raises(CorruptError):
        decode_samples(words, given.shape, limits)
    with pytest.raises(CorruptError):
        decode_samples(words[:6], given.shape, limits)
