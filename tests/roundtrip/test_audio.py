"""The audio codec on synthetic recordings: silence, constants, noise, tones, every width and channel count."""

import io
import lzma
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from neuralzip import zoo
from neuralzip.codecs import audio_block, audio_loop, audio_values, side
from neuralzip.codecs.audio import Audio
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import CorruptError, ModelError, NeuralzipError, UnsupportedError
from neuralzip.media.audio.flac import stream
from tests.roundtrip.check import check_roundtrip
from tests.wavenet_models import write_model

RNG = np.random.default_rng(5)


def recording(samples: np.ndarray, width: int = 2, rate: int = 44100, tail: bytes = b"") -> bytes:
    """Return a WAVE file of [C, T] samples."""
    channels = len(samples)
    flat = np.ascontiguousarray(samples.T.astype("<i4")).view(np.uint8).reshape(-1, 4)[:, :width]
    body = (flat + np.uint8(128) if width == 1 else flat).tobytes()
    align = channels * width
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * align, align, 8 * width)
    head = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(body))
    return b"RIFF" + struct.pack("<I", len(head) + len(body)) + head + body + tail


def tone(channels: int, length: int, amplitude: float) -> np.ndarray:
    """Return a few partials with noise, alike but not equal in all channels."""
    t = np.arange(length)
    wave = np.sin(t * 0.05) + 0.5 * np.sin(t * 0.171 + 1) + 0.05 * RNG.normal(size=length)
    rows = [amplitude * (1 - 0.1 * c) * (wave + 0.02 * RNG.normal(size=length)) for c in range(channels)]
    return np.rint(np.array(rows) / 2).astype(np.int64)


def size(blocks: list[Block]) -> int:
    return sum(len(block.payload) + len(block.params) for block in blocks)


@pytest.mark.parametrize("model", [None, "base", "fast"])
@pytest.mark.parametrize("channels", range(1, 9))
def test_channels(channels: int, model: str | None) -> None:
    data = recording(tone(channels, 700, 9000), tail=b"tail")
    check_roundtrip(Audio(), data, Options(model=model))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_with_a_net(channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path)
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path))
    samples = np.concatenate([tone(channels, 2000, 12000), np.zeros((channels, 300), np.int64)], axis=1)
    (block,) = check_roundtrip(Audio(), recording(samples))
    assert len(block.models) == 1 and block.params[5] == audio_block.JOINT
    other = (zoo.load(audio_block.PRIOR_ID).identity,)
    wrong = Block("audio", block.params, block.payload, block.raw_size, other)
    with pytest.raises(NeuralzipError):
        Audio().decode(wrong, Options())


def test_without_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path)
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path))
    (block,) = Audio().encode(io.BytesIO(recording(tone(1, 500, 900))), Options())
    monkeypatch.delenv("NEURALZIP_MODELS")
    with pytest.raises(ModelError, match="not installed"):
        Audio().decode(block, Options())


@pytest.mark.parametrize(("width", "amplitude"), [(1, 100), (2, 30000), (3, 8e6), (4, 2e9)])
def test_widths(width: int, amplitude: float) -> None:
    blocks = check_roundtrip(Audio(), recording(tone(2, 3000, amplitude), width))
    assert size(blocks) < 0.9 * 6000 * width


@pytest.mark.parametrize(("tail", "size"), [(b"", 6), (b"LIST\2\0\0\0ab", 6), (b"x" * 300, 7)])
def test_plain_headers(tail: bytes, size: int) -> None:
    """A plain header takes a few bytes; one that differs in anything is kept as it is."""
    data = recording(tone(2, 500, 500), tail=tail)
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    (block,) = check_roundtrip(Audio(), data, Options(model="fast"))
    assert int.from_bytes(block.params[10:14], "little") == size
    for place in range(4, 44):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            blocks = check_roundtrip(Audio(), changed, Options(model="fast"))
        except UnsupportedError:
            continue
        assert blocks[0].params[10] > 6 or place in (*range(4, 8), *range(24, 28), *range(40, 44))


