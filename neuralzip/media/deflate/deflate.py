"""Writing a DeflateStream as bits (RFC 1951): the inverse of inflate."""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry
from neuralzip.media.deflate.inflate import canonical_codes
from neuralzip.media.deflate.stream import (
    CODE_LENGTH_ORDER,
    CODE_LENGTHS,
    DISTANCE_BASE,
    DISTANCE_EXTRA,
    DISTANCE_SYMBOL,
    DYNAMIC,
    END_OF_BLOCK,
    FIXED_LENGTHS,
    LENGTH_BASE,
    LENGTH_EXTRA,
    LENGTH_SYMBOL,
    STORED,
    Bytes,
    DeflateStream,
    Header,
)

_SLICE = 1 << 16
_EXTRA_BITS = {16: (2, 3), 17: (3, 3), 18: (7, 11)}


def deflate(stream: DeflateStream, data: Bytes) -> bytes:
    """Return the bytes of a stream; `data` [N] uint8 is what it decodes to."""
    writer = _Writer()
    headers = iter(stream.headers)
    token = position = 0
    for kind, final, count in stream.blocks.tolist():
        writer.bits([(final | kind << 1, 3)])
        if kind == STORED:
            writer.stored(data[position : position + count])
            position += count
            continue
        lengths = (FIXED_LENGTHS, np.full(32, 5, np.uint8))
        if kind == DYNAMIC:
            header = next(headers)
            writer.header(header)
            lengths = header.code_lengths()
        tokens = stream.tokens[token : token + count]
        writer.tokens(tokens, *lengths)
        token += count
        position += int(np.maximum(tokens >> 16, 1).sum())
    return writer.finish()


class _Writer:
    """Bits written so far."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._state = np.zeros(3, np.int64)
        self._output = np.empty(8 * _SLICE, np.uint8)

    def _flush(self) -> None:
        """Move whole bytes out of the way."""
        self._parts.append(self._output[: self._state[2]].tobytes())
        self._state[2] = 0

    def bits(self, fields: list[tuple[int, int]]) -> None:
        """Append values of up to 32 bits, each with its width."""
        buffer, bits = int(self._state[0]), int(self._state[1])
        for value, width in fields:
            buffer |= value << bits
            bits += width
        self._flush()
        self._parts.append((buffer & (1 << (bits & ~7)) - 1).to_bytes(bits // 8, "little"))
        self._state[0], self._state[1] = buffer >> (bits & ~7), bits & 7

    def stored(self, data: Bytes) -> None:
        """Append a stored block's padding, size and bytes."""
        self.bits([(0, -int(self._state[1]) & 7), (len(data), 16), (len(data) ^ 65535, 16)])
        self._parts.append(data.tobytes())

    def header(self, header: Header) -> None:
        """Append the code lengths of a dynamic block."""
        fields = [(header.literals - 257, 5), (header.distances - 1, 5), (header.used - 4, 4)]
        fields += [(header.meta[symbol], 3) for symbol in CODE_LENGTH_ORDER[: header.used]]
        codes = np.zeros(CODE_LENGTHS, np.int64)
        canonical_codes(np.frombuffer(header.meta, np.uint8).copy(), codes)
        symbols = list(zip(codes.tolist(), header.meta, strict=True))
        for symbol, run in zip(header.runs[::2], header.runs[1::2], strict=True):
            fields.append(symbols[symbol])
            if symbol >= 16:
                width, least = _EXTRA_BITS[symbol]
                fields.append((run - least, width))
        self.bits(fields)

    def tokens(self, tokens: npt.NDArray[np.uint32], near: Bytes, far: Bytes) -> None:
        """Append the tokens of a block, and its end, given its code lengths."""
        # Room for every symbol: a damaged header may lack codes that the tokens use.
        near, far = (np.pad(each, (0, 288 - len(each))) for each in (near, far))
        near_code, far_code = np.zeros(288, np.int64), np.zeros(288, np.int64)
        canonical_codes(near, near_code)
        canonical_codes(far, far_code)
        for start in range(0, len(tokens), _SLICE):
            self._flush()
            part = tokens[start : start + _SLICE]
            _put_tokens(self._output, self._state, part, near, near_code, far, far_code)
        self.bits([(int(near_code[END_OF_BLOCK]), int(near[END_OF_BLOCK]))])

    def finish(self) -> bytes:
        """Return everything, filled to whole bytes by zeros."""
        self.bits([(0, -int(self._state[1]) & 7)])
        return b"".join(self._parts)


@entry
def _put_tokens(output: Any, state: Any, tokens: Any, near: Any, near_code: Any, far: Any, far_code: Any) -> None:
    """Append tokens; state is the bits that do not fill a byte, their number, and the bytes written."""
    buffer, bits, position = state[0], state[1], state[2]
    for token in tokens:
        length, distance = np.int64(token) >> 16, np.int64(token) & 65535
        if length == 0:
            buffer |= near_code[distance] << bits
            bits += np.int64(near[distance])
        else:
            symbol = LENGTH_SYMBOL[length]
            buffer |= near_code[257 + symbol] << bits
            bits += np.int64(near[257 + symbol])
            buffer |= (length - LENGTH_BASE[symbol]) << bits
            bits += LENGTH_EXTRA[symbol]
            symbol = DISTANCE_SYMBOL[distance]
            buffer |= far_code[symbol] << bits
            bits += np.int64(far[symbol])
            buffer |= (distance - DISTANCE_BASE[symbol]) << bits
            bits += DISTANCE_EXTRA[symbol]
        while bits >= 8:
            output[position] = buffer & 255
            position += 1
            buffer >>= 8
            bits -= 8
    state[0], state[1], state[2] = buffer, bits, position
