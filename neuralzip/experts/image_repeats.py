"""Exact repeats in graphics: is the whole pixel a colour seen nearby, or where its surroundings occurred before?

Each pixel has SOURCES proposals: the continuation of a two-dimensional match, what followed the same 12, 6 and 2
neighbours last time, and the neighbours themselves. Distinct proposals are tried in order; whether one is right is
a binary decision, mixed from counters under contexts: which sources agree on it, the colours around, how
neighbours came about. Pixels of no source are left to the caller; once it has coded some of a pixel's samples, the
last colour with these samples is one more guess.

A colour is one int64 of up to four samples of 16 bits. N padded pixels, raster order.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts import apm, counters
from neuralzip.experts.apm import adapt, refine
from neuralzip.experts.bits import BitCoder, code_bit
from neuralzip.experts.counters import (
    MAP_STATES,
    hash_start,
    hash_step,
    map_p,
    map_updated,
    node_count,
    node_p,
    node_state,
    node_updated,
)
from neuralzip.experts.logistic import squash, stretch
from neuralzip.experts.mixer import Mixer, learn, mix, new_mixer

Ints = npt.NDArray[np.int64]

PAD = 8
SOURCES = 9
TRIES = 6
CONTEXTS = 13
NONE = TRIES
"""Outcome of a pixel of no source; smaller outcomes count the proposals that failed before."""
_TABLES = 3
_DICTIONARY_BITS = 16
_GUESSES = 2
_WORTHWHILE = 1 << 14
"""A guess is made where it was right more often than this lately, in 2**-16."""
_RATE_SHIFT = 4
_LIMIT = 127
_HISTORY_LIMIT = 1023
_MASKS = 1 << SOURCES
_SETS = (_MASKS, 8 * 8 * 8, 256 * 8, 8 * 8 * 8)
_LARGE = 1 << 12
STRIDE, POINTER, LENGTH, HISTORY, BITS, PROPOSALS = 0, 1, 2, 3, 4, 8
HASHES = PROPOSALS + SOURCES
PLACES = HASHES + 5
KEYS = PLACES + _TABLES


class Repeats(NamedTuple):
    """State of the proposals.

    Attributes:
        scratch: int64: stride, match pointer and length, recent outcomes, log2 of table sizes, then what is
            derived for the pixel in work.
        colours: [N] int64, known so far.
        outcomes: [N] uint8, number of failed proposals of each pixel, NONE if no source had it.
        last: [_TABLES << bits] int32, place where a context occurred last; 0 for never.
        nodes: [CONTEXTS << bits] uint32 counters.
        histories: [CONTEXTS * MAP_STATES] uint32, what the counters' states mean.
        dictionary: [_GUESSES << _DICTIONARY_BITS] int64, last colour by known samples, with and without west.
        rates: [stride // 8 + 1, 8] int64, how often each guess was right lately, by columns, in 2**-16.
        maps: correction stages.
        mixer: joins the counters.
    """

    scratch: Ints
    colours: Ints
    outcomes: npt.NDArray[np.uint8]
    last: npt.NDArray[np.int32]
    nodes: npt.NDArray[np.uint32]
    histories: npt.NDArray[np.uint32]
    dictionary: Ints
    rates: Ints
    maps: npt.NDArray[np.int32]
    mixer: Mixer


def new_repeats(height: int, width: int) -> Repeats:
    """Return the state before the first pixel."""
    stride = width + 2 * PAD
    size = stride * (height + PAD)
    bits = min(max((height * width).bit_length(), 12), 20)
    scratch = np.zeros(KEYS + CONTEXTS, np.int64)
    scratch[STRIDE], scratch[BITS] = stride, bits
    return Repeats(
        scratch=scratch,
        colours=np.zeros(size, np.int64),
        outcomes=np.zeros(size, np.uint8),
        last=np.zeros(_TABLES << bits, np.int32),
        nodes=counters.new_nodes(CONTEXTS << bits),
        histories=counters.new_maps(CONTEXTS).reshape(-1),
        dictionary=np.full(_GUESSES << _DICTIONARY_BITS, -1, np.int64),
        rates=np.full((stride // 8 + 1, 8), 1 << 15, np.int64),
        maps=apm.new_maps(_MASKS * 8 + _LARGE),
        mixer=new_mixer(32, _SETS, (64,), 0.15, 0.01),
    )


@inner
def _step(state: np.uint64, colour: int) -> np.uint64:
    """Return the hash of (what state is the hash of, colour)."""
    return hash_step(state, colour)


@inner
def _hash_surroundings(colours: Ints, scratch: Ints, at: int) -> None:
    """Hash 2, 4, 6, 12 and 20 neighbours, each set holding the one before."""
    up = at - scratch[STRIDE]
    top = up - scratch[STRIDE]
    state = _step(_step(hash_start(0), colours[at - 1]), colours[up])
    scratch[HASHES] = np.int64(state)
    state = _step(_step(state, colours[up - 1]), colours[up + 1])
    scratch[HASHES + 1] = np.int64(state)
    state = _step(_step(state, colours[at - 2]), colours[top])
    scratch[HASHES + 2] = np.int64(state)
    for place in (up + 2, up - 2, top - 1, top + 1, at - 3, up + 3):
        state = _step(state, colours[place])
    scratch[HASHES + 3] = np.int64(state)
    for place in (top - 2, top + 2, at - 4, up - 3, up + 4, top + 3, top - scratch[STRIDE], at - 5):
        state = _step(state, colours[place])
    scratch[HASHES + 4] = np.int64(state)


@inner
def _place_in(table: int, hashed: int, bits: int) -> np.int64:
    """Return the entry of a hash in one of several tables of 2**bits entries."""
    return (table << bits) + (np.int64(np.uint64(hashed) >> np.uint64(20)) & ((1 << bits) - 1))


@inner
def propose(repeats: Repeats, at: int) -> None:
    """Fill the proposals for the pixel at a place."""
    scratch, colours = repeats.scratch, repeats.colours
    bits, up = scratch[BITS], at - scratch[STRIDE]
    _hash_surroundings(colours, scratch, at)
    scratch[PLACES] = _place_in(0, scratch[HASHES + 3], bits)
    scratch[PLACES + 1] = _place_in(1, scratch[HASHES + 2], bits)
    scratch[PLACES + 2] = _place_in(2, scratch[HASHES], bits)
    if scratch[LENGTH] == 0:
        scratch[POINTER] = repeats.last[scratch[PLACES]]
    for k in range(_TABLES):
        source = repeats.last[scratch[PLACES + k]]
        scratch[PROPOSALS + 1 + k] = colours[source] if source else colours[at - 1]
    scratch[PROPOSALS] = colours[scratch[POINTER]] if scratch[POINTER] else scratch[PROPOSALS + 1]
    scratch[PROPOSALS + 4] = colours[at - 1]
    scratch[PROPOSALS + 5] = colours[up]
    scratch[PROPOSALS + 6] = colours[up + 1]
    scratch[PROPOSALS + 7] = colours[up - 1]
    scratch[PROPOSALS + 8] = colours[at - 2]


@inner
def _length_class(length: int) -> int:
    """Return one of 8 classes of a match length."""
    short = (length > 0) + (length > 1) + (length > 3) + (length > 7)
    return short + (length > 15) + (length > 31) + (length > 400)


@inner
def _pattern(colours: Ints, at: int, up: int, top: int) -> np.int64:
    """Return which neighbours are equal, 8 bits."""
    bits = np.int64(colours[at - 1] == colours[up])
    bits |= np.int64(colours[up] == colours[up + 1]) << 1
    bits |= np.int64(colours[at - 1] == colours[up - 1]) << 2
    bits |= np.int64(colours[up - 1] == colours[up]) << 3
    bits |= np.int64(colours[at - 1] == colours[at - 2]) << 4
    bits |= np.int64(colours[up] == colours[top]) << 5
    bits |= np.int64(colours[up + 1] == colours[up + 2]) << 6
    return bits | np.int64(colours[up - 1] == colours[top - 1]) << 7


@inner
def _agreement(scratch: Ints, colour: int) -> np.int64:
    """Return which sources propose a colour, a bit for each."""
    mask = np.int64(0)
    for s in range(SOURCES):
        mask |= np.int64(scratch[PROPOSALS + s] == colour) << s
    return mask


@inner
def _find_nodes(repeats: Repeats, at: int, colour: int, mask: int, tries: int) -> None:
    """Choose counters and weights for the decision whether the pixel is `colour`, proposed by sources `mask`."""
    scratch, colours, rows = repeats.scratch, repeats.colours, repeats.mixer.rows
    up = at - scratch[STRIDE]
    top = up - scratch[STRIDE]
    length = _length_class(scratch[LENGTH])
    pattern = _pattern(colours, at, up, top)
    west, north = np.int64(repeats.outcomes[at - 1]), np.int64(repeats.outcomes[up])
    northeast = np.int64(repeats.outcomes[up + 1])
    keys, bits = scratch[KEYS:], scratch[BITS]
    keys[0] = (mask * 8 + tries) * 8 + length
    keys[1] = (pattern << 20) + mask * 8 + tries
    for k in range(5):
        keys[2 + k] = scratch[HASHES + k]
    keys[7] = colours[at - 1] * 8 + tries
    keys[8] = colours[up] * 8 + tries
    keys[9] = ((at % scratch[STRIDE]) << 20) + mask * 8 + tries
    keys[10] = (scratch[HISTORY] << 20) + mask * 8 + tries
    keys[11] = (((west * 8 + north) * 8 + northeast) << 20) + mask * 8 + tries
    keys[12] = colours[up + 1] * 3 + colours[top] * 5 + colours[top + 1] * 7
    for k in range(CONTEXTS):
        hashed = hash_step(hash_start(k), keys[k])
        if 2 <= k <= 8 or k == 12:
            hashed = hash_step(hashed, colour)
        keys[k] = _place_in(k, np.int64(hashed), bits)
    around = (west * 8 + north) * 8
    rows[0] = mask
    rows[1] = repeats.mixer.offsets[1] + (length * 8 + tries) * 8 + west
    rows[2] = repeats.mixer.offsets[2] + pattern * 8 + tries
    rows[3] = repeats.mixer.offsets[3] + around + northeast
    rows[4] = tries * 8 + length


@inner
def _fill_inputs(repeats: Repeats) -> None:
    """Enter every counter's opinion: its logit, trusted when seen, and that of its history."""
    inputs = repeats.mixer.inputs
    for k in range(CONTEXTS):
        node = repeats.nodes[repeats.scratch[KEYS + k]]
        count = min(node_count(node), 4)
        history = repeats.histories[k * MAP_STATES + node_state(node)]
        inputs[2 * k] = (stretch(node_p(node)) * count) >> 2
        inputs[2 * k + 1] = stretch(map_p(history)) if count else 0
    inputs[2 * CONTEXTS] = 256


@inner
def _decide(repeats: Repeats, coder: BitCoder, bit: int, colour: int, tries: int) -> int:
    """Code whether the pixel is `colour`; learn from it."""
    mixer, maps, scratch = repeats.mixer, repeats.maps, repeats.scratch
    _fill_inputs(repeats)
    mixed = mix(mixer)
    small = np.int64(mixer.rows[0]) * 8 + tries
    large = _MASKS * 8 + (np.int64(hash_step(hash_start(tries), scratch[HASHES + 1] + colour)) & (_LARGE - 1))
    p = (2 * squash(mixed) + refine(maps, small, mixed) + refine(maps, large, mixed) + 2) >> 2
    bit = code_bit(coder, bit, min(max(p, 1), 65535))
    adapt(maps, small, mixed, bit, 6)
    adapt(maps, large, mixed, bit, 6)
    learn(mixer, bit)
    for k in range(CONTEXTS):
        place = scratch[KEYS + k]
        history = k * MAP_STATES + node_state(repeats.nodes[place])
        repeats.histories[history] = map_updated(repeats.histories[history], bit, _HISTORY_LIMIT)
        repeats.nodes[place] = node_updated(repeats.nodes[place], bit, _LIMIT)
    return bit


@inner
def _was_tried(scratch: Ints, source: int) -> bool:
    """Return whether a source before this one has proposed the same colour."""
    for s in range(source):
        if scratch[PROPOSALS + s] == scratch[PROPOSALS + source]:
            return True
    return False


@inner
def code_repeat(repeats: Repeats, coder: BitCoder, at: int, colour: int) -> np.int64:
    """Code which proposal a pixel is; return its source, or SOURCES if it is none of them."""
    scratch, tries = repeats.scratch, np.int64(0)
    propose(repeats, at)
    found = np.int64(SOURCES)
    for s in range(SOURCES):
        if tries == TRIES or found < SOURCES or _was_tried(scratch, s):
            continue
        proposal = scratch[PROPOSALS + s]
        _find_nodes(repeats, at, proposal, _agreement(scratch, proposal), tries)
        if _decide(repeats, coder, np.int64(colour == proposal), proposal, tries):
            found = np.int64(s)
        else:
            tries += 1
    repeats.outcomes[at] = tries if found < SOURCES else NONE
    scratch[HISTORY] = ((scratch[HISTORY] << 3) | np.int64(repeats.outcomes[at])) & 0xFFF
    return found


@inner
def _entry_of(guess: int, known: int, planes: int, west: int) -> np.int64:
    """Return the place in the dictionary of a colour's first samples; guess 0 looks at the pixel west too."""
    hashed = hash_step(hash_start(guess * 8 + planes), known)
    if guess == 0:
        hashed = hash_step(hashed, west)
    return _place_in(guess, np.int64(hashed), _DICTIONARY_BITS)


@inner
def code_guess(repeats: Repeats, coder: BitCoder, at: int, colour: int, planes: int) -> np.int64:
    """Code whether a pixel is a colour last seen with the same first `planes` samples; return that, or -1.

    Decoding, only these samples of `colour` need be there.
    """
    mask = (1 << (16 * planes)) - 1
    west, known = repeats.colours[at - 1], colour & mask
    first = np.int64(-1)
    for guess in range(_GUESSES):
        proposal = repeats.dictionary[_entry_of(guess, known, planes, west)]
        rate = repeats.rates[(at % repeats.scratch[STRIDE]) >> 3, guess * 4 + planes]
        if rate < _WORTHWHILE or proposal < 0 or proposal == first or proposal & mask != known:
            continue
        first = proposal
        _find_nodes(repeats, at, proposal, 1 + guess, TRIES + min(planes - 1, 1))
        if _decide(repeats, coder, np.int64(colour == proposal), proposal, TRIES + min(planes - 1, 1)):
            return proposal
    return np.int64(-1)


@inner
def learn_colour(repeats: Repeats, at: int, colour: int, planes: int) -> None:
    """Enter a colour of `planes` samples in the dictionary; see which guesses would have found it."""
    west, rates = repeats.colours[at - 1], repeats.rates[(at % repeats.scratch[STRIDE]) >> 3]
    for known in range(1, planes):
        prefix = colour & ((1 << (16 * known)) - 1)
        for guess in range(_GUESSES):
            entry = _entry_of(guess, prefix, known, west)
            right = np.int64(repeats.dictionary[entry] == colour) << 16
            rates[guess * 4 + known] += (right - rates[guess * 4 + known]) >> _RATE_SHIFT
            repeats.dictionary[entry] = colour


@inner
def enter(repeats: Repeats, at: int, colour: int, last_in_row: bool) -> None:
    """Make a pixel known."""
    scratch = repeats.scratch
    repeats.colours[at] = colour
    for k in range(_TABLES):
        repeats.last[scratch[PLACES + k]] = at
    hit = scratch[POINTER] > 0 and scratch[PROPOSALS] == colour
    scratch[LENGTH] = min(scratch[LENGTH] + 1, 65535) if hit and not last_in_row else 0
    scratch[POINTER] += 1
