"""Recordings to train audio flows on: random blocks of their channels.

B batch, T time.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from torch import Tensor

from neuralzip.errors import UsageError

ENDINGS = (".flac", ".wav")


def read_channels(path: Path) -> list[npt.NDArray[np.int16]]:
    """Return the channels [T] of a recording."""
    samples, _ = soundfile.read(path, dtype="int16", always_2d=True)
    return [np.ascontiguousarray(channel) for channel in samples.T]


def find(folder: Path) -> list[Path]:
    """Return the recordings below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)


class Recordings:
    """Channels of recordings, each drawn by the square root of its length.

    Args:
        folder: where the recordings lie.
        size: T, the length of a block.

    Raises:
        UsageError: no recording is as long as a block.
    """

    def __init__(self, folder: Path, size: int) -> None:
        channels = [channel for path in find(folder) for channel in read_channels(path)]
        self.channels, self.size = [channel for channel in channels if len(channel) >= size], size
        if not self.channels:
            raise UsageError(f"{folder} holds no recording of at least {size} samples")
        weights = np.sqrt([len(channel) for channel in self.channels])
        self.chances = weights / weights.sum()

    def draw(self, rng: np.random.Generator, batch: int) -> Tensor:
        """Return blocks [B, T] of integers, as floats; silent ones are drawn again."""
        blocks: list[npt.NDArray[np.int16]] = []
        while len(blocks) < batch:
            channel = self.channels[rng.choice(len(self.channels), p=self.chances)]
            start = int(rng.integers(len(channel) - self.size + 1))
            block = channel[start : start + self.size]
            if block.any():
                blocks.append(block)
        return torch.from_numpy(np.stack(blocks)).float()


def dev_blocks(folder: Path, size: int, most: int) -> dict[str, Tensor]:
    """Return, for each subfolder with recordings, at most so many blocks [B, T], spread evenly."""
    parts: dict[str, Tensor] = {}
    for part in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "odd"):
        channels = [channel for path in find(part) for channel in read_channels(path)]
        blocks = [
            channel[start : start + size] for channel in channels for start in range(0, len(channel) - size, size)
        ]
        kept = [block for block in blocks[:: max(1, len(blocks) // most)] if block.any()][:most]
        if kept:
            parts[part.name] = torch.from_numpy(np.stack(kept)).float()
    return parts
