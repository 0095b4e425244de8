"""The cheapest-parse coding of tokens returns any stream, and is short for encoders that search."""

import zlib

import numpy as np
import pytest

from neuralzip.errors import CorruptError
from neuralzip.media import bitcoder
from neuralzip.media.bitcoder import NUMBER_CONTEXTS
from neuralzip.media.deflate.inflate import inflate
from neuralzip.media.deflate.optimal import OPTIMAL_CONTEXTS, STYLES, code_cheapest
from neuralzip.media.deflate.stream import PADDING, DeflateStream
from neuralzip.media.deflate.tokens import TOKEN_CONTEXTS
from neuralzip.media.deflate.trees import HEADER_CONTEXTS

BASES = (0, NUMBER_CONTEXTS + TOKEN_CONTEXTS, NUMBER_CONTEXTS + TOKEN_CONTEXTS + HEADER_CONTEXTS)
CONTEXTS = BASES[2] + OPTIMAL_CONTEXTS


def coded(stream: bytes, size: int, style: int) -> tuple[bytes, DeflateStream, np.ndarray]:
    parts, data, _ = inflate(stream, size)
    assert len(data) == size + PADDING
    coder = bitcoder.encoder(len(stream) + 1000, CONTEXTS)
    assert (code_cheapest(coder, BASES, data, size, parts, style).tokens == parts.tokens).all()
    assert not bitcoder.overflowed(coder)
    return bitcoder.finish(coder), parts, data


def photo_like(size: int) -> bytes:
    rng = np.random.default_rng(3)
    return (np.cumsum(rng.integers(-2, 3, size)) // 6 % 256).astype(np.uint8).tobytes()


def streams() -> dict[str, tuple[bytes, int]]:
    """Make deflate streams with their decoded sizes."""
    noise = np.random.default_rng(4).integers(0, 256, 150_000, dtype=np.uint8).tobytes()
    mixed = photo_like(40_000) + noise + bytes(200_000) + photo_like(50_000) + b"\1\2\3\4" * 20_000
    made = {}
    for name, data, level, memory in (
        ("fast", photo_like(90_000), 1, 8),
        ("one large block", bytes(500_000) + photo_like(30_000), 9, 9),
        ("stored in between", mixed, 6, 8),
        ("many blocks", photo_like(30_000), 6, 1),
        ("empty", b"", 6, 8),
        ("short", b"abcabcabcabc", 9, 8),
    ):
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory)
        made[name] = (packer.compress(data) + packer.flush(), len(data))
    return made


@pytest.mark.parametrize("style", range(len(STYLES)))
@pytest.mark.parametrize("name", streams())
def test_streams_return(name: str, style: int) -> None:
    stream, size = streams()[name]
    code, parts, data = coded(stream, size, style)
    found = code_cheapest(bitcoder.decoder(code, CONTEXTS), BASES, data, size, None)
    assert (found.tokens == parts.tokens).all()
    assert (found.blocks == parts.blocks).all()
    assert found.headers == parts.headers


def test_damage_is_noticed_or_harmless() -> None:
    stream, size = streams()["fast"]
    code, _, data = coded(stream, size, 0)
    refused = 0
    for place in range(0, len(code), max(1, len(code) // 20)):
        damaged = bytearray(code)
        damaged[place] ^= 0x55
        try:
            code_cheapest(bitcoder.decoder(bytes(damaged), CONTEXTS), BASES, data, size, None)
        except CorruptError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize(("level", "style", "share"), [(10, 3, 0.06), (11, 2, 0.04), (12, 0, 0.03)])
def test_libdeflate_is_predicted(level: int, style: int, share: float) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = photo_like(120_000)
    stream = bytes(imagecodecs.deflate_encode(data, level=level, raw=True))
    assert zlib.decompress(stream, -15) == data
    code, _, _ = coded(stream, len(data), style)
    assert len(code) < share * len(stream)
