"""Accounting: the figures are those of the files, losses in the right order, a table and JSON."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuralzip import api
from neuralzip.bench import accounting
from neuralzip.codecs.base import Options
from tests.golden import samples

TEXT = b"the quick brown fox jumps over the lazy dog; " * 40


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_bytes(TEXT)
    return path


def test_the_figures_are_those_of_the_file(text: Path) -> None:
    report = accounting.measure(text, Options())
    assert report.name == "fox.txt" and (report.raw_bytes, report.units) == (len(TEXT), len(TEXT))
    assert report.container_bytes == len(api.compress(TEXT))
    assert 0 < report.payload_bytes < report.container_bytes
    assert report.bits_per_unit == report.container_bytes * 8 / len(TEXT)
    assert report.compress_s > 0 and report.decompress_s > 0
    assert 10 << 20 < report.peak_bytes < 4 << 30
    if report.coded_nll_bits is not None:
        assert report.coded_nll_bits <= report.payload_bytes * 8


def test_float_and_integer_nets_agree_on_a_picture(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.png", np.random.default_rng(3)
    hills = np.add.outer(np.sin(np.arange(80) / 9), np.cos(np.arange(96) / 7))[..., None] * [40, 50, 30] + 128
    Image.fromarray((hills + rng.normal(0, 4, hills.shape)).clip(0, 255).astype(np.uint8)).save(path)
    report = accounting.measure(path, Options(model="fast"))
    assert report.float_nll_bits is not None and report.integer_nll_bits is not None
    assert abs(report.integer_nll_bits / report.float_nll_bits - 1) < 0.02
    assert report.coded_nll_bits is not None
    assert report.side_bytes > 0 and report.overhead_bits is not None
    assert 0 < report.overhead_bits < 0.001 * report.coded_nll_bits + 64 * 8
    assert accounting.measure(path, Options()).float_nll_bits is None


@pytest.mark.parametrize("preset", ["idf", "parallel", "flow"])
def test_float_and_integer_flows_agree_on_a_picture(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(samples.ppm(40, 48))
    report = accounting.measure(path, Options(model=preset))
    assert report.float_nll_bits is not None and report.integer_nll_bits is not None
    assert abs(report.integer_nll_bits / report.float_nll_bits - 1) < 0.03


def test_float_and_integer_nets_agree_on_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(samples.prose(1200))
    report = accounting.measure(path, Options(model="small"))
    assert report.float_nll_bits is not None and report.integer_nll_bits is not None
    assert abs(report.integer_nll_bits / report.float_nll_bits - 1) < 0.02
    assert report.coded_nll_bits is not None and report.coded_nll_bits < report.integer_nll_bits


@pytest.mark.parametrize("channels", [1, 2])
def test_float_and_integer_nets_agree_on_a_recording(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(samples.wav(9000, channels, 2))
    report = accounting.measure(path, Options())
    assert report.float_nll_bits is not None and report.integer_nll_bits is not None
    assert report.float_nll_bits > 0 and abs(report.integer_nll_bits / report.float_nll_bits - 1) < 0.005
    # mixing learns what the net does not know, but from little
    assert report.coded_nll_bits is not None
    assert abs(report.coded_nll_bits / report.integer_nll_bits - 1) < 0.05
    assert accounting.measure(path, Options(model="fast")).float_nll_bits is None


def test_pictures_are_counted_in_sub_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(path)
    report = accounting.measure(path, Options())
    assert (report.unit, report.units) == ("sub-pixel", 60)


def test_recordings_are_counted_in_samples(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "a.wav"
    out = io.BytesIO()
    soundfile.write(out, np.zeros((100, 2), np.int16), 8000, format="WAV")
    path.write_bytes(out.getvalue())
    report = accounting.measure(path, Options())
    assert (report.unit, report.units) == ("sample", 200)


def test_a_file_that_does_not_come_back_is_an_error(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "_decompress", lambda packed, options: b"other")
    with pytest.raises(accounting.NeuralzipError, match="differ"):
        accounting.measure(text, Options())


def test_tables_and_json(text: Path) -> None:
    report = accounting.measure(text, Options(), repeat=2)
    lines = accounting.render([report, report]).splitlines()
    assert lines[0].split()[:2] == ["file", "bytes"] and len(lines) == 4
    assert lines[1].split()[0] == "fox.txt" and lines[3].split()[:2] == ["total", str(2 * len(TEXT))]
    assert accounting.render([report]).count("\n") == 2
    fields = json.loads(accounting.to_json(report))
    assert fields["raw_bytes"] == len(TEXT) and fields["bits_per_unit"] == report.bits_per_unit
    lines = accounting.to_csv(report, head=True) + accounting.to_csv(report, head=False)
    rows = list(csv.DictReader(io.StringIO(lines)))
    assert len(rows) == 2 and rows[0] == rows[1] and float(rows[0]["bits_per_unit"]) == report.bits_per_unit
    assert set(rows[0]) == set(fields) - {"schema"} and int(rows[0]["achieved_bits"]) == report.payload_bytes * 8
