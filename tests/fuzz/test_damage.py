"""Damage of every kind, with wrong and right checksums: nothing wrong comes out, nothing strange is raised."""

import hashlib
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuralzip
from neuralzip.codecs import registry
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import CorruptError, FormatError, NeuralzipError
from tests.golden.make_golden import block, end, header, varint

ALL = sorted((Path(__file__).resolve().parent.parent / "golden" / "good").glob("*.nz"))
GOOD = [path for path in ALL if {"raw", "stdlib"}.issuperset(neuralzip.info(path).codecs)]
"""Damage behind the blocks is found after decoding them, so only the cheap codecs can take every flip."""
MOST_FLIPS = 6000


def flips(data: bytes) -> list[int]:
    """Return the bits to flip: all, or a sample of a long file that is the same in every run."""
    bits = range(8 * len(data))
    return list(bits) if len(bits) <= MOST_FLIPS else random.Random(len(data)).sample(bits, MOST_FLIPS // 4)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_flips(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for bit in flips(data):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            neuralzip.decompress(data)
        data[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("path", sorted(set(ALL) - set(GOOD)), ids=lambda path: path.stem)
def test_flips_in_files_of_trained_models(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for bit in random.Random(path.stem).sample(range(8 * len(data) - 800), 60):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            neuralzip.decompress(data)
        data[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_truncations_and_additions(path: Path) -> None:
    data = path.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 500)):
        with pytest.raises(FormatError):
            neuralzip.decompress(data[:size])
        with pytest.raises(FormatError):
            neuralzip.info(io.BytesIO(data[:size]))
    for more in range(1, 65):
        with pytest.raises(CorruptError, match="more data after the end"):
            neuralzip.decompress(data + data[:more])


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_random_edits(path: Path) -> None:
    data = path.read_bytes()
    source = random.Random(path.stem)
    for _ in range(100):
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
    record = block(
        b"abc", codec=codec, params=params, payload=payload, params_size=params_size, raw_size=raw_size
    )
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

