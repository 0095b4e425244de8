"""PixelCNN over three staggered planes, decoded along wavefronts: the float module for training.

Van den Oord et al., "Pixel Recurrent Neural Networks" (2016, arXiv:1601.06759), with the discretised logistic
mixtures of Salimans et al., "PixelCNN++" (2017, arXiv:1701.05517). It departs from both: the input is not the
picture but scale-free differences to an adaptive prediction (`nets.pixel_front`), a block looks only at the taps
[self, W, N, NW, NE] so that all pixels with equal x + 2y are evaluated together, and the planes are staggered so
that G, R given G, and B given both come out of one evaluation. Its integer twin is `nets.pixelcnn_exact`.

B batch, H rows, W columns (virtual pixels, see pixel_front), F inputs, C channels, K mixture components.
Activations are int8 with ACT_BITS fractional bits, mixture parameters int16 with OUT_BITS.
"""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip.nets import pixel_front
from neuralzip.nets.quantise import QuantLinear, export_layers, quantise

Arrays = dict[str, npt.NDArray[np.integer[Any]]]

ACT_BITS = 5
OUT_BITS = 8
TAPS = ((0, 0), (-1, 0), (0, -1), (-1, -1), (1, -1))
"""(dx, dy) of a block's taps, in the order of its weights: self, W, N, NW, NE."""
SPREAD_LIMIT = 8
"""Log2 of a component's width over the local scale is clamped to plus and minus this."""
FLOOR = 2.0**-24
"""Every symbol keeps at least this probability, in training as in the coder."""


class _Grid(torch.autograd.Function):
    """floor(x * 2**bits + 1/2) clamped to [low, 127], times 2**-bits, in one go; straight-through inside."""

    @staticmethod
    def forward(ctx: object, x: Tensor, bits: int, low: int) -> Tensor:
        steps = x * 2.0**bits
        ctx.save_for_backward((steps > low) & (steps < 127))  # type: ignore[attr-defined]
        return steps.add_(0.5).floor_().clamp_(low, 127).mul_(2.0**-bits)

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return grads[0] * inside, None, None


def grid(x: Tensor, low: int = -127) -> Tensor:
    """Round activations to int8 values of ACT_BITS; low = 0 makes it a rectifier."""
    return cast(Tensor, _Grid.apply(x, ACT_BITS, low))  # type: ignore[no-untyped-call]


