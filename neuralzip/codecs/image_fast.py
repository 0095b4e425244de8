"""The wavefront PixelCNN's coding loop: planes of samples <-> one rANS payload.

    encode: all samples known -> mixtures of many steps at once -> intervals -> pushed last first
    decode: mixtures of one step -> symbols by bisection -> revealed to the net -> next step

Samples of more than eight bits show the net their upper eight bits only; the mixture, which has 256 levels of
unit width, is stretched over all 2**(8 + fine) values, so that the lower bits cost what its density says.

M rows of a step, K components, planes in the order G, R, B.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import torch

from neuralzip.coding import rans
from neuralzip.errors import CorruptError
from neuralzip.exact import logistic
from neuralzip.nets.pixel_front import LAG, PLANES
from neuralzip.nets.pixelcnn_exact import ALPHABET, MEAN_BITS, IntPixelCNN, Mixtures

IntArray = npt.NDArray[np.int32]
Samples = npt.NDArray[np.uint16]
Report = Callable[[float], None]
"""Called with the share of a picture that is done, 0..1."""
MAX_FINE = 8
_REPORTED_STEPS = 64


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shape of a stack of planes that is coded together.

    Attributes:
        planes: 1 (grey) or 3 (G, R, B).
        height: rows.
        width: columns.
        fine: bits of a sample beyond the upper eight, 0..8.
    """

    planes: int
    height: int
    width: int
    fine: int


@numba.njit(cache=True)
def _stretch(mix_means: IntArray, mix_inverses: IntArray, fine: int, means: IntArray, inverses: IntArray) -> None:
    """Set means and inverse scales [K] for symbols 2**-fine as wide; a level takes 2**fine of them."""
    for k in range(len(means)):
        means[k] = (np.int64(mix_means[k]) << fine) + (((np.int64(1) << fine) - 1) << (MEAN_BITS - 1))
        inverses[k] = max(mix_inverses[k] >> fine, 1)


@numba.njit(cache=True, nogil=True)
def _intervals(
    samples: IntArray,
    valid: npt.NDArray[np.bool_],
    mix_means: IntArray,
    mix_inverses: IntArray,
    mix_weights: IntArray,
    planes: int,
    fine: int,
    starts: IntArray,
    freqs: IntArray,
) -> int:
    """Write the intervals of a step's samples [M, PLANES] in coding order; return how many."""
    means, inverses = np.empty_like(mix_means[0, 0]), np.empty_like(mix_means[0, 0])
    alphabet, count = ALPHABET << fine, 0
    for m in range(samples.shape[0]):
        for plane in range(planes):
            if not valid[m, plane]:
                continue
            _stretch(mix_means[m, plane], mix_inverses[m, plane], fine, means, inverses)
            weights, symbol = mix_weights[m, plane], samples[m, plane]
            start = logistic.start_of(symbol, means, inverses, weights, MEAN_BITS, alphabet)
            starts[count] = start
            freqs[count] = logistic.start_of(symbol + 1, means, inverses, weights, MEAN_BITS, alphabet) - start
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _pop(
    words: rans.Words,
    head: rans.Head,
    valid: npt.NDArray[np.bool_],
    mix_means: IntArray,
    mix_inverses: IntArray,
    mix_weights: IntArray,
    planes: int,
    fine: int,
    samples: IntArray,
) -> None:
    """Pop a step's samples [M, PLANES] in coding order."""
    means, inverses = np.empty_like(mix_means[0, 0]), np.empty_like(mix_means[0, 0])
    alphabet = ALPHABET << fine
    for m in range(samples.shape[0]):
        for plane in range(planes):
            if not valid[m, plane]:
                continue
            _stretch(mix_means[m, plane], mix_inverses[m, plane], fine, means, inverses)
            symbol, start, freq = logistic.find(
                rans.peek(head), means, inverses, mix_weights[m, plane], MEAN_BITS, alphabet
            )
            rans.drop(words, head, start, freq)
            samples[m, plane] = symbol


