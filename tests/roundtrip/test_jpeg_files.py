"""JPEG files come back byte for byte, or are refused."""

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import neuralzip
from neuralzip.codecs.base import Options
from neuralzip.codecs.jpeg import JpegCodec
from neuralzip.errors import CorruptError, LimitError, UnsupportedError
from neuralzip.media import jpeg
from neuralzip.media.jpeg.markers import SOS, segments
from tests.golden.samples import pixels
from tests.roundtrip.check import check_roundtrip

MODES = ("L", "RGB", "CMYK")
CHOICES: dict[str, dict[str, int]] = {
    "plain": {},
    "worst": {"quality": 1},
    "best": {"quality": 100, "subsampling": 0},
    "4:2:2": {"subsampling": 1, "quality": 90},
    "4:2:0": {"subsampling": 2, "optimize": 1},
    "restarts": {"restart_marker_blocks": 2},
    "rows": {"restart_marker_rows": 1, "optimize": 1},
    "progressive": {"progressive": 1},
    "progressive, best": {"progressive": 1, "quality": 100, "subsampling": 0},
    "progressive, worst": {"progressive": 1, "quality": 1},
    "progressive, restarts": {"progressive": 1, "quality": 97, "restart_marker_blocks": 3},
}
MANY = 1 << 20


def photo(height: int = 45, width: int = 77, mode: str = "RGB", **choices: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels(height, width, 8).astype(np.uint8)).convert(mode).save(file, "JPEG", **choices)
    return file.getvalue()


def blank(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=1)
    return file.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("mode", MODES)
def test_what_libjpeg_writes(mode: str, choices: dict[str, int]) -> None:
    data = photo(mode=mode, **choices)
    layout, coefficients = jpeg.parse(data, MANY)
    assert jpeg.read_layout(bytes(layout)) == layout
    empty = jpeg.empty_coefficients(jpeg.read_headers(layout))
    for found, expected in zip(empty.components, coefficients.components, strict=True):
        assert found.coefficients.shape == expected.coefficients.shape
        assert np.array_equal(found.quantisation, expected.quantisation)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 16), (17, 1), (1, 300)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_any_size(size: tuple[int, int], subsampling: int) -> None:
    jpeg.parse(photo(*size, subsampling=subsampling), MANY)


def test_coefficients_are_those_of_the_picture() -> None:
    """By the definition of the transform (T.81, A.3.3)."""
    data = photo(16, 24, "L", quality=95)
    _, coefficients = jpeg.parse(data, MANY)
    basis = np.cos((2 * np.arange(8)[:, None] + 1) * np.arange(8) * np.pi / 16) / 2
    basis[:, 0] /= np.sqrt(2)
    component = coefficients.components[0]
    blocks = basis @ (component.coefficients * component.quantisation) @ basis.T
    picture = blocks.transpose(0, 2, 1, 3).reshape(16, 24) + 128
    assert np.abs(np.clip(picture, 0, 255) - decoded(data)).max() <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("choices", [{}, {"quality": 100, "subsampling": 0}, {"restart_marker_rows": 1}])
def test_scans_of_progressive_files_add_up(mode: str, choices: dict[str, int]) -> None:
    _, expected = jpeg.parse(photo(mode=mode, **choices), MANY)
    _, found = jpeg.parse(photo(mode=mode, progressive=1, **choices), MANY)
    for a, b in zip(found.components, expected.components, strict=True):
        assert np.array_equal(a.coefficients, b.coefficients)


@pytest.mark.parametrize("shade", [0, 3])
def test_the_longest_runs_of_blocks(shade: int) -> None:
    """Runs end after 32767 blocks, or more than 937 correction bits; noise in few blocks makes long ones."""
    picture = np.full((8 * 190, 8 * 190), 128, np.uint8)
    picture[::40, ::24] += np.uint8(shade * 40)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", progressive=1, quality=95)
    jpeg.parse(file.getvalue(), MANY)


def one_by_one(data: bytes) -> bytes:
    """Return the file with a scan for each component."""
    layout, coefficients = jpeg.parse(data, MANY)
    head, scan = layout.parts[0][:-14], layout.parts[0][-14:]
    scans = [b"\xff\xda\0\x08\x01" + scan[at : at + 2] + scan[-3:] for at in (5, 7, 9)]
    parts = (head + scans[0], b"\xff\xff" + scans[1], scans[2])
    return jpeg.rebuild(replace(layout, parts=parts), coefficients, 2 * len(data))


@pytest.mark.parametrize("choices", [{}, {"restart_marker_blocks": 3}, {"subsampling": 0}])
def test_components_one_by_one(choices: dict[str, int]) -> None:
    data = photo(**choices)
    apart = one_by_one(data)
    assert len([at for at in range(len(apart)) if apart[at : at + 2] == b"\xff\xda"]) == 3
    assert np.array_equal(decoded(apart), decoded(data))
    layout, _ = jpeg.parse(apart, MANY)
    assert len(layout.parts) == 3


