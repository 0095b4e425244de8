"""Pictures decoded from JPEG files: the default image model beside JPEG XL, which codes their pixels too.

    python benchmarks/jpeg_born.py FILE... [--crop 192] [--effort 10]

The middle of each pristine picture goes through libjpeg (Pillow) at several qualities, with and without subsampled
chroma. Prints a Markdown table of bytes.
"""

import argparse
import importlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from neuralzip.codecs.image_mixing import encode_picture

QUALITIES = (75, 85, 95)
SUBSAMPLINGS = {"4:4:4": 0, "4:2:0": 2}
_CODED_ORDER = (1, 0, 2)


def sizes(image: Image.Image, quality: int, subsampling: int, effort: int) -> tuple[int, int, int]:
    """Return the bytes of the JPEG file, of its pixels by JPEG XL, and by the default image model."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=subsampling)
    pixels = np.asarray(Image.open(stream).convert("RGB"))
    peer = importlib.import_module("imagecodecs").jpegxl_encode(pixels, lossless=True, effort=effort)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)[list(_CODED_ORDER)]).astype(np.uint16)
    return len(stream.getvalue()), len(peer), len(encode_picture(planes))


def rows(paths: list[Path], crop: int, effort: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| quality | chroma | JPEG files | JPEG XL -e {effort} | neuralzip | against JPEG XL |"
    yield "|---|---|---|---|---|---|"
    for name, subsampling in SUBSAMPLINGS.items():
        for quality in QUALITIES:
            total = np.zeros(3, np.int64)
            for path in paths:
                with Image.open(path) as whole:
                    left, top = ((side - crop) // 2 for side in whole.size)
                    image = whole.convert("RGB").crop((left, top, left + crop, top + crop))
                total += sizes(image, quality, subsampling, effort)
            jpeg, peer, ours = total.tolist()
            yield f"| {quality} | {name} | {jpeg} | {peer} | {ours} | {ours / peer - 1:+.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--effort", type=int, default=10)
    arguments = parser.parse_args()
    for row in rows(arguments.files, arguments.crop, arguments.effort):
        print(row, flush=True)


if __name__ == "__main__":
    main()