@numba.njit(cache=True, nogil=True)
def _scatter(samples: IntArray, valid: npt.NDArray[np.bool_], first: int, step: int, planes: Samples) -> None:
    """Write a step's samples [M, PLANES] to planes [1 or 3, H, W]."""
    for m in range(samples.shape[0]):
        for plane in range(planes.shape[0]):
            if valid[m, plane]:
                planes[plane, first + m, step - 2 * (first + m) - LAG * plane] = samples[m, plane]


@numba.njit(cache=True, nogil=True)
def _lookup(planes: Samples, valid: npt.NDArray[np.bool_], first: int, step: int, samples: IntArray) -> None:
    """Read a step's samples [M, PLANES] from planes [1 or 3, H, W]."""
    for m in range(samples.shape[0]):
        for plane in range(planes.shape[0]):
            if valid[m, plane]:
                samples[m, plane] = planes[plane, first + m, step - 2 * (first + m) - LAG * plane]


_alone = threading.Lock()
_before: list[int] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread.

    A step's products take some 100 microseconds; threads that wait for each other at every one of them gain little
    on an idle machine and lose a hundredfold on a busy one (375 s instead of 7.5 s for 768x512, measured).
    Several threads may be within at once: the first to come changes the setting, the last to go restores it.
    """
    with _alone:
        _before.append(_before[0] if _before else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _alone:
            before = _before.pop()
            if not _before:
                torch.set_num_threads(before)


@one_thread()
def encode(net: IntPixelCNN, planes: Samples, fine: int, report: Report | None = None) -> tuple[bytes, float]:
    """Code planes.

    Args:
        net: the integer net.
        planes: [1 or 3, H, W] uint16 samples below 2**(8 + fine).
        fine: bits beyond the upper eight.
        report: progress.

    Returns:
        (rANS payload, ideal code length in bits).
    """
    count, height, width = planes.shape
    coarse = (planes >> fine).astype(np.uint8)
    walk = net.walk(height, width)
    starts, freqs = np.empty(planes.size, np.int32), np.empty(planes.size, np.int32)
    done = 0
    for t, mixtures, _ in walk.walk_known(np.ascontiguousarray(np.broadcast_to(coarse, (PLANES, height, width)))):
        samples = np.zeros(mixtures.valid.shape, np.int32)
        _lookup(planes, mixtures.valid, mixtures.first, t, samples)
        done += _intervals(samples, *mixtures[1:], count, fine, starts[done:], freqs[done:])
        if report is not None and t % _REPORTED_STEPS == 0:
            report(t / walk.steps)
    encoder = rans.Encoder()
    encoder.push(starts, freqs)
    nll = float(rans.PRECISION * planes.size - np.log2(freqs).sum())
    return encoder.payload(), nll


def decode(net: IntPixelCNN, payload: bytes, geometry: Geometry, report: Report | None = None) -> Samples:
    """Return the planes [1 or 3, H, W] uint16 of a payload.

    Raises:
        CorruptError: the payload holds something else.
    """
    decoder = rans.Decoder(payload)
    planes = pop_planes(net, decoder, geometry, report)
    if not decoder.is_exhausted:
        raise CorruptError("damaged: a picture's payload goes on after its last sample")
    return planes


@one_thread()
def pop_planes(
    net: IntPixelCNN, decoder: rans.Decoder, geometry: Geometry, report: Report | None = None
) -> Samples:
    """Pop the planes [1 or 3, H, W] uint16 of a picture off a stack."""
    planes = np.zeros((geometry.planes, geometry.height, geometry.width), np.uint16)
    walk = net.walk(geometry.height, geometry.width)
    for t in range(walk.steps):
        mixtures = walk.step(t)
        samples = _pop_step(decoder, mixtures, geometry)
        _scatter(samples, mixtures.valid, mixtures.first, t, planes)
        samples >>= geometry.fine
        if geometry.planes == 1:
            walk.grey_samples(t, samples)
        walk.reveal(t, samples)
        if report is not None and t % _REPORTED_STEPS == 0:
            report(t / walk.steps)
    return planes


def _pop_step(decoder: rans.Decoder, mixtures: Mixtures, geometry: Geometry) -> IntArray:
    samples = np.zeros(mixtures.valid.shape, np.int32)
    _pop(decoder.words, decoder.head, *mixtures[1:], geometry.planes, geometry.fine, samples)
    return samples
