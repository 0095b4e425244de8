"""Measure what it costs to code a picture in stripes, each of which starts afresh: bytes in 1, 2, 4, 8 stripes.

python benchmarks/image_stripes.py FILE... [--stripes 1,2,4,8]
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from neuralzip.codecs.base import Options
from neuralzip.codecs.image import plane_order
from neuralzip.codecs.image_mixing import encode_picture
from neuralzip.codecs.image_stacks import Coder


def planes_of(path: Path) -> np.ndarray:
    """Return the planes [C, H, W] of a file in coding order."""
    with Image.open(path) as image:
        pixels = np.atleast_3d(np.asarray(image))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[plane_order(pixels.shape[2])]).astype(np.uint16)


def main() -> None:
    """Print a table, one line a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--stripes", default="1,2,4,8")
    options = parser.parse_args()
    counts = [int(count) for count in options.stripes.split(",")]
    weights = Coder(Options()).mixing_weights
    print("| file | pixels |", " | ".join(f"{count} stripes" for count in counts), "|")
    for path in options.files:
        planes = planes_of(path)
        sizes = []
        for count in counts:
            stripes = [np.ascontiguousarray(part) for part in np.array_split(planes, count, 1)]
            sizes.append(sum(len(encode_picture(stripe, weights=weights)) for stripe in stripes))
        cells = (f"{size} ({100 * size / sizes[0] - 100:+.2f} %)" for size in sizes)
        print(f"| {path.name} | {planes[0].size} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
