"""The integer PixelCNN gives the same mixtures step by step and in bulk, with every kernel, on any threads."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip.codecs import image_fast
from neuralzip.exact import kernels
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from tests.pixel_models import picture, write_model

SIZES = [(1, 1), (1, 30), (30, 1), (7, 90), (45, 20)]
GOLDEN = "e4475a2d9eda7e70"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> IntPixelCNN:
    return IntPixelCNN(write_model(tmp_path_factory.mktemp("models")))


def digest(net: IntPixelCNN, planes: np.ndarray) -> str:
    total = hashlib.sha256()
    for _, mixtures, _ in net.walk(*planes.shape[1:]).walk_known(planes):
        for part in mixtures[2:]:
            total.update(np.ascontiguousarray(part[mixtures.valid]).tobytes())
    return total.hexdigest()


def digest_of_steps(net: IntPixelCNN, planes: np.ndarray) -> str:
    total = hashlib.sha256()
    walk = net.walk(*planes.shape[1:])
    known = [samples for _, _, samples in net.walk(*planes.shape[1:]).walk_known(planes)]
    for t in range(walk.steps):
        mixtures = walk.step(t)
        for part in mixtures[2:]:
            total.update(np.ascontiguousarray(part[mixtures.valid]).tobytes())
        walk.reveal(t, known[t])
    return total.hexdigest()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_steps_and_bulk_agree(net: IntPixelCNN, height: int, width: int) -> None:
    planes = picture(3, height, width).astype(np.uint8)
    assert digest(net, planes) == digest_of_steps(net, planes)


@pytest.mark.parametrize("kernel", ["int8", "compiled", "float32", "int64"])
def test_kernels_agree(net: IntPixelCNN, kernel: str) -> None:
    planes = picture(3, 20, 33).astype(np.uint8)
    expected = digest(net, planes)
    with kernels.using(kernel):
        assert digest(net, planes) == expected


def test_threads_agree(net: IntPixelCNN) -> None:
    planes = picture(3, 16, 16).astype(np.uint8)
    expected, before = digest(net, planes), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert digest(net, planes) == expected
    finally:
        torch.set_num_threads(before)


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
    planes = picture(3, 40, 50).astype(np.uint8)
    assert digest(net, planes) == digest(other, planes)
