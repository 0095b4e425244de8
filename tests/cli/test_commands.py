"""Commands: exact standard output, standard error and exit code."""

import io
import json
import os
import stat
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

import neuralzip
from neuralzip.cli.main import COMMANDS, EPILOG
from neuralzip.codecs.base import check_device
from tests.cli.conftest import Result, start

Cli = Callable[..., Result]
TEXT = b"".join(b"line %d of a text\n" % i for i in range(300))
DONE = Result(0, b"", "")
GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_bytes(TEXT)
    path.chmod(0o640)
    os.utime(path, ns=(1_600_000_000_000_000_001, 1_500_000_000_000_000_003))
    return path


def test_there_and_back(cli: Cli, text: Path) -> None:
    before = text.stat()
    assert cli("compress", "notes.txt") == DONE
    assert listing(text.parent) == ["notes.txt", "notes.txt.nz"]
    text.unlink()
    assert cli("decompress", "notes.txt.nz") == DONE
    assert text.read_bytes() == TEXT
    assert (text.stat().st_mtime_ns, text.stat().st_mode) == (before.st_mtime_ns, before.st_mode)


def test_dash_d(cli: Cli, text: Path) -> None:
    cli("compress", "--rm", "notes.txt")
    assert listing(text.parent) == ["notes.txt.nz"]
    assert cli("-d", "--rm", "notes.txt.nz") == DONE
    assert listing(text.parent) == ["notes.txt"]
    assert cli("compress", "-k", "notes.txt") == DONE
    assert cli("--decompress", "-f", "notes.txt.nz") == DONE
    assert listing(text.parent) == ["notes.txt", "notes.txt.nz"]


def test_verbose(cli: Cli, text: Path) -> None:
    done = cli("compress", "-v", "notes.txt")
    size = (text.parent / "notes.txt.nz").stat().st_size
    share = f"{100 * size / len(TEXT):.1f}"
    assert done.err.startswith(f"notes.txt: {len(TEXT)} -> {size} bytes, {share} %, 0.")
    done = cli("decompress", "-fv", "notes.txt.nz")
    assert done.err.startswith(f"notes.txt.nz: {len(TEXT)} bytes, 0.")
    done = cli("test", "-v", "notes.txt.nz")
    assert done == Result(0, b"", f"notes.txt.nz: intact, {len(TEXT)} bytes\n")


def test_existing_output(cli: Cli, text: Path) -> None:
    target = text.parent / "notes.txt.nz"
    target.write_bytes(b"precious")
    error = "neuralzip: notes.txt.nz: exists already; -f overwrites it\n"
    assert cli("compress", "notes.txt") == Result(1, b"", error)
    assert cli("compress", "-q", "notes.txt") == Result(1, b"", error)
    assert target.read_bytes() == b"precious"
    assert cli("compress", "-f", "notes.txt") == DONE
    assert neuralzip.decompress(target.read_bytes()) == TEXT


def test_output_option(cli: Cli, text: Path) -> None:
    assert cli("compress", "-o", "packed", "notes.txt") == DONE
    assert cli("decompress", "-o", "back", "packed") == DONE
    assert (text.parent / "back").read_bytes() == TEXT
    refused = cli("compress", "-o", "folder/", "notes.txt")
    assert refused == Result(2, b"", "neuralzip: Invalid value for '-o' / '--output': folder/: is no folder\n")
    assert "folder" not in listing(text.parent)
    (text.parent / "folder").mkdir()
    assert cli("compress", "-o", "folder/", "notes.txt", "back") == DONE
    assert listing(text.parent / "folder") == ["back.nz", "notes.txt.nz"]
    assert cli("compress", "-o", "missing/x", "notes.txt") == Result(
        1, b"", "neuralzip: missing/x: No such file or directory\n"
    )


