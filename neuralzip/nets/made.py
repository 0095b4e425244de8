"""MADE: a masked net that gives each column of a table its distribution from the columns before.

M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: masked autoencoder for distribution estimation" (2015,
arXiv 1502.03509). The conditionals are mixtures of discretised logistics, that is the increments of a mixture CDF
along the integers: an autoregressive flow of one dimension a column, coded without bits-back. It departs from the
paper in direct linear connections for the means, one hidden order, and 7-bit weights with int8 activations.

A column's unit is a power of two near its deviation; a value enters as its distance from the middle, in 1/16 units
(coarse), and what the rounding left, in 1/256 (fine).

B rows, C columns, H hidden units, K components.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.coding.mixtures import Mixtures
from neuralzip.errors import ModelError
from neuralzip.exact import layers, logistic, softmax
from neuralzip.nets.quantise import WEIGHT_MAX, QuantLinear, quantise, round_half_up, row_exponents

COMPONENTS = 5
ACT_BITS = 4
OUT_BITS = 8
MEAN_BITS = 4
WIDTH_LIMIT = 8
_FINE_BITS = 4
_STEPS, _NARROWEST = 16, 6
_WIDTHS = (_NARROWEST + 24) * _STEPS
_INVERSES = logistic.inverse_scales(_WIDTHS + 1, _STEPS, _NARROWEST)
_NATS_BIT = 0.6931472
_PARTS = ("enter", "middle", "out", "direct")
_FLOOR = 2.0**-24
_MEAN_LIMIT = 1 << 26

Values = npt.NDArray[np.int64]


class Scaling(NamedTuple):
    """What is subtracted from columns and what they are divided by.

    Attributes:
        low: [C] least value of each column.
        span: [C] number of values from the least to the largest.
        middle: [C] what counts as zero.
        power: [C] log2 of the unit.
    """

    low: Values
    span: Values
    middle: Values
    power: Values

    def features(self, values: Values) -> Tensor:
        """Return inputs [B, 2 C] int8 of values [B, C]: all coarse parts, then all fine ones."""
        moved = (values - self.middle) << (ACT_BITS + _FINE_BITS)
        scaled = moved >> self.power
        coarse = np.clip((scaled + (1 << (_FINE_BITS - 1))) >> _FINE_BITS, -127, 127)
        fine = np.clip((scaled - (coarse << _FINE_BITS)) << _FINE_BITS, -127, 127)
        return torch.from_numpy(np.concatenate([coarse, fine], 1).astype(np.int8))


def scaling_of(values: Values) -> Scaling:
    """Return the scaling of values [N, C]."""
    low, span = values.min(axis=0), values.max(axis=0) - values.min(axis=0) + 1
    middle = np.rint(np.median(values, axis=0)).astype(np.int64)
    deviation = np.maximum(values.std(axis=0), 1.0)
    return Scaling(low, span, middle, np.rint(np.log2(deviation)).astype(np.int64))


class MaskedLinear(QuantLinear):
    """A quantised linear layer some of whose connections are cut.

    Args:
        mask: [M, K], 1 where connected.
        in_bits: fractional bits of the input.
    """

    def __init__(self, mask: Tensor, in_bits: int) -> None:
        super().__init__(mask.shape[1], mask.shape[0], in_bits)
        self.register_buffer("mask", mask.float(), persistent=False)

    def integer_weight(self) -> tuple[Tensor, Tensor]:
        """Return integer rows and their exponents, zero where cut."""
        weight = self.weight * self.get_buffer("mask")
        exponent = row_exponents(weight)
        scaled = weight * torch.exp2(exponent.float())[:, None]
        return round_half_up(scaled).clamp(-WEIGHT_MAX, WEIGHT_MAX), exponent


class Made(nn.Module):
    """The float module.

    Args:
        columns: C.
        hidden: H.
    """

    def __init__(self, columns: int, hidden: int) -> None:
        super().__init__()
        self.columns = columns
        place = torch.arange(columns)
        inputs = place.repeat(2)
        units = torch.arange(hidden) % max(columns - 1, 1)
        outputs = place.repeat_interleave(3 * COMPONENTS)
        self.enter = MaskedLinear(units[:, None] >= inputs, ACT_BITS)
        self.middle = MaskedLinear(units[:, None] >= units, ACT_BITS)
        self.out = MaskedLinear(outputs[:, None] > units, ACT_BITS)
        self.direct = MaskedLinear(place[:, None] > inputs, ACT_BITS)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.direct.weight)
        with torch.no_grad():
            self.direct.bias.zero_()
            bias = self.out.bias.zero_().view(columns, 3, COMPONENTS)
            bias[:, 1] = torch.linspace(-1.0, 1.0, COMPONENTS)
            bias[:, 2] = torch.linspace(-2.0, 0.0, COMPONENTS)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return (means' common part [B, C], parameters [B, C, 3, K]) in units, from features [B, 2 C] int8."""
        x = features.float() * 2.0**-ACT_BITS
        hidden = quantise(self.middle(quantise(self.enter(x), ACT_BITS, low=0)), ACT_BITS, low=0)
        out = quantise(self.out(hidden), OUT_BITS, -(2**15), 2**15 - 1)
        direct = quantise(self.direct(x), OUT_BITS, -(2**15), 2**15 - 1)
        return direct, out.view(-1, self.columns, 3, COMPONENTS)

    def bits(self, values: Tensor, features: Tensor, scaling: Scaling) -> Tensor:
        """Return code lengths [B, C] of values [B, C] in bits."""
        low, span, middle, power = (torch.from_numpy(part).double() for part in scaling)
        unit = torch.exp2(power)[:, None].float()
        direct, out = self(features)
        means = unit * (direct[..., None] + out[:, :, 1])
        inverses = torch.exp2(-out[:, :, 2].clamp(-WIDTH_LIMIT, WIDTH_LIMIT)) / unit
        value = (values.double() - middle).float()[..., None]
        last = (values.double() - low >= span - 1)[..., None]
        upper, lower = (value + 0.5 - means) * inverses, (value - 0.5 - means) * inverses
        upper = torch.where(last, torch.full_like(upper, 1e4), upper)
        lower = torch.where((values.double() <= low)[..., None], torch.full_like(lower, -1e4), lower)
        sign = torch.where(upper + lower > 0, -1.0, 1.0)
        mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        weights = torch.softmax(out[:, :, 0] * _NATS_BIT, -1)
        share = 1 - span.float() * _FLOOR
        return -torch.log2((weights * mass).sum(-1) * share + _FLOOR)


