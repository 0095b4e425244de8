"""A tiny integer PixelCNN with made-up weights, for tests: equal on every machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.nets import pixel_front
from neuralzip.nets.pixelcnn_exact import CHUNK, IntPixelCNN, Walk

CHANNELS, BLOCKS, HIDDEN, COMPONENTS = 16, 2, 16, 3


def _arrays() -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(5)
    out = pixel_front.PLANES * 3 * COMPONENTS
    shapes = {"enter": (CHANNELS, pixel_front.INPUTS), "head": (HIDDEN, CHANNELS), "out": (out, HIDDEN)}
    for i in range(BLOCKS):
        shapes |= {f"blocks.{i}.taps": (CHANNELS, 5 * CHANNELS), f"blocks.{i}.point": (CHANNELS, CHANNELS)}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, (rows, columns) in shapes.items():
        arrays[f"{name}.weight"] = rng.integers(-40, 41, (rows, columns)).astype(np.int8)
        arrays[f"{name}.bias"] = rng.integers(-2000, 2000, rows).astype(np.int32)
        arrays[f"{name}.unit"] = (rng.integers(0, 3, rows) + (13 if name == "out" else 12)).astype(np.int32)
    arrays |= {f"tables.{name}": table for name, table in pixel_front.make_tables()._asdict().items()}
    levels = pixel_front.scale_levels()
    arrays["levels"] = np.rint(levels * 2**12).astype(np.int32)
    arrays["octaves"] = np.rint(np.log2(levels) * 2**8).astype(np.int32)
    return arrays


def write_model(folder: Path, model_id: str = "image-fast") -> zoo.Model:
    """Write the model below a folder of models and read it back."""
    config = {"channels": CHANNELS, "blocks": BLOCKS, "hidden": HIDDEN, "components": COMPONENTS}
    path = zoo.save(folder / model_id, _arrays(), {"architecture": "pixelcnn", "version": 1, "config": config})
    return zoo._read(model_id, path, path.stat().st_mtime_ns)


def picture(planes: int, height: int, width: int, seed: int = 0, top: int = 255) -> npt.NDArray[np.uint16]:
    """Return planes [P, H, W] with smooth and noisy parts, from 0 to `top`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    smooth = 0.5 + 0.4 * np.sin(x / 9 + y / 7) + rng.normal(0, 0.03, (planes, height, width))
    smooth[:, : height // 4] = rng.random((planes, height // 4, width))
    return np.asarray(np.clip(smooth * top, 0, top), np.uint16)


class Foreseen(NamedTuple):
    """What a net says of a step's samples, N of them: mixtures [N, 3, K], and the samples [N] themselves."""

    mixtures: npt.NDArray[np.int32]
    samples: npt.NDArray[np.int32]


def foreseen(walk: Walk, planes: npt.NDArray[np.int32], step: int) -> Foreseen:
    """Return what a walk has just said of a step of planes [PLANES, H, W]."""
    _, height, width = planes.shape
    first, count = pixel_front.rows(height, width, step)
    y, plane = (part.ravel() for part in np.mgrid[first : first + count, : pixel_front.PLANES])
    x = step - 2 * y - pixel_front.LAG * plane
    y, x, plane = (part[(x >= 0) & (x < width)] for part in (y, x, plane))
    return Foreseen(walk.told[plane, step % walk.told.shape[1], y], planes[plane, y, x])


def in_bulk(net: IntPixelCNN, given: npt.NDArray[Any]) -> Iterator[Foreseen]:
    """Yield what a net says of the steps of planes [PLANES, H, W], evaluated many at once."""
    planes = given.astype(np.int32)
    walk = net.walk(*planes.shape[1:], CHUNK)
    for first in range(0, walk.steps, CHUNK):
        stop = min(first + CHUNK, walk.steps)
        walk.look(planes, 0, first, stop)
        walk.evaluate(first, stop)
        for step in range(first, stop):
            yield foreseen(walk, planes, step)


def step_by_step(net: IntPixelCNN, given: npt.NDArray[Any]) -> Iterator[Foreseen]:
    """Yield what a net says of the steps of planes [PLANES, H, W], each known when it is revealed."""
    planes = given.astype(np.int32)
    walk = net.walk(*planes.shape[1:])
    for step in range(walk.steps):
        walk.foresee(step)
        yield foreseen(walk, planes, step)
        walk.reveal(planes, step)