def test_standard_streams(cli: Cli, text: Path) -> None:
    packed = neuralzip.compress(TEXT)
    assert cli("compress", stdin=TEXT) == Result(0, packed, "")
    assert cli("compress", "-", stdin=TEXT) == Result(0, packed, "")
    assert cli("compress", "-c", "notes.txt") == Result(0, packed, "")
    assert cli("compress", stdin=b"").out == neuralzip.compress(b"")
    assert cli("-d", stdin=packed) == Result(0, TEXT, "")
    assert cli("-d", "-c", stdin=packed) == Result(0, TEXT, "")
    assert cli("compress", "-o", "packed", stdin=TEXT) == DONE
    assert (text.parent / "packed").read_bytes() == packed
    assert cli("test", stdin=packed) == DONE
    assert cli("info", stdin=packed).out.startswith(b"-: .nz version 1\n")
    assert cli("-d", stdin=b"") == Result(3, b"", "neuralzip: standard input: not a .nz file: it is empty\n")


def test_terminals(cli: Cli, text: Path) -> None:
    refused = "compressed data is not written to a terminal; -f forces it, -o names a file"
    assert cli("compress", "-c", "notes.txt", terminal="stdout") == Result(1, b"", f"neuralzip: {refused}\n")
    assert cli("compress", "-cf", "notes.txt", terminal="stdout").out == neuralzip.compress(TEXT)
    nothing = "neuralzip: name a file, or - for standard input\n"
    assert cli("compress", terminal="stdin") == Result(2, b"", nothing)
    assert cli("decompress", "-c", stdin=neuralzip.compress(TEXT), terminal="stdout").out == TEXT


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["compress", "-c", "-o", "x", "notes.txt"], "-c and -o contradict each other"),
        (["compress", "--rm", "-c", "notes.txt"], "--rm needs an input file and an output file"),
        (["compress", "--rm", "-"], "--rm needs an input file and an output file"),
        (["compress", "-o", "x", "notes.txt", "notes.txt"], "x: is no folder; -o FILE takes one input"),
        (["compress", "--raw-pcm", "44100,2", "notes.txt"], "expected rate,channels,format as 44100,2,s16le"),
        (["compress", "--model", "huge", "notes.txt"], "there is no model 'huge' for this kind of file"),
        (
            ["compress", "--fit", "--model", "fast", "notes.txt"],
            "--fit makes a model of its own, so --model fast has no place beside it",
        ),
        (["compress", "--fit", "notes.txt"], "there is no model 'made' for this kind of file"),
        (["compress", "-o", "", "notes.txt"], "an empty name"),
        (["comprss"], "there is no command 'comprss'; did you mean 'compress'?"),
        (["zzz"], "there is no command 'zzz'; see 'neuralzip --help'"),
        (["compress", "--memory", "lots", "notes.txt"], "'lots' is not a size like 500000, 256M or 2G"),
        (["compress", "--memory", "0", "notes.txt"], "'0' is not a size like 500000, 256M or 2G"),
    ],
)
def test_usage(cli: Cli, text: Path, args: list[str], error: str) -> None:
    done = cli(*args)
    assert (done.exit_code, done.out) == (2, b"")
    assert done.err.startswith("neuralzip: ") and done.err.endswith(f"{error}\n") and done.err.count("\n") == 1
    assert listing(text.parent) == ["notes.txt"]


def test_wrong_inputs(cli: Cli, text: Path) -> None:
    folder = text.parent / "folder"
    folder.mkdir()
    assert cli("compress", "nope") == Result(1, b"", "neuralzip: nope: No such file or directory\n")
    assert cli("compress", "folder") == Result(1, b"", "neuralzip: folder: is a folder\n")
    assert cli("-d", "notes.txt").err == "neuralzip: notes.txt: does not end in .nz; name the output with -o\n"
    assert cli("-d", "-o", "x", "notes.txt") == Result(3, b"", "neuralzip: notes.txt: not a .nz file\n")
    cli("compress", "notes.txt")
    again = "neuralzip: notes.txt.nz: ends in .nz already; -f compresses it again\n"
    assert cli("compress", "notes.txt.nz") == Result(1, b"", again)
    assert cli("compress", "-f", "notes.txt.nz") == DONE
    assert listing(text.parent) == ["folder", "notes.txt", "notes.txt.nz", "notes.txt.nz.nz"]


