"""PNG files of every kind come back byte for byte, or are refused."""

import io
import struct
import time
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neuralzip.errors import CorruptError, NeuralzipError, UnsupportedError
from neuralzip.media import png
from neuralzip.media.deflate import inflate as inflating
from neuralzip.media.deflate.deflate import deflate
from neuralzip.media.deflate.stream import DYNAMIC, FIXED, DeflateStream
from neuralzip.media.deflate.trees import predict_header
from neuralzip.media.png.profiles import SRGB, profile
from neuralzip.media.types import ImageFile

KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16)]
KINDS += [(6, 8), (6, 16)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
PackStream = Callable[[bytes], bytes]


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, depth: int, colour: int, interlaced: bool = False) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def pixels_of(width: int, height: int, depth: int, channels: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.integers(-3, 4, (height, width, channels)), axis=1) + np.arange(height)[:, None, None]
    return (smooth % (1 << depth)).astype(np.uint16 if depth == 16 else np.uint8)


def packed(samples: np.ndarray, depth: int) -> np.ndarray:
    """Return rows of bytes."""
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        return np.stack([rows >> 8, rows & 255], axis=2).astype(np.uint8).reshape(len(rows), -1)
    bits = (rows[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1)


def filtered(samples: np.ndarray, depth: int, seed: int) -> bytes:
    """Filter one pass with types chosen at random."""
    rows = packed(samples, depth).astype(np.int64)
    step = max(1, samples.shape[2] * depth // 8)
    parts = []
    for index, row in enumerate(rows):
        up = rows[index - 1] if index else np.zeros_like(row)
        left = np.concatenate([np.zeros(step, np.int64), row])[: len(row)]
        corner = np.concatenate([np.zeros(step, np.int64), up])[: len(row)]
        guess = left + up - corner
        far = [abs(guess - left), abs(guess - up), abs(guess - corner)]
        paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], up, corner))
        kind = (index * 7 + seed) % 5
        expected = (0 * row, left, up, (left + up) // 2, paeth)[kind]
        parts.append(bytes([kind]) + ((row - expected) & 255).astype(np.uint8).tobytes())
    return b"".join(parts)


def raster(samples: np.ndarray, depth: int, interlaced: bool = False, seed: int = 0) -> bytes:
    parts = [samples[top::down, left::across] for top, left, down, across in ADAM7] if interlaced else [samples]
    return b"".join(filtered(each, depth, seed) for each in parts if each.size)


def make(
    samples: np.ndarray,
    colour: int,
    depth: int,
    interlaced: bool = False,
    pack: PackStream = zlib.compress,
    sizes: int = 0,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    stream = pack(raster(samples, depth, interlaced))
    sizes = sizes or len(stream)
    data = b"".join(chunk(b"IDAT", stream[at : at + sizes]) for at in range(0, len(stream), sizes))
    height, width = samples.shape[:2]
    palette = chunk(b"PLTE", bytes(range(3 << min(depth, 6)))) if colour == 3 else b""
    head = png.SIGNATURE + header(width, height, depth, colour, interlaced)
    return head + before + palette + data + after + chunk(b"IEND")


def restored(data: bytes) -> ImageFile:
    """Take a file apart, rebuild it from copies of its parts, and compare."""
    file = png.parse(data)
    assert png.rebuild(ImageFile(file.format, tuple(file.pictures), bytes(file.side))) == data
    return file


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_every_kind(colour: int, depth: int, interlaced: bool) -> None:
    samples = pixels_of(37, 29, depth, CHANNELS[colour], seed=colour)
    data = make(samples, colour, depth, interlaced)
    file = restored(data)
    assert len(file.pictures) == 1
    picture = file.pictures[0]
    assert (picture.pixels == samples).all() and picture.pixels.dtype == samples.dtype
    assert picture.depth == depth and (picture.palette is not None) == (colour == 3)
    assert png.is_png(data[:16])


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), [(0, 1), (3, 2), (2, 8), (6, 16)])
def test_every_small_size(colour: int, depth: int, interlaced: bool) -> None:
    for width, height in (
        [(size, 1) for size in range(1, 41)]
        + [(1, size) for size in range(1, 41)]
        + [(size, (size * 5) % 11 + 1) for size in range(1, 41)]
    ):
        samples = pixels_of(width, height, depth, CHANNELS[colour], seed=width)
        assert (restored(make(samples, colour, depth, interlaced)).pictures[0].pixels == samples).all()