def test_any_padding_and_anything_behind() -> None:
    layout, coefficients = jpeg.parse(photo(restart_marker_blocks=1), MANY)
    changed = replace(layout, padding=0, tail=b"\xff\xd0\xff\xff\xd9behind\xff\xda")
    data = jpeg.rebuild(changed, coefficients, MANY)
    assert jpeg.parse(data, MANY)[0] == changed


def start_of_scan(data: bytes) -> int:
    return next(each.end for each in segments(data, 0) if each.marker == SOS)


def damaged() -> Iterator[tuple[str, bytes]]:
    data = photo(restart_marker_blocks=4)
    start, restart = start_of_scan(data), data.index(b"\xff\xd1")
    yield "no scan", data[: start - 5]
    yield "cut", data[: start + 40]
    yield "cut within a restart", data[: restart + 1]
    yield "another restart", data[: restart + 1] + b"\xd2" + data[restart + 2 :]
    yield "no restart", data[:restart] + data[restart + 2 :]
    yield "bytes before a marker", data[:-2] + b"abc" + data[-2:]
    yield "two pictures", data[:-2] + data
    yield "arithmetic", data.replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield "lossless", data.replace(b"\xff\xc0", b"\xff\xc3", 1)
    yield "twelve bits", data.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c", 1)
    yield "other components", data.replace(b"\xff\xda\0\x0c\x03\x01", b"\xff\xda\0\x0c\x03\x09", 1)
    yield "no tables", data.replace(b"\xff\xc4", b"\xff\xef")
    yield "no steps", data.replace(b"\xff\xdb", b"\xff\xef")
    yield "many blocks", data.replace(b"\0\x2d\0\x4d\x03", b"\xff\xff\xff\xff\x03", 1)


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in damaged()])
def test_others_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        jpeg.parse(data, MANY)


def test_scans_without_end_are_refused() -> None:
    """Each adds a bit, of no coefficient, to all blocks of a blank picture in a few bytes."""
    layout, coefficients = jpeg.parse(blank(1600), MANY)
    many = replace(layout, parts=(*layout.parts, *layout.parts[-1:] * 100))
    data = jpeg.rebuild(many, coefficients, MANY)
    with pytest.raises(UnsupportedError, match="more scans"):
        jpeg.parse(data, MANY)
    codec = JpegCodec()
    block = next(codec.encode(io.BytesIO(blank(160)), Options()))
    with pytest.raises(CorruptError, match="more scans"):
        codec.decode(replace(block, raw_size=10), Options())


def test_mixed_padding_is_refused() -> None:
    layout, coefficients = jpeg.parse(photo(restart_marker_blocks=1), MANY)
    zeros, ones = (jpeg.rebuild(replace(layout, padding=bit), coefficients, MANY) for bit in (0, 1))
    end = ones.index(b"\xff\xd1")
    assert zeros[:end] != ones[:end]
    with pytest.raises(UnsupportedError):
        jpeg.parse(zeros[:end] + ones[end:], MANY)


@pytest.mark.parametrize("progressive", [0, 1])
def test_every_cut_and_flip_is_refused_or_restored(progressive: int) -> None:
    """`parse` ends with a comparison; what it must not do is fail otherwise, or hang."""
    data = photo(20, 30, restart_marker_blocks=2, progressive=progressive)
    start = start_of_scan(data)
    for at in range(0, len(data), 3):
        for other in (data[:at], data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]):
            try:
                layout, coefficients = jpeg.parse(other, MANY)
            except UnsupportedError:
                continue
            assert at >= start or len(other) == len(data)
            assert jpeg.rebuild(layout, coefficients, len(other)) == other


def test_the_codec() -> None:
    check_roundtrip(JpegCodec(), photo(90, 120, quality=80))
    with pytest.raises(UnsupportedError):
        check_roundtrip(JpegCodec(), photo()[:-90])


def test_files_get_smaller() -> None:
    data = photo(240, 320, quality=85)
    packed = neuralzip.compress(data)
    assert neuralzip.info(io.BytesIO(packed)).codecs == ("jpeg",)
    assert len(packed) < 0.9 * len(data)
    assert neuralzip.decompress(packed) == data


def test_sizes_are_checked_before_anything_is_spent() -> None:
    codec = JpegCodec()
    block = next(codec.encode(io.BytesIO(photo(90, 120)), Options()))
    with pytest.raises(LimitError, match="--memory"):
        codec.decode(block, Options(memory_bytes=10000))
    with pytest.raises(CorruptError, match="more coefficients"):
        codec.decode(replace(block, raw_size=9), Options())
    with pytest.raises(CorruptError):
        codec.decode(replace(block, raw_size=block.raw_size - 1), Options())
    with pytest.raises(CorruptError, match="expected"):
        codec.decode(replace(block, raw_size=block.raw_size + 1), Options())
    with pytest.raises(UnsupportedError):
        next(codec.encode(io.BytesIO(photo(90, 120)), Options(memory_bytes=10000)))
