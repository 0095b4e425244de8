"""Deflate decoding that keeps the tokens, block boundaries and code headers (RFC 1951).

Damaged streams end with a reason, never with an access outside of an array; memory follows the output that was
asked for, not what the stream claims. Blocks are read here, their tokens in a compiled loop.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import UnsupportedError
from neuralzip.exact.compiled import allocating, entry
from neuralzip.media.deflate.stream import (
    CODE_LENGTH_ORDER,
    CODE_LENGTHS,
    DISTANCE_BASE,
    DISTANCE_EXTRA,
    DISTANCES,
    DYNAMIC,
    END_OF_BLOCK,
    FIXED,
    FIXED_LENGTHS,
    LENGTH_BASE,
    LENGTH_EXTRA,
    LITERALS,
    MAX_BITS,
    PADDING,
    STORED,
    DeflateStream,
    Header,
)

Bytes = npt.NDArray[np.uint8]

_BUFFER, _BITS, _SOURCE, _OUTPUT, _TOKENS = range(5)
_END, _ROOM, _BAD_CODE, _BAD_DISTANCE, _TRUNCATED, _TOO_LONG = range(6)
_REASONS = {
    _BAD_CODE: "has an impossible Huffman code",
    _BAD_DISTANCE: "refers to before its start",
    _TRUNCATED: "ends too early",
    _TOO_LONG: "decodes to more than expected",
}
_RUNS = {16: (2, 3), 17: (3, 3), 18: (7, 11)}


def inflate(source: bytes | memoryview, limit: int) -> tuple[DeflateStream, Bytes, int]:
    """Decode one deflate stream.

    Args:
        source: bytes that start with the stream.
        limit: the most bytes it may decode to.
    Returns:
        The stream's structure, the decoded bytes followed by PADDING zeros, the bytes of `source` it occupied.
    Raises:
        UnsupportedError: the stream is damaged, or decodes to over `limit` bytes.
    """
    reader = _Reader(source, limit)
    blocks, headers = [], []
    final = 0
    while not final:
        final, kind = reader.bits(1), reader.bits(2)
        if kind == STORED:
            count = reader.stored()
        else:
            if kind == DYNAMIC:
                headers.append(reader.header())
                count = reader.tokens_of_block(*headers[-1].code_lengths())
            else:
                count = reader.fixed(kind)
        blocks.append((kind, final, count))
        if len(blocks) > 64 + len(source) // 4:
            raise UnsupportedError("deflate stream has too many small blocks")
    state = reader.state
    stream = DeflateStream(reader.tokens[: state[_TOKENS]], np.array(blocks, np.int64), headers)
    return stream, reader.output[: int(state[_OUTPUT]) + PADDING], int(state[_SOURCE] - state[_BITS] // 8)


def _fail(status: int) -> UnsupportedError:
    return UnsupportedError(f"deflate stream {_REASONS[status]}")


class _Reader:
    """Position in a stream, and what it decoded to so far."""

    def __init__(self, source: bytes | memoryview, limit: int) -> None:
        self._source = np.frombuffer(source, np.uint8).copy()
        # No code is shorter than one bit and no match longer than 258 bytes.
        self._limit = min(limit, 1032 * len(source))
        self.output = np.zeros(self._limit + PADDING, np.uint8)
        self.tokens = np.empty(4096, np.uint32)
        self.state = np.zeros(5, np.int64)
        self._near = np.zeros(1 << MAX_BITS, np.int32)
        self._far = np.zeros(1 << MAX_BITS, np.int32)

    def bits(self, width: int) -> int:
        """Read the next `width` <= 16 bits."""
        buffer, bits, position = (int(each) for each in self.state[:3])
        while bits < width:
            if position == len(self._source):
                raise _fail(_TRUNCATED)
            buffer |= int(self._source[position]) << bits
            position, bits = position + 1, bits + 8
        self.state[:3] = buffer >> width, bits - width, position
        return buffer & ((1 << width) - 1)

    def stored(self) -> int:
        """Copy a stored block, and return its size; what pads its header to a byte must be zero."""
        padding = self.bits(int(self.state[_BITS]) & 7)
        size = self.bits(16)
        if padding or self.bits(16) != size ^ 65535:
            raise _fail(_BAD_CODE)
        start, output = int(self.state[_SOURCE] - self.state[_BITS] // 8), int(self.state[_OUTPUT])
        if start + size > len(self._source):
            raise _fail(_TRUNCATED)
        if output + size > self._limit:
            raise _fail(_TOO_LONG)
        self.output[output : output + size] = self._source[start : start + size]
        self.state[:4] = 0, 0, start + size, output + size
        return size

    def header(self) -> Header:
        """Read the code lengths of a dynamic block."""
        split, far, used = 257 + self.bits(5), 1 + self.bits(5), 4 + self.bits(4)
        if split > LITERALS or far > DISTANCES:
            raise _fail(_BAD_CODE)
        meta = np.zeros(CODE_LENGTHS, np.uint8)
        for index in range(used):
            meta[CODE_LENGTH_ORDER[index]] = self.bits(3)
        width = self._table(meta, self._near)
        codes = self._near[: 1 << width].tolist()
        runs, position = bytearray(), 0
        while position < split + far:
            entry = codes[self._peek(width)]
            if entry == 0:
                raise _fail(_BAD_CODE)
            self.bits(entry & 15)
            extra, least = _RUNS.get(entry >> 4, (0, 1))
            runs += bytes((entry >> 4, least + self.bits(extra)))
            position += runs[-1]
        if position > split + far or runs[0] == 16:
            raise _fail(_BAD_CODE)
        return Header(split, far, used, meta.tobytes(), bytes(runs))

    def _peek(self, width: int) -> int:
        """Return the next bits, zeros after the end, without taking them."""
        buffer, bits, position = (int(each) for each in self.state[:3])
        following = self._source[position : position + 2].tobytes()
        return (buffer | int.from_bytes(following, "little") << bits) & ((1 << width) - 1)

    def fixed(self, kind: int) -> int:
        """Read a block with the fixed codes."""
        if kind != FIXED:
            raise _fail(_BAD_CODE)
        return self.tokens_of_block(FIXED_LENGTHS, np.full(32, 5, np.uint8))

    def tokens_of_block(self, near: Bytes, far: Bytes) -> int:
        """Read tokens up to the end of the block, given its code lengths; return their number."""
        widths = self._table(near, self._near), self._table(far, self._far)
        first, status = int(self.state[_TOKENS]), _ROOM
        while status == _ROOM:
            if len(self.tokens) - self.state[_TOKENS] < 2048:
                self._grow()
            tables = (self._near, widths[0], self._far, widths[1])
            status = _read_tokens(self._source, self.output, self._limit, self.tokens, self.state, *tables)
        if status != _END:
            raise _fail(status)
        return int(self.state[_TOKENS]) - first

    def _grow(self) -> None:
        """Make room for as many tokens as the rest of the source will likely need."""
        used, read = int(self.state[_TOKENS]), int(self.state[_SOURCE])
        likely = used * len(self._source) // max(read, 1) * 9 // 8
        tokens = np.empty(min(max(likely, used * 5 // 4), self._limit) + 4096, np.uint32)
        tokens[:used] = self.tokens[:used]
        self.tokens = tokens

    def _table(self, lengths: Bytes, table: Any) -> int:
        width = int(_decoding_table(lengths, table))
        if width == 0:
            raise _fail(_BAD_CODE)
        return width


@allocating
def canonical_codes(lengths: Any, codes: Any) -> int:
    """Fill in Huffman codes in the bit order of deflate.

    Args:
        lengths: [S] uint8.
        codes: [S] int64, filled in.
    Returns:
        The longest length, or -1 if there are more codes than fit.
    """
    counts, following = np.zeros(MAX_BITS + 1, np.int64), np.zeros(MAX_BITS + 1, np.int64)
    for length in lengths:
        counts[length] += 1
    code = space = width = 0
    for length in range(1, MAX_BITS + 1):
        following[length] = code
        code = (code + counts[length]) << 1
        space += counts[length] << (MAX_BITS - length)
        if counts[length] > 0:
            width = length
    for symbol in range(lengths.size):
        length = np.int64(lengths[symbol])
        code, result = following[length], 0
        following[length] += 1
        for _ in range(length):
            result = result << 1 | (code & 1)
            code >>= 1
        codes[symbol] = result
    return width if space <= 1 << MAX_BITS else -1


@allocating
def _decoding_table(lengths: Any, table: Any) -> int:
    """Tabulate symbol << 4 | length by the next bits (0: no code); return the index width, 0 if impossible."""
    codes = np.zeros(lengths.size, np.int64)
    width = canonical_codes(lengths, codes)
    if width < 0:
        return 0
    width = max(width, 1)
    for index in range(1 << width):
        table[index] = 0
    for symbol in range(lengths.size):
        length = np.int64(lengths[symbol])
        index = codes[symbol]
        while length > 0 and index < 1 << width:
            table[index] = symbol << 4 | length
            index += 1 << length
    return width


@entry
def _read_tokens(
    source: Any,
    output: Any,
    limit: int,
    tokens: Any,
    state: Any,
    near: Any,
    near_width: int,
    far: Any,
    far_width: int,
) -> int:
    """Decode tokens up to the end of the block, to a fault, or until `tokens` is full; return which."""
    buffer, bits, position, filled, used = state[0], state[1], state[2], state[3], state[4]
    near_mask, far_mask = (1 << near_width) - 1, (1 << far_width) - 1
    status: int = -1
    while status < 0:
        # 48 bits are the longest token: 15 + 5 for the length, 15 + 13 for the distance.
        while bits <= 48 and position < source.size:
            buffer |= np.int64(source[position]) << bits
            position += 1
            bits += 8
        if used == tokens.size:
            status = _ROOM
            break
        entry = np.int64(near[buffer & near_mask])
        symbol, width = entry >> 4, entry & 15
        buffer >>= width
        bits -= width
        length = 1
        if entry == 0 or symbol >= LITERALS:
            status = _BAD_CODE
        elif symbol < END_OF_BLOCK:
            tokens[used] = symbol
            output[filled] = symbol
        elif symbol == END_OF_BLOCK:
            length = 0
            status = _END
        else:
            extra = LENGTH_EXTRA[symbol - 257]
            length = LENGTH_BASE[symbol - 257] + (buffer & ((1 << extra) - 1))
            buffer >>= extra
            entry = np.int64(far[buffer & far_mask])
            symbol, width = entry >> 4, entry & 15
            symbol = min(symbol, np.int64(DISTANCES - 1))
            buffer >>= width
            far_extra = DISTANCE_EXTRA[symbol]
            distance = DISTANCE_BASE[symbol] + (buffer & ((1 << far_extra) - 1))
            buffer >>= far_extra
            bits -= extra + width + far_extra
            tokens[used] = length << 16 | distance
            if entry == 0 or entry >> 4 >= DISTANCES:
                status = _BAD_CODE
            elif distance > filled:
                status = _BAD_DISTANCE
            elif filled + length <= limit:
                for index in range(filled, filled + length):
                    output[index] = output[index - distance]
        used += min(length, 1)
        filled += length
        if bits < 0:
            status = _TRUNCATED
        elif filled > limit:
            status = _TOO_LONG
    state[0], state[1], state[2], state[3], state[4] = buffer, bits, position, filled, used
    return status
