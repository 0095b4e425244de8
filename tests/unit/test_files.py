"""Outputs appear complete or not at all, with the right mode and time, and never over something else."""

import io
import os
import stat
import threading
from pathlib import Path

import pytest

from neuralzip import api, files
from neuralzip.errors import NeuralzipError, OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_mode_and_time_are_kept_and_special_bits_are_not(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    source.chmod(0o4751)
    os.utime(source, ns=(1_000_000_007, 1_234_567_891_123_456_789))
    with files.atomic_output(tmp_path / "target", source) as file:
        assert stat.S_IMODE(next(tmp_path.glob(".target*")).stat().st_mode) == 0o600
        file.write(b"y")
        assert names(tmp_path)[-1] == "source"  # nothing under the final name yet
    status = (tmp_path / "target").stat()
    assert stat.S_IMODE(status.st_mode) == 0o751
    assert status.st_mtime_ns == 1_234_567_891_123_456_789
    assert names(tmp_path) == ["source", "target"]


def test_without_a_source_the_umask_decides(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        with files.atomic_output(tmp_path / "target") as file:
            file.write(b"y")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640


@pytest.mark.parametrize("force", [False, True])
def test_an_exception_leaves_nothing(tmp_path: Path, force: bool) -> None:
    with pytest.raises(KeyboardInterrupt), files.atomic_output(tmp_path / "target", force=force) as file:
        file.write(b"partial")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_existing_files_are_kept_or_replaced_as_asked(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already; -f"), files.atomic_output(target):
        pass
    assert target.read_bytes() == b"old"
    with pytest.raises(ValueError), files.atomic_output(target, force=True) as file:
        file.write(b"new")
        raise ValueError
    assert target.read_bytes() == b"old"
    with files.atomic_output(target, force=True) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


def test_a_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with pytest.raises(OutputError, match="exists already"), files.atomic_output(target) as file:
        file.write(b"mine")
        target.write_bytes(b"theirs")
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["target"]


def test_of_two_writers_one_wins(tmp_path: Path) -> None:
    gate = threading.Barrier(2)
    results: list[str] = []

    def write(name: str) -> None:
        try:
            with files.atomic_output(tmp_path / "target") as file:
                file.write(name.encode())
                gate.wait()
            results.append(name)
        except OutputError:
            results.append("refused")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = (tmp_path / "target").read_text()
    assert sorted(results) == sorted([winner, "refused"])


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "fifo"])
@pytest.mark.parametrize("force", [False, True])
def test_special_targets_are_refused(tmp_path: Path, kind: str, force: bool) -> None:
    target = tmp_path / "target"
    victim = tmp_path / "victim"
    if kind == "folder":
        target.mkdir()
    elif kind == "fifo":
        os.mkfifo(target)
    else:
        if kind == "link":
            victim.write_bytes(b"keep")
        target.symlink_to(victim)
    with pytest.raises(OutputError, match="is a "), files.atomic_output(target, force=force):
        pass
    assert kind != "link" or victim.read_bytes() == b"keep"
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_devices_are_refused() -> None:
    with pytest.raises(OutputError, match="is a device"):
        files.check_target(Path("/dev/null"), None, force=True)


def test_the_input_is_no_target(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    os.link(source, tmp_path / "same")
    for target in (source, tmp_path / "same"):
        with pytest.raises(OutputError, match="is the input itself"):
            files.check_target(target, source, force=True)


def test_long_and_undecodable_names(tmp_path: Path) -> None:
    for name in (b"n" * 255, "ü".encode() * 127, b"\xff\xfe.nz", b"-", b"new\nline"):
        target = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))  # noqa: PTH118
        with files.atomic_output(target) as file:
            file.write(b"y")
        assert target.read_bytes() == b"y"


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(NeuralzipError, match="changed while"), files.open_input(source):
        source.write_bytes(b"longer")


def test_fifos_are_copied(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(b"through a pipe",))
    writer.start()
    with files.open_input(fifo) as file:
        assert files.size_of(file) == 14
        assert file.read() == b"through a pipe"
    writer.join()


def test_default_names(tmp_path: Path) -> None:
    assert files.compressed_name(Path("a/b.png")) == Path("a/b.png.nz")
    assert files.decompressed_name(Path("a/b.png.nz")) == Path("a/b.png")
    with pytest.raises(OutputError):
        files.compressed_name(Path("b.nz"))
    assert files.compressed_name(Path("b.nz"), force=True) == Path("b.nz.nz")
    for name in ("b.png", ".nz"):
        with pytest.raises(OutputError):
            files.decompressed_name(Path(name))


def test_only_regular_sources_are_removed(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(NeuralzipError, match="symbolic link, not removed"):
        files.remove_source(link)
    assert link.is_symlink()


class Faulty(io.BytesIO):
    """Fails at one write."""

    def __init__(self, fail_at: int) -> None:
        super().__init__()
        self.left = fail_at

    def write(self, data: object) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(5, "Input/output error")
        return super().write(data)  # type: ignore[arg-type]


def test_a_fault_at_every_write_comes_through() -> None:
    data = os.urandom((1 << 20) + 5)  # two stored blocks
    fail_at = 0
    while True:
        target = Faulty(fail_at)
        try:
            api.compress_stream(io.BytesIO(data), target)
            break
        except OSError as error:
            assert error.errno == 5
        fail_at += 1
    assert fail_at == 6  # header, two blocks of two writes, end
    assert api.decompress(target.getvalue()) == data


def test_order_of_the_system_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content, permissions, flush of the file, name, flush of the folder: in this order."""
    calls: list[str] = []

    def spy(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def wrapper(*args: object, **kwargs: object) -> object:
            calls.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapper)

    for owner, name in ((os, "fsync"), (os, "fchmod"), (os, "utime"), (Path, "hardlink_to"), (Path, "unlink")):
        spy(owner, name)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with files.atomic_output(tmp_path / "target", source) as file:
        file.write(b"y")
    files.remove_source(source)
    assert calls == ["fchmod", "utime", "fsync", "hardlink_to", "unlink", "fsync", "unlink"]