@pytest.mark.parametrize("strategy", range(5))
@pytest.mark.parametrize("level", [0, 1, 4, 6, 9])
def test_side_information_is_small_for_zlib(level: int, strategy: int) -> None:
    samples = pixels_of(150, 110, 8, 3)
    for memory, window in ((8, 15), (9, 15), (3, 15), (8, 12)):

        def pack(data: bytes, memory: int = memory, window: int = window) -> bytes:
            packer = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
            return packer.compress(data) + packer.flush()

        data = make(samples, 2, 8, pack=pack)
        # 34 bytes are the header, 20 the filter types made up here; a small memory level makes many blocks.
        assert len(restored(data).side) < 150, (level, strategy, memory, window)


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"compress_level": 1}, {"compress_level": 9}])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_files_of_pillow(mode: str, options: dict[str, int]) -> None:
    ramp = np.linspace(0, 255, 120 * 90).reshape(90, 120).astype(np.uint8)
    grey = Image.fromarray(ramp ^ np.random.default_rng(2).integers(0, 4, ramp.shape, dtype=np.uint8))
    image = Image.fromarray(ramp.astype(np.uint16) * 201) if mode == "I;16" else grey.convert(mode)
    stream = io.BytesIO()
    image.save(stream, "png", **options)
    palette_bytes = 800 if mode == "P" else 0
    assert len(restored(stream.getvalue()).side) < 90 + palette_bytes


def test_animation() -> None:
    frames = [pixels_of(40 - 7 * index, 30 - index, 8, 3, index) for index in range(3)]
    streams = [zlib.compress(raster(frame, 8, seed=index)) for index, frame in enumerate(frames)]
    parts = [png.SIGNATURE, header(40, 30, 8, 2), chunk(b"acTL", struct.pack(">II", 3, 0))]
    sequence = 0
    for index, (frame, stream) in enumerate(zip(frames, streams, strict=True)):
        height, width = frame.shape[:2]
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, 1, 10, 0, 0)))
        sequence += 1
        for at in range(0, len(stream), 500):
            part = stream[at : at + 500]
            if index == 0:
                parts.append(chunk(b"IDAT", part))
            else:
                parts.append(chunk(b"fdAT", struct.pack(">I", sequence) + part))
                sequence += 1
    file = restored(b"".join([*parts, chunk(b"IEND")]))
    assert [picture.pixels.shape for picture in file.pictures] == [frame.shape for frame in frames]
    assert all((picture.pixels == frame).all() for picture, frame in zip(file.pictures, frames, strict=True))


@pytest.mark.parametrize("size", [1, 2, 7, 100, 8192])
def test_chunk_sizes(size: int) -> None:
    restored(make(pixels_of(20, 20, 8, 3), 2, 8, sizes=size))


def test_odd_surroundings() -> None:
    samples = pixels_of(33, 21, 8, 3)
    text = chunk(b"tEXt", b"Comment\0hello") + chunk(b"prVt", bytes(range(256)))
    whole = make(samples, 2, 8, sizes=300, before=text, after=chunk(b"tIME", bytes(7)))
    restored(whole)
    restored(whole + b"something behind the end" * 9)
    restored(whole[:-12])
    restored(whole[:-5])
    # Wrong checksums in the header, in image data, and in text.
    for kind in (b"IHDR", b"IDAT", b"tEXt"):
        place = whole.index(kind)
        size = int.from_bytes(whole[place - 4 : place], "big")
        end = place + 4 + size
        restored(whole[:end] + b"\1\2\3\4" + whole[end + 4 :])


def packed_chunks(pack: PackStream) -> list[bytes]:
    """Return chunks that hold zlib streams of their own."""
    text = b"some words, some words again, " * 40
    return [
        chunk(b"iCCP", b"icc\0\0" + pack(profile(SRGB))),
        chunk(b"iCCP", b"other\0\0" + pack(bytes(range(128)) + profile(SRGB)[:900])),
        chunk(b"zTXt", b"Comment\0\0" + pack(text)),
        chunk(b"iTXt", b"Comment\0\1\0en\0Comment\0" + pack(text)),
    ]


