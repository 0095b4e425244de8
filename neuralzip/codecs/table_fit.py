"""`--model made`: a MADE fitted to the table itself by maximum likelihood; its quantised weights go into the file.

    payload = rows (4), columns (1), hidden (1), scaling, weights, biases, units; then the words of the coder

Columns are coded one after another, all rows of one at once. N rows, C columns, H hidden units.
"""

import struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from neuralzip.codecs import side
from neuralzip.codecs.base import Options
from neuralzip.coding.freqs import nll_bits
from neuralzip.coding.rans import Decoder, Encoder
from neuralzip.errors import CorruptError, ModelError, UnsupportedError
from neuralzip.media.matrix import MAX_SPREAD, Values
from neuralzip.nets.made import IntMade, Made, Scaling, export, scaling_of

MIN_ROWS = 200
_BATCH = 512
_EPOCHS_OF = 60
_MIN_STEPS, _MAX_STEPS = 600, 4000
_RATE = 0.01
_SEED = 1
_HEAD = struct.Struct("<IBB")


class Fitted(NamedTuple):
    """A model and what it was fitted to.

    Attributes:
        arrays: of `nets.made.export`.
        scaling: of the columns.
        hidden: H.
    """

    arrays: dict[str, npt.NDArray[Any]]
    scaling: Scaling
    hidden: int


def fit(values: Values, options: Options) -> Fitted:
    """Fit a MADE to values [N, C]; the result need not be the same on two machines, as it travels in the file.

    Raises:
        UnsupportedError: too few rows.
    """
    rows, columns = values.shape
    if rows < MIN_ROWS:
        raise UnsupportedError(f"{rows} rows are too few to fit a model to")
    scaling, hidden = scaling_of(values), 32 if rows * columns < 100_000 else 64
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(_SEED)
        net = Made(columns, hidden)
        steps = min(max(rows * _EPOCHS_OF // _BATCH, _MIN_STEPS), _MAX_STEPS)
        optimiser = torch.optim.Adam(net.parameters(), _RATE, betas=(0.9, 0.98))
        features, targets = scaling.features(values), torch.from_numpy(values)
        for step in range(steps):
            chosen = torch.randint(rows, (min(_BATCH, rows),))
            optimiser.param_groups[0]["lr"] = _RATE * (1 - step / steps)
            loss = net.bits(targets[chosen], features[chosen], scaling).sum(1).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if options.progress and step % 50 == 0:
                options.progress(step, steps)
    return Fitted(export(net), scaling, hidden)


def encode(values: Values, fitted: Fitted) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits, the model's bytes included) of values [N, C]."""
    made = IntMade(fitted.arrays, fitted.scaling)
    starts, widths = [], []
    for column in range(values.shape[1]):
        symbols = values[:, column] - fitted.scaling.low[column]
        first, width = made.column(values, column).intervals(symbols)
        starts.append(first)
        widths.append(width)
    encoder = Encoder()
    encoder.push(np.concatenate(starts), np.concatenate(widths))
    model = side.pack(_pack_model(len(values), fitted))
    ideal = nll_bits(np.concatenate(widths)) + 8 * len(model)
    return struct.pack("<I", len(model)) + model + encoder.payload(), ideal


def decode(payload: bytes, most: int) -> Values:
    """Return the values of a payload, at most so many.

    Raises:
        CorruptError: no table has it.
    """
    size = int.from_bytes(payload[:4], "little")
    rows, fitted = _unpack_model(side.unpack(payload[4 : 4 + size]))
    decoder, columns = Decoder(payload[4 + size :]), len(fitted.scaling.low)
    if rows * columns > most:
        raise CorruptError(f"damaged: a table of {rows} rows, too many for its size")
    values = np.tile(fitted.scaling.middle, (rows, 1))
    try:
        made = IntMade(fitted.arrays, fitted.scaling)
    except ModelError as error:
        raise CorruptError(f"damaged: {error}") from error
    for column in range(columns):
        values[:, column] = made.column(values, column).pop(decoder) + fitted.scaling.low[column]
    if not decoder.is_exhausted:
        raise CorruptError("damaged: entropy-coded payload goes on after its last symbol")
    return values


def _pack_model(rows: int, fitted: Fitted) -> bytes:
    head = _HEAD.pack(rows, len(fitted.scaling.low), fitted.hidden)
    parts = [head, np.stack(fitted.scaling).astype("<i8").tobytes()]
    for name, array in fitted.arrays.items():
        parts.append(array.astype(_type_of(name)).tobytes())
    return b"".join(parts)


def _type_of(name: str) -> str:
    return {"weight": "i1", "bias": "<i4", "unit": "i1"}[name.rpartition(".")[2]]


def _unpack_model(data: bytes) -> tuple[int, Fitted]:
    try:
        rows, columns, hidden = _HEAD.unpack_from(data)
        table = np.frombuffer(data, "<i8", 4 * columns, _HEAD.size).astype(np.int64).reshape(4, columns)
        shapes = {name: array.shape for name, array in export(Made(columns, hidden)).items()}
        arrays, at = {}, _HEAD.size + table.nbytes
        for name, shape in shapes.items():
            stored = np.frombuffer(data, _type_of(name), int(np.prod(shape)), at)
            arrays[name] = stored.astype(np.int8 if name.endswith("weight") else np.int32).reshape(shape)
            at += stored.nbytes
    except (struct.error, ValueError, RuntimeError) as error:
        raise CorruptError(f"damaged: fitted model of a table: {error}") from error
    scaling = Scaling(*table)
    powers_fit = ((scaling.power >= 0) & (scaling.power <= 20)).all()
    spans_fit = ((scaling.span >= 1) & (scaling.span <= MAX_SPREAD)).all()
    if at != len(data) or not powers_fit or not spans_fit or not rows or not columns:
        raise CorruptError("damaged: impossible fitted model of a table")
    return rows, Fitted(arrays, scaling, hidden)
