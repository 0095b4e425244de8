"""The README says what is true: its commands and its code run, its promises name what exists."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import neuralzip
from neuralzip import errors

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_first_lines_are_the_two_commands() -> None:
    lines = [line.strip() for line in README.splitlines() if line.strip()]
    assert lines[0] == "# neuralzip"
    for line, target in zip(lines[1:3], ("demo", "test"), strict=True):
        command, _, plain = line.partition("#")
        assert command.strip() == f"make {target}"
        assert ".venv/bin/pip install" in plain
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_shell_commands(tmp_path: Path, cheap_codecs: None) -> None:
    """Each line as it stands, on a piece of the shipped photo, with `neuralzip` on the path."""
    with Image.open(ROOT / "benchmarks" / "samples" / "scene.png") as scene:
        scene.crop((60, 80, 84, 100)).save(tmp_path / "photo.png")
    photo = (tmp_path / "photo.png").read_bytes()
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "neuralzip"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m neuralzip "$@"\n')
    script.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    (text,) = blocks("sh")
    for line in text.splitlines():
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
        assert (tmp_path / "photo.png").read_bytes() == photo


def test_python_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap_codecs: None) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt.nz"]


def test_docstring_examples(cheap_codecs: None) -> None:
    assert doctest.testmod(neuralzip).attempted >= 2
    assert doctest.testmod(neuralzip).failed == 0


def test_exit_codes() -> None:
    table = {int(code) for code in re.findall(r"^\| (\d)\b", README, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert table == {0, *(kind.exit_code for kind in kinds)}  # type: ignore[attr-defined]


def test_links_and_files_exist() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / name).exists(), name
    for name in ("LICENSE", "CHANGELOG.md", "SECURITY.md", "docs/format.md", ".ci/run"):
        assert (ROOT / name).exists(), name


def test_samples_are_small() -> None:
    samples = list((ROOT / "benchmarks" / "samples").iterdir())
    assert {path.suffix for path in samples} == {".png", ".txt", ".wav"}
    assert sum(path.stat().st_size for path in samples) < 1_200_000


def test_the_specification_names_every_codec() -> None:
    from neuralzip.codecs import registry

    specification = (ROOT / "docs" / "format.md").read_text()
    for row in registry.ROWS:
        assert row.name in specification
