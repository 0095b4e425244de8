"""The texts that the byte net trains on: files of many kinds, read in lanes.

A lane reads a file from a random place on for some windows, carrying its state, then starts anew somewhere else
from a learned initial state: that of the file it reads, or now and then the common one (state 0), so that the
encoder finds a good starting state for any input.

B lanes, T window.
"""

import lzma
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

SHARES = {
    "prose_en": 0.20,
    "encyclopedic": 0.13,
    "multilingual": 0.18,
    "code": 0.20,
    "markup_data": 0.19,
    "logs": 0.06,
    "email": 0.04,
}
"""Share of each kind of text in training; a kind that is not named here gets OTHER_SHARE."""
OTHER_SHARE = 0.05
RESTART = 1 / 16
"""Chance that a lane starts anew at a window's end."""
COMMON = 1 / 4
"""Chance that a start uses the common initial state instead of the file's own."""

_UNFREE = re.compile(
    rb"(?i)redis(?!trib|play|cover)|\brobj\b|\bsds[a-z]*\(|server(?:Log|Assert)|\bclient \*c\b|dictEntry|listNode"
    rb"|lua_State"
)
_BLOCK = 1 << 13


def free_parts(data: bytes) -> bytes:
    """Leave out blocks, and their neighbours, that look like code whose licence does not allow release (redis)."""
    blocks = [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]
    bad = np.array([_UNFREE.search(block) is not None for block in blocks])
    near = bad | np.roll(bad, 1) | np.roll(bad, -1)
    return b"".join(block for block, out in zip(blocks, near, strict=True) if not out)


def read(path: Path) -> bytes:
    """Read a plain or .xz file."""
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


@dataclass(slots=True)
class Corpus:
    """Training files in memory and how often each is drawn.

    Attributes:
        names: "<kind>/<file>", in the order of the learned initial states.
        files: their bytes.
        weights: chance of each, summing to 1.
        states: number of the initial state of each; 0 is the common one.
    """

    names: list[str]
    files: list[Bytes]
    weights: npt.NDArray[np.float64]
    states: npt.NDArray[np.int64]


def load_corpus(folder: Path, smallest: int) -> Corpus:
    """Read every training file of at least `smallest` bytes; in a kind, weights go with the root of the size."""
    paths = sorted(path for path in folder.glob("*/*") if path.is_file())
    parts = [(path, read(path)) for path in paths]
    parts = [(path, free_parts(data) if path.name.startswith("c.") else data) for path, data in parts]
    kept = [(path, data) for path, data in parts if len(data) >= smallest]
    kinds = [path.parent.name for path, _ in kept]
    roots = np.sqrt([len(data) for _, data in kept])
    totals = {kind: sum(r for k, r in zip(kinds, roots, strict=True) if k == kind) for kind in set(kinds)}
    shares = [SHARES.get(k, OTHER_SHARE) * r / totals[k] for k, r in zip(kinds, roots, strict=True)]
    names = [f"{path.parent.name}/{path.name.split('.')[0]}" for path, _ in kept]
    files = [np.frombuffer(data, np.uint8) for _, data in kept]
    return Corpus(names, files, np.array(shares) / sum(shares), np.arange(1, 1 + len(files)))


class Window(NamedTuple):
    """What the lanes read in one step.

    Attributes:
        symbols: [B, T + 1] bytes; the last one begins the next window.
        anew: [B] whether the lane started anew.
        states: [B] initial state of those that did.
        files: [B] file of the corpus.
        starts: [B] where in the file the window begins.
    """

    symbols: Bytes
    anew: npt.NDArray[np.bool_]
    states: npt.NDArray[np.int64]
    files: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


class Lanes:
    """B readers of the corpus, each somewhere in some file; `window` moves all of them on by T bytes."""

    def __init__(self, corpus: Corpus, lanes: int, window: int, seed: int) -> None:
        self.corpus, self.count, self.length = corpus, lanes, window
        self.random = np.random.default_rng(seed)
        self.file = np.zeros(lanes, np.int64)
        self.at = np.full(lanes, 1 << 62, np.int64)

    def window(self) -> Window:
        """Return the next window."""
        sizes = np.array([len(self.corpus.files[k]) for k in self.file])
        anew = (self.random.random(self.count) < RESTART) | (self.at + self.length + 1 > sizes)
        self.file[anew] = self.random.choice(len(self.corpus.files), int(anew.sum()), p=self.corpus.weights)
        for lane in np.flatnonzero(anew):
            self.at[lane] = self.random.integers(len(self.corpus.files[self.file[lane]]) - self.length)
        rows = [self.corpus.files[k][at : at + self.length + 1] for k, at in zip(self.file, self.at, strict=True)]
        states = np.where(self.random.random(self.count) < COMMON, 0, self.corpus.states[self.file])
        window = Window(np.stack(rows), anew, states, self.file.copy(), self.at.copy())
        self.at += self.length
        return window
