"""Planes of a photo <-> rANS words, by least squares, contexts and mixing: which learners, in what order.

    words = size of the words of each plane but the last (4 each), words of each plane

A step of a plane depends on earlier steps of this plane and of planes before, so planes are walked side by side,
each a chunk of steps behind the one before. P planes, H rows, W columns.
"""

import struct
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.base import cores
from neuralzip.errors import CorruptError
from neuralzip.experts import bits
from neuralzip.experts.image_photo_prior import PhotoPrior, begin
from neuralzip.experts.image_state import State, new_states
from neuralzip.experts.image_walk import CODE, PREDICT, code_steps, steps_of
from neuralzip.experts.least_squares import Bank, Learner, new_bank, new_planes

Planes = npt.NDArray[np.uint16]
Samples = npt.NDArray[np.int32]
Limits = list[tuple[int, int]]
Report = Callable[[float], None]

STEPS_AT_ONCE = 64
DECISIONS_A_SAMPLE = 48
"""More than any sample takes."""
_NEAR = (
    *((-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2), (-2, -1), (2, -1), (-1, -2), (1, -2), (-2, -2)),
    *((2, -2), (-3, 0), (0, -3), (-1, -3), (1, -3), (-4, 0), (-3, -1), (3, -1), (3, -2)),
)
"""Places (dx, dy) before a sample, nearest first."""
_AHEAD = ((0, 0), (1, 0), (-1, 1), *_NEAR)
"""Places of a plane that leads by one lag or more."""
_SIZES = (
    ((20, 0, 0), (14, 11, 0), (12, 10, 10)),
    ((12, 0, 0), (8, 6, 0), (6, 6, 4)),
    ((6, 0, 0), (4, 4, 0), (3, 3, 2)),
)
"""Inputs of learners from (own, nearest, other) planes: of plane 0, 1, and of later ones."""
_MEMORIES = ((0.97, 0.05), (0.85, 0.15), (0.7, 0.3))
"""Their `keep` and `above`: the fewer inputs, the faster they may follow."""


def _inputs(plane: int, sizes: tuple[tuple[int, int, int], ...]) -> tuple[tuple[int, int, int], ...]:
    """Return a learner's inputs: own samples, then those of the two planes before, nearest plane first."""
    own, *leading = sizes[min(plane, 2)]
    chosen = [(plane, dx, dy) for dx, dy in _NEAR[:own]]
    for other, count in zip((plane - 1, plane - 2), leading, strict=True):
        chosen += [(other, dx, dy) for dx, dy in _AHEAD[:count] if other >= 0]
    return tuple(chosen)


def _learners(plane: int) -> tuple[Learner, ...]:
    """Return the learners of a plane."""
    return tuple(
        Learner(plane, _inputs(plane, sizes), keep, above)
        for sizes, (keep, above) in zip(_SIZES, _MEMORIES, strict=True)
    )


class PlaneCoder:
    """One plane on its way to words or back.

    Args:
        state: what mixing has learnt.
        bank: the learners.
        samples: [H, W], to be encoded or to be filled in.
        words: what is to be decoded, None to encode.
    """

    def __init__(self, state: State, bank: Bank, samples: Samples, words: bytes | None) -> None:
        self.state, self.bank, self.samples = state, bank, samples
        self.coder = bits.encoder(1 << 16) if words is None else bits.decoder(words)

    def walk(self, first: int, stop: int, what: int = PREDICT + CODE) -> None:
        """Walk steps first .. stop - 1."""
        if not self.coder.decoding:
            self.coder = grown(self.coder, (stop - first) * min(self.samples.shape) * DECISIONS_A_SAMPLE)
        code_steps(self.state, self.bank, self.coder, self.samples, first, stop, what)


