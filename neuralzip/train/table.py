"""Training of a MADE for tables of one kind: CSV files that share their columns.

N rows, C columns, B rows of a batch.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.codecs import table_fit
from neuralzip.errors import UnsupportedError, UsageError
from neuralzip.media import csv, matrix
from neuralzip.nets import made
from neuralzip.train.options import dev_option, options, run_task

Values = npt.NDArray[np.int64]

_HIDDEN = 64
_MAX_SPAN = 1 << 22
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_CARD = """\
MADE for tables of one kind (`--model {id}`): each column's mixture of logistics from the columns before it.
Integer throughout (7-bit weights, int8 activations).

Columns: {columns}. Rows trained on: {rows:,}.
"""


def read_tables(folder: Path) -> Iterator[Values]:
    """Yield the values [N, C] of the CSV files below a folder whose rows share one format."""
    for path in sorted(folder.rglob("*.csv")):
        data = path.read_bytes()
        delimiter = csv.find_delimiter(data[:4096])
        if delimiter is not None:
            try:
                yield matrix.parse(data, delimiter).values
            except UnsupportedError:
                click.echo(f"{path}: left out, its rows do not share one format", err=True)


def gather(folder: Path) -> Values:
    """Return the rows of all tables below a folder that have the usual number of columns.

    Raises:
        UsageError: there are none, or a column spans too much.
    """
    tables = list(read_tables(folder))
    if not tables:
        raise UsageError(f"{folder} holds no CSV file of numbers")
    counts = Counter(values.shape[1] for values in tables)
    columns = counts.most_common(1)[0][0]
    values = np.concatenate([values for values in tables if values.shape[1] == columns])
    if (np.ptp(values, axis=0) >= _MAX_SPAN).any():
        raise UsageError(f"{folder}: a column spans {_MAX_SPAN} steps of its last digit or more")
    return values


class TableTask:
    """A MADE, trained on random rows.

    Args:
        data: folder of CSV files.
        dev: others of the same kind; None for none.
        name: id of the model.
        batch: B.
        seed: of the choice of rows.

    Raises:
        UsageError: there is nothing to train on, or the name is none.
    """

    unit = "value"

    def __init__(self, data: Path, dev: Path | None = None, *, name: str, batch: int = 512, seed: int = 0) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(f"'{name}' is no name for a model: small letters, digits, . _ - only")
        self.id, self.batch, self.rng = name, batch, np.random.default_rng(seed)
        self.values = gather(data)
        self.dev = gather(dev) if dev else self.values[:0]
        self.scaling = made.scaling_of(self.values)
        self.settings: Mapping[str, Any] = {"batch": batch, "seed": seed, "hidden": _HIDDEN}

    @property
    def columns(self) -> int:
        """C."""
        return int(self.values.shape[1])

    def build(self) -> nn.Module:
        """Return a fresh net."""
        return made.Made(self.columns, _HIDDEN)

    def _bits(self, net: nn.Module, values: Values) -> Tensor:
        return cast(made.Made, net).bits(torch.from_numpy(values), self.scaling.features(values), self.scaling)

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (mean nats a value, values)."""
        chosen = self.values[self.rng.integers(len(self.values), size=self.batch)]
        with torch.autocast("cpu", enabled=False):
            return self._bits(net, chosen).mean() * float(np.log(2)), chosen.size

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a value of the development tables, as far as they stay in the range of those trained on."""
        low, high = self.scaling.low, self.scaling.low + self.scaling.span
        inside = self.dev[((self.dev >= low) & (self.dev < high)).all(1)] if len(self.dev) else self.dev
        return {"dev": float(self._bits(net, inside).mean())} if len(inside) else {}

    def after_step(self, net: nn.Module) -> None:
        """Nothing to restore: every layer quantises its own weights."""

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        return table_fit.to_model(cast(made.Made, net), self.scaling)

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD.format(id=self.id, columns=self.columns, rows=len(self.values))


@click.command()
@options(2.0, 1e-2, (512, "Rows of a step."))
@dev_option
@click.option("--name", required=True, help="Id of the model, for `compress --model NAME`.")
def command(data: Path, dev: Path | None, name: str, batch: int, seed: int, **chosen: Any) -> None:
    """Train a model for CSV files that have the same columns as those in DATA."""
    run_task(TableTask(data, dev, name=name, batch=batch, seed=seed), weight_decay=0.0, **chosen)