def test_symbolic_links(cli: Cli, text: Path) -> None:
    link = text.parent / "link"
    link.symlink_to(text)
    assert cli("compress", "link") == DONE
    done = cli("compress", "--rm", "-f", "link")
    assert done == Result(1, b"", "neuralzip: link: link: is a symbolic link, not removed\n")
    assert link.is_symlink() and text.exists()
    (text.parent / "out").symlink_to(text)
    done = cli("compress", "-f", "-o", "out", "link")
    assert done.exit_code == 1 and text.read_bytes() == TEXT


def test_many_files(cli: Cli, text: Path) -> None:
    for name in ("a", "b"):
        (text.parent / name).write_bytes(name.encode() * 100)
    done = cli("compress", "a", "nope", "b")
    assert done == Result(1, b"", "neuralzip: nope: No such file or directory\n")
    assert listing(text.parent) == ["a", "a.nz", "b", "b.nz", "notes.txt"]
    (text.parent / "cut.nz").write_bytes((text.parent / "a.nz").read_bytes()[:-1])
    done = cli("test", "a.nz", "nope", "cut.nz", "b.nz")
    assert done.exit_code == 3
    assert done.err.splitlines() == [
        "neuralzip: nope: No such file or directory",
        "neuralzip: cut.nz: truncated: the file ends at byte 64 inside the index",
    ]


def test_damage_leaves_no_output(cli: Cli, text: Path) -> None:
    cli("compress", "--rm", "notes.txt")
    packed = text.parent / "notes.txt.nz"
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 4
    packed.write_bytes(data)
    done = cli("-d", "--rm", "notes.txt.nz")
    assert done.exit_code == 3
    assert done.err.startswith("neuralzip: notes.txt.nz: damaged: checksum of the payload before byte ")
    assert listing(text.parent) == ["notes.txt.nz"]
    assert cli("-d", "-vv", "notes.txt.nz").err.startswith("Traceback (most recent call last):\n")


@pytest.mark.parametrize("path", sorted((GOLDEN / "bad").glob("*.nz")), ids=lambda path: path.stem)
def test_every_bad_file(cli: Cli, tmp_path: Path, path: Path) -> None:
    code = 5 if path.stem.startswith("limit-") else 3
    done = cli("decompress", "-o", "out", str(path))
    assert (done.exit_code, done.out) == (code, b"")
    assert done.err.startswith(f"neuralzip: {path}: ") and done.err.count("\n") == 1
    assert listing(tmp_path) == []


def test_limits(cli: Cli, text: Path) -> None:
    cli("compress", "notes.txt")
    done = cli("-d", "-f", "--memory", "5k", "notes.txt.nz")
    assert done.exit_code == 5
    assert done.err.endswith("over the memory limit of 5120\n")
    assert cli("-d", "-f", "--memory", "1M", "notes.txt.nz") == DONE


def test_info(cli: Cli, text: Path) -> None:
    cli("compress", "notes.txt")
    size = (text.parent / "notes.txt.nz").stat().st_size
    done = cli("info", "-v", "notes.txt.nz")
    assert done.out.decode().splitlines() == [
        "notes.txt.nz: .nz version 1",
        f"  original {len(TEXT)} bytes",
        f"  packed   {size} bytes ({100 * size / len(TEXT):.2f} %, {8 * size / len(TEXT):.3f} bits a byte)",
        "  blocks   1 (stdlib)",
        f"  sha256   {neuralzip.info(text.parent / 'notes.txt.nz').sha256_16}...",
        "        offset        bytes     original  codec",
        f"            12 {size - 42:>12} {len(TEXT):>12}  stdlib",
    ]
    found = json.loads(cli("info", "--json", "notes.txt.nz").out)
    assert list(found) == ["schema", "name", "version", "size", "raw_size", "sha256_16", "blocks"]
    assert (found["schema"], found["size"], found["raw_size"]) == (1, size, len(TEXT))
    assert list(found["blocks"][0]) == ["codec", "offset", "size", "raw_size", "models"]
    tested = json.loads(cli("test", "--json", "notes.txt.nz").out)
    assert tested == {"schema": 1, "name": "notes.txt.nz", "ok": True, "raw_size": len(TEXT)}
    assert cli("info", "notes.txt").err == "neuralzip: notes.txt: not a .nz file\n"
    assert cli("-l", "notes.txt.nz").exit_code == 0


