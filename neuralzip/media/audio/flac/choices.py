"""Coding the choices of a FLAC encoder, frame by frame: only what differs from the prediction costs bits.

One function serves both directions (see `media/bitcoder.py`). Every choice is coded under the choices of the frame
before, or against what the rules say an encoder would do with these very samples.
"""

from typing import Any, NamedTuple

import numpy as np

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.audio.flac import levinson, rules
from neuralzip.media.audio.flac.frame import (
    BITS_CODE,
    CHANNEL_CODE,
    COEFFICIENTS,
    ESCAPE,
    FIXED,
    HEAD_FIELDS,
    KIND,
    LPC,
    MAX_CHANNELS,
    METHOD,
    MID_SIDE,
    NUMBER,
    ORDER,
    PARTITION_ORDER,
    PRECISION,
    RATE,
    RATE_CODE,
    SAMPLES,
    SIZE_CODE,
    STRATEGY,
    SUBFRAME_FIELDS,
    WASTED,
    Frame,
    Ints,
    channel_count,
    find_residual,
    sample_bits,
    set_fixed,
    split_stereo,
)
from neuralzip.media.bitcoder import NUMBER_CONTEXTS, BitCoder, code_bit, code_bits, code_number

_EXPECTED = 0
_HEAD = _EXPECTED + 1
_HEAD_NUMBERS = _HEAD + 64
_CHANNEL_CODE = _HEAD_NUMBERS + 3 * NUMBER_CONTEXTS
_IS_WASTED = _CHANNEL_CODE + 16 * 16
_WASTED = _IS_WASTED + 1
_KIND = _WASTED + NUMBER_CONTEXTS
_SAME_ORDER = _KIND + 8 * 4
_ORDER = _SAME_ORDER + 2
_SAME_PRECISION = _ORDER + 2 * 64
_PRECISION = _SAME_PRECISION + 1
_METHOD = _PRECISION + 16
_PARTITION_ORDER = _METHOD + 2
_PARAMETER = _PARTITION_ORDER + 16 * 16
_PLAIN = _PARAMETER + 3 * NUMBER_CONTEXTS
_PREDICTOR = _PLAIN + 32
CONTEXTS = _PREDICTOR + levinson.CONTEXTS


class Memory(NamedTuple):
    """What is known of earlier frames.

    Attributes:
        head: [HEAD_FIELDS] of the frame before; 0 samples before the first.
        subframes: [MAX_CHANNELS, SUBFRAME_FIELDS] likewise.
        orders: [MAX_CHANNELS, 2] the last orders, FIXED and LPC.
        sums: scratch of the rules.
        analysis: state of the predictor of coefficients.
    """

    head: Ints
    subframes: Ints
    orders: Ints
    sums: Ints
    analysis: levinson.Analysis


def new_memory() -> Memory:
    """Return the memory before the first frame."""
    return Memory(
        np.zeros(HEAD_FIELDS, np.int64),
        np.zeros((MAX_CHANNELS, SUBFRAME_FIELDS), np.int64),
        np.zeros((MAX_CHANNELS, 2), np.int64),
        np.zeros(rules.MOST_PARTITIONS, np.int64),
        levinson.new_analysis(),
    )


@entry
def code_head(coder: BitCoder, head: Ints, memory: Memory) -> bool:
    """Code the head of a frame; False where what was decoded is none."""
    before = memory.head
    follows = before[NUMBER] + (before[SAMPLES] if before[STRATEGY] else 1)
    same = before[SAMPLES] > 0 and head[NUMBER] == follows
    for field in (STRATEGY, SIZE_CODE, RATE_CODE, BITS_CODE, SAMPLES, RATE):
        same = same and head[field] == before[field]
    if code_bit(coder, _EXPECTED, 1 if same else 0):
        for field in (STRATEGY, SIZE_CODE, RATE_CODE, BITS_CODE, SAMPLES, RATE):
            head[field] = before[field]
        head[NUMBER] = follows
    else:
        head[STRATEGY] = code_bits(coder, _HEAD, 1, head[STRATEGY])
        head[SIZE_CODE] = code_bits(coder, _HEAD + 16, 4, head[SIZE_CODE])
        head[RATE_CODE] = code_bits(coder, _HEAD + 32, 4, head[RATE_CODE])
        head[BITS_CODE] = code_bits(coder, _HEAD + 48, 3, head[BITS_CODE])
        head[NUMBER] = code_number(coder, _HEAD_NUMBERS, head[NUMBER])
        head[SAMPLES] = code_number(coder, _HEAD_NUMBERS + NUMBER_CONTEXTS, head[SAMPLES])
        head[RATE] = code_number(coder, _HEAD_NUMBERS + 2 * NUMBER_CONTEXTS, head[RATE])
    head[CHANNEL_CODE] = code_bits(coder, _CHANNEL_CODE + 16 * before[CHANNEL_CODE], 4, head[CHANNEL_CODE])
    for field in range(HEAD_FIELDS):
        before[field] = head[field]
    return 1 <= head[SAMPLES] <= 0xFFFF and head[CHANNEL_CODE] <= MID_SIDE and head[BITS_CODE] != 3


