"""Imports go downwards only, light commands load nothing heavy, and nothing in the package runs data as code."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "neuralzip"
LAYERS = (
    ("cli", "__main__"),
    ("__init__",),
    ("api",),
    ("fileobjects",),
    ("streams",),
    ("files", "codecs", "bench", "train", "sampling"),
    ("media", "nets", "experts", "zoo"),
    ("coding", "exact"),
    ("container", "errors"),
)
"""From the top down; a module imports its own layer and those below."""
HEAVY = ("torch", "numba", "constriction", "scipy")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_models" not in path.parts)


def layer(module: str) -> int:
    """Return the layer of a dotted name within neuralzip."""
    name = module.split(".")[1] if "." in module else "__init__"
    return next(i for i, names in enumerate(LAYERS) if name in names)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> list[str]:
    """Return the dotted names of neuralzip that a file imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "neuralzip"]


def resolved(name: str) -> str:
    """Reduce neuralzip.NAME, a name that __init__ exports, to neuralzip itself."""
    second = name.split(".")[1] if "." in name else ""
    known = {part for names in LAYERS for part in names}
    return name if second in known else "neuralzip"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_down(path: Path) -> None:
    module = module_of(path)
    own = layer(module) if path != PACKAGE / "__main__.py" else 0
    for name in imports(path):
        target = resolved(name)
        assert layer(target) >= own, f"{module} imports {name}, which lies above it"


def outside(path: Path) -> set[str]:
    """Return the top names of the packages that a file imports when it is loaded."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_light_layers_stay_light(path: Path) -> None:
    module = module_of(path)
    if module.split(".")[1:2] in (["container"], ["errors"], ["cli"], ["zoo"]) or module.count(".") < 2:
        assert not outside(path) & set(HEAVY)


def test_only_one_module_imports_constriction() -> None:
    users = {
        module_of(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(a.name.startswith("constriction") for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("constriction"))
    }
    assert users <= {"neuralzip.coding.rans"}


DANGEROUS = re.compile(
    r"(import|from) (pickle|marshal|shelve|yaml|urllib|requests|socket|http)\b"
    r"|torch\.load\b|allow_pickle=True|shell=True"
)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_nothing_runs_data_or_uses_the_network(path: Path) -> None:
    text = path.read_text()
    assert not DANGEROUS.search(text), DANGEROUS.search(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "__import__"), f"line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_there_is_no_module_of_leftovers() -> None:
    assert not {path.stem for path in FILES} & {"utils", "util", "helpers", "helper", "misc", "common"}


LIGHT = "import sys; {code}; print(*sorted(set(sys.modules) & {heavy}))"


def loaded(code: str) -> str:
    """Return which heavy modules a piece of code loads."""
    heavy = {*HEAVY, "tqdm", "PIL", "safetensors", "numpy"}
    command = [sys.executable, "-c", LIGHT.format(code=code, heavy=heavy)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, env=os.environ)
    return done.stdout.splitlines()[-1]


def test_light_commands_load_nothing_heavy(tmp_path: Path) -> None:
    packed = tmp_path / "x.nz"
    run = "from neuralzip.cli.main import run; run({})"
    assert loaded("import neuralzip") == ""
    assert loaded(run.format(["--help"])) == ""
    assert loaded(run.format(["compress", "--help"])) == ""
    assert loaded(run.format(["sample", "--help"])) == ""
    packed.write_bytes((ROOT / "tests" / "golden" / "good" / "text.nz").read_bytes())
    assert loaded(run.format(["info", str(packed)])) == ""
    assert loaded(run.format(["test", str(packed)])) == ""


@pytest.mark.parametrize("name", ["bytes-small", "audio-wavenet", "image-fast", "image-photo-joint"])
def test_compiled_nets_decode_without_torch(name: str) -> None:
    """Importing torch takes a second, more than many files do."""
    path = ROOT / "tests" / "golden" / "good" / f"{name}.nz"
    assert "torch" not in loaded(f"import neuralzip; neuralzip.verify({str(path)!r})").split()


def test_help_is_fast() -> None:
    """In processor time: the wall time of a busy machine says nothing."""

    def seconds() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "neuralzip", "--help"], capture_output=True, cwd=ROOT, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(5)) < 0.3  # measured: 0.1
