"""Deflate streams taken apart and written again; zlib's rules against zlib itself."""

import itertools
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.errors import UnsupportedError
from neuralzip.media import bitcoder
from neuralzip.media.deflate.deflate import deflate
from neuralzip.media.deflate.guess import full_block, guess_rules
from neuralzip.media.deflate.inflate import inflate
from neuralzip.media.deflate.stream import COUNT, DYNAMIC, FIXED, PADDING, STORED, TYPE
from neuralzip.media.deflate.tokens import COMPARE, walk
from neuralzip.media.deflate.trees import has_fixed_codes, predict_header
from neuralzip.media.deflate.zlib_rules import LITERALS_ONLY, RUNS, Rules, matcher, zlib_rules

EVERYTHING = 1 << 60


def samples() -> dict[str, bytes]:
    """Make data of different character."""
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 256, 70_000, dtype=np.uint8)
    return {
        "empty": b"",
        "one": b"a",
        "noise": noise.tobytes(),
        "few values": rng.integers(0, 3, 90_000, dtype=np.uint8).tobytes(),
        "walk": (np.cumsum(rng.integers(-2, 3, 150_000)) // 3 % 256).astype(np.uint8).tobytes(),
        "repeats": noise[:3000].tobytes() * 40,
        "runs": np.repeat(noise[:900], rng.integers(1, 400, 900)).tobytes(),
        "zeros": bytes(300_000),
    }


def deflated(data: bytes, level: int, window: int = 15, memory: int = 8, strategy: int = 0) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    return packer.compress(data) + packer.flush()


def misses(stream: bytes, rules: Rules, size: int) -> tuple[int, int]:
    """Return the wrong predictions and the position reached."""
    parts, data, _ = inflate(stream[2:], size + 1)
    assert len(data) == size + PADDING
    plan = (parts.blocks, parts.tokens, COMPARE, EVERYTHING, EVERYTHING)
    return walk(bitcoder.encoder(0, 1), 0, data, size, *matcher(rules), *plan)[:2]


@pytest.mark.parametrize("name", samples())
def test_rules_predict_every_token_of_zlib(name: str) -> None:
    data = samples()[name]
    grid = itertools.product(range(1, 10), range(5), (1, 5, 8, 9), (9, 12, 15))
    for index, (level, strategy, memory, window) in enumerate(grid):
        if index % 31:
            continue
        rules = zlib_rules(level, strategy == zlib.Z_FILTERED, window, memory)
        if strategy == zlib.Z_HUFFMAN_ONLY:
            rules = rules._replace(kind=LITERALS_ONLY)
        if strategy == zlib.Z_RLE:
            rules = rules._replace(kind=RUNS)
        stream = deflated(data, level, window, memory, strategy)
        assert misses(stream, rules, len(data)) == (0, len(data)), (level, strategy, memory, window)


@pytest.mark.parametrize("level", range(10))
def test_guess_finds_rules_without_misses(level: int) -> None:
    data = samples()["walk"]
    stream = deflated(data, level)
    parts, padded, _ = inflate(stream[2:], len(data))
    assert guess_rules(parts, padded, len(data), stream[:2]).exact


@pytest.mark.parametrize("memory", range(1, 10))
def test_blocks_end_where_the_memory_level_says(memory: int) -> None:
    data = samples()["walk"]
    parts, _, _ = inflate(deflated(data, 6, memory=memory)[2:], len(data))
    coded = parts.blocks[parts.blocks[:, TYPE] != STORED, COUNT]
    assert (coded[:-1] == full_block(zlib_rules(6, memory_level=memory))).all()


@pytest.mark.parametrize("name", ["few values", "walk", "repeats", "runs", "zeros"])
@pytest.mark.parametrize("level", [1, 6, 9])
def test_headers_are_those_of_zlib(name: str, level: int) -> None:
    data = samples()[name]
    parts, _, _ = inflate(deflated(data, level)[2:], len(data))
    headers, token = iter(parts.headers), 0
    for kind, _, count in parts.blocks.tolist():
        if kind == DYNAMIC:
            assert predict_header(parts.tokens[token : token + count])[0] == next(headers)
        token += count if kind != STORED else 0


@pytest.mark.parametrize("name", ["few values", "walk", "repeats", "runs", "zeros"])
def test_codes_are_fixed_where_zlib_fixes_them(name: str) -> None:
    kinds = set()
    for size in range(1, 400):
        parts, _, _ = inflate(deflated(samples()[name][:size], 6)[2:], size)
        if parts.blocks[0, TYPE] != STORED:
            assert has_fixed_codes(parts.tokens) == (parts.blocks[0, TYPE] == FIXED), size
            kinds.add(int(parts.blocks[0, TYPE]))
    assert FIXED in kinds
    assert DYNAMIC in kinds or name not in ("few values", "walk")


def test_guess_prefers_the_level_that_the_header_hints_at() -> None:
    data = bytes(600)
    for level in range(1, 10):
        stream = deflated(data, level)
        parts, padded, _ = inflate(stream[2:], len(data))
        guess = guess_rules(parts, padded, len(data), stream[:2])
        hinted = {0: {1}, 1: {2, 3, 4, 5}, 2: {6}, 3: {7, 8, 9}}[stream[1] >> 6]
        assert guess.exact
        assert guess.rules[:5] in {zlib_rules(each)[:5] for each in hinted}


def test_overlong_codes_are_shortened_as_zlib_does() -> None:
    # Fibonacci frequencies make the deepest trees.
    sizes = [1, 1]
    while len(sizes) < 22:
        sizes.append(sizes[-1] + sizes[-2])
    data = bytes(np.random.default_rng(1).permutation(np.repeat(np.arange(22, dtype=np.uint8), sizes)))
    parts, _, _ = inflate(deflated(data, 6, memory=9, strategy=zlib.Z_HUFFMAN_ONLY)[2:], len(data))
    assert max(header.code_lengths()[0].max() for header in parts.headers) == 15
    token = 0
    for header, count in zip(parts.headers, parts.blocks[:, COUNT].tolist(), strict=False):
        assert predict_header(parts.tokens[token : token + count])[0] == header
        token += count


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 9), st.integers(0, 4), st.integers(1, 9))
def test_deflate_inverts_inflate(data: bytes, level: int, strategy: int, memory: int) -> None:
    stream = deflated(data, level, 15, memory, strategy)
    parts, padded, used = inflate(stream[2:], len(data))
    assert padded[: len(data)].tobytes() == data
    assert stream[2 + used :] == zlib.adler32(data).to_bytes(4, "big")
    assert deflate(parts, padded[: len(data)]) == stream[2 : 2 + used]


