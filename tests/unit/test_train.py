"""The training loop on a toy task: resume, stop, decay, curve, publishing."""

import csv
import json
import os
import signal
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from neuralzip import train, zoo
from neuralzip.train import checkpoints, loop, publish


class Coin:
    """Learns the odds of a biased coin: one weight matrix of two logits."""

    id = "toy-coin"
    unit = "flip"
    settings: Mapping[str, Any] = {"task": "coin", "odds": 0.9, "nested": {"a": 1}}

    def __init__(self) -> None:
        self.stop_after: int | None = None
        self.steps = 0

    def build(self) -> nn.Module:
        torch.manual_seed(0)
        return nn.Linear(1, 2)

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        self.steps += 1
        if self.steps == self.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        target = (torch.arange(20) % 10 != 0).long()
        return nn.functional.cross_entropy(net(torch.ones(20, 1)).float(), target), 20

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        assert not net.training and not torch.is_grad_enabled()
        return {"fair": 1.5, "biased": 0.5}

    def after_step(self, net: nn.Module) -> None:
        for parameter in net.parameters():
            parameter.data.clamp_(-2, 2)

    def export(self, net: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
        weight = next(net.parameters()).detach().numpy()
        return {"weight": np.round(weight * 64).astype(np.int8)}, {"architecture": "coin"}

    def card(self) -> str:
        return "A coin."


def plan(folder: Path, minutes: float = 0.004, **options: Any) -> loop.Plan:
    return loop.Plan(folder, minutes, rate=0.05, warmup=2, **options)


def test_a_run_learns_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = loop.train(Coin(), plan(tmp_path))
    assert 0 < first.symbols == 20 * first.steps
    second = loop.train(Coin(), plan(tmp_path))
    assert second.steps > first.steps
    assert second.seconds > first.seconds
    assert second.train_bits < 0.9
    with (tmp_path / loop.CURVE_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["steps"]) for row in rows] == [first.steps, second.steps]
    assert rows[0]["dev"] == "1.0000" and rows[0]["biased"] == "0.5000"
    seen = f"{first.symbols:,}"
    assert second.calls == [f"after {done} flips: rate 0.05 for 0.004 minutes" for done in ("0", seen)]


def test_moments_come_back_with_the_weights(tmp_path: Path) -> None:
    trainer = loop.Trainer(Coin(), plan(tmp_path))
    trainer.run()
    again = loop.Trainer(Coin(), plan(tmp_path))
    for one, other in zip(trainer.net.parameters(), again.net.parameters(), strict=True):
        assert torch.equal(one, other)
        old, new = trainer.optimisers[0].state[one], again.optimisers[0].state[other]
        assert torch.equal(old["exp_avg"], new["exp_avg"])
        assert old["step"] == new["step"] > 0


def test_a_signal_stops_with_a_checkpoint(tmp_path: Path) -> None:
    task = Coin()
    task.stop_after = 5
    before = signal.getsignal(signal.SIGTERM)
    progress = loop.train(task, plan(tmp_path, minutes=10))
    assert progress.steps == 5
    assert (tmp_path / checkpoints.CHECKPOINT_FILE).exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_decay_leaves_the_constant_rate_checkpoint(tmp_path: Path) -> None:
    end = loop.train(Coin(), plan(tmp_path, minutes=0.008, decay=0.004))
    constant = checkpoints.load(tmp_path / checkpoints.CHECKPOINT_FILE, Coin().build())
    decayed = checkpoints.load(tmp_path / loop.DECAYED_FILE, Coin().build())
    assert 0 < constant["steps"] < decayed["steps"] == end.steps


@pytest.mark.parametrize(
    ("decay", "steps", "elapsed", "factor"),
    [(0, 0, 0, 0.1), (0, 9, 50, 1), (0, 99, 59, 1), (0.5, 99, 30, 1), (0.5, 99, 45, 0.5), (0.5, 99, 60, 0)],
)
def test_the_rate_warms_up_stays_and_decays(
    tmp_path: Path, decay: float, steps: int, elapsed: float, factor: float
) -> None:
    chosen = loop.Plan(tmp_path, minutes=1, decay=decay, warmup=10)
    assert loop.rate_factor(chosen, steps, elapsed) == pytest.approx(factor)


def test_weights_can_start_from_a_shipped_checkpoint(tmp_path: Path) -> None:
    net = Coin().build()
    with torch.no_grad():
        next(net.parameters()).fill_(0.75)
    checkpoints.save_resume(tmp_path / "resume.safetensors", net, loop.Progress(steps=7, symbols=140).state())
    trainer = loop.Trainer(Coin(), plan(tmp_path / "run", start=tmp_path / "resume.safetensors"))
    assert torch.equal(next(trainer.net.parameters()), next(net.parameters()))
    assert trainer.progress.symbols == 140


def test_publishing_writes_a_loadable_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.train(Coin(), plan(tmp_path / "run", minutes=0.008, decay=0.004))
    folder = publish.publish(Coin(), tmp_path / "run", tmp_path / "models")
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path / "models"))
    model = zoo.load("toy-coin")
    assert model.meta == {"architecture": "coin"} and model.arrays["weight"].shape == (2, 1)
    card = (folder / publish.CARD_FILE).read_text()
    assert "A coin." in card and "| biased | 0.500 |" in card and "| flips seen |" in card
    settings = tomllib.loads((folder / publish.SETTINGS_FILE).read_text())
    call = "after 0 flips: rate 0.05 for 0.008 minutes, falling over the last 0.004"
    assert settings == {**json.loads(json.dumps(Coin.settings)), "calls": [call]}
    assert f"- {call}\n" in card
    state = checkpoints.load(folder / publish.RESUME_FILE, Coin().build())
    assert state["steps"] > 0


def test_the_mean_with_the_weights_before_is_shipped(tmp_path: Path) -> None:
    loop.train(Coin(), plan(tmp_path / "run"))
    before = Coin().build()
    with torch.no_grad():
        before.weight.fill_(-1.0)
    checkpoints.save(tmp_path / "before.safetensors", before, [], loop.Progress(symbols=40).state())
    after, _ = publish.trained(Coin(), tmp_path / "run")
    folder = publish.publish(Coin(), tmp_path / "run", tmp_path / "models", tmp_path / "before.safetensors")
    net = Coin().build()
    state = checkpoints.load(folder / publish.RESUME_FILE, net)
    assert torch.allclose(net.weight, (after.weight - 1.0) / 2, atol=0.01)
    assert state["calls"][-1] == "mean with the weights after 40 flips"


def test_tasks_are_found_without_importing_them() -> None:
    assert "text" in train.tasks()
    assert not {"loop", "publish", "checkpoints", "__init__"} & set(train.tasks())
    with pytest.raises(KeyError):
        train.run("nothing", [])