class IntMade:
    """The integer twin.

    Args:
        arrays: of `export`.
        scaling: of the table.

    Raises:
        ModelError: arrays are missing or do not fit.
    """

    def __init__(self, arrays: dict[str, npt.NDArray[Any]], scaling: Scaling) -> None:
        try:
            self.enter, self.middle, self.out, self.direct = (
                layers.Linear(*(torch.from_numpy(arrays[f"{name}.{part}"]) for part in ("weight", "bias", "unit")))
                for name in _PARTS
            )
        except KeyError as error:
            raise ModelError(f"a fitted model lacks the array {error}") from error
        self.scaling = scaling

    def column(self, values: Values, column: int) -> Mixtures:
        """Return the distribution of a column's values less its least one, [B], from the columns before."""
        features = self.scaling.features(values)
        hidden = self.middle.apply(self.enter.apply(features, ACT_BITS, low=0), ACT_BITS, low=0)
        wide = -(2**15), 2**15 - 1
        out = self.out.to_format(self.out(hidden), OUT_BITS, *wide).view(len(values), -1, 3, COMPONENTS)[:, column]
        direct = self.direct.to_format(self.direct(features), OUT_BITS, *wide)[:, column]
        power, zero = int(self.scaling.power[column]), int(self.scaling.middle[column] - self.scaling.low[column])
        offset = out[:, 1].numpy().astype(np.int64) + direct.numpy().astype(np.int64)[:, None]
        means = (zero << MEAN_BITS) + (((offset << power) + (1 << 3)) >> (OUT_BITS - MEAN_BITS))
        limit = WIDTH_LIMIT << OUT_BITS
        width = np.clip(out[:, 2].numpy().astype(np.int64), -limit, limit)
        place = np.clip(((width + 8) >> 4) + (power + _NARROWEST) * _STEPS, 0, _WIDTHS)
        nats = (out[:, 0].to(torch.int32) * 177 + 128) >> 8  # ln 2 = 177 / 256
        return Mixtures(
            np.clip(means, -_MEAN_LIMIT, _MEAN_LIMIT).astype(np.int32),
            _INVERSES[place],
            softmax.to_freqs(nats.numpy(), OUT_BITS, logistic.WEIGHT_BITS),
            MEAN_BITS,
            max(int(self.scaling.span[column]), 2),
        )


def export(net: Made) -> dict[str, npt.NDArray[Any]]:
    """Return the integer arrays of a fitted net."""
    arrays = {}
    for name in _PARTS:
        layer = getattr(net, name)
        assert isinstance(layer, MaskedLinear)
        for part, tensor in zip(("weight", "bias", "unit"), layer.export(), strict=True):
            arrays[f"{name}.{part}"] = tensor.numpy()
    return arrays
