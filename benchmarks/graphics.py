"""Whole .nz files of pictures of any kind beside the pixels alone by WebP, JPEG XL and the byte codec.

    python benchmarks/graphics.py FILE... [--effort 10] [--no-bytes]

WebP is lossless at its highest setting (as cwebp -z 9) and left out where it has no such pixels or changes them;
the byte codec gets the samples of all pixels one after another. Prints a Markdown table of bytes.
"""

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from neuralzip import compress
from neuralzip.codecs import bytes as byte_codec
from neuralzip.codecs.base import Options

Pixels = npt.NDArray[np.uint8 | np.uint16]


def pixels_of(path: Path) -> Pixels:
    """Return the pixels [H, W, C] of a file."""
    with Image.open(path) as image:
        deep = image.mode.startswith("I")
        array = np.asarray(image)
    if deep:
        array = array.astype(np.uint16)
    if path.suffix == ".png" and array.dtype == np.uint8 and array.ndim == 3:
        array = importlib.import_module("imagecodecs").png_decode(path.read_bytes())
    return np.ascontiguousarray(np.atleast_3d(array))


def webp(pixels: Pixels) -> int | None:
    """Return the bytes of a lossless WebP file, None where there is none with these pixels."""
    codecs = importlib.import_module("imagecodecs")
    if pixels.dtype != np.uint8 or pixels.shape[2] not in (3, 4):
        return None
    body = codecs.webp_encode(pixels, lossless=True, level=100, method=6)
    return len(body) if np.array_equal(codecs.webp_decode(body, hasalpha=pixels.shape[2] == 4), pixels) else None


def jpeg_xl(pixels: Pixels, effort: int) -> int:
    """Return the bytes of a lossless JPEG XL file."""
    squeezed = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    return len(importlib.import_module("imagecodecs").jpegxl_encode(squeezed, lossless=True, effort=effort))


def by_bytes(pixels: Pixels) -> int:
    """Return the bytes of the samples by the byte codec's experts."""
    return len(byte_codec.encode(pixels.tobytes(), Options("fast")).payload)


def rows(paths: list[Path], effort: int, bytes_too: bool) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| file | neuralzip | WebP | JPEG XL -e {effort} | byte codec | against the best |"
    yield "|---|---|---|---|---|---|"
    ours = best = 0
    for path in paths:
        pixels = pixels_of(path)
        size = len(compress(path.read_bytes(), verify=False))
        peers = [webp(pixels), jpeg_xl(pixels, effort), by_bytes(pixels) if bytes_too else None]
        least = min(peer for peer in peers if peer is not None)
        ours, best = ours + size, best + least
        shown = " | ".join("-" if peer is None else str(peer) for peer in peers)
        yield f"| {path.name} | {size} | {shown} | {size / least - 1:+.1%} |"
    yield f"| total | {ours} | | | | {ours / best - 1:+.1%} of {best} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--effort", type=int, default=10)
    parser.add_argument("--no-bytes", action="store_true")
    arguments = parser.parse_args()
    for row in rows(arguments.files, arguments.effort, not arguments.no_bytes):
        print(row, flush=True)


if __name__ == "__main__":
    main()
