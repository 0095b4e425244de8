"""Planes of a photo <-> words of image_planes, by the mixing model that also hears a trained net.

Both walk the same wavefronts, so that a step's mixtures of the net are ready when its decisions are coded:

    encode: the net evaluates the next steps (all samples are known) | the planes are coded side by side
    decode: the net evaluates a step | least squares predict it; then the planes are decoded side by side

P = 3 planes (G, R, B) of eight bits or a grey one, H rows, W columns.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from neuralzip.codecs.image_planes import (
    Limits,
    PlaneCoder,
    Report,
    Samples,
    check_end,
    start,
    walk_beside,
)
from neuralzip.experts.image_photo_prior import PhotoPrior
from neuralzip.experts.image_walk import CODE, PREDICT
from neuralzip.nets.pixelcnn_exact import CHUNK, IntPixelCNN, Walk

_REPORTED_STEPS = 64


def _heard(walk: Walk, samples: Samples) -> Iterator[tuple[int, int]]:
    """Yield chunks of steps, once the net has foreseen them."""
    for first in range(0, walk.steps, CHUNK):
        stop = min(first + CHUNK, walk.steps)
        walk.look(samples, 0, first, stop)
        walk.evaluate(first, stop)
        yield first, stop


def code_joint(
    net: IntPixelCNN,
    samples: Samples,
    limits: Limits,
    report: Report | None = None,
    prior: PhotoPrior | None = None,
) -> list[PlaneCoder]:
    """Return what has coded planes [1 or 3, H, W] with the given ranges of values, all within 0..255."""
    count, height, width = samples.shape
    walk = net.walk(height, width, (count + 1) * CHUNK)
    coders = start(samples, limits, None, walk.told[:count], prior)
    walk_beside(coders, _heard(walk, samples), report)
    return coders


def decode_joint(
    net: IntPixelCNN,
    words: bytes,
    shape: tuple[int, int, int],
    limits: Limits,
    report: Report | None = None,
    prior: PhotoPrior | None = None,
) -> Samples:
    """Return the planes [1 or 3, H, W] of words.

    Raises:
        CorruptError: the words are not those of such planes.
    """
    samples, walk = np.zeros(shape, np.int32), net.walk(*shape[1:])
    coders = start(samples, limits, words, walk.told[: len(samples)], prior)
    with ThreadPoolExecutor(len(coders)) as pool:
        for t in range(walk.steps):
            predicted = [pool.submit(each.walk, t, t + 1, PREDICT) for each in coders]
            walk.foresee(t)
            for future in predicted:
                future.result()
            others = [pool.submit(each.walk, t, t + 1, CODE) for each in coders[:0:-1]]
            coders[0].walk(t, t + 1, CODE)
            for future in others:
                future.result()
            walk.reveal(samples, t)
            if report is not None and t % _REPORTED_STEPS == 0:
                report(t / walk.steps)
    check_end(coders)
    return samples
