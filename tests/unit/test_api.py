"""The library's face: bytes, file objects, information, verification."""

import array
import io
import mmap
import pickle
import threading
from pathlib import Path

import pytest

import neuralzip
from neuralzip import Options, api

DATA = b"".join(b"line %d of a text\n" % i for i in range(300))


@pytest.fixture(autouse=True)
def _cheap(cheap_codecs: None) -> None:
    """These tests are about what surrounds the codecs."""


def test_exports() -> None:
    assert neuralzip.__all__ == sorted(neuralzip.__all__)
    public = {name for name in vars(neuralzip) if not name.startswith("_")}
    modules = {name for name in public if type(getattr(neuralzip, name)).__name__ == "module"}
    assert public - modules == set(neuralzip.__all__)
    assert all(getattr(neuralzip, name).__doc__ for name in neuralzip.__all__)


def test_anything_with_a_buffer(tmp_path: Path) -> None:
    packed = neuralzip.compress(DATA)
    for data in (bytearray(DATA), memoryview(DATA), array.array("B", DATA)):
        assert neuralzip.compress(data) == packed  # type: ignore[arg-type]
    (tmp_path / "data").write_bytes(DATA)
    with (tmp_path / "data").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        assert neuralzip.compress(view) == packed  # type: ignore[arg-type]
    assert neuralzip.decompress(memoryview(packed)) == DATA
    assert neuralzip.compress(memoryview(array.array("H", [1, 2, 3]))) == neuralzip.compress(b"\1\0\2\0\3\0")


def test_empty() -> None:
    packed = neuralzip.compress(b"")
    assert len(packed) <= 64
    assert neuralzip.decompress(packed) == b""
    assert neuralzip.info(io.BytesIO(packed)).raw_size == 0


def test_max_size() -> None:
    packed = neuralzip.compress(DATA)
    assert neuralzip.decompress(packed, max_size=len(DATA)) == DATA
    for most in (len(DATA) - 1, 0):
        with pytest.raises(neuralzip.LimitError):
            neuralzip.decompress(packed, max_size=most)


def test_memory_limit() -> None:
    packed = neuralzip.compress(DATA)
    with pytest.raises(neuralzip.LimitError, match="over the memory limit of 1000"):
        neuralzip.decompress(packed, options=Options(memory_bytes=1000))


def test_info_and_verify(tmp_path: Path) -> None:
    path = tmp_path / "data.nz"
    path.write_bytes(neuralzip.compress(DATA))
    found = neuralzip.info(path)
    assert (found.version, found.raw_size, found.size) == (1, len(DATA), path.stat().st_size)
    assert found.codecs == ("stdlib",) and found.models == ()
    assert neuralzip.info(str(path)) == found
    assert neuralzip.verify(path) == len(DATA)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(neuralzip.CorruptError):
        neuralzip.verify(path)
    with pytest.raises(neuralzip.FormatError, match=r"not a \.nz file"):
        neuralzip.info(io.BytesIO(b"something else"))


def test_open_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "data.nz"
    data = bytes(range(256)) * 20_000  # five stored blocks when it is not compressed
    with path.open("wb") as file:
        writer = neuralzip.api.container.Writer(file)
        for start in range(0, len(data), 1 << 20):
            writer.add(0, b"", data[start : start + (1 << 20)], data[start : start + (1 << 20)])
        writer.close()
    with neuralzip.open(path) as file:
        assert file.readable() and file.seekable() and not file.writable()
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        for position in ((1 << 20) - 3, 0, 1 << 20, 3_000_000):
            file.seek(position)
            assert file.read(100) == data[position : position + 100]
        file.seek(len(data) + 10)
        assert file.read() == b""
        with pytest.raises(ValueError):
            file.seek(-1)
    assert file.closed


def test_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "data.nz"
    with neuralzip.open(path, "wb") as file:
        file.write(DATA[:100])
        file.write(DATA[100:])
        assert file.tell() == len(DATA)
        assert not path.exists()
    assert path.read_bytes() == neuralzip.compress(DATA)
    with pytest.raises(neuralzip.OutputError):
        neuralzip.open(path, "xb")
    with neuralzip.open(path, "wt", newline="") as text:
        text.write("größer\r\n")
    with neuralzip.open(path, "rt", newline="") as text:
        assert text.read() == "größer\r\n"
    with pytest.raises(ValueError, match="expected rb"):
        neuralzip.open(path, "ab")


@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_nothing_is_written_after_an_exception(tmp_path: Path, mode: str) -> None:
    with pytest.raises(KeyError), neuralzip.open(tmp_path / "data.nz", mode) as file:
        file.write(DATA if mode == "wb" else DATA.decode())  # type: ignore[arg-type]
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_opening_something_else_closes_it(tmp_path: Path) -> None:
    (tmp_path / "data.nz").write_bytes(DATA)
    with pytest.raises(neuralzip.FormatError):
        neuralzip.open(tmp_path / "data.nz")


def test_random_access_sees_damage(tmp_path: Path) -> None:
    path = tmp_path / "data.nz"
    packed = bytearray(neuralzip.compress(DATA))
    packed[len(packed) // 2] ^= 1
    path.write_bytes(packed)
    with neuralzip.open(path) as file, pytest.raises(neuralzip.CorruptError):
        file.read()


def test_errors_carry_their_exit_codes() -> None:
    codes = {"NeuralzipError": 1, "OutputError": 1, "UnsupportedError": 1, "UsageError": 2}
    codes |= {"FormatError": 3, "CorruptError": 3, "ModelError": 4, "LimitError": 5}
    for name in neuralzip.__all__:
        if name.endswith("Error"):
            kind = getattr(neuralzip, name)
            assert kind.exit_code == codes[name]
            assert issubclass(kind, neuralzip.NeuralzipError)
            assert str(pickle.loads(pickle.dumps(kind("text")))) == "text"


def test_threads_give_the_same_bytes() -> None:
    expected = neuralzip.compress(DATA)
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(neuralzip.compress(DATA))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


def test_many_calls_leave_no_files_open() -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("no /proc")
    before = len(list(folder.iterdir()))
    for _ in range(300):
        neuralzip.decompress(neuralzip.compress(DATA[:100]))
    assert len(list(folder.iterdir())) == before


def test_estimate() -> None:
    source = io.BytesIO(bytes(30_000_000))
    seconds = api.estimate_s(source, Options())
    assert seconds == 2 * api.estimate_s(source, Options(), verify=False)
    assert 1 < seconds < 100 and source.tell() == 0
