"""The bytes before a recording's samples: a plain WAVE header in a few bytes, anything else as side information.

Most WAVE files begin with the same 44 bytes but for four numbers, of which a block knows all but the rate. The
first byte tells the ways apart: PLAIN here, below it the methods of `side`.
"""

import struct

from neuralzip.codecs import side
from neuralzip.container.fields import FieldReader, varint
from neuralzip.media.audio.layout import Layout

PLAIN = 16
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BEHIND = _HEADER.size - 8
_TAGS = {"signed": 1, "unsigned": 1, "float": 3}


def pack(prefix: bytes, layout: Layout, size: int) -> bytes:
    """Return the bytes before `size` bytes of samples, packed."""
    if len(prefix) == _HEADER.size and layout.encoding in _TAGS:
        fields = _HEADER.unpack(prefix)
        rate, riff, data = fields[7], fields[1], fields[-1]
        more, behind = data - size, riff - data - _BEHIND
        if min(more, behind) >= 0 and _plain(layout, rate, data, riff) == prefix:
            return bytes([PLAIN]) + varint(rate) + varint(more) + varint(behind)
    return side.pack(prefix)


def unpack(packed: bytes, layout: Layout, size: int) -> bytes:
    """Return what `pack` packed.

    Raises:
        CorruptError: it was not made so.
        struct.error: the same.
    """
    if packed[:1] != bytes([PLAIN]):
        return side.unpack(packed)
    reader = FieldReader(packed, place=1)
    rate, more, behind = reader.number(), reader.number(), reader.number()
    data = size + more
    return _plain(layout, rate, data, data + _BEHIND + behind)


def _plain(layout: Layout, rate: int, data: int, riff: int) -> bytes:
    """Return a plain header for samples of a layout, `data` bytes of them, before which `riff` covers the file."""
    frame, tag = layout.frame_size, _TAGS.get(layout.encoding, 0)
    fmt = (tag, layout.channels, rate, rate * frame & 0xFFFFFFFF, frame, 8 * layout.width)
    return _HEADER.pack(b"RIFF", riff, b"WAVE", b"fmt ", 16, *fmt, b"data", data)
