"""Exact values that graphics suggest for a sample: what was last there between neighbours of the same colours.

A *cue* is a context, of whole colours around and of the pixel's samples known already; it suggests the value last
coded in it. While a sample is coded, each cue whose value is still possible says which way a decision goes, as
surely as this cue has been right about such decisions after as many confirmations.

Source: the run and match models of Mahoney's PAQ, brought to decisions on residuals. K cues.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner, merged
from neuralzip.experts.counters import MAP_NEW, hash_start, hash_step, map_p, map_updated
from neuralzip.experts.logistic import stretch

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]

CUES = 12
NONE = 1 << 20
"""Suggestion of a context that was not seen before."""
ZERO, SIGN, STOP, UPPER = range(4)
"""Kinds of decisions, those of image_residual."""
_KINDS = 4
_RUNS = 16
_RUN_MAX = 63
_CHECK_BITS = 10
_TRUST_LIMIT = 255


class Cues(NamedTuple):
    """State of the cues; all arrays are empty where a picture has none.

    Attributes:
        table: [K << bits] uint32: value (16 bits) | check (10) | times in a row, 0 for an unused entry (6).
        trust: [K * P * _RUNS * _KINDS] uint32 map entries: how often a cue is right.
        places: [K] int64, entries of the contexts of the sample in work.
        checks: [K] int64, their checks.
        residuals: [K] int64, what they suggest, less the base; or NONE.
        runs: [K] int64, first trust entry of each.
        entries: [K] int64, trust entries in use for a decision.
        ways: [K] int64, outcome each expects of a decision, -1 for none.
        votes: [1] int64: cues that expect a one, at most 7, times 8, plus those that expect a zero, at most 7.
    """

    table: npt.NDArray[np.uint32]
    trust: npt.NDArray[np.uint32]
    places: Ints
    checks: Ints
    residuals: Ints
    runs: Ints
    entries: Ints
    ways: Ints
    votes: Ints


def new_cues(planes: int, pixels: int) -> Cues:
    """Return cues that have seen nothing, for a picture of so many pixels; no cues for no planes."""
    count = CUES if planes else 0
    bits = min(max(pixels.bit_length(), 12), 18)
    places, checks, residuals, runs, entries, ways = np.zeros((6, count), np.int64)
    return Cues(
        table=np.zeros(count << bits, np.uint32),
        trust=np.full(count * planes * _RUNS * _KINDS, MAP_NEW, np.uint32),
        places=places,
        checks=checks,
        residuals=residuals,
        runs=runs,
        entries=entries,
        ways=ways,
        votes=np.zeros(1, np.int64),
    )


@inner
def _hash(k: int, a: int, b: int, c: int, d: int) -> np.int64:
    """Return the hash of four numbers for cue k."""
    state = hash_step(hash_step(hash_start(k), a), b)
    return np.int64(hash_step(hash_step(state, c), d))


@inner
def _fill_hashes(hashes: Ints, colours: Ints, at: int, stride: int, plane: int, known: int, base: int) -> None:
    """Hash the contexts; `known` are the samples of the pixel before this plane, as in a colour."""
    up, shift = at - stride, 16 * plane
    w, n, nw, ne = colours[at - 1], colours[up], colours[up - 1], colours[up + 1]
    ww, nn = colours[at - 2], colours[up - stride]
    own_w, own_n, own_ne = (w >> shift) & 0xFFFF, (n >> shift) & 0xFFFF, (ne >> shift) & 0xFFFF
    here = known * 4 + plane
    hashes[0] = _hash(0, w, n, here, 0)
    hashes[1] = _hash(1, w, n, _hash(1, nw, ne, 0, 0), here)
    hashes[2] = _hash(2, w, ww, here, 0)
    hashes[3] = _hash(3, n, nn, here, 0)
    hashes[4] = _hash(4, n, ne, here, 0)
    hashes[5] = _hash(5, w, nw, here, 0)
    hashes[6] = _hash(6, w, here, 0, 0)
    hashes[7] = _hash(7, n, here, 0, 0)
    hashes[8] = _hash(8, here, 0, 0, 0) if plane > 0 else _hash(8, w, n, ne, nw)
    hashes[9] = _hash(9, own_w, own_n, own_ne, here)
    hashes[10] = _hash(10, own_w, own_n, here, 0)
    hashes[11] = _hash(11, base, own_w, here, 0)


@inner
def find_cues(cues: Cues, colours: Ints, at: int, stride: int, plane: int, known: int, base: int) -> None:
    """Look up what every cue suggests for the sample of a plane of the pixel at a place."""
    _fill_hashes(cues.places, colours, at, stride, plane, known, base)
    entries, planes = len(cues.table) // CUES, len(cues.trust) // (CUES * _RUNS * _KINDS)
    for k in range(CUES):
        hashed = cues.places[k]
        cues.checks[k] = (hashed >> 40) & ((1 << _CHECK_BITS) - 1)
        cues.places[k] = k * entries + ((hashed >> 8) & (entries - 1))
        entry = np.int64(cues.table[cues.places[k]])
        seen = entry & _RUN_MAX
        right = seen > 0 and ((entry >> 6) & ((1 << _CHECK_BITS) - 1)) == cues.checks[k]
        cues.residuals[k] = (entry >> 16) - base if right else NONE
        run = seen if seen < _RUNS else np.int64(_RUNS - 1)
        cues.runs[k] = ((k * planes + plane) * _RUNS + run) * _KINDS


@inner
def way_of(residual: int, kind: int, negative: int, start: int, bits: int, reach: int) -> int:
    """Return how a decision of image_residual goes if this is the residual, -1 if it cannot be this one.

    Decisions are about residuals of one sign, `negative` or not, and of a size of `start` or more: whether it is
    below `reach` (STOP), or, of a size below start + 2**bits, whether it is not (UPPER).
    """
    if residual == NONE:
        return -1
    if kind == ZERO:
        return 1 if residual == 0 else 0
    if kind == SIGN:
        return -1 if residual == 0 else 1 if residual > 0 else 0
    size = -residual if negative else residual
    if size < start or (kind == UPPER and size >= start + (1 << bits)):
        return -1
    return 1 if (size < reach) == (kind == STOP) else 0


@merged
def fill_cues(
    cues: Cues, inputs: Words, first: int, kind: int, negative: int, start: int, bits: int, reach: int
) -> None:
    """Enter every cue's opinion on a decision, in the inputs from `first` on."""
    ones = zeros = 0
    for k in range(len(cues.places)):
        way = way_of(cues.residuals[k], kind, negative, start, bits, reach)
        cues.ways[k] = way
        cues.entries[k] = cues.runs[k] + kind
        logit = stretch(map_p(cues.trust[cues.entries[k]]))
        inputs[first + k] = 0 if way < 0 else logit if way else -logit
        ones += way == 1
        zeros += way == 0
    if len(cues.places) > 0:  # planes of a photo share what is empty, and would fight for its cache line
        cues.votes[0] = min(ones, 7) * 8 + min(zeros, 7)


@merged
def learn_cues(cues: Cues, bit: int) -> None:
    """Let the trust in every cue with an opinion see the outcome."""
    for k in range(len(cues.places)):
        if cues.ways[k] >= 0:
            entry = cues.entries[k]
            cues.trust[entry] = map_updated(cues.trust[entry], 1 if cues.ways[k] == bit else 0, _TRUST_LIMIT)


@inner
def enter_cues(cues: Cues, value: int, base: int) -> None:
    """Make a sample known to the contexts it was found in."""
    for k in range(CUES):
        seen = np.int64(1)
        if cues.residuals[k] == value - base:
            seen = np.int64(cues.table[cues.places[k]]) & _RUN_MAX
            if seen < _RUN_MAX:
                seen += 1
        cues.table[cues.places[k]] = np.uint32((value << 16) | (cues.checks[k] << 6) | seen)
