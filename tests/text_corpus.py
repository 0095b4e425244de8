"""A corpus of two short texts, for tests of training."""

import lzma
from pathlib import Path


def write_corpus(folder: Path) -> Path:
    """Write training and development texts below a folder; return it."""
    prose = b"It was a bright cold day in April, and the clocks were striking. " * 60
    code = b"for (int i = 0; i < n; ++i) total += values[i];\n" * 80
    for kind, name, data in (("prose_en", "novel.txt", prose), ("code", "c.c.txt", code)):
        path = folder / "train" / kind / f"{name}.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress(data))
    (folder / "dev").mkdir()
    (folder / "dev" / "sample.txt").write_bytes(prose[:500])
    (folder / "dev" / "kennedy.xls").write_bytes(bytes(500))
    return folder