@pytest.mark.parametrize("level", [1, 6, 9])
def test_chunks_with_streams_are_unpacked(level: int) -> None:
    samples = pixels_of(20, 16, 8, 3)
    plain = len(restored(make(samples, 2, 8)).side)
    sizes = [
        len(restored(make(samples, 2, 8, before=each)).side) - plain
        for each in packed_chunks(lambda data: zlib.compress(data, level))
    ]
    # A known profile is a number; the others are there as they are, for the codec of side information.
    assert sizes[0] < 20 and sizes[1] >= 1028 and all(1200 <= size < 1250 for size in sizes[2:])


def test_damaged_chunks_with_streams_return() -> None:
    samples = pixels_of(20, 16, 8, 3)
    whole = packed_chunks(zlib.compress)
    texts = [b"Comment", b"Comment\0", b"Comment\0\1", b"Comment\0\1\0en"]
    texts.append(b"Comment\0\0" + zlib.compress(b"x")[:-5])
    odd = [chunk(kind, text) for kind in (b"iCCP", b"zTXt", b"iTXt") for text in (b"", *texts)]
    odd += [chunk(b"zTXt", b"a\0\0" + zlib.compress(b"text")[:-4] + b"ADLR and more")]
    odd += [each[:-1] + bytes([each[-1] ^ 1]) for each in whole]
    restored(make(samples, 2, 8, before=b"".join(odd)))
    for damaged in (each[:30] + bytes([each[30] ^ 4]) + each[31:] for each in whole):
        restored(make(samples, 2, 8, before=damaged))


def test_excess_and_padding_bits() -> None:
    samples = pixels_of(13, 9, 1, 1)
    rows = bytearray(raster(samples, 1))
    restored(make(samples, 0, 1, pack=lambda data: zlib.compress(data + b"more than the rows")))
    restored(make(samples, 0, 1, pack=lambda data: zlib.compress(data) + b"more than the stream"))
    restored(make(samples, 0, 1, pack=lambda data: zlib.compress(data)[:-4] + b"ADLR"))
    restored(make(samples, 0, 1, pack=lambda data: zlib.compress(data)[:-4]))
    rows[2::3] = bytes(each ^ (index & 7) for index, each in enumerate(rows[2::3]))
    file = restored(make(samples, 0, 1, pack=lambda _: zlib.compress(bytes(rows))))
    assert file.pictures[0].pixels.max() <= 1


def foreign(data: bytes, seed: int, rate: float) -> bytes:
    """Write a zlib stream with decisions that no zlib makes."""
    rng = np.random.default_rng(seed)
    stream = zlib.compress(data, int(rng.integers(1, 10)))
    parts, padded, _ = inflating.inflate(stream[2:], len(data))
    tokens: list[int] = []
    position = 0
    for token in parts.tokens.tolist():
        length, distance = max(token >> 16, 1), token & 65535
        turn = rng.random() / rate
        if token >> 16 and turn < 0.5:
            tokens += padded[position : position + length].tolist()
        elif token >> 16 > 3 and turn < 1:
            cut = int(rng.integers(3, length))
            tokens += [cut << 16 | distance, *padded[position + cut : position + length].tolist()]
        else:
            tokens.append(token)
        position += length
    return stream[:2] + reblocked(tokens, padded[: len(data)], rng) + stream[-4:]


def reblocked(tokens: list[int], data: np.ndarray, rng: np.random.Generator) -> bytes:
    """Split tokens into blocks at random, with code lengths of other blocks."""
    array, blocks, headers = np.array(tokens, np.uint32), [], []
    at = 0
    while at < len(array) or not blocks:
        count = min(int(rng.integers(1, 4000)), len(array) - at)
        part = array[at : at + count]
        at += count
        kind = int(rng.integers(1, 3))
        if kind == DYNAMIC:
            # Counting the whole file and every symbol once gives valid codes that zlib would not choose.
            every = np.arange(256, dtype=np.uint32)
            headers.append(predict_header(np.concatenate([part, array if rng.random() < 0.5 else every]))[0])
        blocks.append((kind, int(at >= len(array)), len(part)))
    assert {kind for kind, _, _ in blocks} <= {FIXED, DYNAMIC}
    return deflate(DeflateStream(array, np.array(blocks, np.int64), headers), data)


