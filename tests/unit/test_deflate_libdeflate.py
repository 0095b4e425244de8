"""Streams of libdeflate made again: known answers of libdeflate 1.25, and what is coded of its streams."""

import zlib

import numpy as np
import pytest

from neuralzip.media import bitcoder
from neuralzip.media.deflate.deflate import deflate
from neuralzip.media.deflate.inflate import inflate
from neuralzip.media.deflate.replay import find_encoder, replay
from neuralzip.media.deflate.stream import PADDING, Bytes
from neuralzip.media.deflate.zlib_stream import STREAM_CONTEXTS, decode, encode, read

# CRC-32 of the raw deflate streams of levels 1 to 12.
KNOWN = {
    "short": "f5cc5182 87093599 95ddcf20 8eb3a164 f29dfe10 50532930 "
    "d1904754 2e078f86 2e078f86 b46a5d16 7e620f3f e575ecc3",
    "mixed": "83a73d2a 331bad6a 682dc334 cc9879a9 a05697b1 dd284df4 "
    "f593a3e0 22e4d036 47c6450a ab4970b1 d823d2b8 e75cceca",
    "noise": "25f0ba5e " * 12,
    "long": "15ae79d4 58ec9cd1 ddbe4392 50895107 7530b074 adf795ff "
    "d4ebbee0 21da260c dbe0a4e2 0ab2e10f 7cec0f2f 71ee63b7",
}


def samples() -> dict[str, bytes]:
    """Return data of which the fixed codes, several blocks, stored blocks, and blocks of full length come."""
    rng = np.random.default_rng(5)
    walk = (np.cumsum(rng.integers(-1, 2, 60_000)) // 2 % 256).astype(np.uint8).tobytes()
    noise = rng.integers(0, 256, 75_000, dtype=np.uint8).tobytes()
    rows = np.repeat(rng.integers(0, 9, 4000), rng.integers(1, 120, 4000)).astype(np.uint8).tobytes()
    return {
        "short": walk[:3000],
        "mixed": walk + noise[:9000] + walk[20_000:50_000] + bytes(3000) + noise[4000:9000],
        "noise": noise,
        "long": rows + walk + rows + noise[:20_000] + rows,
    }


def padded(data: bytes) -> Bytes:
    return np.frombuffer(data + bytes(PADDING), np.uint8)


@pytest.mark.parametrize("name", KNOWN)
def test_levels_write_the_streams_of_libdeflate(name: str) -> None:
    data = samples()[name]
    for level, checksum in enumerate(KNOWN[name].split(), 1):
        made = deflate(replay(padded(data), len(data), level - 1), padded(data)[: len(data)])
        assert f"{zlib.crc32(made):08x}" == checksum, level
        assert zlib.decompress(made, -15) == data


@pytest.mark.parametrize("level", range(1, 13))
def test_a_level_is_all_that_is_coded(level: int) -> None:
    data = samples()["mixed"]
    hint = 0 if level < 2 else 1 if level < 6 else 2 if level < 8 else 3
    head = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")[hint]
    body = deflate(replay(padded(data), len(data), level - 1), padded(data)[: len(data)])
    whole = head + body + zlib.adler32(data).to_bytes(4, "big")
    parts = read(whole, len(data))
    assert find_encoder(parts.deflated, parts.data, parts.size, hint) == level - 1
    coder = bitcoder.encoder(1 << 16, STREAM_CONTEXTS)
    encode(coder, 0, parts)
    packed = bitcoder.finish(coder)
    assert len(packed) < 10
    assert decode(bitcoder.decoder(packed, STREAM_CONTEXTS), 0, parts.data, parts.size) == whole


def test_streams_of_others_are_not_taken_for_its() -> None:
    data = samples()["mixed"]
    parts, whole, _ = inflate(zlib.compress(data, 9)[2:], len(data))
    assert all(find_encoder(parts, whole, len(data), hint) is None for hint in range(4))


def test_a_changed_token_is_noticed() -> None:
    data = samples()["mixed"]
    stream = replay(padded(data), len(data), 5)
    assert find_encoder(stream, padded(data), len(data), 2) == 5
    tokens = stream.tokens.copy()
    tokens[-1] ^= 1
    assert find_encoder(stream._replace(tokens=tokens), padded(data), len(data), 2) is None
