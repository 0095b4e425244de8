"""Learn what the contexts of PNG corrections begin with: the lines of `_PACKED` in neuralzip/media/png/starts.py.

    python benchmarks/learn_png_starts.py FOLDER... [--most N] [--keep CONTEXTS]

Every context's counts of zeros and ones, file by file, are fitted by a start (a chance, and an age as which it
counts) that leaves the fewest bits; contexts that few files use stay fresh. Run with an empty _PACKED; or keep
what the contexts before --keep begin with, to learn others that a new version of the format adds behind them.
"""

import argparse
import base64
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pngs import found

from neuralzip.errors import UnsupportedError
from neuralzip.media import bitcoder, png
from neuralzip.media.png import rasters
from neuralzip.media.png.starts import STARTS

_LEAST_GAIN = 3.0
"""Bits in all files together below which a context stays fresh."""


def counts_of(path: Path) -> npt.NDArray[np.int64] | None:
    """Return [contexts, 2], the zeros and ones coded in each context, at most MAX_AGE of them."""
    kept: list[bitcoder.BitCoder] = []
    finish = bitcoder.finish

    def keep(coder: bitcoder.BitCoder) -> bytes:
        kept.append(coder)
        return finish(coder)

    bitcoder.finish = keep
    try:
        png.parse(path.read_bytes())
    except UnsupportedError:
        return None
    finally:
        bitcoder.finish = finish
    entries = kept[0][bitcoder.CONTEXTS : bitcoder.CONTEXTS + rasters.CONTEXTS]
    ages = entries & 1023
    ones = np.rint((entries >> 10) / (1 << 22) * (ages + 0.5) - 0.25).clip(0, ages).astype(np.int64)
    return np.stack([ages - ones, ones], axis=1)


def bits(counts: torch.Tensor, chances: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    """Return what counts [F, 2] of zeros and ones cost from each start [S], summed over files."""
    ones, zeros = chances * strengths, (1 - chances) * strengths
    total = torch.lgamma(counts[:, 1:] + ones) + torch.lgamma(counts[:, :1] + zeros)
    total = total - torch.lgamma(counts.sum(1, keepdim=True) + strengths)
    whole = torch.lgamma(ones) + torch.lgamma(zeros) - torch.lgamma(strengths)
    return (whole - total).sum(0) / math.log(2)


def best_start(counts: npt.NDArray[np.int64]) -> int:
    """Return the byte of the best start of a context used in these files."""
    chances = torch.from_numpy(bitcoder.START_CHANCES / 65536).repeat_interleave(8)
    strengths = torch.from_numpy(bitcoder.START_AGES + 0.5).repeat(32)
    chances[0], strengths[0] = 0.5, 0.5
    costs = bits(torch.from_numpy(counts.astype(np.float64)), chances, strengths)
    best = int(costs.argmin())
    return best if costs[best] < costs[0] - _LEAST_GAIN else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--keep", type=int, default=0)
    arguments = parser.parse_args()
    files = [path for folder in arguments.folders for path in found(folder, arguments.most, arguments.seed)]
    counts = np.stack([each for each in map(counts_of, files) if each is not None])
    starts = bytearray(STARTS[: arguments.keep].ljust(rasters.CONTEXTS, b"\0"))
    for context in np.flatnonzero(counts.any(axis=(0, 2))):
        if context < arguments.keep:
            continue
        used = counts[:, context]
        starts[context] = best_start(used[used.any(1)])
    packed = base64.b85encode(zlib.compress(bytes(starts).rstrip(b"\0"), 9)).decode()
    for at in range(0, len(packed), 100):
        print(f'    "{packed[at : at + 100]}"')


if __name__ == "__main__":
    main()