@pytest.mark.parametrize("seed", range(12))
def test_foreign_streams(seed: int) -> None:
    samples = pixels_of(120, 90, 8, 3, seed) // (1 + seed % 4 * 20)
    rate = (0.002, 0.02, 0.3)[seed % 3]
    data = make(samples, 2, 8, pack=lambda raw: foreign(raw, seed, rate))
    assert zlib.decompress(foreign(raster(samples, 8), seed, rate)) == raster(samples, 8)
    assert (restored(data).pictures[0].pixels == samples).all()


@pytest.mark.parametrize("level", [1, 6, 9])
def test_files_of_libdeflate(level: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    samples = pixels_of(200, 150, 8, 3) // 30
    data = make(samples, 2, 8, pack=lambda raw: imagecodecs.zlib_encode(raw, level=min(level, 9)))
    restored(data)
    data = make(samples, 2, 8, pack=lambda raw: bytes(imagecodecs.deflate_encode(raw, level=level)))
    restored(data)


def test_truncated_files_are_refused_or_restored() -> None:
    whole = make(pixels_of(40, 30, 8, 3), 2, 8, sizes=400)
    for size in range(0, len(whole), 11):
        try:
            restored(whole[:size])
        except UnsupportedError:
            continue
        assert size > len(whole) - 12


@settings(max_examples=80, deadline=None)
@given(st.integers(8, 1500), st.integers(0, 255))
def test_damaged_files_are_refused_or_restored(place: int, value: int) -> None:
    damaged = bytearray(make(pixels_of(20, 20, 8, 3), 2, 8, sizes=400))
    damaged[place % len(damaged)] = value
    try:
        restored(bytes(damaged))
    except UnsupportedError:
        return


@pytest.mark.parametrize("size", [(1 << 31) - 1, 1 << 16, 40_000])
def test_huge_dimensions_are_refused_at_once(size: int) -> None:
    data = png.SIGNATURE + header(size, size, 8, 2) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND")
    start = time.perf_counter()
    with pytest.raises(UnsupportedError):
        png.parse(data)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("size", [16, 24, 32, 48])
def test_icons_take_three_bytes_at_most(size: int) -> None:
    samples = np.zeros((size, size, 1), np.uint8)
    samples[size // 4 : -size // 4, size // 3 : -size // 3] = 1
    lines = b"".join(b"\0" + row.tobytes() for row in packed(samples, 1))
    # libpng filters no rows of one bit, and names the smallest window that holds the image.
    head = max((len(lines) - 1).bit_length() - 7, 0) << 12 | 8 << 8 | 2 << 6
    stream = (head + 31 - head % 31).to_bytes(2, "big") + zlib.compress(lines, 6)[2:]
    parts = [header(size, size, 1, 0), chunk(b"IDAT", stream), chunk(b"IEND")]
    # Version, items, header, layout of the data, end, no tail and no padding are 26 bytes.
    assert len(restored(png.SIGNATURE + b"".join(parts)).side) <= 26 + 3


def test_other_bytes_are_refused() -> None:
    for data in (b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", png.SIGNATURE + header(1, 1, 8, 2) + chunk(b"IEND")):
        with pytest.raises(UnsupportedError):
            png.parse(data)
    assert not png.is_png(b"GIF89a")


@cache
def foreign_file() -> ImageFile:
    return png.parse(make(pixels_of(24, 20, 8, 3), 2, 8, pack=lambda raw: foreign(raw, 5, 0.1)))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_side_information_never_crashes(place: int, value: int) -> None:
    file = foreign_file()
    side = bytearray(file.side)
    side[place % len(side)] = value
    try:
        png.rebuild(ImageFile("png", file.pictures, bytes(side)))
    except NeuralzipError as error:
        assert isinstance(error, CorruptError | UnsupportedError)


def test_wrong_pictures_are_refused() -> None:
    file = png.parse(make(pixels_of(24, 20, 8, 3), 2, 8))
    other = png.parse(make(pixels_of(25, 20, 8, 3), 2, 8))
    for pictures in ((), other.pictures, file.pictures * 2):
        with pytest.raises(CorruptError):
            png.rebuild(ImageFile("png", pictures, file.side))
