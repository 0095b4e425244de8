"""The text task: corpus, lanes, licences, one short run from files to a shipped net."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip import train, zoo
from neuralzip.nets import char_rnn, char_rnn_int
from neuralzip.train import corpus
from tests.text_corpus import write_corpus


def test_shares_hold_between_kinds_and_roots_inside(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "train" / "code" / "big.py.txt").write_bytes(b"x = 1\n" * 2000)
    texts = corpus.load_corpus(tmp_path / "train", 64)
    assert texts.names == ["code/big", "code/c", "prose_en/novel"]
    total = corpus.SHARES["code"] + corpus.SHARES["prose_en"]
    assert texts.weights[:2].sum() == pytest.approx(corpus.SHARES["code"] / total)
    sizes = [len(data) for data in texts.files]
    assert texts.weights[0] / texts.weights[1] == pytest.approx((sizes[0] / sizes[1]) ** 0.5)


def test_unfree_code_is_left_out() -> None:
    free, unfree = b"int free_code(void);\n" * 2000, b"void redisCommand(client *c);\n" * 1000
    kept = corpus.free_parts(free + unfree + free)
    assert b"redis" not in kept
    assert 0.5 * len(free) < len(kept) < 2 * len(free)
    assert corpus.free_parts(b"redistribute and redisplay\n" * 200) == b"redistribute and redisplay\n" * 200


def test_lanes_read_on_until_they_start_anew(tmp_path: Path) -> None:
    texts = corpus.load_corpus(write_corpus(tmp_path) / "train", 64)
    lanes = corpus.Lanes(texts, 4, 32, seed=1)
    before = lanes.window()
    assert before.symbols.shape == (4, 33) and before.anew.all()
    assert set(before.states) <= {0, 1, 2}
    continued = 0
    for _ in range(50):
        now = lanes.window()
        assert np.array_equal(now.symbols[~now.anew, 0], before.symbols[~now.anew, -1])
        for row, file, start in zip(now.symbols, now.files, now.starts, strict=True):
            assert np.array_equal(row, texts.files[file][start : start + 33])
        continued += int((~now.anew).sum())
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
