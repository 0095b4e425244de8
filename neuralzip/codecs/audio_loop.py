"""The compiled loop of the audio codec: predict, code, learn, sample by sample and channel by channel.

A group is one channel, or two that predict each other. Its samples are coded in segments, each an rANS stream of
its own (rANS is last in, first out: a segment bounds what an encoder has to keep), while everything learnt goes on
from segment to segment.

C channels of a group, T frames.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.codecs import audio_values
from neuralzip.codecs.audio_values import ZEROS_FRAMES
from neuralzip.errors import CorruptError
from neuralzip.exact.compiled import entry, inner
from neuralzip.experts import bits
from neuralzip.experts.audio_bank import PAST, Bank, Preset, learn_bank, new_bank, predict_bank, prediction
from neuralzip.experts.audio_least_squares import U
from neuralzip.experts.audio_repeats import Repeats, code_repeat, learn_repeat, new_repeats
from neuralzip.experts.audio_residual import MAX_DECISIONS, code_sample
from neuralzip.experts.audio_state import (
    LOUDEST,
    POINT,
    SCALE_BITS,
    K,
    Prior,
    Residual,
    blend,
    learn_errors,
    new_residual,
    parts,
    running_scale,
)
from neuralzip.experts.bits import BitCoder
from neuralzip.nets.wavenet_step import NO_NET, Memory, Net, new_memory, step
from neuralzip.nets.wavenet_view import view

Samples = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Reals = npt.NDArray[np.float64]

SEGMENT_FRAMES = 1 << 16
_MARGIN = 2 * PAST


class Model(NamedTuple):
    """What encoder and decoder start from.

    Attributes:
        preset: the predictors.
        light: whether mixing goes without counters and maps.
        prior: what mixing has learnt from other recordings.
        net: the net that mixing hears; only where it is not light.
    """

    preset: Preset
    light: bool = False
    prior: Prior | None = None
    net: Net = NO_NET


class Group(NamedTuple):
    """All that a group has learnt.

    Attributes:
        bank: its predictors.
        residual: its model of what they leave.
        past: [C * (SEGMENT_FRAMES + _MARGIN)] samples, each channel backwards in time.
        net: its net, NO_NET for none.
        memory: what the net keeps.
        repeats: what came before and may come again.
    """

    bank: Bank
    residual: Residual
    past: Reals
    net: Net
    memory: Memory
    repeats: Repeats


def new_group(channels: int, model: Model, length: int) -> Group:
    """Return a group of one or two channels of so many frames that has not begun."""
    past = np.zeros(channels * (SEGMENT_FRAMES + _MARGIN))
    memory = new_memory(model.net, channels)
    residual = new_residual(channels, model.light, model.prior, memory.mixture)
    bank, repeats = new_bank(channels, model.preset), new_repeats(channels, length)
    return Group(bank, residual, past, model.net, memory, repeats)


class Stream(NamedTuple):
    """A coded segment: its bytes, and its ideal length in bits under the probabilities that coded it."""

    data: bytes
    nll_bits: float


def encode(samples: Samples, model: Model, zeros: Bytes | None = None) -> Iterator[Stream]:
    """Yield the streams of the segments of [C, T] samples, C <= 2; `zeros` as in `audio_values`, None for none."""
    return _encode(samples, new_group(len(samples), model, samples.shape[1]), zeros)


def _encode(samples: Samples, group: Group, zeros: Bytes | None = None) -> Iterator[Stream]:
    channels, length = samples.shape
    coder = bits.encoder(channels * min(length, SEGMENT_FRAMES) * MAX_DECISIONS)
    zeros = audio_values.no_zeros(channels, length) if zeros is None else zeros
    samples = np.ascontiguousarray(samples, np.int32)
    for start in range(0, length, SEGMENT_FRAMES):
        _run(samples, coder, *group, start, zeros)
        nll_bits = bits.logged_bits(coder)
        yield Stream(bits.finish(coder), nll_bits)


def encode_and_learn(samples: Samples, model: Model) -> tuple[float, Prior]:
    """Return the ideal bits of [C, T] samples, and what mixing has learnt in the end; for training."""
    group = new_group(len(samples), model, samples.shape[1])
    return sum(stream.nll_bits for stream in _encode(samples, group)), parts(group.residual)


def decode(streams: list[bytes], channels: int, length: int, model: Model, zeros: Bytes | None = None) -> Samples:
    """Return [C, T] samples.

    Raises:
        CorruptError: the streams are not those of so many samples.
    """
    if len(streams) != (length + SEGMENT_FRAMES - 1) // SEGMENT_FRAMES:
        raise CorruptError(f"damaged: {len(streams)} audio segments for {length} frames")
    samples = np.zeros((channels, length), np.int32)
    zeros = audio_values.no_zeros(channels, length) if zeros is None else zeros
    group = new_group(channels, model, length)
    for index, stream in enumerate(streams):
        coder = bits.decoder(stream)
        _run(samples, coder, *group, index * SEGMENT_FRAMES, zeros)
        if not bits.is_exhausted(coder):
            raise CorruptError("damaged: an audio segment does not end where its samples do")
    return samples


@entry
def _run(
    samples: Samples,
    coder: BitCoder,
    bank: Bank,
    residual: Residual,
    past: Reals,
    net: Net,
    memory: Memory,
    repeats: Repeats,
    start: int,
    zeros: Bytes,
) -> None:
    """Code the segment of samples [C, T] that begins at frame `start`; decoding fills it in."""
    channels = samples.shape[0]
    _rewind(past, channels)
    for t in range(start, min(start + SEGMENT_FRAMES, samples.shape[1])):
        for c in range(channels):
            own = _predict(bank, residual, past, channels, c, t - start, start)
            blend(residual, c)
            if code_repeat(repeats, coder, samples, c, t, running_scale(residual, c)):
                value = np.int64(samples[c, t - repeats.lags[c]])
                learn_errors(residual, c, value)
            else:
                if len(net.weights):
                    view(residual, bank.stages, c, channels - 1 - c, np.int64(past[own]), memory.seen)
                    step(net, memory, c)
                low = np.int64(zeros[c, t // ZEROS_FRAMES])
                value = code_sample(residual, coder, c, channels - 1 - c, np.int64(samples[c, t]), low)
            samples[c, t] = value
            past[own - 1] = value
            learn_bank(bank, c, float(value), U(t))
            learn_repeat(repeats, samples, c, t)


@entry
def watch(
    samples: Samples,
    bank: Bank,
    residual: Residual,
    past: Reals,
    start: int,
    views: npt.NDArray[np.int8],
    places: npt.NDArray[np.float32],
    halves: npt.NDArray[np.float32],
) -> None:
    """Let the predictors run over the segment of samples [C, T] that begins at `start`, and note what a net sees.

    Args:
        samples: known samples.
        bank, residual, past: a group.
        start: number of the segment's first frame.
        views: [C, T, INPUTS], filled.
        places: [C, T] samples less the blend in running scales, filled.
        halves: [C, T] half a sample unit in running scales, filled.
    """
    channels = samples.shape[0]
    _rewind(past, channels)
    for t in range(start, min(start + SEGMENT_FRAMES, samples.shape[1])):
        for c in range(channels):
            own = _predict(bank, residual, past, channels, c, t - start, start)
            value = np.int64(samples[c, t])
            blend(residual, c)
            view(residual, bank.stages, c, channels - 1 - c, np.int64(past[own]), views[c, t])
            scale = float(running_scale(residual, c)) / (1 << SCALE_BITS)
            places[c, t] = (float(value) - float(residual.means[K]) / (1 << POINT)) / scale
            halves[c, t] = 0.5 / scale
            learn_errors(residual, c, value)
            past[own - 1] = float(value)
            learn_bank(bank, c, float(value), U(t))


@inner
def _rewind(past: Reals, channels: int) -> None:
    """Before a segment, move the latest samples to the far end, the place of the oldest."""
    size = SEGMENT_FRAMES + _MARGIN
    for c in range(channels):
        for k in range(_MARGIN):
            past[c * size + SEGMENT_FRAMES + k] = past[c * size + k]


@inner
def _predict(bank: Bank, residual: Residual, past: Reals, channels: int, c: int, t: int, start: int) -> int:
    """Predict sample t of a segment of channel c; return the place of the channel's latest sample in `past`."""
    size = SEGMENT_FRAMES + _MARGIN
    at = SEGMENT_FRAMES - t
    own = c * size + at
    other = own if channels == 1 else (1 - c) * size + at - c
    predict_bank(bank, c, past, U(own), U(other), U(start + t))
    _show(bank, residual)
    return own


@inner
def _show(bank: Bank, residual: Residual) -> None:
    """Hand the shown predictions over, in fixed point and within the range of samples."""
    for k in range(K):
        shown = min(max(prediction(bank, k), -LOUDEST), LOUDEST)
        residual.means[k] = np.int64(np.floor(shown * (1 << POINT) + 0.5))
