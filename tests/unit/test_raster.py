"""Uncompressed rasters: the pixels are Pillow's, the bytes come back, damage is refused."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import raster
from neuralzip.media.types import ImageFile, Picture

RNG = np.random.default_rng(11)


def picture(mode: str, width: int, height: int) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(RNG.integers(0, 1 << 16, (height, width)).astype(np.uint16))
    channels = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    samples = RNG.integers(0, 256, (height, width, channels)).astype(np.uint8)
    if mode == "1":
        return Image.fromarray(samples[:, :, 0]).convert("1")
    image = Image.fromarray(samples.squeeze(2) if channels == 1 else samples, None if mode == "P" else mode)
    if mode == "P":
        image.putpalette(RNG.integers(0, 256, 768).astype(np.uint8).tobytes())
    return image


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def shown(file: ImageFile) -> np.ndarray:
    """Return the first picture's colours as Pillow shows them."""
    first = file.pictures[0]
    pixels = first.pixels
    if first.palette is not None:
        pixels = first.palette[pixels[:, :, 0]]
    return pixels * (255 if first.depth == 1 and first.kind == "grey" else 1)


CASES = [
    *(("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(("PPM", mode) for mode in ("1", "L", "RGB", "I;16")),
    *(("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
]


@pytest.mark.parametrize(("form", "mode"), CASES)
def test_pillow_files_come_back(form: str, mode: str) -> None:
    for width, height in ((2, 2), (7, 3), (16, 5), (33, 20)):
        image = picture(mode, width, height)
        data = saved(image, form)
        file = raster.parse(data)
        assert raster.rebuild(file) == data
        assert len(file.side) < 1500 + (1100 if mode == "P" else 0)
        colours = shown(file)
        np.testing.assert_array_equal(colours[:, :, :3], expected_colours(data, form, mode, file))


def expected_colours(data: bytes, form: str, mode: str, file: ImageFile) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    if file.pictures[0].palette is not None:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image)
    if mode == "1":
        pixels = (pixels ^ (form == "PPM")) * np.uint8(255)  # a one is black in PBM
    return pixels.reshape(*pixels.shape[:2], -1)[:, :, :3]


def bmp(bits: int, width: int, height: int, header: int = 40, palette: bytes = b"", gap: bytes = b"") -> bytes:
    """A BMP from the definition, rows random with random padding."""
    rows = RNG.bytes((width * bits + 31) // 32 * 4 * abs(height))
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, 0, len(rows), 0, 0, 0, 0)
        info += bytes(header - 40)
    start = 14 + header + len(palette) + len(gap)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info + palette + gap + rows


@pytest.mark.parametrize("bits", [1, 4, 8, 24, 32])
@pytest.mark.parametrize("header", [12, 40, 56, 108, 124])
@pytest.mark.parametrize("height", [5, -5])
def test_every_bmp_comes_back(bits: int, header: int, height: int) -> None:
    if header == 12:
        height = 5
    palette = RNG.bytes((3 if header == 12 else 4) << bits) if bits <= 8 else b""
    data = bmp(bits, 13, height, header, palette, b"gap") + b"tail"
    file = raster.parse(data)
    assert raster.rebuild(file) == data
    (found,) = file.pictures
    assert found.pixels.shape == (5, 13, max(bits // 8, 1))
    assert found.palette is None or found.palette.shape == (1 << bits, 3)
    if bits > 8:
        stride = (13 * bits + 31) // 32 * 4
        rows = np.frombuffer(data[-4 - stride * 5 : -4], np.uint8).reshape(5, stride)[:: 1 if height < 0 else -1]
        expected = rows[:, : 13 * bits // 8].reshape(5, 13, -1)[:, :, 2::-1]
        np.testing.assert_array_equal(found.pixels[:, :, :3], expected)


def test_the_unused_channel_of_a_bmp_is_no_symbol() -> None:
    data = bytearray(bmp(32, 4, 3))
    data[-4 * 12 + 3 :: 4] = b"\xff" * 12
    file = raster.parse(bytes(data))
    assert file.pictures[0].pixels.shape == (3, 4, 3) and file.pictures[0].kind == "rgb"
    assert raster.rebuild(file) == data


@pytest.mark.parametrize(
    "head",
    [
        b"P5 4 3 255\n",
        b"P5\n# a comment\n4#and another\n 3\t\r\n# 9 9\n255 ",
        b"P6\n4 3\n7\n",
        b"P6 4 3 65535\n",
        b"P5 4 3 1000\n",
        b"P4\n4 3\n",
        b"P7\nWIDTH 4\nHEIGHT 3\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n",
        b"P7\n# c\nHEIGHT 3\nWIDTH 4\n\nMAXVAL 65535\nDEPTH 4\nENDHDR\n",
    ],
)
def test_pnm_headers_come_back(head: bytes) -> None:
    data = head + RNG.bytes(4 * 3 * 8)
    file = raster.parse(data)
    assert raster.rebuild(file) == data
    assert file.pictures[0].pixels.shape[:2] == (3, 4)
    assert file.pictures[0].pixels.size > 0


def test_big_endian_samples_are_numbers() -> None:
    data = b"P5 2 1 65535\n" + bytes([1, 2, 3, 4])
    assert raster.parse(data).pictures[0].pixels.reshape(-1).tolist() == [0x102, 0x304]


def tiff(order: str, strips: int, gap: int, bits: int = 16) -> bytes:
    """A 16-bit RGB TIFF of 6 x 4 from the definition, its strips in reverse and apart."""
    size = 6 * 4 * 3 * bits // 8 // strips
    offsets = [8 + (strips - 1 - i) * (size + gap) for i in range(strips)]
    body = RNG.bytes(strips * (size + gap))
    lists = 8 + len(body)
    extra = struct.pack(order + "3H", bits, bits, bits) + struct.pack(f"{order}{strips}I", *offsets)
    extra += struct.pack(f"{order}{strips}I", *[size] * strips)
    entries = [
        (256, 3, 1, struct.pack(order + "HH", 6, 0)),
        (257, 3, 1, struct.pack(order + "HH", 4, 0)),
        (258, 3, 3, struct.pack(order + "I", lists)),
        (259, 3, 1, struct.pack(order + "HH", 1, 0)),
        (262, 3, 1, struct.pack(order + "HH", 2, 0)),
        (273, 4, strips, struct.pack(order + "I", lists + 6 if strips > 1 else offsets[0])),
        (277, 3, 1, struct.pack(order + "HH", 3, 0)),
        (279, 4, strips, struct.pack(order + "I", lists + 6 + 4 * strips if strips > 1 else size)),
        (305, 2, 4, b"own\0"),
    ]
    directory = struct.pack(order + "H", len(entries))
    directory += b"".join(struct.pack(order + "HHI", *head) + value for *head, value in entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", lists + len(extra))
    return head + body + extra + directory + bytes(4) + b"tail"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("strips", [1, 2, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_strips_come_back(order: str, strips: int, bits: int) -> None:
    data = tiff(order, strips, 3, bits)
    file = raster.parse(data)
    assert raster.rebuild(file) == data
    pixels = file.pictures[0].pixels
    size = 6 * 4 * 3 * bits // 8 // strips
    place = 8 + (strips - 1) * (size + 3)
    first = np.frombuffer(data[place : place + size], f"{order}u{bits // 8}")
    np.testing.assert_array_equal(pixels.reshape(-1)[: len(first)], first)


def test_tiff_pages_come_back() -> None:
    pages = [picture("RGB", 5, 4), picture("L", 9, 2), picture("RGB", 5, 4)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    file = raster.parse(data)
    assert raster.rebuild(file) == data and len(file.pictures) == 3
    for page, found in zip(ImageSequence.Iterator(Image.open(io.BytesIO(data))), file.pictures, strict=True):
        np.testing.assert_array_equal(np.asarray(page).reshape(found.pixels.shape), found.pixels)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BM",
        b"P3 1 1 255\n0 0 0\n",
        b"P5 4 3\n",
        b"P5 4 3 255\nabc",
        b"P5 0 3 255\n",
        b"P5 99999999 99999999 255\nabc",
        b"P5 4 3 65536\n" + bytes(99),
        b"P7\nWIDTH 4\nENDHDR\n" + bytes(99),
        b"P7\nWIDTH 4\nWHAT 4\nENDHDR\n" + bytes(99),
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n" + bytes(99),
        b"II*\0" + bytes(4),
        b"II*\0\xff\xff\xff\xff" + bytes(50),
        saved(picture("RGB", 9, 9), "TIFF", compression="tiff_lzw"),
        saved(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"),
        bmp(16, 4, 4),
        bmp(24, 0, 4),
        bmp(24, 4, 4)[:18] + struct.pack("<i", -4) + bmp(24, 4, 4)[22:],
        b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + struct.pack("<IiiHHI", 40, 4, 4, 1, 8, 1) + bytes(99),
        bmp(24, 4, 4)[:-1],
    ],
)
def test_what_cannot_come_back_is_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        raster.parse(data)


WHOLE = [saved(picture(mode, 6, 5), form) for form, mode in CASES] + [tiff(">", 2, 1)]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_damaged_files_come_back_or_are_refused(data: bytes, draws: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(draws.draw(st.integers(1, 3))):
        damaged[draws.draw(st.integers(0, len(data) - 1))] = draws.draw(st.sampled_from([0, 1, 4, 16, 127, 255]))
    cut = bytes(damaged[: draws.draw(st.sampled_from([len(data), len(data) // 2, len(data) - 1]))])
    try:
        file = raster.parse(cut)
    except UnsupportedError:
        return
    assert raster.rebuild(file) == cut


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_damaged_side_information_is_refused_or_rebuilds(data: bytes, draws: st.DataObject) -> None:
    file = raster.parse(data)
    side = bytearray(file.side)
    side[draws.draw(st.integers(0, min(len(side) - 1, 30)))] = draws.draw(st.integers(0, 255))
    cut = bytes(side[: draws.draw(st.sampled_from([len(side), 5, 0]))])
    try:
        raster.rebuild(ImageFile(file.format, file.pictures, cut))
    except CorruptError:
        return


def test_other_pixels_than_the_side_says_are_refused() -> None:
    file = raster.parse(WHOLE[0])
    with pytest.raises(CorruptError, match="do not fit"):
        raster.rebuild(ImageFile("bmp", (Picture(np.zeros((1, 1, 1), np.uint8), "grey", 8),), file.side))
    with pytest.raises(CorruptError, match="pictures"):
        raster.rebuild(ImageFile("bmp", (), file.side))
