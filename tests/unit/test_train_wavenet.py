"""The WaveNet's training task: what experts hear, crops, command, export."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from neuralzip import zoo
from neuralzip.errors import UsageError
from neuralzip.nets import wavenet_exact
from neuralzip.nets.wavenet_view import INPUTS
from neuralzip.train import publish
from neuralzip.train import wavenet as task


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i, name in enumerate(["speech/a.wav", "music_synth/b.flac"]):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True)
        noise = rng.normal(size=(1500, i + 1)).cumsum(0) * 100
        soundfile.write(path, np.rint(noise).astype(np.int16), 8000)
    return tmp_path / "data"


def test_streams(data: Path) -> None:
    streams = task.watch([data], 1, 1)
    assert streams.views.shape == (4500, INPUTS) and list(streams.ends) == [1500, 3000, 4500]
    assert list(streams.kinds) == ["music_synth", "music_synth", "speech"]
    assert (streams.halves > 0).all() and 0.3 < np.abs(streams.places).mean() < 3
    again = task.watch([data], 1, 1)
    assert all((a == b).all() for a, b in zip(streams, again, strict=True))
    with pytest.raises(UsageError, match="no recordings"):
        task.watch([data / "none"], 1, 1)


def test_crops_are_weighed_by_kind(data: Path) -> None:
    streams = task.watch([data], 1, 1)
    chances = task.WaveNetTask(streams, length=100, batch=2)._chances()
    shares = task.SHARES["music_synth"], task.SHARES["speech"]
    assert chances[:2].sum() / chances[2] == pytest.approx(shares[0] / shares[1])
    with pytest.raises(UsageError, match="longer"):
        task.WaveNetTask(streams, length=1500, batch=2)


def test_command_trains_resumes_and_exports(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = [str(data), "--dev", str(data), "--channels", "8", "--layers", "2", "--batch", "2"]
    common += ["--run", str(tmp_path / "run")]
    for _ in range(2):
        task.command.main([*common, "--minutes", "0.005"], standalone_mode=False)
    models = tmp_path / "models"
    task.command.main([*common, "--minutes", "0", "--export", str(models)], standalone_mode=False)
    assert "| speech |" in (models / task.MODEL_ID / "card.md").read_text()
    monkeypatch.setenv("NEURALZIP_MODELS", str(models))
    net = wavenet_exact.gather(zoo.load(task.MODEL_ID))
    module = task.WaveNetTask(task.watch([data], 1, 1), architecture=zoo.load(task.MODEL_ID).meta["config"])
    views = module.train.views[:200]
    with torch.no_grad():
        real = publish.trained(module, tmp_path / "run")[0](torch.from_numpy(views)[None])[0].flatten(1)
    assert np.abs(real.numpy() * 256 - wavenet_exact.outputs(net, views)).mean() < 4
