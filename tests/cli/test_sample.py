"""`neuralzip sample`: files of every kind, seeds, sizes, and refusals in one line."""

import io
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.nets import iaf, idf, maf, parallel_pixelcnn, realnvp
from tests import pixel_models
from tests.cli.conftest import Result

Cli = Callable[..., Result]


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models of made-up weights, and those that are shipped."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    zoo.save(folder / "a-maf", *maf.export(maf.Maf(4, 2, 1)))
    zoo.save(folder / "an-iaf", *iaf.export(iaf.Iaf(4, 2, 1)))
    zoo.save(folder / "a-flow", *realnvp.export(realnvp.RealNvp((8, 8, 8))))
    zoo.save(folder / "an-idf", *idf.export(idf.Idf((8, 8, 8), 2)))
    zoo.save(folder / "a-parallel", *parallel_pixelcnn.export(parallel_pixelcnn.ParallelPixelCnn((8, 8), 2)))
    pixel_models.write_model(folder, "a-pixelcnn")
    zoo.save(folder / "strange", {"x": np.zeros(1, np.int8)}, {"architecture": "byte_model"})
    monkeypatch.setenv("NEURALZIP_MODELS", str(folder))


@pytest.mark.parametrize("model", ["a-maf", "an-iaf"])
def test_sounds(cli: Cli, installed: None, tmp_path: Path, model: str) -> None:
    assert cli("sample", model, "--seconds", "0.05") == Result(0, b"", f"{model}-0.wav: 1644 bytes\n")
    with wave.open(str(tmp_path / f"{model}-0.wav")) as file:
        assert (file.getnframes(), file.getnchannels(), file.getsampwidth()) == (800, 1, 2)
        assert any(file.readframes(800))


@pytest.mark.parametrize("model", ["an-idf", "a-flow", "a-parallel", "a-pixelcnn"])
def test_pictures(cli: Cli, installed: None, tmp_path: Path, model: str) -> None:
    assert cli("sample", model, "-o", "a.png", "--size", "40x30").err == ""
    with Image.open(tmp_path / "a.png") as picture:
        assert (picture.size, picture.mode) == ((40, 30), "RGB")
    same = cli("sample", model, "-o", "-", "--size", "40x30")
    other = cli("sample", model, "-o", "-", "--size", "40x30", "--seed", "7")
    assert same.out == (tmp_path / "a.png").read_bytes() != other.out
    with Image.open(io.BytesIO(other.out)) as picture:
        assert np.asarray(picture).std() > 1


def test_texts(cli: Cli, tmp_path: Path) -> None:
    done = cli("sample", "text-small", "--length", "40", "-o", "-", terminal="stdout")
    assert len(done.out) == 40 and done.exit_code == 0
    assert cli("sample", "text-small", "--length", "40", "-o", "-").out == done.out
    assert cli("sample", "text-small", "--length", "40", "-o", "-", "--seed", "1").out != done.out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["nothing"], 4, "model 'nothing' is not installed"),
        (["strange"], 2, "draws no samples; these do: a-flow, a-maf, a-parallel, a-pixelcnn, an-iaf, an-idf, "),
        (["a-maf", "--size", "9x9"], 2, "model 'a-maf' draws a sound, which has --seconds, not --size"),
        (["an-idf", "--seconds", "1"], 2, "model 'an-idf' draws a picture, which has --size, not --seconds"),
        (["an-idf", "--size", "9"], 2, "'9' is not a size like 256x192, of sides up to 4096"),
        (["an-idf", "--size", "0x9"], 2, "'0x9' is not a size like"),
        (["an-idf", "--size", "9000x9"], 2, "'9000x9' is not a size like"),
        (["a-maf", "--seconds", "0"], 2, "0"),
        (["a-maf", "--seed", "-1"], 2, "-1"),
        (["an-idf", "-o", "taken"], 1, "taken: exists already; -f overwrites it"),
        (["an-idf", "-o", "missing/x"], 1, "missing/x: No such file or directory"),
        ([], 2, "MODEL"),
    ],
)
def test_refusals(cli: Cli, installed: None, tmp_path: Path, args: list[str], code: int, message: str) -> None:
    (tmp_path / "taken").write_bytes(b"mine")
    done = cli("sample", *args)
    assert done.exit_code == code and done.out == b""
    assert message in done.err and done.err.startswith("neuralzip: ") and done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"] and (tmp_path / "taken").read_bytes() == b"mine"


def test_pictures_are_not_written_to_a_terminal(cli: Cli, installed: None) -> None:
    done = cli("sample", "an-idf", "-o", "-", "--size", "9x9", terminal="stdout")
    assert (done.exit_code, done.out) == (1, b"") and "not written to a terminal" in done.err
    assert cli("sample", "an-idf", "-o", "-", "-f", "--size", "9x9", terminal="stdout").out.startswith(b"\x89PNG")
