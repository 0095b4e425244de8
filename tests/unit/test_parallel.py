"""The multiscale PixelCNN: files come back, groups are few, the view is wider than that of the flow."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import parallel as codec
from neuralzip.codecs.base import Options
from neuralzip.codecs.idf import parts_of
from neuralzip.errors import ModelError
from neuralzip.nets import lattice, parallel_pixelcnn


def make_model() -> zoo.Model:
    torch.manual_seed(1)
    net = parallel_pixelcnn.ParallelPixelCnn((24, 16, 12), 5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
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
    assert len(list(parts_of(512, 768))) == 21
    assert len(list(parts_of(2048, 2048))) == 24


def test_the_view_is_wider() -> None:
    for near, far in zip(lattice.NEAR, lattice.FAR, strict=True):
        assert np.array_equal(far[: len(near)], near) and len(far) > len(near)


def test_foreign_weights_are_refused() -> None:
    model = make_model()
    with pytest.raises(ModelError):
        other = zoo.Model("x", model.arrays, {"architecture": "idf", "version": 1}, b"", 0)
        parallel_pixelcnn.IntParallelPixelCnn(other)
