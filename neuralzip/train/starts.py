"""Learning where a model of pictures best starts: what its kinds have in common.

Each picture is coded as the codec would, from the start so far; then the start moves a share of the way to where
the picture has led. No pixel can be read out of it. Source: Reptile (Nichol, Achiam and Schulman 2018).
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from neuralzip import zoo
from neuralzip.errors import UsageError
from neuralzip.experts.starts import Array
from neuralzip.train.image import ENDINGS

Given = TypeVar("Given")

_FIRST_SHARE, _NEXT = 0.5, 0.4


def drawn(folder: Path, count: int, rng: np.random.Generator) -> list[Path]:
    """Return so many times a picture of a folder, in random order and all used alike.

    Raises:
        UsageError: there is none.
    """
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in ENDINGS]
    if not paths:
        raise UsageError(f"{folder} holds no pictures")
    turns = -(-count // len(paths))
    return [paths[i] for i in np.concatenate([rng.permutation(len(paths)) for _ in range(turns)])[:count]]


def learn_in_rounds(
    given: list[Given], learn: Callable[[Given, float], float], fill: Callable[[], None], rounds: int, seed: int
) -> list[float]:
    """Let a start learn from every picture in each round, less each time; return the bytes of the rounds.

    Args:
        given: pictures.
        learn: codes one, moves the start by a share of the way; returns its bits.
        fill: completes what no picture has moved, once each has been seen.
        rounds: number of rounds.
        seed: of the pictures' order.
    """
    rng, sizes = np.random.default_rng(seed), []
    for turn in range(rounds):
        share = _FIRST_SHARE * _NEXT**turn
        sizes.append(sum(learn(given[i], share) for i in rng.permutation(len(given))) / 8)
        if turn == 0:
            fill()
        click.echo(f"round {turn + 1}: {sizes[-1]:.0f} bytes", err=True)
    return sizes


def ship(models: Path, arrays: dict[str, Array], identity: tuple[str, str], card: str, settings: str) -> None:
    """Write a start, under (model id, architecture), with its card and its settings."""
    model_id, architecture = identity
    zoo.save(models / model_id, arrays, {"architecture": architecture, "version": 1})
    (models / model_id / "card.md").write_text(card, encoding="utf-8")
    (models / model_id / "train.toml").write_text(settings, encoding="utf-8")
