"""Training beside the experts: log-odds of bits, what the experts say, the mixture, a run from files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from neuralzip import train, zoo
from neuralzip.experts import bits
from neuralzip.experts.byte_model import code_steps, new_model
from neuralzip.experts.byte_prior import unpack
from neuralzip.nets import char_rnn
from neuralzip.train import text_beside
from neuralzip.train.corpus import Corpus, Lanes
from tests.text_corpus import write_corpus


def bits_of(symbols: np.ndarray) -> np.ndarray:
    return np.unpackbits(symbols[:, None], axis=1).astype(np.int64)


def test_the_bits_of_a_byte_cost_what_the_byte_does() -> None:
    torch.manual_seed(1)
    logits, symbols = 5 * torch.randn(300, 256), torch.randint(0, 256, (300,))
    odds = text_beside.bit_odds(logits, symbols)
    assert text_beside.nats(odds, symbols).item() == pytest.approx(
        functional.cross_entropy(logits, symbols).item(), rel=1e-5
    )


def test_the_experts_odds_cost_what_their_code_does() -> None:
    text = np.frombuffer(Path(text_beside.__file__).read_bytes(), np.uint8)
    start = unpack(zoo.load(text_beside.EXPERTS_ID).arrays)
    odds = torch.from_numpy(text_beside.expert_odds(text, start, None)).float() * 2.0**-text_beside.ST_BITS
    model = new_model(text.copy(), np.array([0, len(text)], np.int64), start)
    coder = bits.encoder(8 * len(text))
    code_steps(model, coder, len(text), np.zeros((0, len(text), 256), np.int32))
    nats = text_beside.nats(odds, torch.from_numpy(text.astype(np.int64))).item()
    assert nats / np.log(2) == pytest.approx(bits.logged_bits(coder) / len(text), rel=1e-3)


def test_a_fitted_mixture_is_better_than_either() -> None:
    rng = np.random.default_rng(2)
    symbols = rng.integers(0, 256, 4000).astype(np.uint8)
    signs = torch.from_numpy(2.0 * bits_of(symbols) - 1).float()
    net, experts = (signs * 0.5 + torch.from_numpy(rng.normal(size=signs.shape)).float() for _ in range(2))
    flat = torch.from_numpy(symbols.astype(np.int64))
    mixed = text_beside.nats(text_beside.fitted([(net, experts, flat)])(net, experts), flat).item()
    assert mixed < 0.95 * min(text_beside.nats(odds, flat).item() for odds in (net, experts))


def test_the_loss_takes_the_odds_of_the_bytes_foretold(tmp_path: Path) -> None:
    """Experts that know the next bit leave nothing, whatever the net says; experts a byte late are no help."""
    texts = [np.random.default_rng(k).integers(0, 256, 700).astype(np.uint8) for k in range(3)]
    corpus = Corpus([], texts, np.full(3, 1 / 3), np.arange(1, 4))
    beside = text_beside.Beside(tmp_path)
    beside.mixture = text_beside.Mixture().requires_grad_(False)
    window = Lanes(corpus, 5, 32, seed=1).window()
    symbols = torch.from_numpy(window.symbols[:, 1:].astype(np.int64))
    logits = torch.zeros(5, 32, 256)
    knowing = [((2 * bits_of(text) - 1) * 125).astype(np.int8) for text in texts]
    alone = text_beside.SHARE_ALONE * np.log(256)
    beside.odds = knowing
    assert beside.loss(logits, symbols, window).item() == pytest.approx(alone, rel=0.01)
    beside.odds = [np.roll(odds, 1, axis=0) for odds in knowing]
    assert beside.loss(logits, symbols, window).item() > 10 * alone


def test_a_run_beside_the_experts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(char_rnn.SHAPES, "small", char_rnn.Shape(32, 24, 1, (5, 5, 5, 5), 4, 4))
    data = write_corpus(tmp_path / "data")
    run, models = tmp_path / "run", tmp_path / "models"
    options = [
        str(data),
        "--model",
        "small",
        "--lanes",
        "4",
        "--window",
        "32",
        "--run",
        str(run),
        "--beside-experts",
    ]
    train.run("text", [*options, "--minutes", "0.02"])
    kept = {name: (run / name).stat().st_mtime_ns for name in (text_beside.ODDS_FILE, text_beside.MIXTURE_FILE)}
    train.run("text", [*options, "--minutes", "0.02", "--export", str(models)])
    assert {name: (run / name).stat().st_mtime_ns for name in kept} == kept
    card = (models / "text-small" / "card.md").read_text(encoding="utf-8")
    assert card.count("beside the experts") == 2 and "| sample.txt beside experts |" in card
