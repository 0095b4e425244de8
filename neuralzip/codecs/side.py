"""Side information: what a media parser keeps beside the symbols, packed into a codec's payload.

The first byte names the method, so that later releases can add better ones and still read these.
"""

from collections.abc import Iterator

from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.stdlib import Stdlib, smallest
from neuralzip.container import DEFAULT_MEMORY_BYTES, fits_expansion
from neuralzip.errors import CorruptError, ModelError, UnsupportedError
from neuralzip.zoo import IDENTITY_BYTES

_STORED, _STDLIB, _EXPERTS = range(3)
_SIZE_BYTES = 5
_EXPERTS_BYTES = range(1 << 10, 1 << 20)
"""Packed sizes for which the byte codec's experts are tried: below they save little, beyond they take long."""
_MAX_EXPERTS_BYTES = 1 << 22
_MODELS, _PARAMS_BYTES = 2, 5
_FAST = Options(model="fast")


def pack(data: bytes) -> bytes:
    """Return `data` packed; `unpack` gives it back. One byte more than `data` at most."""
    return min(_packings(data), key=len)


def _packings(data: bytes) -> Iterator[bytes]:
    """Yield the ways to pack that are worth a try."""
    yield bytes([_STORED]) + data
    try:
        block = smallest(data) if data else None
    except UnsupportedError:
        block = None
    if block is None:
        return
    packed = bytes([_STDLIB]) + _size(data) + block.params + block.payload
    yield packed
    if len(packed) in _EXPERTS_BYTES and len(data) <= _MAX_EXPERTS_BYTES:
        yield from _by_experts(data)


def _size(data: bytes) -> bytes:
    return len(data).to_bytes(_SIZE_BYTES, "little")


def _by_experts(data: bytes) -> Iterator[bytes]:
    """Yield `data` packed by the byte codec without a net, where its weights are installed."""
    from neuralzip.codecs.bytes import encode

    try:
        block = encode(data, _FAST)
    except ModelError:
        return
    yield bytes([_EXPERTS]) + _size(data) + b"".join(block.models) + block.params + block.payload


def unpack(data: bytes) -> bytes:
    """Return what was packed.

    Raises:
        CorruptError: `data` was not made by `pack`.
        ModelError: weights that it needs are not installed.
    """
    if data[:1] == bytes([_STORED]):
        return data[1:]
    raw_size = int.from_bytes(data[1 : 1 + _SIZE_BYTES], "little")
    coded = data[1 + _SIZE_BYTES :]
    if data[:1] not in (bytes([_STDLIB]), bytes([_EXPERTS])):
        raise CorruptError(f"damaged: side information has the unknown method {data[:1].hex() or 'none'}")
    if not fits_expansion(raw_size, len(coded)) or raw_size > DEFAULT_MEMORY_BYTES:
        raise CorruptError(f"damaged: {len(coded)} bytes of side information cannot expand to {raw_size}")
    if data[0] == _EXPERTS:
        return _from_experts(coded, raw_size)
    return Stdlib().decode(Block(Stdlib.name, coded[:2], coded[2:], raw_size), Options())


def _from_experts(coded: bytes, raw_size: int) -> bytes:
    from neuralzip.codecs.bytes import Bytes, decode

    params = _MODELS * IDENTITY_BYTES
    payload = params + _PARAMS_BYTES
    if raw_size > _MAX_EXPERTS_BYTES or len(coded) < payload:
        raise CorruptError("damaged: side information has an impossible size")
    models = tuple(coded[at : at + IDENTITY_BYTES] for at in range(0, params, IDENTITY_BYTES))
    return decode(Block(Bytes.name, coded[params:payload], coded[payload:], raw_size, models), _FAST)
