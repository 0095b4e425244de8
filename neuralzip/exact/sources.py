"""What compiled code is made from: the file of its entry, and all that this one imports of this package.

numba itself takes compiled code on the disk for up to date if the file of the entry is. But functions and
constants of other files become part of it: after an upgrade, old code would go on and write streams that nobody
else can read.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from neuralzip.exact.cache import PACKAGE

_IMPORT = re.compile(rb"^from (neuralzip[\w.]*) import ([^(\n]+|\([^)]*\))", re.MULTILINE)


def _files(module: str, names: list[str]) -> list[Path]:
    """Return the files behind `from module import names`."""
    folder = PACKAGE.parent.joinpath(*module.split("."))
    return [folder.with_suffix(".py"), folder / "__init__.py", *(folder / f"{name}.py" for name in names)]


@cache
def _read(file: Path) -> tuple[bytes, list[Path]]:
    """Return a file's digest and the files that it imports when it is loaded itself, not later in a function."""
    data = file.read_bytes()
    found = [(module.decode(), re.findall(r"\w+", names.decode())) for module, names in _IMPORT.findall(data)]
    imported = [path for module, names in found for path in _files(module, names) if path.is_file()]
    return hashlib.sha256(data).digest(), imported


def stamp(file: Path) -> str:
    """Return what changes with a file or any file of this package that it imports, directly or not.

    Args:
        file: of Python source; "" is returned for what is none, such as a line typed in.
    """
    if not file.is_file():
        return ""
    known, new = {file: _read(file)}, [file]
    while new:
        for path in _read(new.pop())[1]:
            if path not in known:
                known[path] = _read(path)
                new.append(path)
    return hashlib.sha256(b"".join(sorted(digest for digest, _ in known.values()))).hexdigest()