@entry
def code_subframes(coder: BitCoder, bits: int, frame: Frame, memory: Memory) -> bool:
    """Code the choices of all subframes; False where what was decoded makes no sense.

    Args:
        coder: of the run of frames.
        bits: bits of a sample.
        frame: its `channels` are left and right before, and as they are written after.
        memory: of the run of frames.
    """
    code, count = frame.head[CHANNEL_CODE], frame.head[SAMPLES]
    split_stereo(code, frame.channels, count)
    for c in range(channel_count(code)):
        if not _code_subframe(coder, sample_bits(code, c, bits), count, c, frame, memory):
            return False
    return True


@inner
def _code_subframe(coder: BitCoder, bits: int, count: int, c: int, frame: Frame, memory: Memory) -> bool:
    subframe, samples, before = frame.subframes[c], frame.channels[c], memory.subframes[c]
    subframe[WASTED] = _code_wasted(coder, rules.wasted_bits(samples, count), subframe[WASTED])
    if subframe[WASTED] >= bits:
        return False
    for t in range(count):
        samples[t] = samples[t] >> subframe[WASTED]
    likely = 2 * before[KIND] + (1 if rules.is_constant(samples, count) else 0)
    subframe[KIND] = code_bits(coder, _KIND + 4 * likely, 2, subframe[KIND])
    if subframe[KIND] == FIXED or subframe[KIND] == LPC:
        if not _code_predictor(coder, count, c, frame, memory):
            return False
        find_residual(subframe, samples, count, frame.residual)
        if not _code_partitions(coder, count, subframe, before, frame.parameters[c], frame.residual, memory.sums):
            return False
    for field in range(COEFFICIENTS):
        before[field] = subframe[field]
    return True


@inner
def _code_wasted(coder: BitCoder, expected: int, wasted: int) -> Any:
    if code_bit(coder, _IS_WASTED, 0 if wasted == expected else 1):
        return code_number(coder, _WASTED, wasted)
    return expected


@inner
def _code_predictor(coder: BitCoder, count: int, c: int, frame: Frame, memory: Memory) -> bool:
    """Code order, precision, shift and coefficients."""
    subframe, before = frame.subframes[c], memory.subframes[c]
    is_lpc = subframe[KIND] - FIXED
    if code_bit(coder, _SAME_ORDER + is_lpc, 1 if subframe[ORDER] == memory.orders[c, is_lpc] else 0):
        subframe[ORDER] = memory.orders[c, is_lpc]
    else:
        subframe[ORDER] = code_bits(coder, _ORDER + 64 * is_lpc, 6, subframe[ORDER])
    memory.orders[c, is_lpc] = subframe[ORDER]
    if not is_lpc:
        set_fixed(subframe) if subframe[ORDER] <= 4 else None
        return subframe[ORDER] <= 4 and subframe[ORDER] <= count
    if code_bit(coder, _SAME_PRECISION, 1 if subframe[PRECISION] == before[PRECISION] else 0):
        subframe[PRECISION] = before[PRECISION]
    else:
        subframe[PRECISION] = code_bits(coder, _PRECISION, 4, subframe[PRECISION])
    if not (1 <= subframe[ORDER] <= 32 and subframe[ORDER] <= count and subframe[PRECISION] >= 1):
        return False
    return levinson.code_coefficients(coder, _PREDICTOR, frame.channels[c], count, subframe, memory.analysis)


@inner
def _code_partitions(
    coder: BitCoder, count: int, subframe: Ints, before: Ints, parameters: Ints, residual: Ints, sums: Ints
) -> bool:
    """Code how the residual is coded."""
    order = subframe[ORDER]
    subframe[METHOD] = code_bit(coder, _METHOD + before[METHOD], subframe[METHOD])
    likely = rules.partition_order(residual, count, order, sums)
    subframe[PARTITION_ORDER] = code_bits(coder, _PARTITION_ORDER + 16 * likely, 4, subframe[PARTITION_ORDER])
    each = count >> subframe[PARTITION_ORDER]
    if each << subframe[PARTITION_ORDER] != count or each < order:
        return False
    start, missed, most = order, 0, (1 << (4 + subframe[METHOD])) - 2
    for p in range(1 << subframe[PARTITION_ORDER]):
        end = (p + 1) * each
        total = rules.magnitude(residual, start, end)
        likely = min(rules.rice_parameter(total, end - start), most)
        missed = _code_parameter(coder, missed, likely, parameters, p)
        if not 0 <= parameters[p] <= most and not ESCAPE <= parameters[p] < ESCAPE + 32:
            return False
        start = end
    return True


@inner
def _code_parameter(coder: BitCoder, missed: int, likely: int, parameters: Ints, p: int) -> Any:
    """Code one parameter; return 0 where it was as expected, 1 where it was not, 2 after an escape."""
    step = parameters[p] - likely
    number = 1 + (step << 1 ^ step >> 63)
    if parameters[p] >= ESCAPE:
        number = np.int64(0)
    number = code_number(coder, _PARAMETER + NUMBER_CONTEXTS * missed, number)
    if number == 0:
        parameters[p] = ESCAPE + code_bits(coder, _PLAIN, 5, parameters[p] - ESCAPE)
        return 2
    parameters[p] = likely + ((number - 1) >> 1 ^ -((number - 1) & 1))
    return 0 if number == 1 else 1