def test_strange_names(cli: Cli, tmp_path: Path) -> None:
    names = ["new\nline", "\x1b[31mred", "-dash", "ümlaut", os.fsdecode(b"\xff\xfe"), "n" * 252]
    for name in names:
        (tmp_path / name).write_bytes(TEXT)
        assert cli("compress", "--", name) == DONE
        assert cli("decompress", "-f", "--", f"{name}.nz") == DONE
    done = cli("test", *(f"{name}!" for name in names if not name.startswith("-")))
    assert "\x1b" not in done.err and done.err.count("\n") == len(names) - 1
    assert "neuralzip: \\x1b[31mred!: No such file or directory\n" in done.err
    assert "neuralzip: new\\nline!: No such file or directory\n" in done.err
    (tmp_path / ("n" * 255)).write_bytes(TEXT)
    assert cli("compress", "n" * 255).err == f"neuralzip: {'n' * 255}.nz: File name too long\n"


def test_set_user_id_is_not_kept(cli: Cli, text: Path) -> None:
    text.chmod(0o6755)
    cli("compress", "notes.txt")
    assert stat.S_IMODE((text.parent / "notes.txt.nz").stat().st_mode) == 0o755


def test_no_verify_and_options_that_change_nothing(cli: Cli, text: Path) -> None:
    expected = neuralzip.compress(TEXT)
    for options in (["--no-verify"], ["--device", "cpu"], ["--threads", "2"], ["--memory", "1G"]):
        assert cli("compress", "-c", *options, "notes.txt") == Result(0, expected, "")


def test_help_and_version(cli: Cli) -> None:
    for args in (["--help"], ["-h"]):
        done = cli(*args)
        assert (done.exit_code, done.err) == (0, "")
        assert len(done.out.splitlines()) < 40 and max(map(len, done.out.decode().splitlines())) <= 80
        assert all(f"\n  {name} " in done.out.decode() for name in COMMANDS)
        assert all(line.strip() in done.out.decode() for line in EPILOG.replace("\b", "").splitlines())
    assert cli("--version") == Result(0, f"neuralzip {neuralzip.__version__}\n".encode(), "")
    for name in COMMANDS:
        assert cli(name, "--help").out.startswith(f"Usage: neuralzip {name} ".encode())
    nothing = cli()
    assert (nothing.exit_code, nothing.out) == (2, b"") and nothing.err.startswith("Usage: neuralzip ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(cli: Cli, shell: str) -> None:
    done = cli("completion", shell)
    assert done.exit_code == 0 and b"_NEURALZIP_COMPLETE" in done.out


def test_completion_of_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_NEURALZIP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "neuralzip dec")
    monkeypatch.setenv("COMP_CWORD", "1")
    with start(cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.communicate()[0] == b"plain,decompress\n"


def test_models_and_train(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path))
    folder = tmp_path / "zz-test"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    done = cli("models")
    assert b"zz-test                         7 bytes  " in done.out
    rows = [json.loads(line) for line in cli("models", "--json").out.splitlines()]
    (row,) = (row for row in rows if row["id"] == "zz-test")
    assert row["size"] == 7 and len(row["identity"]) == 16
    assert b"Commands:" in cli("train", "--help").out
    assert cli("train", "nothing").exit_code == 2