def start(
    samples: Samples,
    limits: Limits,
    words: bytes | None = None,
    told: Samples | None = None,
    prior: PhotoPrior | None = None,
) -> list[PlaneCoder]:
    """Return what codes each of the planes [P, H, W], before the first step.

    Args:
        samples: to be encoded, or to be filled in.
        limits: range of the values of each plane.
        words: of all planes, to decode.
        told: [P, T, H, 3, K] int32, a net's mixtures of the steps in work, None where there is no net.
        prior: where mixing starts, None for nothing.
    """
    planes, height, width = samples.shape
    learners = [_learners(plane) for plane in range(planes)]
    states = new_states(planes, height, width, len(learners[0]), limits, told)
    if prior is not None:
        begin(prior, states[0])
    known = new_planes(height, width, limits)
    banks = [new_bank(each, height, width, limits, known) for each in learners]
    parts = [None] * planes if words is None else _parted(words, planes)
    return [PlaneCoder(*each) for each in zip(states, banks, samples, parts, strict=True)]


def _parted(words: bytes, planes: int) -> list[bytes]:
    """Return the words of each plane."""
    place = 4 * (planes - 1)
    if len(words) < place:
        raise CorruptError("damaged: samples of a picture end too early")
    parts = []
    for size in struct.unpack_from(f"<{planes - 1}I", words):
        parts.append(words[place : place + size])
        place += size
    return [*parts, words[place:]]


def finish_words(coders: list[PlaneCoder]) -> bytes:
    """Return the words of all planes."""
    parts = [bits.finish(each.coder) for each in coders]
    return struct.pack(f"<{len(parts) - 1}I", *map(len, parts[:-1])) + b"".join(parts)


def check_end(coders: list[PlaneCoder]) -> None:
    """Refuse words that do not end with the last sample."""
    if not all(bits.is_exhausted(each.coder) for each in coders):
        raise CorruptError("damaged: samples of a picture do not end where they should")


def grown(coder: bits.BitCoder, room: int) -> bits.BitCoder:
    """Return an encoder that goes on where `coder` stands, with room for as many more decisions."""
    count = bits.logged(coder)
    if count + room <= len(coder.log):
        return coder
    larger = bits.encoder(2 * count + room)
    larger.log[:count] = coder.log[:count]
    larger.head[:] = coder.head
    return larger


def walk_beside(coders: list[PlaneCoder], chunks: Iterable[tuple[int, int]], report: Report | None) -> None:
    """Walk all planes through chunks (first step, end) side by side, each plane one chunk behind the one before.

    When `chunks` is asked for another, the last plane may still be in the chunk that is len(coders) before it.
    """
    total = steps_of(len(coders), *coders[0].samples.shape)
    begun: list[tuple[int, int] | None] = [None] * len(coders)
    before: dict[int, Future[None]] = {}
    with ThreadPoolExecutor(cores(len(coders))) as pool:
        for chunk in chain(chunks, [None] * len(coders)):
            begun.append(chunk)
            wave = {}
            for plane, mine in enumerate(begun[: -len(coders) - 1 : -1]):
                if mine is not None:
                    needed = [before[each] for each in (plane - 1, plane) if each in before]
                    wave[plane] = pool.submit(_walk_after, needed, coders[plane], mine)
            for future in before.values():
                future.result()
            before = wave
            if report is not None and chunk is not None:
                report(chunk[0] / total)


def _walk_after(needed: list[Future[None]], coder: PlaneCoder, chunk: tuple[int, int]) -> None:
    """Walk a chunk once others are done."""
    for future in needed:
        future.result()
    coder.walk(*chunk)


def _chunks(shape: tuple[int, int, int]) -> Iterable[tuple[int, int]]:
    """Yield the chunks of planes [P, H, W]."""
    steps = steps_of(*shape)
    for first in range(0, steps, STEPS_AT_ONCE):
        yield first, min(first + STEPS_AT_ONCE, steps)


def code_samples(samples: Samples, limits: Limits, report: Report | None = None) -> list[PlaneCoder]:
    """Return what has coded planes [P, H, W] with the given ranges of values."""
    coders = start(samples, limits)
    walk_beside(coders, _chunks(samples.shape), report)
    return coders


def decode_samples(
    words: bytes, shape: tuple[int, int, int], limits: Limits, report: Report | None = None
) -> Samples:
    """Return the planes [P, H, W] of words.

    Raises:
        CorruptError: the words are not those of such planes.
    """
    samples = np.zeros(shape, np.int32)
    coders = start(samples, limits, words)
    walk_beside(coders, _chunks(shape), report)
    check_end(coders)
    return samples
