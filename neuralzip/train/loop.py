"""The one training loop: AdamW or the task's optimisers, bfloat16 autocast, checkpoints, resume, a curve.

A run lives in a folder: `checkpoint.safetensors` (written every ten minutes, at the end and on SIGTERM or SIGINT;
a later run goes on from it), `curve.csv`, and `decayed.safetensors` after a final decay. The learning rate warms
up, stays constant for as long as the run is resumed, and falls linearly to zero only where a decay is asked for;
the constant-rate checkpoint is kept, so training can go on from it after an export ("warm-up, stable, decay": Hu
et al. 2024, arXiv 2404.06395).
"""

import csv
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.train import checkpoints

DECAYED_FILE = "decayed.safetensors"
CURVE_FILE = "curve.csv"


class Task(Protocol):
    """What is trained: data, model, loss, development figures, and how to ship the result."""

    id: str
    """Model id, the folder under models/."""
    settings: Mapping[str, Any]
    """Everything chosen, as plain values: what train.toml records."""
    unit: str
    """What a symbol is, for figures: "byte", "sub-pixel", "sample" ..."""

    def build(self) -> nn.Module:
        """Return the freshly initialised float module."""
        ...

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take the next batch; return (mean nats a symbol, a scalar with gradient; symbols seen)."""
        ...

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a symbol for each development part; called in eval mode without gradients."""
        ...

    def after_step(self, net: nn.Module) -> None:
        """Restore constraints on the weights after an optimiser step; may do nothing."""
        ...

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, JSON description) for zoo.save."""
        ...

    def card(self) -> str:
        """Return the model card's own part in Markdown: architecture, data, licences."""
        ...


@runtime_checkable
class Tuned(Protocol):
    """A task with optimisers of its own choice; their learning rates are those after warm-up."""

    def optimisers(self, net: nn.Module, plan: "Plan") -> list[torch.optim.Optimizer]:
        """Return optimisers that together hold every parameter once."""
        ...


@dataclass(slots=True)
class Plan:
    """How long and how fast to train.

    Attributes:
        folder: the run's folder.
        minutes: wall time of this call.
        decay: minutes at its end over which the learning rate falls to zero; 0 for none.
        rate: learning rate after warm-up.
        warmup: steps.
        weight_decay: of AdamW, for matrices only.
        clip: largest gradient norm.
        device: "cpu" or "cuda".
        checkpoint_minutes: between checkpoints.
        evaluate_minutes: between points of the curve.
        start: weights to start from where the folder has no checkpoint.
        note: what else the record says of this call.
    """

    folder: Path
    minutes: float
    decay: float = 0.0
    rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    device: str = "cpu"
    checkpoint_minutes: float = 10.0
    evaluate_minutes: float = 5.0
    start: Path | None = None
    note: str = ""


@dataclass(slots=True)
class Progress:
    """Where a run stands; goes into its checkpoints.

    Attributes:
        steps: optimiser steps.
        symbols: symbols seen.
        seconds: training time over all calls.
        train_bits: running mean of the training loss, bits a symbol.
        dev_bits: the last development figures by part.
        calls: how each call of the loop trained, in a few words.
    """

    steps: int = 0
    symbols: int = 0
    seconds: float = 0.0
    train_bits: float = 0.0
    dev_bits: dict[str, float] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def seen(self, nats: float, symbols: int) -> None:
        """Count one step."""
        bits = nats / float(np.log(2))
        self.train_bits = bits if self.steps == 0 else 0.99 * self.train_bits + 0.01 * bits
        self.steps += 1
        self.symbols += symbols

    def state(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@contextmanager
def _stop_flag() -> Iterator[list[bool]]:
    """Yield a list that becomes non-empty when the process is asked to stop."""
    flag: list[bool] = []

    def ask(_signal: int, _frame: FrameType | None) -> None:
        flag.append(True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def build_optimisers(task: Task, net: nn.Module, plan: Plan) -> list[torch.optim.Optimizer]:
    """Return the task's own optimisers, or AdamW with weight decay on matrices only."""
    if isinstance(task, Tuned):
        return task.optimisers(net, plan)
    matrices = [p for p in net.parameters() if p.ndim >= 2]
    vectors = [p for p in net.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98), fused=True)]


