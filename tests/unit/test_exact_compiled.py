"""Compiled code: once for each type, kept where it can be, announced when it is made."""

import gc
import os
import shutil
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


def test_compiled_code_is_made_anew_after_a_change_in_any_file_of_it(tmp_path: Path) -> None:
    package = tmp_path / "neuralzip"
    shutil.copytree(ROOT / "neuralzip", package, ignore=shutil.ignore_patterns("__pycache__"))
    start = "from neuralzip.exact.compiled import allocating, entry, inner\n"
    files = {
        "far": "PLUS = 1\n",
        "near": f"{start}from neuralzip.far import PLUS\n@inner\ndef f(x):\n    return 10 * x + PLUS\n",
        "top": f"{start}from neuralzip import near\nf = near.f\n@entry\ndef g(x):\n    return f(x)\n"
        "@allocating\ndef h(x):\n    return f(x)\n",
        "other": "",
    }

    def change(name: str, old: str, new: str) -> None:
        files[name] = files[name].replace(old, new)
        (package / f"{name}.py").write_text(files[name])

    code = "from neuralzip.top import g, h; print(g(2), h(3), *(sum(f.stats.cache_hits.values()) for f in (g, h)))"
    environment = os.environ | {cache.VARIABLE: "", "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout.strip()

    for name in files:
        change(name, "", "")
    assert run() == "21 31 0 0"
    change("other", "", "SOMETHING = 1")
    assert run() == "21 31 1 1"
    change("far", "1", "2")
    assert run() == "22 32 0 0"
    change("near", "10", "20")
    assert run() == "42 62 0 0"
    change("top", "(x):\n    return", "(x):\n    return -")
    assert run() == "-42 -62 0 0"
    assert run() == "-42 -62 1 1"
