"""FLAC frames: read, written again bit for bit, and what an encoder chose coded next to nothing."""

import hashlib
import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import bitcoder
from neuralzip.media.audio.flac import frame as frames
from neuralzip.media.audio.flac import levinson, stream, windows
from neuralzip.media.audio.flac.bits import AT, MARGIN, new_cursor
from neuralzip.media.audio.flac.reader import read_frame
from neuralzip.media.audio.flac.writer import write_frame

RFC_EXAMPLE = bytes.fromhex(  # RFC 9639, appendix D.1: one stereo sample, verbatim subframes
    "664c61438000002210001000 00000f00000f0ac442f0000000013e84b41807dc69030758"
    "6a3dad1a2e0f fff869180000bf0358fd03128baa9a"
)


def flac(samples: np.ndarray, level: float = 0.5, subtype: str = "PCM_16", rate: int = 44100) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="FLAC", subtype=subtype, compression_level=level)
    return file.getvalue()


def music(channels: int, length: int, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(length)[:, None]
    tone = np.sin(t * (0.05 + 0.01 * np.arange(channels))) + 0.3 * np.sin(t * 0.31) * np.sin(t * 0.0007)
    return np.rint(9000 * tone + 60 * rng.normal(size=(length, channels))).astype(np.int16)


def taken(data: bytes, most: int = 1 << 20) -> list[stream.Run]:
    file = io.BytesIO(data)
    return list(stream.runs(file, stream.read_start(file), most))


def check(data: bytes, shape: tuple[int, int], coded_share: float = 1.0) -> np.ndarray:
    """Take a file apart and put its frames together again; return the samples [C, T]."""
    (run,) = taken(data)
    samples = np.concatenate(run.samples, axis=1)
    coded = bitcoder.finish(run.coder)
    assert samples.shape == shape and data[run.start :] == run.body
    assert stream.restore(samples, coded, run.bits, len(run.body)) == run.body
    assert len(coded) < coded_share * len(data)
    return samples


def test_example_of_the_specification() -> None:
    start = stream.read_start(io.BytesIO(RFC_EXAMPLE))
    assert start == stream.Start(42, 2, 16, 44100)
    samples = check(RFC_EXAMPLE, (2, 1))
    assert samples.tolist() == [[25588], [10416]]
    assert hashlib.md5(struct.pack("<2h", 25588, 10416)).digest() == RFC_EXAMPLE[26:42]


@pytest.mark.parametrize("level", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_against_libsndfile(level: float, channels: int) -> None:
    samples = music(channels, 30000)
    data = flac(samples, level)
    assert (check(data, (channels, 30000), 0.004).T == samples).all()


@pytest.mark.parametrize(("channels", "subtype"), [(3, "PCM_16"), (6, "PCM_16"), (8, "PCM_24"), (2, "PCM_S8")])
def test_widths_and_channels(channels: int, subtype: str) -> None:
    samples = music(channels, 9000).astype(np.int32) << 16
    bits = {"PCM_16": 16, "PCM_24": 24, "PCM_S8": 8}[subtype]
    found = check(flac(samples, 0.9, subtype, 96000), (channels, 9000), 0.02)
    assert (found.T == samples >> (32 - bits)).all()


def test_simple_signals() -> None:
    for samples in (
        np.zeros((9000, 2), np.int16),
        np.full((5000, 1), -77, np.int16),
        music(2, 9000) // 16 * 16,
        np.repeat(music(1, 9000), 2, axis=1),
        np.random.default_rng(1).integers(-32768, 32768, (9000, 2)).astype(np.int16),
        np.where(np.arange(9000) // 40 % 2, 32767, -32768).astype(np.int16)[:, None],
    ):
        assert (check(flac(samples, 0.9), samples.T.shape, 0.5).T == samples).all()


def test_all_in_all() -> None:
    """Tags, junk between frames, a damaged frame, a cut one, trailing bytes: runs and what lies between."""
    data = flac(music(2, 40000), 0.5)
    tag = b"ID3\3\0\0\0\0\1\2" + b"t" * 130
    (run,) = taken(tag + data + b"TAG" + bytes(125))
    assert run.start == len(tag) + taken(data)[0].start and len(run.body) == len(data) - taken(data)[0].start
    assert stream.is_flac(tag + data) and stream.is_flac(tag[:100]) and not stream.is_flac(tag + bytes(9))
    start = taken(data)[0].start
    second = data.index(b"\xff\xf8", start + 1)
    junked = data[:second] + b"\xff\xf8junk" + data[second:]
    assert [each.start for each in taken(junked)] == [start, second + 6]
    damaged = bytearray(data)
    damaged[second + 50] ^= 4
    first, last = taken(bytes(damaged))
    assert first.length == 4096 and first.length + last.length == 40000 - 4096
    assert sum(each.length for each in taken(data[:-5])) == 40000 // 4096 * 4096
    assert [each.length for each in taken(data, 9000)] == [12288, 12288, 12288, 3136]


@pytest.mark.parametrize("data", [b"fLaC", b"fLaC\x80\0\0\x22" + bytes(20), b"text", b"ID3", b"fLaC" + bytes(90)])
def test_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        stream.read_start(io.BytesIO(data))


def random_frame(rng: np.random.Generator, bits: int) -> frames.Frame:
    """Return a frame that no encoder would write, but the format allows; `channels` as they are written."""
    frame = frames.new_frame()
    order = int(rng.integers(0, 7))
    count = int(rng.integers(1, 20)) << order
    code = int(rng.integers(0, 11))
    frame.head[:] = (rng.integers(2), 7, rng.integers(15), code, 0, rng.integers(1 << 36), count, 0)
    frame.head[frames.RATE] = rng.integers(
        {12: 256, 13: 65536, 14: 65536}.get(int(frame.head[frames.RATE_CODE]), 1)
    )
    left = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (8, count)) >> rng.integers(bits)
    frame.channels[:, :count] = left
    if code >= frames.LEFT_SIDE:
        frame.channels[:2, :count] = {8: (left[0], left[0] - left[1]), 9: (left[0] - left[1], left[1])}.get(
            code, ((left[0] + left[1]) >> 1, left[0] - left[1])
        )
    for c in range(8):
        random_subframe(rng, frame, c, count, order)
    return frame


def random_subframe(rng: np.random.Generator, frame: frames.Frame, c: int, count: int, partitions: int) -> None:
    subframe, samples = frame.subframes[c], frame.channels[c]
    constant = count > 1 and (samples[:count] == samples[0]).all()
    kind = rng.integers(0 if constant else 1, 4)
    each = count >> partitions
    subframe[:3] = kind, 0, 0
    if kind >= frames.FIXED:
        method = int(rng.integers(2))
        subframe[frames.ORDER] = (
            rng.integers(min(each, 4) + 1) if kind == frames.FIXED else rng.integers(1, each + 1)
        )
        subframe[frames.METHOD], subframe[frames.PARTITION_ORDER] = method, partitions
        frame.parameters[c, : 1 << partitions] = rng.integers(12, (15, 31)[method], 1 << partitions)
        # plain residuals of 31 bits hold any
        frame.parameters[c, : 1 << partitions : 3] = frames.ESCAPE + 31
    if kind == frames.FIXED:
        order = int(subframe[frames.ORDER])
        subframe[frames.COEFFICIENTS : frames.COEFFICIENTS + order] = (
            (),
            (1,),
            (2, -1),
            (3, -3, 1),
            (4, -6, 4, -1),
        )[order]
        subframe[frames.SHIFT] = 0
    if kind == frames.LPC:
        precision = int(rng.integers(1, 16))
        limit = 1 << (precision - 1)
        subframe[frames.PRECISION], subframe[frames.SHIFT] = precision, rng.integers(precision, 16)
        subframe[frames.COEFFICIENTS :] = rng.integers(-limit, limit, 32)


def written(frame: frames.Frame, bits: int) -> bytes:
    out = np.zeros(1 << 20, np.uint8)
    cursor = new_cursor(0, len(out))
    assert write_frame(out, cursor, bits, frame)
    return out[: cursor[AT] >> 3].tobytes()


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), bits=st.integers(4, 24))
def test_any_frame(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    first = random_frame(rng, bits)
    content = written(first, bits)
    data = np.frombuffer(content + bytes(MARGIN), np.uint8)
    again, cursor = frames.new_frame(), new_cursor(0, len(content))
    assert read_frame(data, cursor, bits, again) and cursor[AT] == 8 * len(content)
    assert (again.head == first.head).all()
    channels = int(first.head[3]) + 1 if first.head[3] < frames.LEFT_SIDE else 2
    run = stream.Run(0, bits, channels)
    assert run.add(again, content)
    assert stream.restore(run.samples[0], bitcoder.finish(run.coder), bits, len(content)) == content
    broken = bytearray(content)
    broken[rng.integers(len(content))] ^= 1 << rng.integers(8)
    data = np.frombuffer(bytes(broken) + bytes(MARGIN), np.uint8)
    assert not read_frame(data, new_cursor(0, len(content)), bits, again)


@settings(max_examples=100, deadline=None)
@given(coded=st.binary(max_size=60), size=st.integers(0, 3000), bits=st.integers(4, 32))
def test_forged_choices_end(coded: bytes, size: int, bits: int) -> None:
    samples = np.random.default_rng(size).integers(-8, 8, (2, 700)).astype(np.int32)
    try:
        assert len(stream.restore(samples, coded, bits, size)) == size
    except CorruptError:
        pass


@pytest.mark.parametrize("count", [4096, 4608, 192, 1000, 37, 1])
def test_windows(count: int) -> None:
    found = np.zeros((windows.COUNT, count), np.float32)
    windows.set_windows(found, count)
    assert np.isfinite(found).all() and found[:15].min() >= 0 and found[:15].max() <= 1
    for row, share in ((0, 1 / 2), (1, 1 / 4), (windows.ROOT, 1 / 6)):
        steps = int(share / 2 * count) - 1
        expected = np.ones(count)
        if steps > 0:
            expected[: steps + 1] = 0.5 - 0.5 * np.cos(np.pi * np.arange(steps + 1) / steps)
            expected[-steps - 1 :] = expected[steps::-1]
        assert np.abs(found[row] - expected).max() < 1e-7
    assert not (found[2] * found[3]).any() and not (found[7] * found[8]).any()


def test_prediction_of_coefficients() -> None:
    """The recursion solves the normal equations."""
    signal = music(1, 4096)[:, 0].astype(np.int64)
    analysis = levinson.new_analysis()
    levinson.prepare(analysis, 4096)
    subframe = np.zeros(frames.SUBFRAME_FIELDS, np.int64)
    shaped = signal * analysis.windows[0, :4096].astype(np.float64)
    sums = np.array([shaped[lag:] @ shaped[: 4096 - lag] for lag in range(9)])
    matrix = sums[np.abs(np.subtract.outer(np.arange(8), np.arange(8)))]
    ideal = np.linalg.solve(matrix, sums[1:])
    shift = 15 - 1 - int(np.floor(np.log2(np.abs(ideal).max()))) - 1
    subframe[frames.ORDER], subframe[frames.PRECISION], subframe[frames.SHIFT] = 8, 15, shift
    subframe[frames.COEFFICIENTS : frames.COEFFICIENTS + 8] = np.rint(ideal * 2.0**shift)
    run = stream.Run(0, 16, 1)
    coder = run.coder
    frame = frames.new_frame()
    frame.head[:] = 0, 12, 9, 0, 4, 0, 4096, 0
    frame.subframes[0] = subframe
    frame.subframes[0, frames.KIND] = frames.LPC
    frame.channels[0, :4096] = signal
    frame.parameters[0, 0] = 12
    assert run.add(read_again(frame), written(frame, 16))
    assert len(bitcoder.finish(coder)) < 30  # 8 coefficients of 15 bits have as many on their own


def read_again(frame: frames.Frame) -> frames.Frame:
    content = written(frame, 16)
    again = frames.new_frame()
    data = np.frombuffer(content + bytes(MARGIN), np.uint8)
    assert read_frame(data, new_cursor(0, len(content)), 16, again)
    return again
