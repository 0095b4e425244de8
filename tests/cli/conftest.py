"""Run the command line in this process, or as a process of its own."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from neuralzip.cli.main import SIGNALS
from neuralzip.cli.main import run as run_in_process

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, standard output, standard error."""

    exit_code: int
    out: bytes
    err: str


class Stream(io.TextIOWrapper):
    """A standard stream that may pretend to be a terminal."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), "utf-8", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def content(self) -> bytes:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap_codecs: None) -> Iterator[Callable[..., Result]]:
    """Run a command in this process, in an empty folder, with the codecs that need no model."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}

    def run(*args: str, stdin: bytes = b"", terminal: str = "") -> Result:
        streams = {name: Stream(terminal=name in terminal) for name in ("stdout", "stderr")}
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Stream(stdin, terminal="stdin" in terminal))
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            code = run_in_process(list(args))
        return Result(code, streams["stdout"].content(), streams["stderr"].content().decode())

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def command(*args: str) -> list[str]:
    """Return the command line of a process of its own."""
    return [sys.executable, "-m", "neuralzip", *args]


def environment() -> dict[str, str]:
    """Return an environment in which such a process finds the package."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def start(*args: str, cwd: Path, **kwargs: object) -> "subprocess.Popen[bytes]":
    """Start a command as a process of its own, which heeds signals even if a parent of the tests ignores them."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    try:
        return subprocess.Popen(command(*args), cwd=cwd, env=environment(), **kwargs)  # type: ignore[call-overload,no-any-return]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
