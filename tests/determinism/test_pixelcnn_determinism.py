"""The integer PixelCNN gives the same mixtures step by step and in bulk, with every kernel, on any threads."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip.codecs import image_fast
from neuralzip.exact import kernels
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from tests.pixel_models import Foreseen, in_bulk, picture, step_by_step, write_model

SIZES = [(1, 1), (1, 30), (30, 1), (7, 90), (45, 20)]
GOLDEN = "e4475a2d9eda7e70"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> IntPixelCNN:
    return IntPixelCNN(write_model(tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> IntPixelCNN:
    return IntPixelCNN(write_model(tmp_path_factory.mktemp("plain")), compiled=False)


def digest(steps: Iterator[Foreseen]) -> str:
    total = hashlib.sha256()
    for mixtures, _ in steps:
        total.update(np.ascontiguousarray(mixtures).tobytes())
    return total.hexdigest()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_steps_and_bulk_agree(net: IntPixelCNN, plain: IntPixelCNN, height: int, width: int) -> None:
    planes = picture(3, height, width)
    expected = digest(in_bulk(net, planes))
    assert digest(step_by_step(net, planes)) == expected
    assert digest(in_bulk(plain, planes)) == expected
    assert digest(step_by_step(plain, planes)) == expected


@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_kernels_agree(net: IntPixelCNN, plain: IntPixelCNN, kernel: str) -> None:
    planes = picture(3, 20, 33)
    with kernels.using(kernel):
        assert digest(in_bulk(plain, planes)) == digest(in_bulk(net, planes))


@pytest.mark.parametrize("threads", [1, 2])
def test_payloads_agree(net: IntPixelCNN, plain: IntPixelCNN, threads: int) -> None:
    """Every implementation encodes, and decodes, alike, on any threads."""
    for count, fine in ((3, 0), (1, 3)):
        planes = picture(count, 30, 41, top=(256 << fine) - 1)
        payload, nll = image_fast.encode(net, planes, fine)
        geometry = image_fast.Geometry(*planes.shape, fine)
        for each in (net, plain):
            assert image_fast.encode(each, planes, fine, threads=threads) == (payload, nll)
            assert np.array_equal(image_fast.decode(each, payload, geometry), planes)


def test_golden_payload(net: IntPixelCNN) -> None:
    y, x = np.mgrid[:20, :30]
    planes = np.stack([x * 7 + y * 3, x * x + y, x * y]).astype(np.uint16) % 251
    payload, _ = image_fast.encode(net, planes, 0)
    assert hashlib.sha256(payload).hexdigest()[:16] == GOLDEN


@pytest.mark.gpu
def test_cuda_agrees(net: IntPixelCNN, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    other = IntPixelCNN(write_model(tmp_path), "cuda")
    planes = picture(3, 40, 50)
    assert digest(in_bulk(net, planes)) == digest(in_bulk(other, planes))
