"""FLAC frames -> choices and samples (RFC 9639, section 9), in compiled code. A frame that is wrong is refused."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.audio.flac.bits import AT, OVERRUN, crc16, take, take_signed, take_unary
from neuralzip.media.audio.flac.frame import (
    BITS_CODE,
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
    VERBATIM,
    WASTED,
    Frame,
    channel_count,
    join_stereo,
    predict,
    sample_bits,
    set_fixed,
)
from neuralzip.media.audio.flac.header import BITS, read_header

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_BITS = np.array(BITS)
_FIRST_FIXED, _LAST_FIXED, _FIRST_LPC = 8, 12, 32


@entry
def read_frame(data: Bytes, cursor: Ints, bits: int, frame: Frame) -> bool:
    """Read the frame at the cursor; its `channels` become left and right.

    Args:
        data: [n + MARGIN] bytes.
        cursor: moves behind the frame.
        bits: bits of a sample where the frame does not say.
        frame: is filled.

    Returns:
        Whether there is a frame, with right checksums.
    """
    start = cursor[AT] >> 3
    if not read_header(data, cursor, frame.head):
        return False
    code, count = frame.head[CHANNEL_CODE], frame.head[SAMPLES]
    if frame.head[BITS_CODE]:
        bits = _BITS[frame.head[BITS_CODE]]
    for c in range(channel_count(code)):
        width = sample_bits(code, c, bits)
        if not _read_subframe(data, cursor, width, count, c, frame):
            return False
        if cursor[OVERRUN] or not _in_range(frame.channels[c], count, width):
            return False
    if take(data, cursor, -cursor[AT] & 7):
        return False
    checksum = crc16(data, start, cursor[AT] >> 3)
    if take(data, cursor, 16) != checksum or cursor[OVERRUN]:
        return False
    join_stereo(code, frame.channels, count)
    return code < 8 or (_in_range(frame.channels[0], count, bits) and _in_range(frame.channels[1], count, bits))


@inner
def _in_range(samples: Ints, count: int, bits: int) -> bool:
    limit = np.int64(1) << (bits - 1)
    for t in range(count):
        if samples[t] < -limit or samples[t] >= limit:
            return False
    return True


@inner
def _read_subframe(data: Bytes, cursor: Ints, bits: int, count: int, c: int, frame: Frame) -> bool:
    subframe, samples = frame.subframes[c], frame.channels[c]
    padding, kind = take(data, cursor, 1), take(data, cursor, 6)
    subframe[WASTED] = 1 + take_unary(data, cursor) if take(data, cursor, 1) else 0
    bits -= subframe[WASTED]
    if padding or bits < 1 or not _set_kind(subframe, kind) or subframe[ORDER] > count:
        return False
    if subframe[KIND] == CONSTANT:
        samples[:count] = take_signed(data, cursor, bits)
    elif subframe[KIND] == VERBATIM:
        for t in range(count):
            samples[t] = take_signed(data, cursor, bits)
    else:
        for t in range(subframe[ORDER]):
            samples[t] = take_signed(data, cursor, bits)
        if not _read_predictor(data, cursor, subframe):
            return False
        if not _read_residual(data, cursor, count, subframe, frame.parameters[c], samples):
            return False
        for t in range(subframe[ORDER], count):
            samples[t] += predict(subframe, samples, t)
    for t in range(count):
        samples[t] = samples[t] << subframe[WASTED]
    return True


@inner
def _set_kind(subframe: Ints, kind: int) -> bool:
    """Set kind and order from the six bits of a subframe's type; False where they are reserved."""
    subframe[ORDER] = 0
    if kind <= 1:
        subframe[KIND] = VERBATIM if kind else CONSTANT
    elif _FIRST_FIXED <= kind <= _LAST_FIXED:
        subframe[KIND], subframe[ORDER] = FIXED, kind - _FIRST_FIXED
    elif kind >= _FIRST_LPC:
        subframe[KIND], subframe[ORDER] = LPC, kind - _FIRST_LPC + 1
    else:
        return False
    return True


@inner
def _read_predictor(data: Bytes, cursor: Ints, subframe: Ints) -> bool:
    if subframe[KIND] == FIXED:
        set_fixed(subframe)
        return True
    subframe[PRECISION] = take(data, cursor, 4) + 1
    subframe[SHIFT] = take_signed(data, cursor, 5)
    for j in range(subframe[ORDER]):
        subframe[COEFFICIENTS + j] = take_signed(data, cursor, subframe[PRECISION])
    return subframe[PRECISION] < 16 and subframe[SHIFT] >= 0


@inner
def _read_residual(data: Bytes, cursor: Ints, count: int, subframe: Ints, parameters: Ints, out: Ints) -> bool:
    """Read residuals into out[order:count], and how they are coded."""
    subframe[METHOD] = take(data, cursor, 2)
    subframe[PARTITION_ORDER] = take(data, cursor, 4)
    each = count >> subframe[PARTITION_ORDER]
    if subframe[METHOD] > 1 or each << subframe[PARTITION_ORDER] != count or each < subframe[ORDER]:
        return False
    width = 4 + subframe[METHOD]
    t = subframe[ORDER]
    for p in range(1 << subframe[PARTITION_ORDER]):
        end = (p + 1) * each
        parameter = take(data, cursor, width)
        if parameter == (1 << width) - 1:
            plain = take(data, cursor, 5)
            parameters[p] = ESCAPE + plain
            for i in range(t, end):
                out[i] = take_signed(data, cursor, plain)
        else:
            parameters[p] = parameter
            for i in range(t, end):
                folded = take_unary(data, cursor) << parameter | take(data, cursor, parameter)
                out[i] = (folded >> 1) ^ -(folded & 1)
        t = end
        if cursor[OVERRUN]:
            return False
    return True
