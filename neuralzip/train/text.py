"""Train the byte net on text of many kinds: `neuralzip train text DATA`.

DATA holds `train/<kind>/<file>` and `dev/<file>`, plain or .xz. A lane reads a file from a random place on for
some windows, carrying its state, then starts anew somewhere else from a learned initial state: that of the file it
reads, or now and then the common one (kind 0), so that the encoder finds a good starting state for any input.

B lanes, T window.
"""

import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from neuralzip import zoo
from neuralzip.nets import char_rnn, char_rnn_int, char_rnn_step, char_rnn_view
from neuralzip.train import checkpoints, loop
from neuralzip.train.options import device_option, options, run_task

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
EMBEDDING_RATE = 8.0
MATRIX_RATE = 6.7
"""Learning rates of embeddings (AdamW) and matrices (Muon) over that of AdamW elsewhere."""
MATRIX_DECAY = 0.1
"""Weight decay of the matrices; at a tenth of it gates grow until they are nearly all saturated."""
DEV_BYTES = 1 << 15
DEV_LANES = 4
NOT_TEXT = (".xls", "obj2")

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
        names: "<kind>/<file>", in the order of the learned initial states (state k + 1 is file k's).
        files: their bytes.
        weights: chance of each, summing to 1.
    """

    names: list[str]
    files: list[Bytes]
    weights: npt.NDArray[np.float64]


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
    return Corpus(names, [np.frombuffer(data, np.uint8) for _, data in kept], np.array(shares) / sum(shares))


class Lanes:
    """B readers of the corpus, each somewhere in some file; `window` moves all of them on by T bytes."""

    def __init__(self, corpus: Corpus, lanes: int, window: int, seed: int) -> None:
        self.corpus, self.count, self.length = corpus, lanes, window
        self.random = np.random.default_rng(seed)
        self.file = np.zeros(lanes, np.int64)
        self.at = np.full(lanes, 1 << 62, np.int64)

    def window(self) -> tuple[Bytes, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Return (bytes [B, T + 1], lanes that started anew [B], initial state of those [B])."""
        sizes = np.array([len(self.corpus.files[k]) for k in self.file])
        anew = (self.random.random(self.count) < RESTART) | (self.at + self.length + 1 > sizes)
        self.file[anew] = self.random.choice(len(self.corpus.files), int(anew.sum()), p=self.corpus.weights)
        for lane in np.flatnonzero(anew):
            self.at[lane] = self.random.integers(len(self.corpus.files[self.file[lane]]) - self.length)
        rows = [self.corpus.files[k][at : at + self.length + 1] for k, at in zip(self.file, self.at, strict=True)]
        self.at += self.length
        kind = np.where(self.random.random(self.count) < COMMON, 0, self.file + 1)
        return np.stack(rows), anew, kind


class TextTask:
    """The byte net of one size on one corpus; a `loop.Task`."""

    unit = "byte"

    def __init__(self, size: str, data: Path, lanes: int, window: int, seed: int) -> None:
        self.id = f"text-{size}"
        self.size, self.data, self.lanes_count, self.window, self.seed = size, data, lanes, window, seed
        self.shape = char_rnn.SHAPES[size]
        self.rows = np.array(self.shape.hash_rows, np.int64)
        self.settings: Mapping[str, Any] = {
            "task": "text",
            "model": size,
            "lanes": lanes,
            "window": window,
            "seed": seed,
            "restart": RESTART,
            "common": COMMON,
            "shape": self.shape.meta(),
            "embedding_rate": EMBEDDING_RATE,
            "matrix_rate": MATRIX_RATE,
            "matrix_decay": MATRIX_DECAY,
            "shares": SHARES,
        }
        self.smaller: tuple[str, Path] | None = None
        self.lanes: Lanes | None = None
        self.dev: dict[str, Bytes] = {}
        self.exported: dict[str, tuple[float, float]] = {}
        self.history = np.zeros((lanes, 2), np.uint32)
        self.states: Tensor | None = None

    def build(self) -> nn.Module:
        """Return the freshly initialised net, or one grown from a trained smaller one."""
        torch.manual_seed(self.seed)
        net = char_rnn.CharRNN(self.shape)
        if self.smaller is not None:
            size, path = self.smaller
            small = char_rnn.CharRNN(char_rnn.SHAPES[size])
            checkpoints.load(path, small)
            char_rnn.grow(small, net)
        return net

    def open(self) -> None:
        """Read the corpus and the development files; called once, before training."""
        corpus = load_corpus(self.data / "train", 16 * self.window)
        if len(corpus.files) >= self.shape.kinds:
            raise click.UsageError(
                f"{len(corpus.files)} training files, at most {self.shape.kinds - 1} fit the model"
            )
        self.settings = {**self.settings, "states": ["common", *corpus.names]}
        self.lanes = Lanes(corpus, self.lanes_count, self.window, np.random.SeedSequence().generate_state(1)[0])
        paths = sorted(path for path in (self.data / "dev").iterdir() if path.is_file())
        texts = {path.name: np.frombuffer(read(path)[:DEV_BYTES], np.uint8) for path in paths}
        self.dev = {name: data for name, data in texts.items() if not name.endswith(NOT_TEXT)}

    def embed_rows(self, symbols: Bytes, history: npt.NDArray[np.uint32], device: torch.device) -> Tensor:
        """Return the embedding rows [B, T, 5] of bytes [B, T]; moves the history on."""
        rows = np.empty((*symbols.shape, 5), np.int64)
        char_rnn_view.context_rows(np.ascontiguousarray(symbols), history, self.rows, rows)
        return torch.from_numpy(rows).to(device)

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Predict the next window of every lane."""
        assert self.lanes is not None
        symbols, anew, kinds = self.lanes.window()
        self.history[anew] = 0
        rows = self.embed_rows(symbols[:, :-1], self.history, device)
        start = cast(char_rnn.CharRNN, net).start(torch.from_numpy(kinds).to(device))
        fresh = torch.from_numpy(anew).to(device)[None, :, None]
        states = start if self.states is None else torch.where(fresh, start, self.states)
        logits, self.states = net(rows, states)
        target = torch.from_numpy(symbols[:, 1:].astype(np.int64)).to(device)
        return functional.cross_entropy(logits.float().flatten(0, 1), target.flatten()), target.numel()

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a byte of every development file, from the common initial state, in DEV_LANES lanes."""
        return {name: self.bits(net, data, device) for name, data in self.dev.items()}

    def bits(self, net: nn.Module, data: Bytes, device: torch.device) -> float:
        """Return the float net's bits a byte on data cut into DEV_LANES lanes."""
        lanes = data[: len(data) // DEV_LANES * DEV_LANES].reshape(DEV_LANES, -1)
        rows = self.embed_rows(lanes[:, :-1], np.zeros((DEV_LANES, 2), np.uint32), device)
        start = cast(char_rnn.CharRNN, net).start(torch.zeros(DEV_LANES, dtype=torch.int64, device=device))
        with torch.autocast(device.type, torch.bfloat16):
            logits, _ = net(rows, start)
        target = torch.from_numpy(lanes[:, 1:].astype(np.int64)).to(device)
        return float(functional.cross_entropy(logits.float().flatten(0, 1), target.flatten())) / float(np.log(2))

    def optimisers(self, net: nn.Module, plan: loop.Plan) -> list[torch.optim.Optimizer]:
        """Return Muon (Jordan et al. 2024) for the layers' matrices, AdamW for the rest.

        A row of an embedding is seen rarely, so embeddings learn EMBEDDING_RATE times as fast.
        """
        named = list(net.named_parameters())
        matrices = [p for name, p in named if name.startswith("layers.") and p.ndim == 2]
        sparse = [p for name, p in named if name.startswith(("embed.", "initial"))]
        rest = [p for name, p in named if not name.startswith(("embed.", "initial")) and p.ndim == 1]
        head = [p for name, p in named if name == "head.weight"]
        groups = [
            {"params": sparse, "lr": plan.rate * EMBEDDING_RATE, "weight_decay": 0.0},
            {"params": head, "weight_decay": plan.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        adam = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98), fused=True)
        return [torch.optim.Muon(matrices, lr=plan.rate * MATRIX_RATE, weight_decay=MATRIX_DECAY), adam]

    def after_step(self, net: nn.Module) -> None:
        """Keep the weights inside the integer formats."""
        cast(char_rnn.CharRNN, net).clamp_weights()

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return the integer net and its description; measures what integers cost, for the card."""
        arrays, meta = char_rnn.export(cast(char_rnn.CharRNN, net))
        meta = {**meta, "states": self.settings.get("states", [])}
        integer = char_rnn_int.IntCharRNN(
            zoo.Model(self.id, arrays, meta, bytes(zoo.IDENTITY_BYTES), 0), DEV_LANES
        )
        with torch.no_grad():
            float_bits = self.evaluate(net, torch.device("cpu"))
        self.exported = {name: (bits, integer_bits(integer, self.dev[name])) for name, bits in float_bits.items()}
        return arrays, meta

    def card(self) -> str:
        """Return the card's own part."""
        s = self.shape
        rows = "".join(f"| {name} | {a:.4f} | {b:.4f} |\n" for name, (a, b) in self.exported.items())
        multiplied = s.layers * 4 * s.width * s.state + 256 * s.width
        return f"""A byte-level recurrent net: {s.layers} gated linear recurrences, stream {s.width}, state
{s.state}, {multiplied:,} multiplied weights of seven bits, and looked-up embeddings of the last one to four bytes
and of the current word. Predicts the next byte for the byte codec, mixed there with online experts.
Method: `neuralzip/nets/char_rnn.py`.

Trained on English and multilingual prose, encyclopedic text, source code, markup and data, logs and e-mail.
Sources: public-domain novels (ELTeC, CC BY encoding), Wikipedia (CC BY-SA), code, manuals and man pages under GPL,
MIT, BSD, MPL and GFDL, and public log collections. Blocks that name redis (RSAL or SSPL) or its identifiers, and
their neighbours, were left out. No development or test file is among them.

Bits a byte on development files (32 KiB in {DEV_LANES} lanes, common initial state), float and shipped integers:

| file | float | integer |
|---|---|---|
{rows}"""


def integer_bits(net: char_rnn_int.IntCharRNN, data: Bytes) -> float:
    """Return the integer net's ideal bits a byte on data cut into its lanes."""
    lanes = data[: len(data) // net.lanes * net.lanes].reshape(net.lanes, -1)
    net.reset()
    logits = torch.from_numpy(net.bulk(lanes[:, :-1])).double() * 2.0**-char_rnn_step.LOGIT_BITS
    target = torch.from_numpy(lanes[:, 1:].astype(np.int64))
    return float(functional.cross_entropy(logits.flatten(0, 1), target.flatten())) / float(np.log(2))


@click.command()
@options(60.0, 3e-3, seed=1)
@device_option
@click.option("--model", "size", type=click.Choice(sorted(char_rnn.SHAPES)), default="base", show_default=True)
@click.option("--lanes", type=int, default=32, show_default=True, help="Texts read side by side.")
@click.option("--window", type=int, default=128, show_default=True, help="Bytes of a training step in each lane.")
@click.option(
    "--grow",
    "smaller",
    type=(click.Choice(sorted(char_rnn.SHAPES)), click.Path(exists=True, path_type=Path)),
    help="Size and weights of a smaller net to grow from.",
)
def command(
    data: Path, size: str, lanes: int, window: int, seed: int, smaller: tuple[str, Path] | None, **chosen: Any
) -> None:
    """Train the byte net on the texts in DATA."""
    task = TextTask(size, data, lanes, window, seed)
    task.smaller = smaller
    task.open()
    run_task(task, **chosen)