def test_bench(cli: Cli, text: Path) -> None:
    done = cli("bench", "notes.txt")
    assert (done.exit_code, done.err) == (0, "")
    size = len(neuralzip.compress(TEXT))
    assert done.out.decode().splitlines()[1].split()[:3] == ["notes.txt", str(len(TEXT)), str(size)]
    assert json.loads(cli("bench", "--json", "notes.txt").out)["container_bytes"] == size
    assert cli("bench").exit_code == 2


def test_progress_bar(cli: Cli, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neuralzip.cli import progress

    assert "%" not in cli("compress", "-f", "notes.txt", terminal="stderr").err  # under a second: no bar
    monkeypatch.setattr(progress, "DELAY_S", 0.0)
    monkeypatch.setattr(progress, "INTERVAL_S", 0.0)
    for args in (["compress", "-f", "notes.txt"], ["-d", "-f", "notes.txt.nz"]):
        assert "100%" in cli(*args, terminal="stderr").err
        assert "%" not in cli(*args, "-q", terminal="stderr").err
        assert "%" not in cli(*args).err


def test_estimate(cli: Cli, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neuralzip.cli import compress

    monkeypatch.setattr(compress, "LONG_WORK_S", 0.0)
    assert cli("compress", "-v", "notes.txt").err.startswith("notes.txt: about 0 s\n")


def test_a_missing_gpu_is_one_line(cli: Cli, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("compress", "notes.txt")
    torch = types.SimpleNamespace(cuda=types.SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "torch", torch)
    check_device.cache_clear()
    problem = "there is no CUDA device that torch can use; --device cpu does the same, slower\n"
    for args in (["compress", "-f", "notes.txt"], ["-d", "-f", "notes.txt.nz"], ["test", "notes.txt.nz"]):
        assert cli(*args, "--device", "cuda") == Result(2, b"", f"neuralzip: {args[-1]}: {problem}")
    assert cli("bench", "--device", "cuda", "notes.txt") == Result(2, b"", f"neuralzip: {problem}")


def test_an_empty_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert cli("compress", "-v", "empty").err.startswith("empty: 0 -> 38 bytes, 0.")
    lines = cli("info", "empty.nz").out.decode().splitlines()
    assert lines[1].split() == ["original", "0", "bytes"] and lines[2].split() == ["packed", "38", "bytes"]
    assert cli("-d", "-f", "empty.nz") == DONE
    assert (tmp_path / "empty").read_bytes() == b""


def test_estimates_know_what_needs_no_model() -> None:
    for data in (bytes(1 << 20), os.urandom(1 << 20)):
        assert neuralzip.api.estimate_s(io.BytesIO(data * 30), neuralzip.Options()) < 60
    assert neuralzip.api.estimate_s(io.BytesIO(TEXT * 1000), neuralzip.Options()) > 60


def test_colour(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert cli("test", "nope", terminal="stderr").err.startswith("\x1b[31m\x1b[1mneuralzip:\x1b[0m nope: ")
    for variable, value in (("TERM", "dumb"), ("NO_COLOR", "1")):
        monkeypatch.setenv(variable, value)
        assert cli("test", "nope", terminal="stderr").err.startswith("neuralzip: nope: ")
        monkeypatch.setenv("TERM", "xterm")


def test_a_bug_is_one_line(cli: Cli, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> int:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("neuralzip.api.compress_stream", broken)
    assert cli("compress", "notes.txt") == Result(1, b"", "neuralzip: notes.txt: two\\nlines\n")
    assert listing(text.parent) == ["notes.txt"]
    monkeypatch.setattr("neuralzip.api.compress_stream", lambda *a, **k: (_ for _ in ()).throw(MemoryError))
    assert cli("compress", "notes.txt").err == "neuralzip: notes.txt: out of memory; --memory sets a limit\n"