def test_wrong_plain_headers() -> None:
    (block,) = Audio().encode(io.BytesIO(recording(tone(1, 500, 500))), Options(model="fast"))
    for wrong in (b"\x10", b"\x10\xc4\xd8\2\0", b"\x10" + b"\xff" * 8 + b"\x7f\0\0", b"\x11\0\0\0\0\0"):
        params = block.params[:10] + struct.pack("<I", len(wrong)) + block.params[14:]
        size = int.from_bytes(block.params[10:14], "little")
        with pytest.raises(CorruptError):
            Audio().decode(Block("audio", params, wrong + block.payload[size:], block.raw_size), Options())


@pytest.mark.parametrize("length", [1, 2, 3, 97, 4096, 4097])
def test_lengths(length: int) -> None:
    check_roundtrip(Audio(), recording(tone(1, length, 500)))


@pytest.mark.parametrize(
    ("name", "samples", "limit"),
    [
        ("silence", np.zeros((2, 30000)), 80),
        ("constant", np.full((2, 30000), -1234), 160),
        ("square", np.where(np.arange(30000) // 50 % 2, 32767, -32768)[None], 200),
        ("impulses", (np.arange(30000) % 1000 == 7)[None] * 32767, 4500),
        ("equal channels", np.repeat(tone(1, 8000, 20000), 2, axis=0), 13000),
    ],
)
def test_simple_signals(name: str, samples: np.ndarray, limit: int) -> None:
    assert size(check_roundtrip(Audio(), recording(samples))) < limit, name


def test_extremes_and_noise() -> None:
    extremes = RNG.choice([-(2**31), 2**31 - 1, 0, 1], (2, 2000))
    check_roundtrip(Audio(), recording(extremes, 4))
    noise = RNG.integers(-32768, 32768, (2, 6000))
    assert size(check_roundtrip(Audio(), recording(noise))) < 1.08 * 24000
    bursts = np.where(np.arange(20000) // 5000 % 2, RNG.integers(-(2**31), 2**31, 20000), 0)[None]
    check_roundtrip(Audio(), recording(bursts, 4))


def test_recording_compresses() -> None:
    samples = tone(2, 20000, 20000)
    blocks = check_roundtrip(Audio(), recording(samples))
    fast = check_roundtrip(Audio(), recording(samples), Options(model="fast"))
    # the noise alone has about 11.0 bits a sample in the first channel and 9.6 in the second
    assert size(blocks) * 8 / 40000 < 10.9
    assert size(blocks) < size(fast) < 1.05 * size(blocks)
    ideal = sum(block.nll_bits or 0.0 for block in blocks)
    assert 0 < 8 * size(blocks) - ideal < 0.001 * ideal + 512


def test_blocks_are_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralzip.codecs.audio.MIN_BLOCK_FRAMES", 1)
    monkeypatch.setattr("neuralzip.codecs.audio.MAX_BLOCK_BYTES", 8000)
    data = recording(tone(2, 7001, 9000), tail=b"end")
    blocks = check_roundtrip(Audio(), data, Options(threads=2))
    assert [block.raw_size for block in blocks] == [8044, 8000, 8000, 4007]


def test_segments_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = tone(2, audio_loop.SEGMENT_FRAMES + 300, 3000).astype(np.int32)
    model = audio_loop.Model(audio_block._SETTINGS[audio_block.FAST].preset, light=True)
    streams = list(audio_loop.encode(samples, model))
    alone = list(audio_loop.encode(samples[:, audio_loop.SEGMENT_FRAMES :], model))
    assert len(streams) == 2 and streams[1].nll_bits < alone[0].nll_bits
    assert (audio_loop.decode([stream.data for stream in streams], 2, samples.shape[1], model) == samples).all()


def test_sparse_values() -> None:
    few = RNG.laplace(size=(1, 20000)) * 40
    scaled = (np.rint(few) * 7 // 3).astype(np.int32)  # 4 of 7 values occur
    plain, shift, table = audio_values.reduce(scaled)
    assert shift == 0 and table and np.ptp(plain) < 0.6 * np.ptp(scaled)
    assert (audio_values.restore(plain, shift, table) == scaled).all()
    plain, shift, table = audio_values.reduce((np.rint(few) * 16).astype(np.int32))
    assert shift == 4 and not table
    check_roundtrip(Audio(), recording(scaled))
    with pytest.raises(CorruptError, match="beyond the map"):
        audio_values.restore(np.array([[10**6]], np.int32), 0, audio_values.reduce(scaled)[2])


def flac(samples: np.ndarray, level: float = 0.5) -> bytes:
    """Return a FLAC file of [C, T] samples."""
    file = io.BytesIO()
    soundfile.write(file, samples.T.astype(np.int16), 44100, format="FLAC", compression_level=level)
    return file.getvalue()


@pytest.mark.parametrize("model", [None, "fast"])
def test_flac_files(model: str | None) -> None:
    data = b"ID3\4\0\0\0\0\0\3tag" + flac(tone(2, 20000, 9000)) + b"end"
    blocks = check_roundtrip(Audio(), data, Options(model=model))
    assert Audio().claims(data[:4096], Options()) and size(blocks) < 0.99 * len(data)
    with pytest.raises(UnsupportedError):
        list(Audio().encode(io.BytesIO(data[:100]), Options()))


def test_flac_blocks_are_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralzip.codecs.audio.MIN_BLOCK_FRAMES", 1)
    monkeypatch.setattr("neuralzip.codecs.audio.MAX_BLOCK_BYTES", 40000)
    data = flac(tone(2, 20000, 3000))
    cut = data.index(b"\xff\xf8", 20000)
    blocks = check_roundtrip(Audio(), data[:cut] + b"junk" + data[cut:-3], Options(threads=2))
    assert len(blocks) >= 3


def test_flac_tails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short tail is part of the last block; a long one is left to codecs for any bytes."""
    monkeypatch.setattr("neuralzip.codecs.audio.MAX_TAIL_BYTES", 10)
    data = flac(tone(1, 5000, 3000))
    for tail, left in ((b"x" * 10, 0), (b"x" * 11, 11)):
        (block,) = Audio().encode(io.BytesIO(data + tail), Options(model="fast"))
        assert block.raw_size == len(data) + len(tail) - left


def test_raw_pcm() -> None:
    samples = tone(2, 3000, 9000).T.astype(">i2").tobytes() + b"x"
    blocks = check_roundtrip(Audio(), samples, Options(model="fast", raw_pcm="8000,2,s16be"))
    assert size(blocks) < 0.8 * len(samples)


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_floats(kind: str) -> None:
    plain = tone(2, 8000, 9000)
    noisy = plain + RNG.normal(size=plain.shape)
    sizes = []
    for values in (plain / 32768, plain / 32768 * 0.7, noisy / 32768):
        frames = np.ascontiguousarray(values.T.astype(kind)).tobytes()
        width = int(kind[2])
        fmt = struct.pack("<HHIIHH", 3, 2, 44100, 88200 * width, 2 * width, 8 * width)
        head = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", 16) + fmt + b"data\xff\xff\xff\xff"
        sizes.append(size(check_roundtrip(Audio(), head + frames, Options(model="fast"))))
    assert abs(sizes[1] - sizes[0]) < 20
    assert sizes[2] < len(lzma.compress(frames, preset=9))


@pytest.mark.parametrize("seed", range(12))
def test_damaged_rests_end(seed: int) -> None:
    data = flac(tone(2, 900, 900))
    (block,) = Audio().encode(io.BytesIO(data), Options(model="fast"))
    rng = np.random.default_rng(seed)
    payload, params = bytearray(block.payload), bytearray(block.params)
    start = len(side.pack(data[: stream.read_start(io.BytesIO(data)).size])) + 1
    payload[start + int(rng.integers(20))] ^= int(rng.integers(1, 256))
    params[int(rng.integers(1, len(params)))] ^= int(rng.integers(1, 256))
    for damaged in (
        Block("audio", block.params, bytes(payload), block.raw_size),
        Block("audio", bytes(params), block.payload, block.raw_size),
    ):
        try:
            assert len(Audio().decode(damaged, Options())) == block.raw_size
        except NeuralzipError:
            pass


def test_zero_bits() -> None:
    """Low bits that are zero in stretches of a few hundred samples cost nothing."""
    plain = tone(2, 16000, 20000)
    zeros = RNG.integers(4, 9, (2, 16000 // 512 + 1)).repeat(512, axis=1)[:, :16000]
    masked = plain >> zeros << zeros
    found = audio_values.find_zeros(masked.astype(np.int32))
    assert found is not None and (found[:, :62:2] >= zeros[:, :15872:512]).all()
    assert audio_values.find_zeros(plain.astype(np.int32)) is None
    whole, part = (size(check_roundtrip(Audio(), recording(x), Options(model="fast"))) for x in (plain, masked))
    assert part < whole - 0.8 * zeros.sum() / 8
    packed = audio_values.pack_zeros(found)
    assert (audio_values.unpack_zeros(packed, 2, 16000) == found).all()
    for wrong in (side.pack(b"\x20" * found.size), side.pack(b"\1")):
        with pytest.raises(CorruptError):
            audio_values.unpack_zeros(wrong, 2, 16000)


@pytest.mark.parametrize("zeros", [1, 5, 16, 31])
def test_zero_bits_of_any_size(zeros: int) -> None:
    model = audio_loop.Model(audio_block._SETTINGS[audio_block.FAST].preset, light=True)
    samples = (RNG.integers(-(2**31), 2**31, (2, 300)) >> RNG.integers(0, 30, 300)).astype(np.int32)
    samples = samples >> np.int32(zeros) << np.int32(zeros)
    counts = np.full((2, 2), zeros, np.uint8)
    streams = [stream.data for stream in audio_loop.encode(samples, model, counts)]
    assert (audio_loop.decode(streams, 2, 300, model, counts) == samples).all()


def test_swapped_order() -> None:
    second = tone(1, 20000, 9000)[0]
    first = np.concatenate([np.zeros(1, np.int64), second[:-1]]) + RNG.integers(-40, 40, 20000)
    for pair in ([first, second], [second, first]):
        check_roundtrip(Audio(), recording(np.array(pair)))


def test_wrong_blocks() -> None:
    (block,) = Audio().encode(io.BytesIO(recording(tone(2, 500, 900))), Options())
    params = bytearray(block.params)
    broken = [
        Block("audio", block.params[:-1], block.payload, block.raw_size, block.models),
        Block("audio", block.params, block.payload[:-4], block.raw_size, block.models),
        Block("audio", block.params, block.payload, block.raw_size + 1, block.models),
        Block("audio", block.params, b"", block.raw_size, block.models),
        Block("audio", block.params, block.payload, block.raw_size, (*block.models, b"12345678")),
    ]
    for place in range(6):
        changed = params.copy()
        changed[place] ^= 0x55
        broken.append(Block("audio", bytes(changed), block.payload, block.raw_size, block.models))
    for other in broken:
        with pytest.raises(CorruptError):
            Audio().decode(other, Options())


@pytest.mark.parametrize("seed", range(20))
def test_damaged_payloads_end(seed: int) -> None:
    (block,) = Audio().encode(io.BytesIO(recording(tone(2, 300, 900))), Options())
    payload = bytearray(block.payload)
    rng = np.random.default_rng(seed)
    for place in rng.integers(len(payload), size=3):
        payload[place] ^= int(rng.integers(1, 256))
    damaged = Block("audio", block.params, bytes(payload), block.raw_size, block.models)
    try:
        assert len(Audio().decode(damaged, Options())) == block.raw_size
    except NeuralzipError:
        pass


def test_refuses() -> None:
    empty = recording(np.zeros((2, 0)))
    for data in (empty, b"RIFF\0\0\0\0WAVE", b"text"):
        with pytest.raises(UnsupportedError):
            list(Audio().encode(io.BytesIO(data), Options()))
    assert Audio().claims(empty, Options()) and not Audio().claims(b"\x89PNG", Options())
