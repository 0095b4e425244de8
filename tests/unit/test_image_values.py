"""Ranks of sparse values return the samples; stretched pictures get smaller by them."""

import numpy as np
import pytest

from neuralzip.codecs import image_values
from neuralzip.codecs.base import Options
from neuralzip.codecs.image_stacks import MIXING, RANKS, Coder
from neuralzip.errors import CorruptError
from neuralzip.media.types import Picture


def photo(height: int, width: int, planes: int) -> np.ndarray:
    """Smooth shapes with noise, 8 bits: [P, H, W]."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width]
    soft = 120 + 60 * np.sin(x / 17) * np.cos(y / 23) + 10 * np.arange(planes)[:, None, None]
    return (soft + random.normal(0, 4, (planes, height, width))).clip(0, 255).astype(np.uint16)


def test_dense_values_are_left_alone() -> None:
    assert image_values.sparse(photo(90, 120, 3)) is None
    assert image_values.sparse(np.random.default_rng(2).integers(0, 1 << 16, (1, 64, 64), np.uint16)) is None


@pytest.mark.parametrize("step", [1.37, 2.2, 201.3])
def test_ranks_return_samples(step: float) -> None:
    stack = np.floor(photo(90, 120, 2) * step).astype(np.uint16)
    values = image_values.sparse(stack)
    assert values is not None
    ranks = image_values.to_ranks(stack, values)
    known, rest = image_values.unpack(image_values.pack(values) + b"rest", 2)
    assert rest == b"rest" and (image_values.from_ranks(ranks, known) == stack).all()
    assert ranks.max() <= 255


def test_stretched_pictures_are_smaller_by_ranks() -> None:
    stack = np.floor(photo(100, 140, 1) * 1.37).astype(np.uint16)
    picture, coder = Picture(stack.transpose(1, 2, 0), "grey", 16), Coder(Options())
    method, body = coder.encode(stack, picture, None)
    assert method == RANKS
    assert (coder.decode(method, body, stack.shape, None) == stack).all()
    plain = coder._encode_mixing(stack, None)
    assert (coder.decode(MIXING, plain, stack.shape, None) == stack).all()
    assert len(body) < 0.97 * len(plain)


def test_damaged_lists_are_refused() -> None:
    head = image_values.pack([np.array([0, 3, 9], np.uint16)])
    for damaged in (head[:3], head[:-1], b"\xff" * 8, head[:5] + b"\xff" * len(head[5:])):
        with pytest.raises(CorruptError):
            image_values.unpack(damaged, 1)
    with pytest.raises(CorruptError):
        image_values.unpack(head, 2)
    with pytest.raises(CorruptError):
        image_values.from_ranks(np.array([[[3]]], np.uint16), [np.array([0, 3, 9], np.uint16)])
