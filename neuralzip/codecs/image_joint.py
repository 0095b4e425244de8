"""Planes of a photo <-> words of image_planes, by the mixing model that also hears a trained net.

Both walk the same wavefronts, so that a step's mixtures of the net are ready when its decisions are coded:

    encode: the net evaluates the next steps (all samples are known) | the planes are coded side by side
    decode: the net evaluates a step | least squares predict it; then the planes are decoded side by side

P = 3 planes (G, R, B) of eight bits, H rows, W columns, M rows of a step.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from neuralzip.codecs.image_fast import one_thread
from neuralzip.codecs.image_planes import (
    Limits,
    PlaneCoder,
    Report,
    Samples,
    check_end,
    finish_words,
    start,
    walk_beside,
)
from neuralzip.experts.image_opinion import INVERSES, MEANS, WEIGHTS
from neuralzip.experts.image_walk import CODE, PREDICT
from neuralzip.nets.pixel_front import LAG
from neuralzip.nets.pixelcnn_exact import CHUNK, IntPixelCNN, Mixtures

_REPORTED_STEPS = 64


def _hear(coders: list[PlaneCoder], mixtures: Mixtures, t: int) -> None:
    """Enter a step's mixtures."""
    for plane, coder in enumerate(coders):
        told = coder.state.mixtures[t % len(coder.state.mixtures)]
        rows = told[mixtures.first : mixtures.first + len(mixtures.valid)]
        rows[:, MEANS] = mixtures.means[:, plane]
        rows[:, INVERSES] = mixtures.inverses[:, plane]
        rows[:, WEIGHTS] = mixtures.weights[:, plane]


def _of_step(samples: Samples, mixtures: Mixtures, t: int) -> Samples:
    """Return the samples [M, P] of step t."""
    out = np.zeros(mixtures.valid.shape, np.int32)
    for plane in range(len(samples)):
        m = np.flatnonzero(mixtures.valid[:, plane])
        y = mixtures.first + m
        out[m, plane] = samples[plane, y, t - 2 * y - LAG * plane]
    return out


def _heard(net: IntPixelCNN, coders: list[PlaneCoder], samples: Samples) -> Iterator[tuple[int, int]]:
    """Yield chunks of steps, once the net's mixtures of them have been entered."""
    walk = net.walk(*samples.shape[1:]).walk_known(samples.astype(np.uint8))
    while chunk := [(t, mixtures) for t, mixtures, _ in islice(walk, CHUNK)]:
        for t, mixtures in chunk:
            _hear(coders, mixtures, t)
        yield chunk[0][0], chunk[-1][0] + 1


@one_thread()
def encode_joint(net: IntPixelCNN, samples: Samples, limits: Limits, report: Report | None = None) -> bytes:
    """Return the words of planes [3, H, W] with the given ranges of values, all within 0..255."""
    coders = start(samples, limits, None, net.components, (len(samples) + 1) * CHUNK)
    walk_beside(coders, _heard(net, coders, samples), report)
    return finish_words(coders)


@one_thread()
def decode_joint(
    net: IntPixelCNN, words: bytes, shape: tuple[int, int, int], limits: Limits, report: Report | None = None
) -> Samples:
    """Return the planes [3, H, W] of words.

    Raises:
        CorruptError: the words are not those of such planes.
    """
    samples, walk = np.zeros(shape, np.int32), net.walk(*shape[1:])
    coders = start(samples, limits, words, net.components)
    with ThreadPoolExecutor(len(coders)) as pool:
        for t in range(walk.steps):
            predicted = [pool.submit(each.walk, t, t + 1, PREDICT) for each in coders]
            mixtures = walk.step(t)
            _hear(coders, mixtures, t)
            for future in predicted:
                future.result()
            others = [pool.submit(each.walk, t, t + 1, CODE) for each in coders[:0:-1]]
            coders[0].walk(t, t + 1, CODE)
            for future in others:
                future.result()
            walk.reveal(t, _of_step(samples, mixtures, t))
            if report is not None and t % _REPORTED_STEPS == 0:
                report(t / walk.steps)
    check_end(coders)
    return samples
