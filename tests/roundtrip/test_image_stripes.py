"""Large rasters in blocks of some rows: the same bytes, at any number of workers, and parts of them alone."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import neuralzip
from neuralzip.codecs import image_stacks
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import ImageCodec
from neuralzip.container import read_index
from neuralzip.media import raster
from tests.pixel_models import write_model
from tests.roundtrip.check import check_roundtrip

WIDTH, HEIGHT, ROWS = 19, 37, 8


@pytest.fixture(autouse=True)
def small_stripes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path)
    monkeypatch.setattr("neuralzip.zoo.search_path", lambda: [tmp_path])
    monkeypatch.setattr(image_stacks, "BAND_ROWS", ROWS)


def file_of(form: str, mode: str, tail: bytes = b"") -> bytes:
    smooth = np.random.default_rng(1).integers(-5, 6, (HEIGHT, WIDTH, len(mode))).cumsum(0).cumsum(1)
    pixels = np.squeeze(np.clip(smooth + 128, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue() + tail


@pytest.mark.parametrize(("form", "mode"), [("ppm", "RGB"), ("ppm", "L"), ("bmp", "RGB"), ("tiff", "L")])
@pytest.mark.parametrize("model", [None, "fast"])
def test_stripes_come_back(form: str, mode: str, model: str | None) -> None:
    blocks = check_roundtrip(ImageCodec(), file_of(form, mode, b"what follows"), Options(model=model))
    assert len(blocks) == -(-HEIGHT // ROWS)


def test_workers_do_not_change_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    data, options = file_of("ppm", "RGB"), Options(model="fast")
    monkeypatch.setattr(image_stacks, "cores", lambda threads: 1)
    alone = list(ImageCodec().encode(io.BytesIO(data), options))
    monkeypatch.setattr(image_stacks, "cores", lambda threads: 8)
    assert list(ImageCodec().encode(io.BytesIO(data), options)) == alone


def test_a_region_needs_its_own_blocks_only(tmp_path: Path) -> None:
    data, path = file_of("ppm", "RGB"), tmp_path / "picture.ppm.nz"
    compressed = bytearray(neuralzip.compress(data))
    entry = read_index(io.BytesIO(compressed)).entries[1]
    compressed[entry.offset + entry.size - 1] ^= 1
    path.write_bytes(compressed)
    first, third = len(data) - 3 * WIDTH * HEIGHT, 3 * WIDTH * (2 * ROWS + 3)
    with neuralzip.open(path) as file:
        file.seek(first + third)
        assert file.read(3 * WIDTH) == data[first + third : first + third + 3 * WIDTH]
        file.seek(first + 3 * WIDTH * ROWS)
        with pytest.raises(neuralzip.errors.CorruptError):
            file.read(3 * WIDTH)


def test_progress_counts_the_whole_file() -> None:
    told: list[tuple[int, int]] = []
    data = file_of("ppm", "RGB")
    list(ImageCodec().encode(io.BytesIO(data), Options(progress=lambda *each: told.append(each), threads=1)))
    assert told == sorted(told)
    assert told[-1][0] > len(data) / 2
    assert {total for _, total in told} == {len(data)}


def test_scattered_strips_stay_together() -> None:
    file = io.BytesIO(file_of("tiff", "L"))
    pages = [Image.open(file), Image.new("L", (30, 40), 7)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    assert [size for size, _ in raster.stripes(out.getvalue(), lambda *_: ROWS)] == [len(out.getvalue())]
