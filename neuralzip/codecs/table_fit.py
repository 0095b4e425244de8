"""`--model made`: a MADE fitted to the table itself by maximum likelihood; its quantised weights go into the file.

    payload = rows (4), columns (1), hidden (1), scaling, weights, biases, units; then the words of the coder

With a trained model, `--model NAME`, a block names its weights, and its payload begins with the rows and what a
table itself says of its columns: the least value and the span of each.

Columns are coded one after another, all rows of one at once. N rows, C columns, H hidden units.
"""

import struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from neuralzip import zoo
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


_ROWS = struct.Struct("<I")
_FARTHEST = 1 << 32
"""Values are less than this from a trained model's middles."""
ARCHITECTURE = "made"


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


def to_model(net: Made, scaling: Scaling) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return (integer arrays, description) of a net trained for tables of one kind, for `zoo.save`."""
    arrays = export(net) | {"scaling.middle": scaling.middle, "scaling.power": scaling.power}
    config = {"columns": net.columns, "hidden": net.enter.out_features}
    return arrays, {"architecture": ARCHITECTURE, "version": 1, "config": config}


def encode(values: Values, fitted: Fitted) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits, the model's bytes included) of values [N, C]."""
    return _encode(values, fitted, _pack_model(len(values), fitted))


def encode_under(values: Values, model: zoo.Model) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) of values [N, C] under a trained model.

    Raises:
        UnsupportedError: the model is for other tables.
        ModelError: it is for no tables.
    """
    fitted = _trained(model, values.min(axis=0), np.ptp(values, axis=0) + 1)
    if fitted is None:
        raise UnsupportedError(f"model '{model.id}' is for other tables")
    head = _ROWS.pack(len(values)) + np.stack(fitted.scaling[:2]).astype("<i8").tobytes()
    return _encode(values, fitted, head)


def _trained(model: zoo.Model, low: Values, span: Values) -> Fitted | None:
    """Return a trained model as fitted to columns of these ranges, None where it is not for such."""
    try:
        middle, power = (model.arrays[f"scaling.{name}"].astype(np.int64) for name in ("middle", "power"))
        hidden = int(model.meta["config"]["hidden"])
    except KeyError as error:
        raise ModelError(f"model '{model.id}' lacks {error}") from error
    if len(middle) != len(low) or (np.abs(low) >= _FARTHEST).any() or (np.abs(low - middle) >= _FARTHEST).any():
        return None
    arrays = {name: array for name, array in model.arrays.items() if not name.startswith("scaling.")}
    return Fitted(
        {name: array.copy() for name, array in arrays.items()}, Scaling(low, span, middle, power), hidden
    )


def _encode(values: Values, fitted: Fitted, head: bytes) -> tuple[bytes, float]:
    made = IntMade(fitted.arrays, fitted.scaling)
    starts, widths = [], []
    for column in range(values.shape[1]):
        symbols = values[:, column] - fitted.scaling.low[column]
        first, width = made.column(values, column).intervals(symbols)
        starts.append(first)
        widths.append(width)
    encoder = Encoder()
    encoder.push(np.concatenate(starts), np.concatenate(widths))
    packed = side.pack(head)
    ideal = nll_bits(np.concatenate(widths)) + 8 * len(packed)
    return struct.pack("<I", len(packed)) + packed + encoder.payload(), ideal


def decode(payload: bytes, most: int) -> Values:
    """Return the values of a payload, at most so many.

    Raises:
        CorruptError: no table has it.
    """
    size = int.from_bytes(payload[:4], "little")
    return _decode(payload[4 + size :], most, *_unpack_model(side.unpack(payload[4 : 4 + size])))


def decode_under(payload: bytes, most: int, model: zoo.Model) -> Values:
    """Return the values of a payload of `encode_under`, at most so many.

    Raises:
        CorruptError: no table has it.
    """
    size = int.from_bytes(payload[:4], "little")
    head = side.unpack(payload[4 : 4 + size])
    try:
        rows = _ROWS.unpack_from(head)[0]
        low, span = np.frombuffer(head, "<i8", offset=_ROWS.size).astype(np.int64).reshape(2, -1)
    except (struct.error, ValueError) as error:
        raise CorruptError(f"damaged: ranges of a table: {error}") from error
    fitted = _trained(model, low, span)
    if fitted is None or not rows or not ((span >= 1) & (span <= MAX_SPREAD)).all():
        raise CorruptError("damaged: impossible ranges of a table")
    return _decode(payload[4 + size :], most, rows, fitted)


def _decode(words: bytes, most: int, rows: int, fitted: Fitted) -> Values:
    decoder, columns = Decoder(words), len(fitted.scaling.low)
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
