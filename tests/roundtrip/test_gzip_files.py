"""gzip files come back byte for byte: every level, every field of the header, several members, what is damaged."""

import gzip as standard
import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

import neuralzip
from neuralzip.codecs.base import Options
from neuralzip.codecs.gzip import GzipCodec
from neuralzip.errors import CorruptError, NeuralzipError, UnsupportedError
from neuralzip.media import gzip
from tests.golden import samples
from tests.roundtrip.check import check_roundtrip

MANY = 1 << 20
FAST = Options(model="fast")
TEXT = Path(gzip.__file__).read_bytes() * 2 + samples.prose(9000)


def member(data: bytes, level: int = 6, flags: int = 0, fields: bytes = b"", effort: int = 0) -> bytes:
    """Return a gzip member with a header of our choice."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    head = gzip.MAGIC + struct.pack("<BIBB", flags, 1234567890, effort, 3) + fields
    body = deflate.compress(data) + deflate.flush()
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))


@pytest.mark.parametrize("level", range(10))
def test_every_level_takes_a_few_bytes(level: int) -> None:
    packed = member(TEXT, level, effort={1: 4, 9: 2}.get(level, 0))
    parts = gzip.parse(packed, MANY)
    assert (parts.data, parts.size) == (TEXT, len(packed))
    assert len(parts.choices) < 20
    assert gzip.rebuild(parts.header, parts.data, parts.choices) == packed


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (8, b"notes.txt\0"),
        (16, b"a comment\0"),
        (4, b"\5\0extra"),
        (2, b"\xab\xcd"),
        (31, b"\2\0\0\0name\0comment\0\1\2"),
    ],
)
def test_every_field_of_the_header(flags: int, fields: bytes) -> None:
    packed = member(b"some text, some text\n" * 30, flags=flags, fields=fields)
    parts = gzip.parse(packed + b"what follows", MANY)
    assert parts.header.endswith(fields) and len(parts.header) == 10 + len(fields)
    assert gzip.rebuild(parts.header, parts.data, parts.choices) == packed


def test_an_unknown_encoder_is_told_token_by_token() -> None:
    """Literals alone, which no level writes for such a text."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_HUFFMAN_ONLY)
    body = deflate.compress(TEXT) + deflate.flush(zlib.Z_SYNC_FLUSH) + deflate.compress(TEXT) + deflate.flush()
    packed = gzip.MAGIC + bytes(7) + body + struct.pack("<II", zlib.crc32(2 * TEXT), 2 * len(TEXT))
    parts = gzip.parse(packed, MANY)
    assert gzip.rebuild(parts.header, parts.data, parts.choices) == packed


def damaged() -> dict[str, bytes]:
    good = member(TEXT)
    return {
        "nothing": b"",
        "magic only": gzip.MAGIC,
        "reserved flags": good[:3] + b"\x20" + good[4:],
        "no end of the name": member(TEXT, flags=8)[:12].replace(b"\0", b"x"),
        "cut": good[:-1],
        "checksum": good[:-8] + bytes([good[-8] ^ 1]) + good[-7:],
        "size": good[:-4] + bytes([good[-4] ^ 1]) + good[-3:],
        "stream": good[:200] + bytes([good[200] ^ 4]) + good[201:],
    }


@pytest.mark.parametrize("name", damaged())
def test_damaged_members_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedError):
        gzip.parse(damaged()[name], MANY)


def test_more_than_the_limit_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="more than expected"):
        gzip.parse(member(TEXT), len(TEXT) - 1)


def test_members_get_a_block_each() -> None:
    data = member(TEXT) + standard.compress(samples.prose(5000), 9, mtime=0)
    blocks = check_roundtrip(GzipCodec(), data, FAST)
    assert len(blocks) == 2
    assert sum(len(block.payload) for block in blocks) < 0.9 * len(data)


@pytest.mark.parametrize("rest", [b"\0" * 512, b"no member", member(TEXT)[:-3], member(b"")])
def test_what_follows_the_members_comes_back(rest: bytes) -> None:
    data = member(TEXT) + rest
    packed = neuralzip.compress(data, options=FAST)
    assert neuralzip.info(io.BytesIO(packed)).codecs[0] == "gzip"
    assert neuralzip.decompress(packed) == data
    assert len(packed) < 0.9 * len(data)


@pytest.mark.parametrize("data", [member(b""), member(b"\0" * 100_000), member(TEXT)[:-3]])
def test_others_are_left_alone(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        next(GzipCodec().encode(io.BytesIO(data), FAST))
    assert neuralzip.decompress(neuralzip.compress(data, options=FAST)) == data


def test_damaged_blocks_are_refused() -> None:
    codec = GzipCodec()
    block = next(codec.encode(io.BytesIO(member(TEXT)), FAST))
    for other in (
        replace(block, params=b"\2" + block.params[1:]),
        replace(block, params=b""),
        replace(block, payload=block.payload[:-9]),
        replace(block, payload=b""),
        replace(block, raw_size=block.raw_size + 1),
        replace(block, raw_size=1),
    ):
        with pytest.raises(CorruptError):
            codec.decode(other, FAST)
    with pytest.raises(NeuralzipError):
        codec.decode(replace(block, models=()), FAST)


def test_progress_counts_bytes_of_the_file() -> None:
    data, told = member(TEXT) + member(samples.prose(5000)), []
    options = replace(FAST, progress=lambda done, total: told.append((done, total)))
    for block in GzipCodec().encode(io.BytesIO(data), options):
        GzipCodec().decode(block, options)
    assert told and all(0 <= done <= total <= len(data) for done, total in told)
    assert max(done for done, _ in told) == len(data)
