"""Pictures decoded from JPEG files: neuralzip beside the JPEG files, and JPEG XL, which codes their pixels.

    python benchmarks/jpeg_born.py FILE... [--crop 192] [--effort 10]

The middle of each pristine picture, or all of it, goes through libjpeg (Pillow) at several qualities, with and
without subsampled chroma. Prints a Markdown table of bytes, and of the seconds a megapixel that encoding took; the
column of JPEG XL only where imagecodecs is installed.
"""

import argparse
import importlib
import importlib.util
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from neuralzip.codecs.base import Options
from neuralzip.codecs.image_stacks import JPEG, Coder
from neuralzip.media.types import Picture

QUALITIES = (75, 85, 95)
SUBSAMPLINGS = {"4:4:4": 0, "4:2:0": 2}
HAS_PEER = importlib.util.find_spec("imagecodecs") is not None
_CODED_ORDER = (1, 0, 2)


def sizes(image: Image.Image, quality: int, subsampling: int, effort: int) -> tuple[int, int, int, int, float]:
    """Return the bytes of the JPEG file, of its pixels by JPEG XL and here, 1 if as coefficients, and seconds."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=subsampling)
    pixels = np.asarray(Image.open(stream).convert("RGB"))
    peer = 0
    if HAS_PEER:
        peer = len(importlib.import_module("imagecodecs").jpegxl_encode(pixels, lossless=True, effort=effort))
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)[list(_CODED_ORDER)]).astype(np.uint16)
    start = time.perf_counter()
    method, body = Coder(Options()).encode(planes, Picture(pixels, "rgb", 8), None)
    seconds = time.perf_counter() - start
    return len(stream.getvalue()), peer, len(body), int(method == JPEG), seconds


def middle(path: Path, crop: int) -> Image.Image:
    """Return the middle of a picture, at most crop x crop pixels; all of it for 0."""
    with Image.open(path) as whole:
        width, height = (min(side, crop or side) for side in whole.size)
        left, top = (whole.size[0] - width) // 2, (whole.size[1] - height) // 2
        return whole.convert("RGB").crop((left, top, left + width, top + height))


def rows(paths: list[Path], crop: int, effort: int) -> Iterator[str]:
    """Yield the lines of the table."""
    peer_names = f" JPEG XL -e {effort} |" if HAS_PEER else ""
    yield f"| quality | chroma | JPEG files |{peer_names} neuralzip | against JPEG files | found | s/MP |"
    yield "|---|---|---|" + "---|" * (4 + HAS_PEER)
    images = [middle(path, crop) for path in paths]
    megapixels = sum(image.size[0] * image.size[1] for image in images) / 1e6
    for name, subsampling in SUBSAMPLINGS.items():
        for quality in QUALITIES:
            total = np.zeros(5)
            for image in images:
                total += sizes(image, quality, subsampling, effort)
            jpeg, peer, ours, found = total[:4].astype(int).tolist()
            peers = f" {peer} |" if HAS_PEER else ""
            change, speed = ours / jpeg - 1, total[4] / megapixels
            yield (
                f"| {quality} | {name} | {jpeg} |{peers} {ours} | {change:+.1%}"
                f" | {found} of {len(paths)} | {speed:.1f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--crop", type=int, default=192, help="side of the middle; 0 for all")
    parser.add_argument("--effort", type=int, default=10)
    arguments = parser.parse_args()
    for row in rows(arguments.files, arguments.crop, arguments.effort):
        print(row, flush=True)


if __name__ == "__main__":
    main()
