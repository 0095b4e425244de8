"""Encoders that hash only where tokens start, against plain encoders written after their descriptions."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from neuralzip.media import bitcoder
from neuralzip.media.png.deflate import deflate
from neuralzip.media.png.guess import guess_rules
from neuralzip.media.png.stream import FIXED, PADDING, DeflateStream
from neuralzip.media.png.tokens import COMPARE, walk
from neuralzip.media.png.zlib_rules import QUICK_RULES, STB_RULES, Rules, matcher
from neuralzip.media.png.zlib_stream import STREAM_CONTEXTS, decode, encode, read

Token = tuple[int, int]


def common(data: bytes, place: int, position: int) -> int:
    most = min(258, len(data) - position)
    return next((k for k in range(most) if data[place + k] != data[position + k]), most)


def stb_hash(three: bytes) -> int:
    word = int.from_bytes(three, "little")
    word ^= word << 3 & 0xFFFFFFFF
    word = word + (word >> 5) & 0xFFFFFFFF
    word ^= word << 4 & 0xFFFFFFFF
    word = word + (word >> 17) & 0xFFFFFFFF
    word ^= word << 25 & 0xFFFFFFFF
    return word + (word >> 6) & 16383


def stb(data: bytes, position: int, places: dict[int, list[int]]) -> Token:
    """Choose a token as stb_image_write, quality 8."""
    if position >= len(data) - 3:
        return 0, 0
    bucket = places.setdefault(stb_hash(data[position : position + 3]), [])
    near = [place for place in bucket if place > position - 32768]
    length, place = max(((common(data, each, position), each) for each in near), default=(0, 0))
    if len(bucket) == 16:
        del bucket[:8]
    bucket.append(position)
    if length < 3:
        return 0, 0
    following = places.get(stb_hash(data[position + 1 : position + 4]), [])
    if any(common(data, each, position + 1) > length for each in following if each > position - 32767):
        return 0, 0
    return length, position - place


def quick(data: bytes, position: int, places: dict[int, list[int]]) -> Token:
    """Choose a token as level 1 of zlib-ng."""
    if position > len(data) - 4:
        return 0, 0
    key = int.from_bytes(data[position : position + 4], "little") * 2654435761 % (1 << 32) >> 16
    place = places.get(key, [0])[0]
    places[key] = [position]
    length = common(data, place, position) if place else 0
    return (length, position - place) if length >= 4 and position - place <= 32768 - 262 else (0, 0)


Chooser = Callable[[bytes, int, dict[int, list[int]]], Token]


def tokens_of(data: bytes, choose: Chooser) -> Iterator[int]:
    position, places = 0, dict[int, list[int]]()
    while position < len(data):
        length, distance = choose(data, position, places)
        yield length << 16 | distance if length else data[position]
        position += max(length, 1)


def sample() -> bytes:
    """Return data with matches near and far, buckets that overflow, and a long run."""
    rng = np.random.default_rng(11)
    walk = (np.cumsum(rng.integers(-1, 2, 50_000)) // 2 % 256).astype(np.uint8).tobytes()
    noise = rng.integers(0, 256, 6000, dtype=np.uint8).tobytes()
    return walk + noise + bytes(900) + noise + walk[:9000]


def stream_of(data: bytes, choose: Chooser) -> DeflateStream:
    tokens = np.array(list(tokens_of(data, choose)), np.uint32)
    return DeflateStream(tokens, np.array([[FIXED, 1, len(tokens)]], np.int64), [])


CASES = [(STB_RULES, stb), (QUICK_RULES, quick)]


@pytest.mark.parametrize(("rules", "choose"), CASES)
def test_rules_predict_every_token(rules: Rules, choose: Chooser) -> None:
    data = sample()
    stream = stream_of(data, choose)
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    plan = (stream.blocks, stream.tokens.copy(), COMPARE, 1 << 60, 1 << 60)
    assert walk(bitcoder.encoder(0, 1), 0, padded, len(data), *matcher(rules), *plan)[:2] == (0, len(data))


@pytest.mark.parametrize(("rules", "choose"), CASES)
def test_streams_return_and_need_few_bytes(rules: Rules, choose: Chooser) -> None:
    data = sample()
    stream = stream_of(data, choose)
    whole = b"\x78\x01" + deflate(stream, np.frombuffer(data, np.uint8)) + b"abcd"
    parts = read(whole, len(data))
    assert guess_rules(parts.deflated, parts.data, parts.size, whole[:2]).rules == rules
    coder = bitcoder.encoder(1 << 16, STREAM_CONTEXTS)
    encode(coder, 0, parts)
    packed = bitcoder.finish(coder)
    assert len(packed) < 100
    assert decode(bitcoder.decoder(packed, STREAM_CONTEXTS), 0, parts.data, parts.size) == whole
