"""Measure the image models beside other codecs: bits per sub-pixel and seconds of each file.

    python benchmarks/images.py FOLDER_OR_FILE... [--crop 256] [--models mixing,graphics] [--peers jxl9,jxl10,webp]

Models are `mixing`, the default for photos without weights, `joint`, the same with all weights that are installed,
`fast`, the net alone, and `graphics`. Our results are decoded and compared. Peers come from imagecodecs, where it
is installed. Seconds are CPU time.
"""

import argparse
import functools
import importlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import image_fast
from neuralzip.codecs.base import Options
from neuralzip.codecs.image_graphics import decode_graphics, encode_graphics
from neuralzip.codecs.image_mixing import decode_picture, encode_picture
from neuralzip.codecs.image_stacks import FAST_NET_ID, Coder
from neuralzip.nets.pixelcnn_exact import IntPixelCNN

Pixels = np.ndarray


@functools.cache
def net() -> IntPixelCNN:
    """Return the fast model's net."""
    return IntPixelCNN(zoo.load(FAST_NET_ID))


def encode_fast(planes: np.ndarray) -> bytes:
    """Return the payload of planes of eight bits under the fast model's net alone."""
    return image_fast.encode(net(), planes, 0)[0]


def decode_fast(payload: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the planes of a payload."""
    return image_fast.decode(net(), payload, image_fast.Geometry(*shape, 0))


INSTALLED = Coder(Options()).mixing_weights
MODELS: dict[str, tuple[Callable[..., bytes], Callable[..., np.ndarray]]] = {
    "mixing": (encode_picture, decode_picture),
    "joint": (
        functools.partial(encode_picture, weights=INSTALLED),
        functools.partial(decode_picture, weights=INSTALLED),
    ),
    "fast": (encode_fast, decode_fast),
    "graphics": (encode_graphics, decode_graphics),
}


def read(path: Path, crop: int) -> Pixels:
    """Return the pixels [H, W, C] of a file, its middle crop x crop where asked for."""
    with Image.open(path) as image:
        pixels = np.atleast_3d(np.asarray(image))
    if crop:
        top, left = ((max(0, n - crop)) // 2 for n in pixels.shape[:2])
        pixels = pixels[top : top + crop, left : left + crop]
    return np.ascontiguousarray(pixels)


def run_model(name: str, pixels: Pixels) -> tuple[int, float, float]:
    """Return bytes, seconds to encode and seconds to decode."""
    encode, decode = MODELS[name]
    order = [1, 0, 2, 3][: pixels.shape[2]] if pixels.shape[2] >= 3 else list(range(pixels.shape[2]))
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)[order]).astype(np.uint16)
    start = time.process_time()
    body = encode(planes)
    middle = time.process_time()
    decoded = decode(body, planes.shape)
    end = time.process_time()
    if not (decoded == planes).all():
        raise SystemExit(f"{name}: decoded pixels differ")
    return len(body), middle - start, end - middle


def run_peer(name: str, pixels: Pixels) -> tuple[int, float, float]:
    """Return bytes, seconds to encode and seconds to decode."""
    codecs = importlib.import_module("imagecodecs")
    start = time.process_time()
    if name == "webp":
        body = codecs.webp_encode(pixels, lossless=True, level=9, method=6)
        middle, decoded = time.process_time(), codecs.webp_decode(body)
    else:
        body = codecs.jpegxl_encode(pixels, lossless=True, effort=int(name.removeprefix("jxl")))
        middle, decoded = time.process_time(), codecs.jpegxl_decode(body)
    end = time.process_time()
    if np.atleast_3d(decoded).shape != pixels.shape:
        raise SystemExit(f"{name}: decoded shape differs")
    return len(body), middle - start, end - middle


def files_of(names: list[str]) -> Iterator[Path]:
    """Yield the pictures named, or in the folders named."""
    for name in names:
        path = Path(name)
        yield from sorted(path.glob("*.png")) if path.is_dir() else [path]


def main() -> None:
    """Print a table, one line a file, and the mean of each column."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--crop", type=int, default=0)
    parser.add_argument("--models", default="mixing")
    parser.add_argument("--peers", default="")
    options = parser.parse_args()
    columns = [(run_model, name) for name in options.models.split(",") if name]
    columns += [(run_peer, name) for name in options.peers.split(",") if name]
    for run, name in columns[: len(options.models.split(","))]:
        run(name, np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8))
    rates: list[list[float]] = []
    for path in files_of(options.names):
        pixels = read(path, options.crop)
        results = [run(name, pixels) for run, name in columns]
        rates.append([8 * size / pixels.size for size, _, _ in results])
        cells = (
            f"{name} {rate:.4f} ({encode:.1f}/{decode:.1f} s)"
            for (_, name), rate, (_, encode, decode) in zip(columns, rates[-1], results, strict=True)
        )
        print(path.name, " | ".join(cells), flush=True)
    means = np.mean(rates, axis=0)
    print("mean", " | ".join(f"{name} {mean:.4f}" for (_, name), mean in zip(columns, means, strict=True)))


if __name__ == "__main__":
    main()
