"""Measure what parts of the graphics model are worth: bits per pixel and CPU seconds without them.

    python benchmarks/graphics_parts.py FILE... [--crop 384]

The middle of each file is encoded. Parts are taken out of the model that starts from nothing, which is compiled
again without them; the first line has the learnt start as well.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numba
import numpy as np
from graphics import pixels_of

from neuralzip.codecs import image_graphics as codec
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import plane_order
from neuralzip.codecs.image_planes import Planes
from neuralzip.codecs.image_stacks import Coder
from neuralzip.exact.compiled import _OPTIONS, inner
from neuralzip.experts import image_cues, image_repeats, image_state
from neuralzip.experts import image_graphics as model


@inner
def _no_repeat(repeats, coder, at, colour):  # type: ignore[no-untyped-def] # as code_repeat
    """Code no pixel as a repeat."""
    image_repeats.propose(repeats, at)
    repeats.outcomes[at] = image_repeats.NONE
    return np.int64(image_repeats.SOURCES)


@inner
def _no_guess(repeats, coder, at, colour, planes):  # type: ignore[no-untyped-def] # as code_guess
    """Code no samples as those of a colour seen before."""
    return np.int64(-1)


@inner
def _no_cues(cues, colours, at, stride, plane, known, base):  # type: ignore[no-untyped-def] # as find_cues
    """Find no value seen before."""
    for k in range(image_cues.CUES):
        cues.residuals[k] = image_cues.NONE


@inner
def _nothing(*_):  # type: ignore[no-untyped-def] # as what learns of a sample
    """Learn nothing."""


@inner
def _west(squares, which, samples, stride, size, place, plane, x, limits):  # type: ignore[no-untyped-def] # as predict
    """Predict the sample before."""
    return np.int64(samples[place - 1, image_state.VALUE]) * 64


_PARTS: dict[str, dict[str, Any]] = {
    "no repeats of pixels": {"code_repeat": _no_repeat},
    "no guesses of colours": {"code_guess": _no_guess},
    "neither": {"code_repeat": _no_repeat, "code_guess": _no_guess},
    "no cues": {"find_cues": _no_cues, "enter_cues": _nothing},
    "no least squares": {"predict": _west, "learn_last": _nothing},
}


@contextmanager
def compiled_with(functions: dict[str, Any]) -> Iterator[None]:
    """Let the model be one with other functions."""
    with mock.patch.multiple(model, **functions):
        samples = inner(model._code_samples.py_func)
        with mock.patch.object(model, "_code_samples", samples):
            rows = numba.njit(nogil=True, **_OPTIONS)(model.code_rows.py_func)
            with mock.patch.object(codec, "code_rows", rows):
                yield


def measure(pictures: list[Planes], encode: Callable[[Planes], bytes]) -> str:
    """Return bits per pixel of all pictures and seconds as cells of a table."""
    for planes in pictures:
        encode(planes[:, :24, :24])  # compiles
    start = time.process_time()
    total = sum(8 * len(encode(planes)) for planes in pictures)
    seconds = time.process_time() - start
    return f"{total / sum(planes[0].size for planes in pictures):.4f} | {seconds:.1f} |"


def middle(path: Path, side: int) -> Planes:
    """Return the planes [P, H, W] of the middle of a file, H, W <= side."""
    pixels = pixels_of(path)
    y, x = (max(0, (size - side) // 2) for size in pixels.shape[:2])
    cut = pixels[y : y + side, x : x + side].transpose(2, 0, 1)
    return np.ascontiguousarray(cut[plane_order(len(cut))]).astype(np.uint16)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--crop", type=int, default=384)
    options = parser.parse_args()
    pictures = [middle(path, options.crop) for path in options.files]
    start = Coder(Options()).mixing_weights.graphics()
    print("| model | bits/pixel | CPU s |\n|---|---|---|")

    def started(planes: Planes) -> bytes:
        return codec.encode_graphics(planes, prior=start)

    print("| all of it |", measure(pictures, started), flush=True)
    print("| from nothing |", measure(pictures, codec.encode_graphics), flush=True)
    for name, functions in _PARTS.items():
        with compiled_with(functions):
            print(f"| from nothing, {name} |", measure(pictures, codec.encode_graphics), flush=True)
    with mock.patch.object(image_state, "HEARD", ()):
        print("| from nothing, no histories |", measure(pictures, codec.encode_graphics), flush=True)
    with mock.patch.object(image_state, "FINALS", image_state.FINALS[:1]):
        print("| from nothing, one set of final rows |", measure(pictures, codec.encode_graphics), flush=True)


if __name__ == "__main__":
    main()
