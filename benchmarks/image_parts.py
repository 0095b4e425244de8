"""Measure what parts of the default image model are worth: bits per sub-pixel and CPU seconds without them.

    python benchmarks/image_parts.py FILE... [--crop 256]

The middle of each file is encoded; seconds are those of encoding, one thread's worth.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from images import read

from neuralzip.codecs import image_mixing, image_planes
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import plane_order
from neuralzip.codecs.image_stacks import Coder
from neuralzip.experts import image_lattice, image_state

_KEPT = {"one learner a plane": [0], "two learners a plane": [0, 2]}


@contextmanager
def learners(kept: list[int]) -> Iterator[None]:
    """Let planes have some of their learners only."""
    sizes = tuple(image_planes._SIZES[k] for k in kept)
    memories = tuple(image_planes._MEMORIES[k] for k in kept)
    with mock.patch.multiple(image_planes, _SIZES=sizes, _MEMORIES=memories):
        yield


def measure(pictures: list[np.ndarray], encode: Callable[[np.ndarray], bytes]) -> str:
    """Return mean bits per sub-pixel and seconds as cells of a table."""
    start = time.process_time()
    rates = [8 * len(encode(planes)) / planes.size for planes in pictures]
    return f"{np.mean(rates):.4f} | {time.process_time() - start:.1f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--crop", type=int, default=256)
    options = parser.parse_args()
    pictures = []
    for path in options.files:
        pixels = read(path, options.crop)
        pictures.append(
            np.ascontiguousarray(pixels.transpose(2, 0, 1)[plane_order(pixels.shape[2])]).astype(np.uint16)
        )
    weights = Coder(Options()).mixing_weights

    def with_net(planes: np.ndarray) -> bytes:
        return image_mixing.encode_picture(planes, weights=weights)

    measure([planes[:, :72, :72] for planes in pictures], with_net)  # compiles
    print("| model | bits/sub-pixel | CPU s |\n|---|---|---|")
    print("| all of it |", measure(pictures, with_net), flush=True)
    print("| without net and start |", measure(pictures, image_mixing.encode_picture), flush=True)
    for name, kept in _KEPT.items():
        with learners(kept):
            print(f"| with the net, {name} |", measure(pictures, with_net), flush=True)
    with mock.patch.object(image_lattice, "detect", lambda *_: image_lattice.NONE):
        print("| with the net, no lattice of colours |", measure(pictures, with_net), flush=True)
    for bits in (12, 16):
        with mock.patch.object(image_state, "PLANE_SLOTS", 1 << bits):
            print(
                f"| with the net, hashed contexts in 2^{bits} slots a plane |",
                measure(pictures, with_net),
                flush=True,
            )


if __name__ == "__main__":
    main()
