"""Learning the start of the byte experts: which excerpts, what is kept of them."""

import lzma
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from neuralzip import zoo
from neuralzip.experts.byte_model import learned as parts_of
from neuralzip.experts.byte_model import new_model
from neuralzip.experts.byte_prior import unpack
from neuralzip.train.experts import Start, command


def test_weights_are_means_and_the_rest_is_as_the_last_excerpt_left_it() -> None:
    start = Start()
    first = parts_of(new_model(np.zeros(1, np.uint8), np.array([0, 1])))
    start.add(first._replace(weights=first.weights + 8))
    assert start.learned is not None and (start.learned.weights == first.weights + 8).all()
    taught = start.learned._replace(weights=start.learned.weights.copy(), trust=first.trust + np.uint32(5))
    taught.weights[3] += 100
    start.add(taught)
    assert (start.learned.weights[3] == first.weights[3] + 58).all(), "the second to use it counts for a half"
    assert (np.delete(start.learned.weights, 3, 0) == np.delete(first.weights, 3, 0) + 8).all()
    assert (start.learned.trust == first.trust + 5).all()
    for _ in range(200):
        taught = start.learned._replace(weights=start.learned.weights.copy())
        taught.weights[3] = 1000
        start.add(taught)
    assert (start.learned.weights[3] == 1000).all(), "old excerpts are forgotten"


def test_command_writes_a_start_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"".join(b"line %d of a short log, status=%d\n" % (n, n % 7) for n in range(3000))
    (tmp_path / "log.xz").write_bytes(lzma.compress(text))
    models = tmp_path / "models"
    arguments = [str(tmp_path), "--name", "mine", "--models", str(models), "--rounds", "2"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "2 excerpts" in (models / "mine" / "card.md").read_text()
    monkeypatch.setenv("NEURALZIP_MODELS", str(models))
    start = unpack(zoo.load("mine").arrays)
    plain = parts_of(new_model(np.zeros(1, np.uint8), np.array([0, 1])))
    assert start.weights.shape == plain.weights.shape and (start.maps != plain.maps).any()
