"""Files that must decode for ever, and files that must be refused."""

import hashlib
import io
import json
import time
import tracemalloc
from pathlib import Path

import pytest

import neuralzip
from neuralzip.errors import CorruptError, FormatError, LimitError, NeuralzipError

HERE = Path(__file__).parent
MANIFEST = json.loads((HERE / "good" / "manifest.json").read_text())
BAD = sorted((HERE / "bad").glob("*.nz"))
UNSUPPORTED = sorted((HERE / "unsupported").glob("*.nz"))


def test_all_good_files_are_listed() -> None:
    assert sorted(MANIFEST) == sorted(path.stem for path in (HERE / "good").glob("*.nz"))


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_good(name: str) -> None:
    path = HERE / "good" / f"{name}.nz"
    original = neuralzip.decompress(path.read_bytes())
    assert {"size": len(original), "sha256": hashlib.sha256(original).hexdigest()} == MANIFEST[name]
    found = neuralzip.info(path)
    assert (found.raw_size, found.size) == (len(original), path.stat().st_size)
    assert MANIFEST[name]["sha256"].startswith(found.sha256_16)
    if {"raw", "stdlib"}.issuperset(found.codecs):  # the others take a while to decode again
        with neuralzip.open(path) as file:
            assert file.read() == original


def test_number_of_bad_files() -> None:
    assert len(BAD) >= 60 and len(UNSUPPORTED) >= 6


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad(path: Path) -> None:
    expected = LimitError if path.stem.startswith("limit-") else FormatError
    data = path.read_bytes()
    started = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(expected) as caught:
            neuralzip.decompress(data)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - started < 1
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == (5 if expected is LimitError else 3)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_through_the_index(path: Path) -> None:
    """Random access may not see what is wrong elsewhere, but only errors of our own may come out."""
    try:
        neuralzip.info(path)
        with neuralzip.open(path) as file:
            file.read()
    except NeuralzipError as error:
        assert isinstance(error, FormatError | LimitError)


@pytest.mark.parametrize("path", UNSUPPORTED, ids=lambda path: path.stem)
def test_unsupported(path: Path) -> None:
    with pytest.raises(FormatError, match="install a newer one") as caught:
        neuralzip.verify(io.BytesIO(path.read_bytes()))
    assert not isinstance(caught.value, CorruptError)
