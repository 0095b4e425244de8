"""Side information: what a media parser keeps beside the symbols, packed into a codec's payload.

The first byte names the method, so that later releases can add better ones and still read these.
"""

from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.stdlib import Stdlib, smallest
from neuralzip.container import DEFAULT_MEMORY_BYTES, fits_expansion
from neuralzip.errors import CorruptError, UnsupportedError

_STORED, _STDLIB = range(2)
_SIZE_BYTES = 5


def pack(data: bytes) -> bytes:
    """Return `data` packed; `unpack` gives it back. One byte more than `data` at most."""
    try:
        block = smallest(data) if data else None
    except UnsupportedError:
        block = None
    if block is None or len(block.payload) + len(block.params) + _SIZE_BYTES >= len(data):
        return bytes([_STORED]) + data
    return bytes([_STDLIB]) + block.raw_size.to_bytes(_SIZE_BYTES, "little") + block.params + block.payload


def unpack(data: bytes) -> bytes:
    """Return what was packed.

    Raises:
        CorruptError: `data` was not made by `pack`.
    """
    if data[:1] == bytes([_STORED]):
        return data[1:]
    if data[:1] != bytes([_STDLIB]):
        raise CorruptError(f"damaged: side information has the unknown method {data[:1].hex() or 'none'}")
    raw_size = int.from_bytes(data[1 : 1 + _SIZE_BYTES], "little")
    coded = data[1 + _SIZE_BYTES :]
    if not fits_expansion(raw_size, len(coded)) or raw_size > DEFAULT_MEMORY_BYTES:
        raise CorruptError(f"damaged: {len(coded)} bytes of side information cannot expand to {raw_size}")
    return Stdlib().decode(Block(Stdlib.name, coded[:2], coded[2:], raw_size), Options())
