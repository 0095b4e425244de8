"""Time `neuralzip compress` and `decompress` of pictures as processes of their own: CPU seconds and peak memory.

    python benchmarks/image_speed.py PICTURE... [--models default,fast] [--best-of 2] [--scratch FOLDER]

Start-up is included, the first use, which compiles, is not. Seconds are those of all threads.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from large_image import run


def best(count: int, *command: str) -> tuple[float, float]:
    """Return CPU seconds, the least of some runs, and peak MB."""
    runs = [run(*command) for _ in range(count)]
    return min(used for _, used, _ in runs), max(peak for _, _, peak in runs)


def measure(picture: Path, model: str, count: int) -> str:
    """Return a line of the table for a picture that may be written beside."""
    chosen, packed = [] if model == "default" else ["--model", model], f"{picture}.nz"
    run("compress", "-qf", *chosen, str(picture))
    plain, _ = best(count, "compress", "-qf", "--no-verify", *chosen, str(picture))
    verified, peak = best(count, "compress", "-qf", *chosen, str(picture))
    unpacked, _ = best(count, "decompress", "-qf", packed)
    return f"| {picture.name}, {model} | {plain:.1f} | {verified:.1f} | {unpacked:.1f} | {peak:.0f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--models", default="default,fast")
    parser.add_argument("--best-of", type=int, default=2)
    parser.add_argument("--scratch", type=Path)
    options = parser.parse_args()
    print("| picture | compress, CPU s | with verification | decompress | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        for name in options.pictures:
            picture = Path(shutil.copy(name, folder))
            for model in options.models.split(","):
                print(measure(picture, model, options.best_of), flush=True)


if __name__ == "__main__":
    main()
