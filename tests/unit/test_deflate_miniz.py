"""Streams of miniz made again: known answers of its Rust port in files of the png crate, and what is coded."""

import zlib

import numpy as np
import pytest

from neuralzip.media import bitcoder
from neuralzip.media.deflate.deflate import deflate
from neuralzip.media.deflate.replay import find_encoder, replay
from neuralzip.media.deflate.stream import DYNAMIC, FIXED, PADDING, STORED, TYPE, Bytes
from neuralzip.media.deflate.zlib_stream import STREAM_CONTEXTS, decode, encode, read
from neuralzip.media.png.filters import FILTER_CONTEXTS, code_filters

FIRST = 12
"""The place of its level 2."""
ROWS, WIDTH = 150, 600
# Of a picture that the png crate wrote: filter types, and the CRC-32 of the zlib stream.
WALK = (
    "411111444444441111111444444441114444444444444444444444444444444444444444444"
    "444444444444444444444444444444444444444444444444444444444444444444444444444",
    0x33A1CCE5,
)
MIXED = (
    "442211141411113222144234111441231113132141223111421141142412114221411431111"
    "114333141233314123411113411111441111111321441411111343314434141142423144421",
    0xA581951B,
)


def filtered(pixels: Bytes, types: str) -> Bytes:
    """Return rows with their types [ROWS * (WIDTH + 1) + PADDING]."""
    data = np.zeros(ROWS * (WIDTH + 1) + PADDING, np.uint8)
    data[: -PADDING : WIDTH + 1] = [int(each) for each in types]
    assert code_filters(bitcoder.encoder(4096, FILTER_CONTEXTS), 0, pixels, ROWS, WIDTH, 3, data, 0)
    return data


def pictures() -> tuple[Bytes, Bytes]:
    """Return the pixels of both pictures."""
    rng = np.random.default_rng(9)
    walk = (np.cumsum(rng.integers(-1, 2, ROWS * WIDTH)) // 2 % 256).astype(np.uint8)
    rng.integers(0, 7, (150, 200, 3))
    noise = rng.integers(0, 256, (150, 200, 3))
    blocks = np.repeat(rng.integers(0, 9, (150, 20, 3)), 10, 1)
    mixed = np.where(np.arange(150)[:, None, None] % 7 < 4, noise, blocks)
    return walk, mixed.astype(np.uint8).reshape(-1)


@pytest.mark.parametrize("known", [WALK, MIXED])
def test_level_six_writes_the_streams_of_the_png_crate(known: tuple[str, int]) -> None:
    data = filtered(pictures()[known == MIXED], known[0])
    size = len(data) - PADDING
    made = deflate(replay(data, size, FIRST + 4), data[:size])
    whole = b"\x78\x9c" + made + zlib.adler32(data[:size].tobytes()).to_bytes(4, "big")
    assert zlib.crc32(whole) == known[1]


@pytest.mark.parametrize("level", range(2, 11))
def test_a_level_is_all_that_is_coded(level: int) -> None:
    rng = np.random.default_rng(level)
    walk = (np.cumsum(rng.integers(-1, 2, 70_000)) // 2 % 256).astype(np.uint8)
    parts = walk, rng.integers(0, 256, 40_000, np.uint8), np.zeros(4000, np.uint8), walk[:30_000]
    data = np.concatenate([*parts, np.zeros(PADDING, np.uint8)])
    size = len(data) - PADDING
    body = deflate(replay(data, size, FIRST + level - 2), data[:size])
    assert zlib.decompress(body, -15) == data[:size].tobytes()
    whole = b"\x78\x9c" + body + zlib.adler32(data[:size].tobytes()).to_bytes(4, "big")
    stream = read(whole, size)
    assert find_encoder(stream.deflated, stream.data, size, 2) is not None
    coder = bitcoder.encoder(1 << 16, STREAM_CONTEXTS)
    encode(coder, 0, stream)
    packed = bitcoder.finish(coder)
    assert len(packed) < 10
    assert decode(bitcoder.decoder(packed, STREAM_CONTEXTS), 0, stream.data, size) == whole


def test_short_blocks_have_the_fixed_codes_and_noise_is_stored() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 20_000 + PADDING, np.uint8)
    assert replay(noise, 20_000, FIRST + 4).blocks[:, TYPE].tolist() == [STORED]
    assert replay(noise * 0, 40, FIRST + 4).blocks[:, TYPE].tolist() == [FIXED]
    assert replay(noise % 9, 2000, FIRST + 4).blocks[:, TYPE].tolist() == [DYNAMIC]
