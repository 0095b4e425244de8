"""The byte codec without a net: any bytes come back, damage does not pass for data, lanes change nothing else."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip import zoo
from neuralzip.codecs import bytes as byte_codec
from neuralzip.codecs import bytes_follow
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import CorruptError
from neuralzip.nets.char_rnn_int import IntCharRNN
from tests.roundtrip.check import check_roundtrip

FAST = Options(model="fast")
CODEC = byte_codec.Bytes()
PROSE = (
    b"It was a bright morning in the small town, and nobody there had expected the rain to come back. The old "
    b"man who kept the shop at the corner had already carried his chairs outside, and he looked up at the sky "
    b"as if somebody had broken a promise. His daughter laughed, took two of the chairs under her arms, and "
    b"told him that the newspaper had been right after all; but he did not believe in newspapers, and said so."
)


def kinds_of_data(size: int) -> Iterator[bytes]:
    rng = np.random.default_rng(size)
    yield bytes(size)
    yield rng.integers(0, 256, size).astype(np.uint8).tobytes()
    yield (b"the cat sat on the mat; " * (size // 24 + 1))[:size]


@pytest.mark.parametrize("size", [*range(1, 24), 63, 64, 65, 255, 256, 257, 300])
def test_every_length_comes_back(size: int) -> None:
    for data in kinds_of_data(size):
        block = byte_codec.encode(data, FAST)
        assert byte_codec.decode(block, FAST) == data


@pytest.mark.parametrize("distance", [1, 2, 3, 7, 64, 255, 1000, 4097])
def test_repeats_at_any_distance_cost_little(distance: int) -> None:
    rng = np.random.default_rng(distance)
    unit = rng.integers(0, 256, distance).astype(np.uint8).tobytes()
    data = (unit * (12000 // distance + 2))[:12000]
    block = check_roundtrip(CODEC, data, FAST)[0]
    assert len(block.payload) < distance + 200


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from([b"\xff\xfe", b"a,b,12\n", "é".encode(), b"\0\0", b"<x>", b"\xf0\x9f"]), min_size=1)
)
def test_odd_bytes_come_back(parts: list[bytes]) -> None:
    data = b"".join(parts * 9)
    assert byte_codec.decode(byte_codec.encode(data, FAST), FAST) == data


@pytest.mark.parametrize("lanes", [1, 2, 3, 7, 64])
def test_lanes_share_what_is_learnt(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = byte_codec._setup
    monkeypatch.setattr(
        byte_codec, "_setup", lambda data, preset: byte_codec.Setup(0, 20, lanes, real(data, preset).models)
    )
    data = b"".join(b"line %d of the file, value %d\n" % (i, i * i % 97) for i in range(600))
    block = byte_codec.encode(data, FAST)
    assert byte_codec.decode(block, FAST) == data
    assert len(block.payload) < len(data) // 4


def test_flushes_come_out_even(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_codec, "FLUSH_BYTES", 1000)
    check_roundtrip(CODEC, b"some text that is flushed in the middle " * 120, FAST)


def test_text_is_coded_at_its_models_length_and_well() -> None:
    words = "of the and to in a is that it was he for on are as with his they at be this from have or by".split()
    rng = np.random.default_rng(8)
    data = " ".join(rng.choice(words, 4000)).encode()
    block = byte_codec.encode(data, FAST)
    assert block.nll_bits is not None
    assert 0 <= 8 * len(block.payload) - block.nll_bits < 0.001 * block.nll_bits + 64
    assert block.nll_bits < 1.08 * 4000 * np.log2(len(words))


def damaged(block: Block) -> Iterator[Block]:
    yield Block(block.codec, b"", block.payload, block.raw_size, block.models)
    yield Block(block.codec, b"\xff" + block.params[1:], block.payload, block.raw_size, block.models)
    yield Block(block.codec, block.params[:4] + b"\0", block.payload, block.raw_size, block.models)
    yield Block(block.codec, block.params[:4] + b"\xff\xff\xff", block.payload, block.raw_size, block.models)
    yield Block(block.codec, block.params, block.payload[:-4], block.raw_size, block.models)
    yield Block(block.codec, block.params, block.payload + b"\1", block.raw_size, block.models)
    yield Block(block.codec, block.params, b"\xff" * 30, block.raw_size, block.models)
    yield Block(block.codec, block.params, block.payload, block.raw_size, ())


def test_damage_is_refused() -> None:
    block = byte_codec.encode(b"a block that will be damaged " * 20, FAST)
    for bad in damaged(block):
        with pytest.raises(CorruptError):
            byte_codec.decode(bad, FAST)


def test_large_files_become_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_codec, "MAX_BLOCK_BYTES", 5000)
    blocks = list(CODEC.encode(io.BytesIO(b"0123456789" * 1200), FAST))
    assert [block.raw_size for block in blocks] == [5000, 5000, 2000]
    assert b"".join(CODEC.decode(block, FAST) for block in blocks) == b"0123456789" * 1200


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    byte_codec.encode(
        b"progress " * 4000, Options(model="fast", progress=lambda done, size: seen.append((done, size)))
    )
    assert seen[-1] == (36000, 36000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_net_is_used_where_it_helps_and_its_block_comes_back() -> None:
    block = byte_codec.encode(PROSE, Options())
    assert len(block.models) == 3
    assert byte_codec.decode(block, Options()) == PROSE
    assert len(block.payload) + 8 < len(byte_codec.encode(PROSE, FAST).payload)


def test_a_net_in_several_lanes_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_codec, "_lane_count", lambda size: 3)
    data = b"def area(width, height):\n    return width * height\n\n" * 9
    block = byte_codec.encode(data, Options(model="small"))
    assert block.params[4] == 3
    assert byte_codec.decode(block, Options()) == data


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_both_forms_of_the_net_decode_the_same(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_codec, "_lane_count", lambda size: lanes)
    data = b"SELECT name, size FROM files WHERE size > 4096; " * 2 + b"odd"
    block = byte_codec.encode(data, Options(model="small", threads=1))
    assert byte_codec.encode(data, Options(model="small")).payload == block.payload
    guide = byte_codec._guide

    def plain(setup: byte_codec.Setup, options: Options) -> object:
        made = guide(setup, options)
        made.net = IntCharRNN(zoo.load_identity(setup.models[2]), setup.lanes, compiled=False)
        made.next = made.net.reset(setup.kind)
        return made

    monkeypatch.setattr(byte_codec, "_guide", plain)
    assert byte_codec.decode(block, Options()) == data


def test_more_lanes_than_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_codec, "_lane_count", lambda size: 7)
    for size in range(1, 9):
        block = byte_codec.encode(b"abcdefgh"[:size], Options(model="small"))
        assert byte_codec.decode(block, Options()) == b"abcdefgh"[:size]


@pytest.mark.parametrize(("data", "models"), [(PROSE * 4, 3), (bytes(4000), 2)])
def test_a_sample_decides_for_larger_data(data: bytes, models: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_codec, "ALONE_BYTES", 1000)
    monkeypatch.setattr(byte_codec, "PROBE_BYTES", len(PROSE))
    block = byte_codec.encode(data, Options())
    assert len(block.models) == models
    assert byte_codec.decode(block, Options()) == data


def test_damage_to_a_block_with_a_net_is_refused() -> None:
    block = byte_codec.encode(b"a block with a net that will be damaged " * 9, Options(model="small"))
    for bad in damaged(block):
        with pytest.raises(CorruptError):
            byte_codec.decode(bad, Options())


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_net_is_followed_alone_and_by_two_threads_alike(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_codec, "_lane_count", lambda size: lanes)
    monkeypatch.setattr(bytes_follow, "_TRIAL_STEPS", 9)  # so that both ways have their turns within a block
    monkeypatch.setattr(bytes_follow, "_TURN_STEPS", 20)
    monkeypatch.setattr(bytes_follow, "cores", lambda threads: threads)
    data = PROSE + b"\n" + PROSE[::-1]
    block = byte_codec.encode(data, Options(model="small"))
    assert byte_codec.decode(block, Options(threads=2)) == byte_codec.decode(block, Options(threads=1)) == data
