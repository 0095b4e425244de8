"""Encoders with other hashes than zlib's: against plain encoders after their descriptions, and known answers."""

import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from neuralzip.media import bitcoder
from neuralzip.media.deflate import zlib_stream
from neuralzip.media.deflate.deflate import deflate
from neuralzip.media.deflate.guess import Guess, guess_rules
from neuralzip.media.deflate.stream import FIXED, PADDING, DeflateStream
from neuralzip.media.deflate.tokens import COMPARE, TRUST, walk
from neuralzip.media.deflate.zlib_rules import (
    QUICK_FROM_ONE,
    STB_RULES,
    Rules,
    chromium_rules,
    go_rules,
    matcher,
    ng_rules,
)
from neuralzip.media.deflate.zlib_stream import STREAM_CONTEXTS, decode, encode, read

# CRC-32 of the tokens (little-endian) for the data of sample(): of zlib 1.3.1-e00f703 in Node.js 20, levels 1 to
# 7, and with Z_FILTERED 4 to 8; of zlib-ng 2.3.3, levels 1 to 8, and 1, 5 and 6 given 961 bytes at a time; of Go
# 1.19, levels 4 to 9.
CHROMIUM_TOKENS = (0x28240AF0, 0x17B8274D, 0x53908B94, 0x918912DA, 0x3A49A199, 0x0CE42649, 0x0C489656)
CHROMIUM_FILTERED_TOKENS = (0xAF8A3708, 0x9A098DA1, 0xE0425DF8, 0x0A5179CB, 0x5F75BA08)
NG_TOKENS = (0x8D0AA0D9, 0x0DF2FB62, 0xE878AAC0, 0xF0EBF380, 0xA32931B0, 0xF546D73C, 0xBF44DCAF, 0xC94A3A7A)
GO_TOKENS = (0xD0E04A27, 0x3CE66665, 0xFFAD2C30, 0xABF3E122, 0xABF3E122, 0xABF3E122)
NG_ROWS_TOKENS = (0xD4B0D0C6, 0xD5257BE3, 0xBE7ABFCD)

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


FROM_ONE = ng_rules(1)._replace(kind=QUICK_FROM_ONE)
CASES = [(STB_RULES, stb), (FROM_ONE, quick)]


@pytest.mark.parametrize(("rules", "choose"), CASES)
def test_rules_predict_every_token(rules: Rules, choose: Chooser) -> None:
    data = sample()
    stream = stream_of(data, choose)
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    plan = (stream.blocks, stream.tokens.copy(), COMPARE, 1 << 60, 1 << 60)
    assert walk(bitcoder.encoder(0, 1), 0, padded, len(data), *matcher(rules), *plan)[:2] == (0, len(data))


@pytest.mark.parametrize(("rules", "choose"), CASES)
def test_streams_return_and_need_few_bytes(rules: Rules, choose: Chooser, monkeypatch: pytest.MonkeyPatch) -> None:
    data = sample()
    stream = stream_of(data, choose)
    whole = b"\x78\x01" + deflate(stream, np.frombuffer(data, np.uint8)) + b"abcd"
    parts = read(whole, len(data))
    if rules.kind == QUICK_FROM_ONE:  # decoded, no longer written
        monkeypatch.setattr(zlib_stream, "guess_rules", lambda *_: Guess(rules, True))
    else:
        assert guess_rules(parts.deflated, parts.data, parts.size, whole[:2]).rules == rules
    coder = bitcoder.encoder(1 << 16, STREAM_CONTEXTS)
    encode(coder, 0, parts)
    packed = bitcoder.finish(coder)
    assert len(packed) < 100
    assert decode(bitcoder.decoder(packed, STREAM_CONTEXTS), 0, parts.data, parts.size) == whole


KNOWN = [
    *zip(map(chromium_rules, range(1, 8)), CHROMIUM_TOKENS, strict=True),
    *zip((chromium_rules(level, True) for level in range(4, 9)), CHROMIUM_FILTERED_TOKENS, strict=True),
    *zip(map(ng_rules, range(1, 9)), NG_TOKENS, strict=True),
    *zip((ng_rules(level, 961) for level in (1, 5, 6)), NG_ROWS_TOKENS, strict=True),
    (ng_rules(7, filtered=True), 0xB989043F),
    *zip(map(go_rules, range(4, 10)), GO_TOKENS, strict=True),
]


@pytest.mark.parametrize(("rules", "checksum"), KNOWN)
def test_rules_make_the_tokens_of_the_encoder(rules: Rules, checksum: int) -> None:
    data = sample()
    padded, tokens = np.frombuffer(data + bytes(PADDING), np.uint8), np.zeros(len(data), np.uint32)
    plan = (np.array([[FIXED, 1, 0]]), tokens, TRUST, 1 << 60, 1 << 60)
    _, position, used = walk(bitcoder.encoder(0, 1), 0, padded, len(data), *matcher(rules), *plan)
    assert position == len(data)
    assert zlib.crc32(tokens[:used].astype("<u4").tobytes()) == checksum


def test_pieces_of_the_input_are_rows() -> None:
    data = sample()
    padded, tokens = np.frombuffer(data + bytes(PADDING), np.uint8), np.zeros(len(data), np.uint32)
    rules = ng_rules(6, 961)
    plan = (np.array([[FIXED, 1, 0]]), tokens, TRUST, 1 << 60, 1 << 60)
    used = walk(bitcoder.encoder(0, 1), 0, padded, len(data), *matcher(rules), *plan)[2]
    stream = DeflateStream(tokens[:used], np.array([[FIXED, 1, used]]), [])
    whole = b"\x78\x9c" + deflate(stream, padded) + zlib.adler32(data).to_bytes(4, "big")
    sizes = []
    for piece in (961, 0):
        coder = bitcoder.encoder(1 << 16, STREAM_CONTEXTS)
        encode(coder, 0, read(whole, len(data)), piece)
        packed = bitcoder.finish(coder)
        sizes.append(len(packed))
        assert decode(bitcoder.decoder(packed, STREAM_CONTEXTS), 0, padded, len(data), piece=piece) == whole
    assert sizes[0] < 20 < sizes[1]
