"""Trained weights by name or by hash: found on disk, hashed, cached in memory.

One folder per model holds `model.safetensors` (integers only, with a JSON description under the metadata key
"neuralzip"), `card.md` and `train.toml`. A .nz file names weights by the first eight bytes of the SHA-256 of
`model.safetensors`, so a file never depends on where the weights lie.
"""

import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import ModelError

WEIGHTS_FILE = "model.safetensors"
IDENTITY_BYTES = 8


@dataclass(frozen=True, slots=True)
class Model:
    """Weights as they lie on disk.

    Attributes:
        id: folder name, for example "image-fast".
        arrays: integer arrays by name; read-only.
        meta: the JSON description (architecture, sizes, formats).
        identity: first eight bytes of the SHA-256 of the weights file.
        size_bytes: size of the weights file.
    """

    id: str
    arrays: Mapping[str, npt.NDArray[Any]]
    meta: Mapping[str, Any]
    identity: bytes
    size_bytes: int


def search_path() -> list[Path]:
    """Return the folders that are searched for models, first match wins."""
    here = Path(__file__).resolve().parent
    chosen = os.environ.get("NEURALZIP_MODELS")
    folders = [Path(chosen)] if chosen else []
    return [*folders, here / "_models", here.parent / "models"]


def _weights_files() -> Iterator[Path]:
    for folder in search_path():
        yield from sorted(folder.glob(f"*/{WEIGHTS_FILE}"))


def model_files() -> Iterator[tuple[str, Path]]:
    """Yield (model id, weights file) of every model on the search path; of several with one id the first."""
    seen: set[str] = set()
    for path in _weights_files():
        if path.parent.name not in seen:
            seen.add(path.parent.name)
            yield path.parent.name, path


@functools.lru_cache(maxsize=64)
def _digest(path: Path, _mtime_ns: int) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def identity_of(path: Path) -> bytes:
    """Return the identity of a weights file: the first eight bytes of its SHA-256."""
    return _digest(path, path.stat().st_mtime_ns)[:IDENTITY_BYTES]


def load(model_id: str) -> Model:
    """Return a model by name.

    Raises:
        ModelError: there is no such model, or its file is not a neuralzip model.
    """
    for name, path in model_files():
        if name == model_id:
            return _read(name, path, path.stat().st_mtime_ns)
    known = ", ".join(name for name, _ in model_files()) or "none"
    raise ModelError(f"model '{model_id}' is not installed; installed are: {known}")


def load_identity(identity: bytes) -> Model:
    """Return the model whose weights have this identity, whatever its id.

    Raises:
        ModelError: no installed model has it.
    """
    for path in _weights_files():
        if identity_of(path) == identity:
            return _read(path.parent.name, path, path.stat().st_mtime_ns)
    raise ModelError(
        f"weights {identity.hex()} are not installed; install the release that wrote the file, "
        "or name the folder of the models it was made with in NEURALZIP_MODELS"
    )


@functools.lru_cache(maxsize=16)
def _read(name: str, path: Path, _mtime_ns: int) -> Model:
    from safetensors import SafetensorError, safe_open  # 20 ms: only when weights are needed

    try:
        with safe_open(path, framework="numpy") as file:
            meta = json.loads((file.metadata() or {}).get("neuralzip", "null"))
            arrays = {key: file.get_tensor(key) for key in sorted(file.keys())}
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as weights: {error}") from error
    if not isinstance(meta, dict):
        raise ModelError(f"{path}: has no neuralzip description")
    for key, array in arrays.items():
        if not np.issubdtype(array.dtype, np.integer):
            raise ModelError(f"{path}: array '{key}' has type {array.dtype}, expected integers")
        array.setflags(write=False)
    return Model(name, arrays, meta, identity_of(path), path.stat().st_size)


def save(folder: Path, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Any]) -> Path:
    """Write the weights file of a model and return its path; equal input gives equal bytes."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_FILE
    ordered = {key: np.ascontiguousarray(arrays[key]) for key in sorted(arrays)}
    save_file(ordered, path, metadata={"neuralzip": json.dumps(meta, sort_keys=True)})
    path.chmod(0o644)
    return path
