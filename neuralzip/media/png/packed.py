"""Chunks with a zlib stream of their own: colour profiles and compressed texts (PNG specification, section 11.3).

What a stream decodes to is shorter to code than the stream; what its data does not tell goes the way of that of
image data.
"""

import numpy as np

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.bitcoder import POSITION, BitCoder
from neuralzip.media.deflate import zlib_stream
from neuralzip.media.deflate.stream import PADDING
from neuralzip.media.png.chunks import Chunk, Packed

MAX_DATA = 1 << 22
_METHOD = b"\0"


def unpacked(coder: BitCoder, base: int, chunk: Chunk) -> Chunk | Packed:
    """Return a chunk with its stream decoded, and code what that does not tell; as it is where that costs more."""
    start = _stream_start(chunk)
    if not 0 < start < len(chunk.data):
        return chunk
    tried = coder.copy()
    try:
        stream = zlib_stream.read(chunk.data[start:], 0, MAX_DATA)
        zlib_stream.encode(tried, base, stream)
    except UnsupportedError:
        return chunk
    if tried[POSITION] - coder[POSITION] > (len(chunk.data) - start) // 4 + 8:
        return chunk
    coder[:] = tried
    return Packed(chunk.type, chunk.data[:start], stream.data[: stream.size].tobytes(), chunk.crc)


def packed(coder: BitCoder, base: int, item: Packed, kinds_told: bool = False) -> Chunk:
    """Return the chunk that `unpacked` took apart; raise CorruptError where there can be none.

    `kinds_told`: see `zlib_stream.decode`.
    """
    size = len(item.data)
    if size > MAX_DATA:
        raise CorruptError("PNG: impossible chunk")
    data = np.zeros(size + PADDING, np.uint8)
    data[:size] = np.frombuffer(item.data, np.uint8)
    return Chunk(item.type, item.head + zlib_stream.decode(coder, base, data, size, kinds_told), item.crc)


def _stream_start(chunk: Chunk) -> int:
    """Return where the stream of a chunk begins, 0 where it has none."""
    keyword, _, rest = chunk.data.partition(b"\0")
    if chunk.type in (b"iCCP", b"zTXt") and rest.startswith(_METHOD):
        return len(keyword) + 2
    if chunk.type == b"iTXt" and rest.startswith(b"\1" + _METHOD) and rest[2:].count(b"\0") >= 2:
        language, translated, _ = rest[2:].split(b"\0", 2)
        return len(keyword) + 3 + len(language) + len(translated) + 2
    return 0
