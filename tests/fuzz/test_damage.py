"""Damage of every kind, with wrong and right checksums: nothing wrong comes out, nothing strange is raised."""

import hashlib
import io
import random
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuralzip
from neuralzip import container
from neuralzip.codecs import registry
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import CorruptError, FormatError, NeuralzipError
from tests.golden.make_golden import block, end, header, varint

GOOD = sorted((Path(__file__).resolve().parent.parent / "golden" / "good").glob("*.nz"))
CHEAP = [path for path in GOOD if {"raw", "stdlib"}.issuperset(neuralzip.info(path).codecs)]
MOST_SECONDS = 5.0


class Pipe(io.RawIOBase):
    """Bytes that can be read once."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.data.readinto(buffer)


def refused(data: bytes | bytearray, match: str = "") -> None:
    """See that a damaged file is refused as such, and soon; no `pytest.raises`, which takes longer."""
    started = time.perf_counter()
    try:
        neuralzip.decompress(data)
    except FormatError as error:
        assert match in str(error)
    else:
        pytest.fail("decompressed")
    assert time.perf_counter() - started < MOST_SECONDS


def refused_from_pipe(data: bytes | bytearray) -> None:
    """See the same of a pipe, where a block is decoded before what follows it is seen."""
    with pytest.raises(FormatError):
        neuralzip.verify(cast(BinaryIO, Pipe(bytes(data))))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_every_flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        refused(data)
        data[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_every_truncation_and_addition(path: Path) -> None:
    data = path.read_bytes()
    for size in range(len(data)):
        refused(data[:size])
        with pytest.raises(FormatError):
            neuralzip.info(io.BytesIO(data[:size]))
    for more in range(1, 65):
        refused(data + data[:more], "more data after the end")
        refused(data + bytes(more), "more data after the end")


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_damage_in_a_pipe(path: Path) -> None:
    data = bytearray(path.read_bytes())
    source = random.Random(path.stem)
    # Behind the last block damage is found after decoding, which takes trained models a while.
    end = 8 * (len(data) if path in CHEAP else container.read_index(io.BytesIO(data)).entries[-1].offset + 20)
    for bit in source.sample(range(end), min(end, 200)):
        data[bit // 8] ^= 1 << bit % 8
        refused_from_pipe(data)
        data[bit // 8] ^= 1 << bit % 8
    if path in CHEAP:
        for size in source.sample(range(len(data)), min(20, len(data))):
            refused_from_pipe(data[:size])
        refused_from_pipe(data + b"\0")


def test_nothing_is_decoded_of_a_file_that_is_damaged_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(self: object, block: Block, options: Options) -> bytes:
        raise AssertionError("a damaged file reached a codec")

    monkeypatch.setattr(type(registry.by_name("raw")), "decode", decoded)
    data = bytearray(neuralzip.compress(random.Random(1).randbytes(3000)))
    for place in (-1, -30):
        data[place] ^= 1
        refused(data)
        data[place] ^= 1


def test_a_file_is_read_from_where_it_stands() -> None:
    packed = neuralzip.compress(b"the second of two")
    file = io.BytesIO(b"something else" + packed)
    file.seek(len(b"something else"))
    target = io.BytesIO()
    assert neuralzip.api.decompress_stream(file, target) == len(target.getvalue()) == 17


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_random_edits(path: Path) -> None:
    data = path.read_bytes()
    source = random.Random(path.stem)
    for _ in range(300):
        at, size = source.randrange(len(data)), source.randint(0, 20)
        damaged = data[:at] + source.randbytes(source.randint(0, 20)) + data[at + size :]
        if damaged != data:
            with pytest.raises(NeuralzipError):
                neuralzip.decompress(damaged, options=Options(memory_bytes=1 << 24))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for candidate in (data, header() + data):
        with pytest.raises(NeuralzipError):
            neuralzip.decompress(candidate)
        with pytest.raises(NeuralzipError):
            neuralzip.info(io.BytesIO(candidate))


sizes = st.sampled_from([0, 1, 3, 4, 127, 128, 10**6, 2**32, 2**62]).map(varint)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([0, 1, 77, 254]),
    st.binary(max_size=8),
    st.binary(max_size=30),
    st.none() | sizes,
    st.none() | sizes,
    st.none() | sizes,
)
def test_forged_fields_with_right_checksums(
    codec: int,
    params: bytes,
    payload: bytes,
    params_size: bytes | None,
    raw_size: bytes | None,
    count: bytes | None,
) -> None:
    record = block(b"abc", codec=codec, params=params, payload=payload, params_size=params_size, raw_size=raw_size)
    data = header() + record + end([(len(record), 3)], b"abc", count=count)
    try:
        assert neuralzip.decompress(data, options=Options(memory_bytes=1 << 24)) == b"abc"
    except NeuralzipError:
        pass


def test_a_codec_that_fails_on_a_forged_block(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, block: Block, options: Options) -> bytes:
        raise IndexError("index 7 is out of bounds")

    monkeypatch.setattr(type(registry.by_name("raw")), "decode", fail)
    record = block(b"abc")
    with pytest.raises(CorruptError, match=r"raw codec cannot decode a block \(IndexError: index 7"):
        neuralzip.decompress(header() + record + end([(len(record), 3)], b"abc"))


def test_colliding_content_is_caught_by_the_digest() -> None:
    """Two contents with one CRC-32: what the block's checksums cannot see, the digest sees."""
    first, second = b"plumless", b"buckeroo"
    record = block(first).replace(first, second)
    data = header() + record + end([(len(record), len(first))], first)
    assert hashlib.sha256(first).digest() != hashlib.sha256(second).digest()
    with pytest.raises(CorruptError, match="digest"):
        neuralzip.decompress(data)
