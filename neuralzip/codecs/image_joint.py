"""Planes of a photo <-> rANS words, by the mixing model that also hears a trained net.

Both walk the same wavefronts, so that a step's mixtures of the net are ready when its decisions are coded:

    encode: the net evaluates the next steps (all samples are known) | the mixing model codes these
    decode: the net evaluates a step | least squares predict it; then its samples are decoded and revealed

P = 3 planes (G, R, B) of eight bits, H rows, W columns, M rows of a step.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import torch

from neuralzip.codecs.image_fast import one_thread
from neuralzip.codecs.image_planes import DECISIONS_A_SAMPLE, Limits, Report, Samples, grown, start
from neuralzip.errors import CorruptError
from neuralzip.experts import bits
from neuralzip.experts.image_opinion import INVERSES, MEANS, WEIGHTS
from neuralzip.experts.image_state import State
from neuralzip.experts.image_walk import code_steps, predict
from neuralzip.nets.pixel_front import LAG
from neuralzip.nets.pixelcnn_exact import CHUNK, IntPixelCNN, Mixtures

_REPORTED_STEPS = 64


def _hear(state: State, mixtures: Mixtures) -> None:
    """Enter a step's mixtures."""
    rows = state.mixtures[mixtures.first : mixtures.first + len(mixtures.valid)]
    rows[:, :, MEANS] = mixtures.means
    rows[:, :, INVERSES] = mixtures.inverses
    rows[:, :, WEIGHTS] = mixtures.weights


def _of_step(samples: Samples, mixtures: Mixtures, t: int) -> Samples:
    """Return the samples [M, P] of step t."""
    out = np.zeros(mixtures.valid.shape, np.int32)
    for plane in range(len(samples)):
        m = np.flatnonzero(mixtures.valid[:, plane])
        y = mixtures.first + m
        out[m, plane] = samples[plane, y, t - 2 * y - LAG * plane]
    return out


def _known(net: IntPixelCNN, samples: Samples) -> Iterator[list[tuple[int, Mixtures]]]:
    """Yield (step, mixtures) of known samples, CHUNK at a time, the next chunk in work meanwhile."""
    walk = net.walk(*samples.shape[1:]).walk_known(samples.astype(np.uint8))
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:

        def following() -> list[tuple[int, Mixtures]]:
            return [(t, mixtures) for t, mixtures, _ in islice(walk, CHUNK)]

        ahead = pool.submit(following)
        while chunk := ahead.result():
            ahead = pool.submit(following)
            yield chunk


@one_thread()
def encode_joint(net: IntPixelCNN, samples: Samples, limits: Limits, report: Report | None = None) -> bytes:
    """Return the rANS words of planes [3, H, W] with the given ranges of values, all within 0..255."""
    planes, height, width = samples.shape
    state, bank = start(planes, height, width, limits, net.components)
    coder, room = bits.encoder(1 << 16), CHUNK * min(height, width) * planes * DECISIONS_A_SAMPLE
    for chunk in _known(net, samples):
        coder = grown(coder, room)
        for t, mixtures in chunk:
            _hear(state, mixtures)
            code_steps(state, bank, coder, samples, t, t + 1, False)
        if report is not None:
            report(chunk[0][0] / (width + 2 * height + LAG * planes))
    return bits.finish(coder)


@one_thread()
def decode_joint(
    net: IntPixelCNN, payload: bytes, shape: tuple[int, int, int], limits: Limits, report: Report | None = None
) -> Samples:
    """Return the planes [3, H, W] of rANS words.

    Raises:
        CorruptError: the words are not those of such planes.
    """
    state, bank = start(*shape, limits, net.components)
    coder, samples, walk = bits.decoder(payload), np.zeros(shape, np.int32), net.walk(*shape[1:])
    with ThreadPoolExecutor(1) as pool:
        for t in range(walk.steps):
            predicted = pool.submit(predict, bank, t)
            mixtures = walk.step(t)
            _hear(state, mixtures)
            predicted.result()
            code_steps(state, bank, coder, samples, t, t + 1, True)
            walk.reveal(t, _of_step(samples, mixtures, t))
            if report is not None and t % _REPORTED_STEPS == 0:
                report(t / walk.steps)
    if not bits.is_exhausted(coder):
        raise CorruptError("damaged: samples of a picture do not end where they should")
    return samples
