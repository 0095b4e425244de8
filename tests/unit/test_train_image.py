"""The image training task: crops, figures, command, export."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuralzip import zoo
from neuralzip.errors import UsageError
from neuralzip.nets import pixel_front, pixel_sight
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from neuralzip.train import image as task
from tests.pixel_models import picture


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for i, name in enumerate(["a.png", "b.webp", "synthetic/c.png"]):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(3, 40, 30, i).astype(np.uint8).transpose(1, 2, 0)).save(path, lossless=True)
    return tmp_path / "data"


def test_pool_weighs_synthetic_pictures_by_their_share(data: Path) -> None:
    pool = task.gather_pool(data, 16, 0.25)
    assert len(pool.pictures) == 3
    assert pool.chances == pytest.approx([0.375, 0.375, 0.25])


def test_pool_leaves_out_what_is_smaller_than_a_crop(data: Path) -> None:
    Image.fromarray(np.zeros((15, 60, 3), np.uint8)).save(data / "d.png")
    assert len(task.gather_pool(data, 16, 0.25).pictures) == 3
    with pytest.raises(UsageError, match="at least 31 pixels"):
        task.gather_pool(data, 31, 0.25)


def test_crops_lie_inside_their_window(data: Path) -> None:
    pool, rng = task.gather_pool(data, 16, 0.1), np.random.default_rng(0)
    for _ in range(50):
        window, y, x = pool.crop(rng, 16)
        assert window.shape[0] == 3 and window.shape[1] == y + 16 and window.shape[2] >= x + 16


def test_samples_are_staggered() -> None:
    planes = picture(3, 6, 7).astype(np.uint8)
    sight = pixel_sight.look(planes, pixel_front.make_tables())
    for plane in range(3):
        lag = pixel_front.LAG * plane
        assert np.array_equal(sight.samples[:, lag : lag + 7, plane], planes[plane])
        assert ((sight.scale[:, :, plane] >= 0).sum(axis=1) == 7).all()


def test_command_trains_resumes_and_exports(data: Path, tmp_path: Path) -> None:
    common = [str(data), "--dev", str(data), "--channels", "8", "--blocks", "1", "--side", "16", "--batch", "2"]
    common += ["--run", str(tmp_path / "run")]
    for _ in range(2):
        task.command.main([*common, "--minutes", "0.005"], standalone_mode=False)
    task.command.main([*common, "--minutes", "0", "--export", str(tmp_path / "models")], standalone_mode=False)
    folder = tmp_path / "models" / "image-fast"
    assert {path.name for path in folder.iterdir()} == {
        "card.md", "model.safetensors", "resume.safetensors", "train.toml",
    }  # fmt: skip
    model = zoo._read("image-fast", folder / "model.safetensors", 0)
    assert IntPixelCNN(model).channels == 8
    assert len((tmp_path / "run" / "curve.csv").read_text().splitlines()) == 3
