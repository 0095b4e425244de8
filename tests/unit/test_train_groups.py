"""Training of the group models: a few steps on a tiny folder learn, measure and export."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.nets.idf import IntIdf
from neuralzip.nets.parallel_pixelcnn import IntParallelPixelCnn
from neuralzip.nets.realnvp import IntRealNvp
from neuralzip.nets.tiles import SAMPLES
from neuralzip.nets.vae_exact import IntVae
from neuralzip.train.flow import FlowTask
from neuralzip.train.idf import IdfTask
from neuralzip.train.parallel import ParallelTask
from neuralzip.train.vae import VaeTask


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pictures")
    (out / "kodak").mkdir()
    rng = np.random.default_rng(1)
    for n in range(2):
        ramp = np.add.outer(np.arange(80), np.arange(90))[..., None] + 10 * np.arange(3)
        pixels = np.clip(ramp + rng.normal(0, 2, ramp.shape), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(out / "kodak" / f"{n}.png")
    return out


@pytest.mark.parametrize(
    ("task_class", "exact", "architecture"),
    [
        (IdfTask, IntIdf, {"widths": (16, 16, 8), "components": 2}),
        (FlowTask, IntRealNvp, {"widths": (16, 16, 8)}),
        (ParallelTask, IntParallelPixelCnn, {"widths": (16, 16), "components": 2}),
        (VaeTask, IntVae, {"widths": (16, 24, 16), "components": 2}),
    ],
)
def test_a_few_steps_learn(task_class: type[IdfTask], exact: type, architecture: dict, folder: Path) -> None:
    torch.manual_seed(1)
    task = task_class(folder, folder, batch=64, dev_side=40, architecture=architecture)
    net, device = task.build(), torch.device("cpu")
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    before = task.evaluate(net, device)["kodak"]
    for _ in range(25):
        loss, count = task.loss(net, device)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if task_class is not ParallelTask:  # whose crops come whole
        assert count == 64 * (SAMPLES if task_class is VaeTask else 3 * 3)
    assert task.evaluate(net, device)["kodak"] < before
    arrays, meta = task.export(net)
    exact(zoo.Model(task.id, arrays, meta, b"", 0))
    assert task.card() and task.settings["batch"] == 64
