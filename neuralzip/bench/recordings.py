"""Code lengths of recordings under the WaveNet alone, as it was trained (float) and as it is shipped (integer).

Both nets see the same views, those of the experts that the codec runs, and say a mixture for every sample; mixing
with the experts' own opinions, which comes after, has no part in either. Q channels, T frames, F inputs.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.codecs import audio, audio_block, audio_values
from neuralzip.codecs.audio_loop import Model
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import UnsupportedError
from neuralzip.exact.logistic import INVERSE_BITS, WEIGHT_BITS
from neuralzip.experts import audio_bank
from neuralzip.experts.audio_opinion import INVERSES, MEANS, PLACE_BITS, WEIGHTS
from neuralzip.nets import wavenet, wavenet_exact
from neuralzip.train.wavenet import watched

_STEPS = 1 << 13
"""Frames that the float net evaluates at once; its activations take much memory."""

Samples = npt.NDArray[np.int32]


def of_recording(data: bytes, blocks: Sequence[Block], trained: nn.Module | None) -> Mapping[str, float]:
    """Return bits by "float" and "integer", nothing where blocks were coded without the net.

    Args:
        data: the file.
        blocks: what it was compressed to.
        trained: the float net, None where it is not there.
    """
    if any(block.codec != "audio" or block.params[5] != audio_block.JOINT for block in blocks):
        return {}
    model = Model(audio_bank.RICH, net=wavenet_exact.gather(zoo.load_identity(blocks[0].models[0])))
    total: dict[str, float] = {}
    try:
        for piece in audio.pieces(io.BytesIO(data), Options()):
            samples = audio_block.taken(piece).samples
            for c in range(0, len(samples), 2):
                plain, _ = audio_block.in_order(audio_values.reduce(samples[c : c + 2])[0], model)
                for name, bits in of_group(plain, model, trained).items():
                    total[name] = total.get(name, 0.0) + bits
    except UnsupportedError:  # raw samples, which say nothing of themselves
        return {}
    return total


def of_group(samples: Samples, model: Model, trained: nn.Module | None) -> Mapping[str, float]:
    """Return the bits of samples [Q, T] under either net, likewise."""
    views, *rest = watched(samples)
    places, halves = (torch.from_numpy(part) for part in rest)
    integer = wavenet.bits(_parameters(wavenet_exact.mixtures(model.net, views)), places, halves)
    found = {"integer": float(integer.double().sum())}
    if isinstance(trained, wavenet.WaveNet):
        found["float"] = _float_bits(trained, torch.from_numpy(views), places, halves)
    return found


def _parameters(mixtures: npt.NDArray[np.int32]) -> Tensor:
    """Return integer mixtures [Q, T, 3, K] as `wavenet.bits` takes them."""
    found = torch.from_numpy(mixtures).double()
    weights, means = found[..., WEIGHTS, :] * 2.0**-WEIGHT_BITS, found[..., MEANS, :] * 2.0**-PLACE_BITS
    spreads = INVERSE_BITS - torch.log2(found[..., INVERSES, :])
    return torch.stack([torch.log2(weights), means, spreads], -2).float()


@torch.no_grad()
def _float_bits(net: wavenet.WaveNet, views: Tensor, places: Tensor, halves: Tensor) -> float:
    """Return the bits of samples under the float net, stretch by stretch; each begins within reach of its past."""
    total, before = 0.0, 1 << len(net.layers)
    for first in range(0, views.shape[1], _STEPS):
        start, end = max(0, first - before), first + _STEPS
        parameters = net(views[:, start:end])[:, first - start :]
        total += float(wavenet.bits(parameters, places[:, first:end], halves[:, first:end]).double().sum())
    return total