class TapLinear(QuantLinear):
    """A linear layer over the concatenated taps of a feature map, as a convolution over zeros."""

    def __init__(self, channels: int) -> None:
        super().__init__(len(TAPS) * channels, channels, ACT_BITS)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, C, H, W]."""
        rows, exponent = self.integer_weight()
        taps = (rows * torch.exp2(-exponent.float())[:, None]).view(self.channels, len(TAPS), self.channels)
        here, west, north, northwest, northeast = taps.unbind(1)
        upper = torch.stack([northwest, north, northeast], -1)
        kernel = torch.stack([upper, torch.stack([west, here, torch.zeros_like(here)], -1)], -2)
        padded = nn.functional.pad(x, (1, 1, 1, 0))
        return nn.functional.conv2d(padded, kernel, self.bias)


class PointLinear(QuantLinear):
    """A linear layer at every pixel: [B, K, H, W] -> [B, M, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to the channels of x."""
        rows, exponent = self.integer_weight()
        weight = rows * torch.exp2(-exponent.float())[:, None]
        return nn.functional.conv2d(x, weight[:, :, None, None], self.bias)


class Block(nn.Module):
    """Residual block: taps -> C -> C, added to the stream."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.taps = TapLinear(channels)
        self.point = PointLinear(channels, channels, ACT_BITS)
        nn.init.normal_(self.point.weight, std=0.3 * channels**-0.5)

    def forward(self, stream: Tensor) -> Tensor:
        """Map the int8 stream [B, C, H, W] to the next."""
        hidden = grid(self.taps(torch.relu(stream)), low=0)
        return grid(stream + self.point(hidden))


class PixelCNN(nn.Module):
    """Mixture parameters of three planes from the inputs of `pixel_front`.

    Args:
        channels: C.
        blocks: number of residual blocks.
        hidden: width of the head's hidden layer.
        components: K.
    """

    def __init__(self, channels: int = 96, blocks: int = 4, hidden: int = 96, components: int = 5) -> None:
        super().__init__()
        self.config = {"channels": channels, "blocks": blocks, "hidden": hidden, "components": components}
        self.enter = PointLinear(pixel_front.INPUTS, channels, pixel_front.INPUT_BITS)
        self.blocks = nn.ModuleList(Block(channels) for _ in range(blocks))
        self.head = PointLinear(channels, hidden, ACT_BITS)
        self.out = PointLinear(hidden, pixel_front.PLANES * 3 * components, ACT_BITS)
        self.register_buffer("levels", torch.from_numpy(pixel_front.scale_levels()).float(), persistent=False)
        nn.init.normal_(self.out.weight, std=0.02)
        with torch.no_grad():
            bias = self.out.bias.zero_().view(pixel_front.PLANES, 3, components)
            bias[:, 2] = torch.linspace(-1.5, 1.5, components)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return parameters [B, H, W, PLANES, 3, K]: log2 weights, means and log2 widths, in local scales.

        Args:
            inputs: [B, H, W, F] int8.
        """
        x = inputs.to(torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32)
        stream = grid(self.enter(x.permute(0, 3, 1, 2) * 2.0**-pixel_front.INPUT_BITS))
        for block in self.blocks:
            stream = block(stream)
        stream = self.read(stream)
        hidden = grid(self.head(torch.relu(stream)), low=0)
        with torch.autocast("cpu", enabled=False):
            out = quantise(self.out(hidden.float()), OUT_BITS, -(2**15), 2**15 - 1)
        return out.permute(0, 2, 3, 1).reshape(*inputs.shape[:3], pixel_front.PLANES, 3, self.config["components"])

    def read(self, stream: Tensor) -> Tensor:
        """Return what the head reads of the last stream [B, C, H, W]; nets with more layers put them here."""
        return stream

    def bits(self, parameters: Tensor, base: Tensor, scale: Tensor, samples: Tensor) -> Tensor:
        """Return the ideal code length of samples in bits, [B, H, W, PLANES]; 0 where scale is -1.

        Args:
            parameters: as `forward` returns them.
            base: [B, H, W, PLANES] in 1/8 grey levels.
            scale: [B, H, W, PLANES] scale index, -1 where there is no sample.
            samples: [B, H, W, PLANES] 0..255.
        """
        valid = scale >= 0
        level = cast(Tensor, self.levels)[scale.clamp_min(0).long()][..., None]
        log_weight = torch.log_softmax(parameters[..., 0, :] * 0.6931472, -1)
        mean = base[..., None] / pixel_front.UNIT + level * parameters[..., 1, :]
        inverse = torch.exp2(-parameters[..., 2, :].clamp(-SPREAD_LIMIT, SPREAD_LIMIT)) / level
        value = samples[..., None].float()
        upper, lower = (value + 0.5 - mean) * inverse, (value - 0.5 - mean) * inverse
        upper = torch.where(value >= 255, torch.full_like(upper, 1e4), upper)
        lower = torch.where(value <= 0, torch.full_like(lower, -1e4), lower)
        # Mirrored so that both sigmoids are small where their difference matters.
        sign = torch.where(upper + lower > 0, -1.0, 1.0)
        mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        likelihood = (log_weight.exp() * mass).sum(-1)
        return torch.where(valid, -torch.log2(likelihood * (1 - 256 * FLOOR) + FLOOR), 0.0)


@torch.no_grad()
def grow(small: PixelCNN, net: PixelCNN) -> None:
    """Let a fresh net say what a trained one says that is nowhere larger ("Net2Net": Chen et al. 2016).

    New channels and units hear the old ones, which do not hear them yet; new blocks add nothing yet.
    """
    old = small.config["channels"]
    _copy_into(net.enter, small.enter)
    for block, trained in zip(net.blocks, small.blocks, strict=False):
        assert isinstance(block, Block) and isinstance(trained, Block)
        taps = block.taps.weight.view(-1, len(TAPS), net.config["channels"])
        taps[:old] = 0
        taps[:old, :, :old] = trained.taps.weight.view(old, len(TAPS), old)
        block.taps.bias[:old] = trained.taps.bias
        _copy_into(block.point, trained.point)
    for block in net.blocks[small.config["blocks"] :]:
        assert isinstance(block, Block)
        block.point.weight.zero_()
        block.point.bias.zero_()
    _copy_into(net.head, small.head)
    _copy_into(net.out, small.out)


def _copy_into(layer: QuantLinear, trained: QuantLinear) -> None:
    """Let the first outputs of a layer [M, K] be those of a trained one, deaf to other inputs."""
    rows, columns = trained.weight.shape
    layer.weight[:rows] = 0
    layer.weight[:rows, :columns] = trained.weight
    layer.bias[:rows] = trained.bias


def export(net: PixelCNN, tables: pixel_front.Tables) -> tuple[Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net and the tables it was trained with."""
    arrays = export_layers(net) | {f"tables.{name}": table for name, table in tables._asdict().items()}
    levels = pixel_front.scale_levels()
    arrays["levels"] = np.rint(levels * 2**12).astype(np.int32)
    arrays["octaves"] = np.rint(np.log2(levels) * 2**8).astype(np.int32)
    return arrays, {"architecture": "pixelcnn", "version": 1, "config": net.config}
