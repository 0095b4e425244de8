"""Choices and samples -> FLAC frames: the inverse of the reader, bit for bit."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.audio.flac.bits import AT, OVERRUN, crc16, put, put_unary
from neuralzip.media.audio.flac.frame import (
    CHANNEL_CODE,
    COEFFICIENTS,
    CONSTANT,
    ESCAPE,
    FIXED,
    KIND,
    LPC,
    METHOD,
    ORDER,
    PARTITION_ORDER,
    PRECISION,
    SAMPLES,
    SHIFT,
    WASTED,
    Frame,
    channel_count,
    find_residual,
    sample_bits,
)
from neuralzip.media.audio.flac.header import write_header

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@entry
def write_frame(out: Bytes, cursor: Ints, bits: int, frame: Frame) -> bool:
    """Write a frame at the cursor; its `channels` are as the channel code says, without wasted bits.

    Args:
        out: zeroed bytes.
        cursor: stands at a whole byte, moves behind the frame.
        bits: bits of a sample.
        frame: what to write.

    Returns:
        Whether there was room for it.
    """
    start = cursor[AT] >> 3
    write_header(out, cursor, frame.head)
    code = frame.head[CHANNEL_CODE]
    for c in range(channel_count(code)):
        _write_subframe(out, cursor, sample_bits(code, c, bits), c, frame)
    put(out, cursor, 0, -cursor[AT] & 7)
    if cursor[OVERRUN] == 0:
        put(out, cursor, crc16(out, start, cursor[AT] >> 3), 16)
    return cursor[OVERRUN] == 0


@inner
def _write_subframe(out: Bytes, cursor: Ints, bits: int, c: int, frame: Frame) -> None:
    subframe, samples, count = frame.subframes[c], frame.channels[c], frame.head[SAMPLES]
    put(out, cursor, _type_bits(subframe), 7)
    put(out, cursor, 1 if subframe[WASTED] else 0, 1)
    if subframe[WASTED]:
        put_unary(out, cursor, subframe[WASTED] - 1)
    bits -= subframe[WASTED]
    plain = count
    if subframe[KIND] == CONSTANT:
        plain = 1
    elif subframe[KIND] == FIXED or subframe[KIND] == LPC:
        plain = subframe[ORDER]
    for t in range(plain):
        put(out, cursor, samples[t], bits)
    if subframe[KIND] == LPC:
        put(out, cursor, subframe[PRECISION] - 1, 4)
        put(out, cursor, subframe[SHIFT], 5)
        for j in range(subframe[ORDER]):
            put(out, cursor, subframe[COEFFICIENTS + j], subframe[PRECISION])
    if subframe[KIND] == FIXED or subframe[KIND] == LPC:
        find_residual(subframe, samples, count, frame.residual)
        _write_residual(out, cursor, count, subframe, frame.parameters[c], frame.residual)


@inner
def _type_bits(subframe: Ints) -> int:
    if subframe[KIND] == FIXED:
        return 8 + subframe[ORDER]
    return 31 + subframe[ORDER] if subframe[KIND] == LPC else subframe[KIND]


@inner
def _write_residual(
    out: Bytes, cursor: Ints, count: int, subframe: Ints, parameters: Ints, residual: Ints
) -> None:
    put(out, cursor, subframe[METHOD], 2)
    put(out, cursor, subframe[PARTITION_ORDER], 4)
    each, width = count >> subframe[PARTITION_ORDER], 4 + subframe[METHOD]
    t = subframe[ORDER]
    for p in range(1 << subframe[PARTITION_ORDER]):
        end = (p + 1) * each
        if parameters[p] >= ESCAPE:
            plain = parameters[p] - ESCAPE
            put(out, cursor, (1 << width) - 1, width)
            put(out, cursor, plain, 5)
            for i in range(t, end):
                put(out, cursor, residual[i], plain)
        else:
            put(out, cursor, parameters[p], width)
            for i in range(t, end):
                folded = (residual[i] << 1) ^ (residual[i] >> 63)
                put_unary(out, cursor, folded >> parameters[p])
                put(out, cursor, folded, parameters[p])
        t = end