def rate_factor(plan: Plan, steps: int, elapsed: float) -> float:
    """Return the learning rate's factor: warm-up by steps, final decay by seconds of this call."""
    warm = min(1.0, (steps + 1) / max(1, plan.warmup))
    left = plan.minutes * 60 - elapsed
    return warm * (min(1.0, max(0.0, left / (plan.decay * 60))) if plan.decay > 0 else 1.0)


class Trainer:
    """One call of the loop: the net, its optimisers, its progress and its clock."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self.task, self.plan, self.device = task, plan, torch.device(plan.device)
        self.net = task.build().to(self.device)
        self.optimisers = build_optimisers(task, self.net, plan)
        self.rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers]
        self.progress = self._resume()
        self.started = time.monotonic()

    def _resume(self) -> Progress:
        path = self.plan.folder / checkpoints.CHECKPOINT_FILE
        if path.exists():
            return Progress(**checkpoints.load(path, self.net, self.optimisers))
        if self.plan.start is not None:
            return Progress(**checkpoints.load(self.plan.start, self.net))
        return Progress()

    def called(self) -> str:
        """Return what this call is going to do, for the record."""
        plan, done = self.plan, f"{self.progress.symbols:,} {self.task.unit}s"
        fall = f", falling over the last {plan.decay:g}" if plan.decay > 0 else ""
        return f"after {done}: rate {plan.rate:g} for {plan.minutes:g} minutes{fall}{plan.note}"

    def elapsed(self) -> float:
        """Return the seconds of this call."""
        return time.monotonic() - self.started

    def decaying(self) -> bool:
        """Say whether the final decay has begun."""
        return self.plan.decay > 0 and self.elapsed() > (self.plan.minutes - self.plan.decay) * 60

    def step(self) -> None:
        """Take one optimiser step on the next batch."""
        factor = rate_factor(self.plan, self.progress.steps, self.elapsed())
        for optimiser, rates in zip(self.optimisers, self.rates, strict=True):
            optimiser.zero_grad(set_to_none=True)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, symbols = self.task.loss(self.net, self.device)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), self.plan.clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self.task.after_step(self.net)
        self.progress.seen(loss.item(), symbols)

    @torch.no_grad()
    def evaluate(self) -> None:
        """Measure the development parts and append a line to the curve."""
        self.net.eval()
        self.progress.dev_bits = self.task.evaluate(self.net, self.device)
        self.net.train()
        parts = self.progress.dev_bits
        mean = sum(parts.values()) / max(1, len(parts))
        path = self.plan.folder / CURVE_FILE
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["minutes", "steps", "symbols", "train", "dev", *parts])
            figures = [self.progress.train_bits, mean, *parts.values()]
            row = [f"{self.progress.seconds / 60:.1f}", self.progress.steps, self.progress.symbols]
            writer.writerow(row + [f"{figure:.4f}" for figure in figures])

    def save(self, name: str = checkpoints.CHECKPOINT_FILE) -> None:
        """Write a checkpoint into the run's folder."""
        checkpoints.save(self.plan.folder / name, self.net, self.optimisers, self.progress.state())

    def run(self) -> Progress:
        """Train until the time is up or the process is asked to stop."""
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        self.progress.calls.append(self.called())
        before, saved, measured = self.progress.seconds, 0.0, 0.0
        constant = True
        with _stop_flag() as stop:
            while not stop and self.elapsed() < self.plan.minutes * 60:
                if constant and self.decaying():
                    constant = False
                    self.save()
                self.step()
                self.progress.seconds = before + self.elapsed()
                if constant and self.elapsed() - saved > self.plan.checkpoint_minutes * 60:
                    saved = self.elapsed()
                    self.save()
                if self.elapsed() - measured > self.plan.evaluate_minutes * 60:
                    measured = self.elapsed()
                    self.evaluate()
            self.evaluate()
            self.save(checkpoints.CHECKPOINT_FILE if constant else DECAYED_FILE)
        return self.progress


def train(task: Task, plan: Plan) -> Progress:
    """Train a task, resuming its folder; returns where the run stands."""
    return Trainer(task, plan).run()
