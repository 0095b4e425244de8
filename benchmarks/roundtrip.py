"""Send files through compress and decompress, compare every byte, and count which codec took them.

    python benchmarks/roundtrip.py FILE_OR_FOLDER... [--ending .png] [--limit 300] [--model fast]

A file that does not come back, or raises anything but a clear error, stops the run with exit code 1.
"""

import argparse
import io
import random
import time
from collections import Counter
from pathlib import Path

import neuralzip
from neuralzip import errors
from neuralzip.codecs.base import Options


def find(places: list[Path], ending: str, limit: int) -> list[Path]:
    """Return files below the places, a random but repeatable choice where there are more than the limit."""
    found = [place for place in places if place.is_file()]
    for folder in (place for place in places if place.is_dir()):
        found += [path for path in sorted(folder.rglob(f"*{ending}")) if path.is_file() and not path.is_symlink()]
    return found if len(found) <= limit else sorted(random.Random(1).sample(found, limit))


def check(path: Path, model: str | None) -> tuple[str, int, int]:
    """Return (codecs, bytes, packed bytes) of a file that came back."""
    data = path.read_bytes()
    packed = neuralzip.compress(data, options=Options(model=model))
    if neuralzip.decompress(packed) != data:
        raise SystemExit(f"{path}: came back changed")
    return "+".join(neuralzip.info(io.BytesIO(packed)).codecs), len(data), len(packed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="+", type=Path)
    parser.add_argument("--ending", default="")
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--model")
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    sizes = [0, 0]
    start = time.perf_counter()
    for path in find(chosen.places, chosen.ending, chosen.limit):
        try:
            codecs, size, packed = check(path, chosen.model)
        except errors.NeuralzipError as error:
            codecs, size, packed = f"refused ({type(error).__name__})", 0, 0
        counts[codecs] += 1
        sizes = [sizes[0] + size, sizes[1] + packed]
    print(f"{sum(counts.values())} files, {sizes[0]} -> {sizes[1]} bytes, {time.perf_counter() - start:.0f} s")
    for codecs, count in counts.most_common():
        print(f"  {codecs}: {count}")


if __name__ == "__main__":
    main()
