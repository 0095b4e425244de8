"""How exactly PNG files of different encoders are predicted: the bytes that restoring their deflate streams takes.

    python benchmarks/pngs.py FOLDER... [--most N] [--seed S]

Prints a Markdown table, a row for each folder (with the folders in it): files, restored exactly through the image
path, share whose corrections (filter types and deflate decisions, without chunks and pixels) are under 1 % of the
file, their bytes, and CPU seconds for each MB of files.
"""

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

from neuralzip.container.fields import FieldReader
from neuralzip.errors import UnsupportedError
from neuralzip.media import png
from neuralzip.media.png import chunks
from neuralzip.media.types import ImageFile

SMALL_SHARE = 0.01


def corrections(file: ImageFile) -> int:
    """Return the bytes of side information that say what the pixels and chunks do not."""
    reader = FieldReader(file.side)
    reader.number()
    for _ in range(reader.number()):
        chunks.read_item(reader)
    for _ in range(1 + len(file.pictures)):
        reader.string()
    return len(reader.rest())


def measure(path: Path) -> tuple[int, int | None, float]:
    """Return bytes of a file, bytes of its corrections (None where it is not restored), and CPU seconds."""
    data = path.read_bytes()
    start = time.process_time()
    try:
        size = corrections(png.parse(data))
    except UnsupportedError as error:
        print(f"<!-- {path}: {error} -->")
        return len(data), None, time.process_time() - start
    return len(data), size, time.process_time() - start


def found(folder: Path, most: int, seed: int) -> list[Path]:
    """Return the PNG files of a folder, a random choice of them where there are too many."""
    named = [path for path in sorted(folder.rglob("*.png")) if path.is_file()]
    files = [path for path in named if png.is_png(path.read_bytes()[:8])]
    return random.Random(seed).sample(files, most) if len(files) > most else files


def rows(folders: list[Path], most: int, seed: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| files of | number | MB | restored | corrections < 1 % | corrections, bytes | of the files | s/MB |"
    yield "|---|---|---|---|---|---|---|---|"
    for folder in folders:
        measured = [measure(path) for path in found(folder, most, seed)]
        if not measured:
            continue
        total = sum(size for size, _, _ in measured)
        known = [(size, cost) for size, cost, _ in measured if cost is not None]
        small = sum(cost < SMALL_SHARE * size for size, cost in known)
        spent = sum(cost for _, cost in known)
        seconds = sum(time for _, _, time in measured)
        yield (
            f"| {folder.name} | {len(measured)} | {total / 1e6:.2f} | {len(known) / len(measured):.1%}"
            f" | {small / len(measured):.1%} | {spent} | {spent / total:.3%} | {seconds / total * 1e6:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for row in rows(arguments.folders, arguments.most, arguments.seed):
        print(row, flush=True)


if __name__ == "__main__":
    main()
