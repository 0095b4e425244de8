"""The text task: corpus, lanes, licences, one short run from files to a shipped net."""

import lzma
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip import train, zoo
from neuralzip.nets import char_rnn, char_rnn_int
from neuralzip.train import text


def write_corpus(folder: Path) -> Path:
    prose = b"It was a bright cold day in April, and the clocks were striking. " * 60
    code = b"for (int i = 0; i < n; ++i) total += values[i];\n" * 80
    for kind, name, data in (("prose_en", "novel.txt", prose), ("code", "c.c.txt", code)):
        path = folder / "train" / kind / f"{name}.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress(data))
    (folder / "dev").mkdir()
    (folder / "dev" / "sample.txt").write_bytes(prose[:500])
    (folder / "dev" / "kennedy.xls").write_bytes(bytes(500))
    return folder


def test_shares_hold_between_kinds_and_roots_inside(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "train" / "code" / "big.py.txt").write_bytes(b"x = 1\n" * 2000)
    corpus = text.load_corpus(tmp_path / "train", 64)
    assert corpus.names == ["code/big", "code/c", "prose_en/novel"]
    total = text.SHARES["code"] + text.SHARES["prose_en"]
    assert corpus.weights[:2].sum() == pytest.approx(text.SHARES["code"] / total)
    sizes = [len(data) for data in corpus.files]
    assert corpus.weights[0] / corpus.weights[1] == pytest.approx((sizes[0] / sizes[1]) ** 0.5)


def test_unfree_code_is_left_out() -> None:
    free, unfree = b"int free_code(void);\n" * 2000, b"void redisCommand(client *c);\n" * 1000
    kept = text.free_parts(free + unfree + free)
    assert b"redis" not in kept
    assert 0.5 * len(free) < len(kept) < 2 * len(free)
    assert text.free_parts(b"redistribute and redisplay\n" * 200) == b"redistribute and redisplay\n" * 200


def test_lanes_read_on_until_they_start_anew(tmp_path: Path) -> None:
    corpus = text.load_corpus(write_corpus(tmp_path) / "train", 64)
    lanes = text.Lanes(corpus, 4, 32, seed=1)
    before, anew, kinds = lanes.window()
    assert before.shape == (4, 33) and anew.all()
    assert set(kinds) <= {0, 1, 2}
    continued = 0
    for _ in range(50):
        now, anew, _ = lanes.window()
        assert np.array_equal(now[~anew, 0], before[~anew, -1])
        continued += int((~anew).sum())
        before = now
    assert 100 < continued < 200


def test_from_files_to_a_shipped_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = char_rnn.Shape(32, 24, 1, (5, 5, 5, 5), 4, 4)
    monkeypatch.setitem(char_rnn.SHAPES, "small", shape)
    data = write_corpus(tmp_path / "data")
    run, models = tmp_path / "run", tmp_path / "models"
    options = ["--model", "small", "--minutes", "0.02", "--lanes", "4", "--window", "32"]
    train.run("text", [str(data), *options, "--run", str(run), "--export", str(models)])
    assert (run / "curve.csv").read_text().splitlines()[0].endswith(",sample.txt")
    monkeypatch.setenv("NEURALZIP_MODELS", str(models))
    model = zoo.load("text-small")
    assert model.meta["states"] == ["common", "code/c", "prose_en/novel"]
    assert char_rnn_int.IntCharRNN(model, 2).reset(1).shape == (2, 256)


def test_a_grown_net_predicts_as_the_smaller_one() -> None:
    """New channels begin at a small scale, so that little changes but the chance of a clipped activation."""
    sizes = {"hash_rows": (9, 9, 9, 9), "hash_dims": 8, "kinds": 3, "layers": 2}
    torch.manual_seed(3)
    small = char_rnn.CharRNN(char_rnn.Shape(width=64, state=48, **sizes))
    for table in small.embed.tables:
        torch.nn.init.normal_(table.weight)
    net = char_rnn.CharRNN(char_rnn.Shape(width=96, state=80, **sizes))
    rows = torch.randint(0, 256, (2, 40, 5))
    before, fresh = (m(rows, m.start(torch.tensor([1, 2])))[0].softmax(-1) for m in (small, net))
    char_rnn.grow(small, net)
    grown = net(rows, net.start(torch.tensor([1, 2])))[0].softmax(-1)
    assert (grown - before).abs().mean() < 0.25 * (fresh - before).abs().mean()
