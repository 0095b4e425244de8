"""Stored blocks, the standard library's compressors, side information, and the guess that bytes are random."""

import random
import time
from pathlib import Path

import pytest

from neuralzip import zoo
from neuralzip.codecs import registry, side, stdlib
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.raw import Raw, looks_random
from neuralzip.codecs.stdlib import Stdlib
from neuralzip.errors import CorruptError, FormatError, ModelError, UnsupportedError
from tests.roundtrip.check import check_roundtrip

NOISE = random.Random(3).randbytes(1 << 20)
PROSE = b"The model announces a probability for everything that the next symbol could be. " * 50


def test_registry() -> None:
    assert len({row.name for row in registry.ROWS}) == len({row.id for row in registry.ROWS}) == len(registry.ROWS)
    for row in registry.ROWS:
        codec = registry.by_name(row.name)
        assert (codec.name, codec.id, registry.by_id(row.id)) == (row.name, row.id, codec)
        assert registry.name_of(row.id) == row.name
    assert registry.ROWS[-1].name == "raw"
    assert 255 not in {row.id for row in registry.ROWS}
    with pytest.raises(FormatError, match="codec 254 is unknown"):
        registry.by_id(254)


@pytest.mark.parametrize("size", [1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_raw(size: int) -> None:
    blocks = check_roundtrip(Raw(), NOISE[:size] + b"x" * (size - len(NOISE[:size])))
    whole, rest = divmod(size, 1 << 20)
    assert [block.raw_size for block in blocks] == [1 << 20] * whole + [rest] * (rest > 0)


@pytest.mark.parametrize(
    ("data", "method"), [(b"a" * 60, 0), (PROSE, 0), (bytes(100_000), 1), (NOISE[:9000] * 3, 2)]
)
def test_stdlib_takes_the_smallest(data: bytes, method: int) -> None:
    (block,) = check_roundtrip(Stdlib(), data)
    assert block.params[0] == method
    assert len(block.payload) <= min(len(stdlib._deflate(data)), len(stdlib._lzma(data)[1]))


def test_stdlib_gives_up() -> None:
    for data in (b"abc", NOISE[:5000]):
        with pytest.raises(UnsupportedError):
            stdlib.smallest(data)


@pytest.mark.parametrize("raw_size", [0, 1, 4049, 4051, 10**9])
def test_stdlib_wrong_size(raw_size: int) -> None:
    block = stdlib.smallest(PROSE[:4050])
    with pytest.raises(CorruptError):
        Stdlib().decode(Block("stdlib", block.params, block.payload, raw_size), Options())


def test_side_information() -> None:
    for data in (b"", b"x", PROSE, NOISE[:999], bytes(3_000_000)):
        packed = side.pack(data)
        assert side.unpack(packed) == data
        assert len(packed) <= len(data) + 1
    assert len(side.pack(PROSE)) < 200


def test_long_side_information_is_left_to_the_byte_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(__file__).read_bytes()
    packed = side.pack(text)
    assert packed[0] == 2 and side.unpack(packed) == text
    assert len(packed) < 0.9 * len(stdlib.smallest(text).payload)
    unknown = packed[:6] + bytes(8) + packed[14:]
    with pytest.raises(ModelError):
        side.unpack(unknown)
    with pytest.raises(CorruptError):
        side.unpack(packed[:-3])
    monkeypatch.setattr(zoo, "model_files", lambda: iter(()))
    assert side.pack(text)[0] == 1


@pytest.mark.parametrize(
    "packed",
    [
        *(b"", b"\1", b"\1\0\0\0", b"\1\5\0\0\0\0\0\0junk", b"\1" + b"\xff" * 30),
        *(b"\2", b"\2" + bytes(24), b"\2\0\0\0\1\0" + bytes(30), b"\3" + bytes(30)),
    ],
)
def test_damaged_side_information(packed: bytes) -> None:
    with pytest.raises(CorruptError):
        side.unpack(packed)


def test_random_bytes_are_recognised() -> None:
    assert looks_random(NOISE)
    assert looks_random(NOISE[:20_000])
    assert not looks_random(PROSE * 10)
    assert not looks_random(NOISE[:300_000] * 2)
    assert not looks_random(NOISE[:300_001] + b"shift" + NOISE[:300_001])
    assert not looks_random(NOISE + PROSE * 10)
    assert not looks_random(NOISE[:100_000] + PROSE * 4 + NOISE[100_000:])
    assert not looks_random(b"")


def test_random_bytes_are_stored_fast() -> None:
    data = NOISE * 8
    started = time.process_time()
    looks_random(data)
    seconds = time.process_time() - started
    assert len(data) / seconds > 50e6  # measured: 300e6