def test_flushed_streams_survive() -> None:
    data = samples()["walk"]
    packer = zlib.compressobj(6)
    modes = (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_NO_FLUSH, zlib.Z_BLOCK)
    pieces = (
        packer.compress(data[at : at + 9000]) + packer.flush(modes[at % 5]) for at in range(0, len(data), 9001)
    )
    stream = b"".join(pieces) + packer.flush()
    size = len(zlib.decompress(stream))
    parts, padded, used = inflate(stream[2:], size)
    assert deflate(parts, padded[:size]) == stream[2 : 2 + used]


def test_limit_is_kept() -> None:
    with pytest.raises(UnsupportedError, match="more than expected"):
        inflate(deflated(bytes(100_000), 6)[2:], 99_999)


def test_truncated_streams_are_refused() -> None:
    stream = deflated(samples()["few values"][:3000], 6)[2:-4]
    for size in range(0, len(stream) - 1, 7):
        with pytest.raises(UnsupportedError):
            inflate(stream[:size], 5000)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(stream: bytes) -> None:
    try:
        parts, data, used = inflate(stream, 5000)
    except UnsupportedError:
        return
    size = len(data) - PADDING
    assert zlib.decompressobj(-15).decompress(stream) == data[:size].tobytes()
    assert 0 < used <= len(stream)
    assert len(parts.tokens) <= size


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("bit"), st.integers(0, 1)),
            st.tuples(st.just("byte"), st.integers(0, 255)),
            st.tuples(st.just("number"), st.integers(0, 1 << 39)),
        )
    )
)
def test_coder_returns_what_it_was_given(items: list[tuple[str, int]]) -> None:
    contexts = 1 + 256 + bitcoder.NUMBER_CONTEXTS

    def code(coder: bitcoder.BitCoder, kind: str, value: int) -> int:
        if kind == "bit":
            return int(bitcoder.code_bit(coder, 0, value))
        if kind == "byte":
            return int(bitcoder.code_bits(coder, 1, 8, value))
        return int(bitcoder.code_number(coder, 257, value))

    writer = bitcoder.encoder(16 + 20 * len(items), contexts)
    for kind, value in items:
        code(writer, kind, value)
    assert not bitcoder.overflowed(writer)
    reader = bitcoder.decoder(bitcoder.finish(writer), contexts)
    assert [(kind, code(reader, kind, 0)) for kind, _ in items] == items


def test_certain_bits_cost_nearly_nothing() -> None:
    coder = bitcoder.encoder(1000, 1)
    for _ in range(20_000):
        bitcoder.code_bit(coder, 0, 1)
    assert len(bitcoder.finish(coder)) < 16
