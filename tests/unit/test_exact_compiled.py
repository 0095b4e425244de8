"""Compiled code: once for each type, kept where it can be, announced when it is made."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from neuralzip.exact import cache
from neuralzip.exact.compiled import inner

ROOT = Path(__file__).resolve().parent.parent.parent


@inner
def scaled(x: int, factor: int) -> int:
    return x * factor


@numba.njit  # not an entry: what comes from the cache compiles nothing
def all_scaled(values: np.ndarray) -> None:
    for i in range(len(values)):
        values[i] = scaled(values[i], 2) + scaled(values[i], 3) + scaled(values[i], i)


def test_constants_are_no_types() -> None:
    values = np.arange(5)
    all_scaled(values)
    assert values.tolist() == [0, 6, 14, 24, 36]
    assert len(scaled.signatures) == 1
    assert gc.isenabled()


def test_the_collector_runs_again_after_an_error() -> None:
    @numba.njit
    def impossible(x: int) -> int:
        return x.nothing  # type: ignore[attr-defined]

    with pytest.raises(numba.TypingError):
        impossible(1)
    assert gc.isenabled()


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    cache.settle(tmp_path)
    assert cache.VARIABLE not in os.environ
    monkeypatch.setenv(cache.VARIABLE, "mine")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    cache.settle(tmp_path)
    assert os.environ[cache.VARIABLE] == "mine"


def test_a_package_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    (tmp_path / "file").touch()
    for home, kept in ((tmp_path / "home", True), (tmp_path / "file", False)):
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        monkeypatch.setenv(cache.VARIABLE, "")
        cache.settle(tmp_path)
        chosen = Path(os.environ[cache.VARIABLE])
        assert chosen.is_dir() and not list(chosen.iterdir())
        assert (home in chosen.parents) is kept
        chosen.rmdir()


SOFTMAX = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from neuralzip.exact import softmax
print(softmax.to_freqs([[0, 256, -300]], 8, 12).tolist())
"""


def test_processes_share_what_one_of_them_compiled(tmp_path: Path) -> None:
    environment = os.environ | {cache.VARIABLE: str(tmp_path), "PYTHONPATH": str(ROOT)}

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-c", SOFTMAX], env=environment, stdout=-1, stderr=-1, text=True)

    made = [process.communicate() for process in [start() for _ in range(3)]]
    kept = start().communicate()
    assert {err for _, err in [*made, kept]} == {""}
    lines = [out.splitlines() for out, _ in made]
    assert any(first.startswith("first use: ") for first, *_ in lines)  # a late one may find it made
    assert kept[0].splitlines() == [lines[0][-1]]
    assert all(line[-1] == lines[0][-1] for line in lines)
