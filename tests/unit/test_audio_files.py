"""Parsers of recordings: every header kind, odd sizes, streamed and truncated files, floats."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.errors import CorruptError, UnsupportedError, UsageError
from neuralzip.media import audio
from neuralzip.media.audio import floats, pcm, raw_pcm
from neuralzip.media.audio.layout import Layout

TONE = (12000 * np.sin(np.arange(300) / 7)).astype("<i2")


def chunk(name: bytes, body: bytes, order: str = "<") -> bytes:
    return name + struct.pack(order + "I", len(body)) + body + b"\0" * (len(body) & 1)


def fmt(channels: int, width: int, tag: int = 1, bits: int | None = None, order: str = "<") -> bytes:
    align = channels * width
    return struct.pack(order + "HHIIHH", tag, channels, 8000, 8000 * align, align, bits or 8 * width)


def wave(*chunks: bytes, head: bytes = b"RIFF", size: int | None = None, order: str = "<") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return head + struct.pack(order + "I", len(body) if size is None else size) + body


def take(data: bytes) -> tuple[pcm.Taken, Layout]:
    """Take the frames of a file apart, and check that they come back."""
    layout = audio.locate(io.BytesIO(data))
    frames = data[layout.start : layout.start + layout.size]
    taken = pcm.to_samples(frames, layout)
    assert pcm.from_samples(taken, layout) == frames
    return taken, layout


def check(data: bytes, shape: tuple[int, int]) -> pcm.Taken:
    assert audio.is_audio(data[:64])
    taken, _ = take(data)
    assert taken.samples.shape == shape and taken.samples.dtype == np.int32
    return taken


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wave_widths_and_channels(channels: int, width: int) -> None:
    frames = np.random.default_rng(width).bytes(channels * width * 11)
    check(wave(chunk(b"fmt ", fmt(channels, width)), chunk(b"data", frames)), (channels, 11))
    big = wave(
        chunk(b"fmt ", fmt(channels, width, order=">"), ">"), chunk(b"data", frames, ">"), head=b"RIFX", order=">"
    )
    check(big, (channels, 11))


def test_sample_values() -> None:
    frames = bytes([0, 0, 128, 255, 255, 127, 1, 0, 0])
    taken, _ = take(wave(chunk(b"fmt ", fmt(1, 3)), chunk(b"data", frames)))
    assert taken.samples.tolist() == [[-(2**23), 2**23 - 1, 1]]
    taken, _ = take(wave(chunk(b"fmt ", fmt(1, 1)), chunk(b"data", bytes([0, 128, 255]))))
    assert taken.samples.tolist() == [[-128, 0, 127]]
    taken, _ = take(wave(chunk(b"fmt ", fmt(2, 2)), chunk(b"data", struct.pack("<4h", 1, 2, 3, 4))))
    assert taken.samples.tolist() == [[1, 3], [2, 4]]


def test_odd_waves() -> None:
    body, head = TONE.tobytes(), chunk(b"fmt ", fmt(2, 2))
    full = wave(head, chunk(b"data", body))
    check(full, (2, 150))
    check(full + b"garbage", (2, 150))
    check(full[:-3], (2, 149))
    check(wave(head, chunk(b"LIST", b"INFOx"), chunk(b"data", body), chunk(b"id3 ", b"tag")), (2, 150))
    check(wave(head, chunk(b"data", body + b"x")), (2, 150))
    for size in (0, 0xFFFFFFFF):
        check(wave(head, b"data" + struct.pack("<I", size), body, size=size), (2, 150))
    wide = chunk(b"ds64", struct.pack("<QQQI", 0, len(body), 150, 0))
    endless = b"data" + struct.pack("<I", 0xFFFFFFFF)
    check(wave(wide, head, endless, body, b"tail", head=b"RF64", size=2**32 - 1), (2, 150))
    extensible = fmt(2, 4, 0xFFFE, 24) + struct.pack("<HHIH", 22, 24, 3, 1) + layout_guid()
    check(wave(chunk(b"fmt ", extensible), chunk(b"data", body)), (2, 75))
    check(wave(chunk(b"fmt ", fmt(2, 2)[:12] + b"\x03\0\x10\0"), chunk(b"data", body)), (2, 150))
    check(wave(head, chunk(b"data", b"")), (2, 0))


def layout_guid() -> bytes:
    return bytes.fromhex("000000001000800000aa00389b71")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF\0\0\0\0WAVE",
        wave(chunk(b"data", b"1234")),
        wave(chunk(b"fmt ", fmt(1, 1, tag=6)), chunk(b"data", b"1234")),
        wave(chunk(b"fmt ", fmt(0, 2)), chunk(b"data", b"1234")),
        wave(chunk(b"fmt ", fmt(200, 2)), chunk(b"data", b"1234")),
        wave(chunk(b"fmt ", fmt(1, 8, tag=1)), chunk(b"data", b"12345678")),
        wave(chunk(b"fmt ", b"short"), chunk(b"data", b"1234")),
        b"FORM\0\0\0\x10AIFFSSND\0\0\0\x08\0\0\0\0\0\0\0\0",
        b"caff\0\1\0\0data" + struct.pack(">q", -1) + b"\0\0\0\0abcd",
        b"text",
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        audio.locate(io.BytesIO(data))


def written(samples: np.ndarray, container: str, subtype: str, endian: str = "FILE") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 44100, format=container, subtype=subtype, endian=endian)
    return file.getvalue()


@pytest.mark.parametrize(
    ("container", "subtype", "endian"),
    [
        ("AIFF", "PCM_16", "FILE"),
        ("AIFF", "PCM_24", "FILE"),
        ("AIFF", "PCM_S8", "FILE"),
        ("AIFF", "PCM_16", "LITTLE"),
        ("CAF", "PCM_16", "BIG"),
        ("CAF", "PCM_24", "LITTLE"),
        ("W64", "PCM_16", "FILE"),
        ("W64", "PCM_32", "FILE"),
        ("RF64", "PCM_16", "FILE"),
        ("WAVEX", "PCM_24", "FILE"),
    ],
)
def test_against_soundfile(container: str, subtype: str, endian: str) -> None:
    samples = (np.random.default_rng(1).integers(-100, 100, (77, 2)) << 24).astype(np.int32)
    data = written(samples, container, subtype, endian)
    check(data, (2, 77))
    taken, layout = take(data)
    assert layout.rate == 44100
    assert (taken.samples.T.astype(np.int64) << (32 - layout.bits) == samples).all()


@pytest.mark.parametrize("divisor", [2**15, 2**23, 2**15 - 1])
@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_floats_that_were_integers(divisor: int, kind: str) -> None:
    values = (TONE.astype(np.float64) / divisor).astype(kind)
    data = wave(chunk(b"fmt ", fmt(1, values.itemsize, tag=3)), chunk(b"data", values.tobytes()))
    check(data, (1, 300))
    taken, _ = take(data)
    assert pcm.DIVISORS[taken.code] == divisor and (taken.samples[0] == TONE).all()


@pytest.mark.parametrize("gain", [0.7, 10 ** (-3 / 20), 0.0123, 3e-9, 1 / 32766])
@pytest.mark.parametrize("kind", ["<f4", ">f8"])
def test_floats_with_a_gain(gain: float, kind: str) -> None:
    layout = Layout(0, 0, 2, int(kind[2]), "float", kind[0] == ">", 32, 0)
    for values in (TONE * gain, (TONE * np.float64(np.float32(gain)))[::-1]):
        data = values.astype(kind).tobytes()
        taken = pcm.to_samples(data, layout)
        assert taken.code == pcm.GAIN and np.abs(taken.samples).max() == np.abs(TONE).max()
        assert pcm.from_samples(taken, layout) == data


SPECIAL = [np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-30, -1e-42, 3e38, 0.001, 0.5, -1.0, 1.5]


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
def test_any_floats(kind: str) -> None:
    layout = Layout(0, 0, 1, int(kind[2]), "float", kind[0] == ">", 32, 0)
    rng = np.random.default_rng(2)
    for values in (
        np.array(SPECIAL),
        np.array(SPECIAL[:4]),
        rng.normal(size=500),
        rng.normal(size=500) * 10.0 ** rng.integers(-38, 38, 500),
        np.concatenate([rng.normal(size=500), SPECIAL]),
        np.zeros(9) * -1,
    ):
        data = values.astype(kind).tobytes()
        assert pcm.from_samples(pcm.to_samples(data, layout), layout) == data
    data = rng.bytes(8000)
    assert pcm.from_samples(pcm.to_samples(data, layout), layout) == data


def test_split_costs_only_what_is_below() -> None:
    """Integers of 24 bits, and for each sample as many bits as its mantissa has below them."""
    rng = np.random.default_rng(4)
    values = (rng.uniform(0.25, 0.5, 4000) * rng.choice([-1, 1], 4000)).astype(np.float32)
    integers, rest = floats.split(values, floats.WIDTHS[4])
    assert np.bincount(np.frexp(integers)[1]).argmax() == floats.INTEGER_BITS and len(rest) < 4000 / 8 * 1.03 + 20
    assert len(floats.split(values.astype(np.float64), floats.WIDTHS[8])[1]) < len(rest) + 100
    assert (floats.join(integers, rest, floats.WIDTHS[4]) == values).all()


@given(rest=st.binary(max_size=40), code=st.sampled_from([pcm.GAIN, pcm.SPLIT]), width=st.sampled_from([4, 8]))
def test_forged_rests_end(rest: bytes, code: int, width: int) -> None:
    layout = Layout(0, 0, 2, width, "float", False, 32, 0)
    samples = np.array([[0, 5, -(2**31), 2**31 - 1], [1, -1, 0, 0]], np.int32)
    try:
        assert len(pcm.from_samples(pcm.Taken(samples, code, rest), layout)) == 8 * width
    except CorruptError:
        pass


@settings(max_examples=300, deadline=None)
@given(
    head=st.sampled_from([b"RIFF", b"RIFX", b"RF64"]),
    size=st.integers(0, 2**32 - 1),
    parts=st.lists(
        st.tuples(
            st.sampled_from([b"fmt ", b"data", b"LIST", b"ds64"]),
            st.one_of(st.none(), st.integers(0, 2**32 - 1)),
            st.binary(max_size=50),
        ),
        max_size=5,
    ),
    channels=st.integers(0, 70),
    width=st.integers(1, 5),
    cut=st.integers(0, 20),
)
def test_any_header(
    head: bytes, size: int, parts: list[tuple[bytes, int | None, bytes]], channels: int, width: int, cut: int
) -> None:
    order = ">" if head == b"RIFX" else "<"
    chunks = [
        name + struct.pack(order + "I", len(body) if declared is None else declared) + body
        for name, declared, body in parts
    ]
    first = chunk(b"fmt ", fmt(channels, width, order=order), order)
    data = wave(first, *chunks, head=head, size=size, order=order)
    data = data[: len(data) - cut]
    try:
        take(data)
    except UnsupportedError:
        return


@given(data=st.binary(max_size=300), head=st.sampled_from([b"caff\0\1\0\0", b"FORM\0\0\0\0AIFC"]))
def test_any_bytes(data: bytes, head: bytes) -> None:
    try:
        take(head + data)
    except UnsupportedError:
        return


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("44100,2,s16le", (2, 2, "signed", False)),
        ("8000,1,u8", (1, 1, "unsigned", False)),
        ("192000,8,s24be", (8, 3, "signed", True)),
        ("48000,6,f64le", (6, 8, "float", False)),
    ],
)
def test_raw_pcm(text: str, expected: tuple[int, int, str, bool]) -> None:
    layout = raw_pcm.describe(text, 1001)
    assert (layout.channels, layout.width, layout.encoding, layout.big_endian) == expected
    assert layout.start == 0 and layout.frames == 1001 // layout.frame_size and str(layout.rate) in text


@pytest.mark.parametrize(
    "text", ["", "44100,2", "44100,2,s16", "1,1,u8le", "1,0,s8", "1,1,u16le", "1,1,f16be", "x,1,s8"]
)
def test_raw_pcm_refused(text: str) -> None:
    with pytest.raises(UsageError):
        raw_pcm.describe(text, 100)


def test_pcm_is_its_own_inverse() -> None:
    data = bytes(range(240))
    for width, encoding in ((1, "unsigned"), (1, "signed"), (2, "signed"), (3, "signed"), (4, "signed")):
        for big in (False, True):
            layout = Layout(0, 240, 2, width, encoding, big, 8 * width, 0)  # type: ignore[arg-type]
            taken = pcm.to_samples(data, layout)
            assert taken.code == 0 and pcm.from_samples(taken, layout) == data
