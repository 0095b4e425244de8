"""Choice of codecs: order, fallback, verification, and what happens when a codec is wrong."""

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

import neuralzip
from neuralzip import api, info
from neuralzip.codecs import registry
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.registry import Row
from neuralzip.errors import ModelError, UnsupportedError

TEXT = b"a line of text that compresses, number %d\n"
DATA = b"FAKE" + b"".join(TEXT % i for i in range(500))
Encode = Callable[[BinaryIO], Iterator[Block]]


def halves(file: BinaryIO) -> Iterator[Block]:
    """Blocks of 8000 bytes whose payload is ten bytes; Fake.contents makes them decodable."""
    number = 0
    while data := file.read(8000):
        yield Block("fake", b"", b"%010d" % number, len(data))
        number += 1


@dataclass
class Fake:
    """A codec that is told what to do."""

    encoder: Encode = halves
    name: str = "fake"
    id: int = 250
    contents: dict[bytes, bytes] = field(default_factory=dict)

    def claims(self, head: bytes, options: Options) -> bool:
        return head.startswith(b"FAKE")

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        return self.encoder(file)

    def decode(self, block: Block, options: Options) -> bytes:
        start = 8000 * int(block.payload)
        return DATA[start : start + block.raw_size]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fake], None]:
    """Make a fake the first media codec."""

    def do(fake: Fake) -> None:
        row = Row("fake", 250, "none", "none", media=True, magics=(b"FAKE",))
        cheap = tuple(other for other in registry.ROWS if other.name in ("stdlib", "raw"))
        monkeypatch.setattr(registry, "ROWS", (row, *cheap))
        load = registry._load
        monkeypatch.setattr(registry, "_load", lambda asked: fake if asked is row else load(asked))

    return do


def compress(**kwargs: bool) -> tuple[bytes, list[str]]:
    warnings: list[str] = []
    target = io.BytesIO()
    api.compress_stream(io.BytesIO(DATA), target, warn=warnings.append, **kwargs)
    return target.getvalue(), warnings


def codecs_of(data: bytes) -> tuple[str, ...]:
    return info(io.BytesIO(data)).codecs


def test_a_media_codec_that_wins(install: Callable[[Fake], None]) -> None:
    install(Fake())
    data, warnings = compress()
    assert (codecs_of(data), warnings) == (("fake",), [])
    assert neuralzip.decompress(data) == DATA


def test_a_media_codec_that_does_not_want_it(install: Callable[[Fake], None]) -> None:
    def refuse(file: BinaryIO) -> Iterator[Block]:
        file.read(100)
        raise UnsupportedError("not for me")
        yield

    install(Fake(refuse))
    data, warnings = compress()
    assert (codecs_of(data), warnings) == (("stdlib",), [])
    assert neuralzip.decompress(data) == DATA


def test_a_media_codec_that_stops_half_way(install: Callable[[Fake], None]) -> None:
    def stop(file: BinaryIO) -> Iterator[Block]:
        yield next(halves(file))
        raise UnsupportedError("no more")

    install(Fake(stop))
    data, warnings = compress()
    assert (codecs_of(data), warnings) == (("fake", "stdlib"), [])
    assert neuralzip.decompress(data) == DATA


def test_a_media_codec_that_fails(install: Callable[[Fake], None]) -> None:
    def fail(file: BinaryIO) -> Iterator[Block]:
        yield next(halves(file))
        raise IndexError("a bug")

    install(Fake(fail))
    data, warnings = compress()
    assert codecs_of(data) == ("fake", "stdlib")
    assert warnings == ["the fake codec failed (IndexError: a bug), compressed without"]
    assert neuralzip.decompress(data) == DATA


def test_a_block_that_does_not_verify(install: Callable[[Fake], None], monkeypatch: pytest.MonkeyPatch) -> None:
    install(Fake())
    right = Fake.decode

    def wrong(self: Fake, block: Block, options: Options) -> bytes:
        data = right(self, block, options)
        return data if int(block.payload) != 1 else data[:-1] + b"?"

    monkeypatch.setattr(Fake, "decode", wrong)
    data, warnings = compress()
    assert [block.codec for block in info(io.BytesIO(data)).blocks] == ["fake", "stdlib", "fake"]
    assert warnings == ["a block of the fake codec decodes to other bytes, compressed without"]
    assert neuralzip.decompress(data) == DATA
    data, warnings = compress(verify=False)
    assert (codecs_of(data), warnings) == (("fake",), [])
    with pytest.raises(neuralzip.CorruptError, match="checksum of the decoded bytes"):
        neuralzip.decompress(data)


def test_a_decoder_that_fails(install: Callable[[Fake], None], monkeypatch: pytest.MonkeyPatch) -> None:
    install(Fake())

    def fail(self: Fake, block: Block, options: Options) -> bytes:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Fake, "decode", fail)
    data, warnings = compress()
    assert codecs_of(data) == ("stdlib",)
    assert warnings[0].endswith(" fake codec does not decode (ZeroDivisionError: a bug), compressed without")


@pytest.mark.parametrize("kind", ["larger than cheap", "too many params", "too many models"])
def test_blocks_that_do_not_win_or_fit(install: Callable[[Fake], None], kind: str) -> None:
    def encode(file: BinaryIO) -> Iterator[Block]:
        for block in halves(file):
            payload = block.payload.rjust(4000 if kind == "larger than cheap" else 10, b"0")
            params = bytes(5000) if kind == "too many params" else b""
            models = (b"12345678",) * 17 if kind == "too many models" else ()
            yield Block("fake", params, payload, block.raw_size, models)

    install(Fake(encode))
    data, warnings = compress()
    assert (codecs_of(data), warnings) == (("stdlib",), [])


def test_a_codec_that_claims_too_many_bytes(install: Callable[[Fake], None]) -> None:
    install(Fake(lambda file: iter([Block("fake", b"", b"0", len(DATA) + 1)])))
    data, warnings = compress()
    assert codecs_of(data) == ("stdlib",) and len(warnings) == 1


@pytest.mark.parametrize("model", [None, "special"])
def test_missing_weights(install: Callable[[Fake], None], model: str | None) -> None:
    def missing(file: BinaryIO) -> Iterator[Block]:
        raise ModelError("model 'x' is not installed")
        yield

    install(Fake(missing))
    if model is None:
        data, warnings = compress()
        assert codecs_of(data) == ("stdlib",)
        assert warnings == ["no weights for the fake codec, compressed without"]
    else:
        with pytest.raises(ModelError):
            neuralzip.compress(DATA, options=Options(model=model))


def test_segments_are_chosen_one_by_one(cheap_codecs: None) -> None:
    noise = random.Random(1).randbytes(16 << 20)
    data = noise + b"\0" * (16 << 20) + b"end"
    found = info(io.BytesIO(neuralzip.compress(data)))
    assert [block.codec for block in found.blocks][:17] == ["raw"] * 16 + ["stdlib"]
    assert found.size < len(noise) + 2000


def test_progress_goes_up_to_the_end(install: Callable[[Fake], None]) -> None:
    install(Fake())
    for verify in (True, False):
        seen: list[tuple[int, int]] = []
        options = Options(progress=lambda done, total, seen=seen: seen.append((done, total)))  # type: ignore[misc]
        data = neuralzip.compress(DATA, options=options, verify=verify)
        assert seen == sorted(seen) and seen[-1] == (len(DATA), len(DATA))
        seen.clear()
        neuralzip.decompress(data, options=options)
        assert seen == sorted(seen) and seen[-1] == (len(DATA), len(DATA))
