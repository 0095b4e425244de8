"""Compress, decompress and read a region of a large picture, and tell seconds and peak memory of each process.

    python benchmarks/large_image.py PICTURE... --megapixels 50 [--model fast] [--no-verify] [--scratch FOLDER]

A file of the size asked for is tiled from the pictures, with a little noise, so that there are no exact repeats.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import neuralzip


def tiled(names: list[Path], megapixels: float) -> np.ndarray:
    """Return pixels [H, W, 3], W : H about 3 : 2."""
    width = round((megapixels * 1.5e6) ** 0.5)
    height = round(megapixels * 1e6 / width)
    strips: list[np.ndarray] = []
    for turn, row in enumerate(range(0, height, 512)):
        tiles, done = [], 0
        while done < width:
            with Image.open(names[(turn + len(tiles)) % len(names)]) as image:
                tile = np.asarray(image.convert("RGB"))[:512]
            tile = tile[:, ::-1] if (turn + len(tiles)) & 1 else tile
            tiles.append(np.pad(tile, ((0, 512 - len(tile)), (0, 0), (0, 0)), "reflect"))
            done += tile.shape[1]
        strips.append(np.concatenate(tiles, axis=1)[: height - row, :width])
    pixels = np.concatenate(strips)
    noise = np.random.default_rng(1).integers(0, 2, pixels.shape, np.uint8)
    return np.minimum(pixels, 254) + noise


def run(*arguments: str) -> tuple[float, float, float]:
    """Return wall seconds, CPU seconds and peak MB of a command."""
    code = (
        "import sys, resource; from neuralzip.cli.main import run; status = run();"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(status)"
    )
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used, int(done.stdout.split()[-1]) / 1024


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--megapixels", type=float, default=50.0)
    parser.add_argument("--model")
    parser.add_argument("--no-verify", action="store_true")
    parser.add_argument("--form", default="ppm")
    parser.add_argument("--scratch", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        pixels = tiled(options.pictures, options.megapixels)
        source = Path(folder) / f"large.{options.form}"
        Image.fromarray(pixels).save(source)
        chosen = ["--model", options.model] if options.model else []
        chosen += ["--no-verify"] if options.no_verify else []
        print("| step | wall s | CPU s | peak MB |\n|---|---|---|---|")
        target = f"{source}.nz"
        for name, command in (
            ("compress", ["compress", "-q", *chosen, str(source)]),
            ("decompress", ["decompress", "-q", "-f", target]),
        ):
            print("| {} | {:.1f} | {:.1f} | {:.0f} |".format(name, *run(*command)), flush=True)
        start = time.perf_counter()
        with neuralzip.open(target) as file:
            file.seek(source.stat().st_size // 2)
            file.read(3 * pixels.shape[1])
        print(f"| one row in the middle | {time.perf_counter() - start:.1f} | | |")
        bits = 8 * Path(target).stat().st_size / pixels.size
        shape = f"{pixels.shape[1]} x {pixels.shape[0]}"
        print(f"\n{shape}, {len(neuralzip.info(target).blocks)} blocks, {bits:.4f} bits per sub-pixel")


if __name__ == "__main__":
    main()
