"""Signals, pipes, full disks and limits, with the command as a process of its own."""

import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

import neuralzip
from tests.cli.conftest import command, environment, start

LARGE = random.Random(9).randbytes(24 << 20)  # stored, so that no model has to be loaded


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    path = tmp_path / "noise"
    path.write_bytes(LARGE)
    return path


def started(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until the temporary output exists."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None and not list(folder.glob(".noise*")):
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_signals_leave_nothing(noise: Path, number: int, code: int) -> None:
    for _ in range(3):
        process = start("compress", "--rm", "noise", cwd=noise.parent, stderr=subprocess.PIPE)
        started(process, noise.parent)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (code, b"")
        assert listing(noise.parent) == ["noise"]


def test_kill_at_random_moments(noise: Path) -> None:
    """Whatever is under a final name is complete, and the source is there until the output is."""
    source = random.Random(23)
    packed = noise.with_name("noise.nz")
    finished = 0
    for _ in range(12):
        process = start("compress", "--rm", "noise", cwd=noise.parent)
        started(process, noise.parent)
        time.sleep(0.25 * source.random() ** 2)
        process.kill()
        process.wait()
        if packed.exists():
            assert neuralzip.decompress(packed.read_bytes()) == LARGE
            packed.unlink()
            finished += 1
        else:
            assert noise.read_bytes() == LARGE
        noise.write_bytes(LARGE)
        for left in noise.parent.glob(".noise*"):
            left.unlink()
    assert finished < 12


def test_kill_while_decompressing(noise: Path) -> None:
    packed = noise.with_name("noise.nz")
    packed.write_bytes(neuralzip.compress(LARGE))
    noise.unlink()
    source = random.Random(29)
    for _ in range(6):
        process = start("decompress", "--rm", "noise.nz", cwd=noise.parent)
        started(process, noise.parent)
        time.sleep(0.1 * source.random() ** 2)
        process.kill()
        process.wait()
        assert packed.exists() or noise.read_bytes() == LARGE
        if noise.exists():
            assert noise.read_bytes() == LARGE
            packed.write_bytes(neuralzip.compress(LARGE))
            noise.unlink()


def test_a_closed_pipe_is_quiet(noise: Path) -> None:
    process = start("compress", "-c", "noise", cwd=noise.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(1000)
    process.stdout.close()
    with process:
        assert process.stderr.read() == b""
    assert process.returncode == 141


def limited(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("verb", ["compress", "decompress"])
def test_file_size_limit(noise: Path, verb: str) -> None:
    packed = noise.with_name("noise.nz")
    if verb == "decompress":
        packed.write_bytes(neuralzip.compress(LARGE))
        noise.unlink()
    before = listing(noise.parent)
    name = before[0]
    done = subprocess.run(
        command(verb, "--rm", name),
        cwd=noise.parent,
        env=environment(),
        capture_output=True,
        check=False,
        preexec_fn=lambda: limited(1 << 20),
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"neuralzip: {name}: File too large\n"
    assert listing(noise.parent) == before


def test_full_device(noise: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("wb") as full:
        for args in (["compress", "-c", "noise"], ["compress", "-c", "-q", "noise"]):
            process = start(*args, cwd=noise.parent, stdout=full, stderr=subprocess.PIPE)
            _, err = process.communicate()
            assert (process.returncode, err) == (1, b"neuralzip: noise: No space left on device\n")


def test_two_processes_race(noise: Path) -> None:
    processes = [start("compress", "noise", cwd=noise.parent, stderr=subprocess.PIPE) for _ in range(3)]
    errors = sorted(process.communicate()[1] for process in processes)
    assert sorted(process.returncode for process in processes) == [0, 1, 1]
    assert errors == [b""] + [b"neuralzip: noise.nz: exists already; -f overwrites it\n"] * 2
    assert neuralzip.decompress(noise.with_name("noise.nz").read_bytes()) == LARGE


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """192 MiB through a pipe, both ways."""
    script = (
        "import pathlib, sys\n"
        "from neuralzip.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        # not getrusage: its peak includes the process that this one was forked from
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(status.split('VmHWM:')[1].split()[0], code, file=sys.stderr)\n"
    )
    source, packed, back = tmp_path / "source", tmp_path / "packed", tmp_path / "back"
    with source.open("wb") as file:
        for i in range(64):
            file.write(random.Random(i).randbytes(3 << 20))
    for verb, this, that in (("compress", source, packed), ("decompress", packed, back)):
        python = [*command()[:1], "-c", script, verb]
        with this.open("rb") as stdin, that.open("wb") as stdout:
            done = subprocess.run(
                python, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=environment(), check=True
            )
        peak_kb, code = map(int, done.stderr.split())
        assert code == 0 and peak_kb < 180 << 10, peak_kb
    assert back.read_bytes() == source.read_bytes()
    assert packed.stat().st_size <= source.stat().st_size * (1 + 2**-14) + 64


def test_bomb_under_an_address_limit(tmp_path: Path) -> None:
    bombs = sorted((Path(__file__).parent.parent / "golden" / "bad").glob("*10-12.nz"))
    assert len(bombs) == 3
    for bomb in bombs:
        begun = time.perf_counter()
        done = subprocess.run(
            command("test", "--memory", "256M", str(bomb)), capture_output=True, env=environment(), check=False
        )
        assert done.returncode == 5 and time.perf_counter() - begun < 5
        assert done.stderr.count(b"\n") == 1 and os.fsencode(bomb) in done.stderr
