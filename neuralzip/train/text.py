"""Train the byte net on text of many kinds: `neuralzip train text DATA`.

DATA holds `train/<kind>/<file>` and `dev/<file>`, plain or .xz; `corpus` says how they are read. The net learns to
predict alone, then, with `--beside-experts`, to predict what the byte codec's experts do not (`text_beside`).

B lanes, T window.
"""

from collections.abc import Mapping
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
from neuralzip.train.corpus import COMMON, RESTART, SHARES, Bytes, Corpus, Lanes, load_corpus, read
from neuralzip.train.options import device_option, options, run_folder, run_task
from neuralzip.train.text_beside import Beside

EMBEDDING_RATE = 8.0
MATRIX_RATE = 6.7
"""Learning rates of embeddings (AdamW) and matrices (Muon) over that of AdamW elsewhere."""
MATRIX_DECAY = 0.1
"""Weight decay of the matrices; at a tenth of it gates grow until they are nearly all saturated."""
DEV_BYTES = 1 << 15
DEV_LANES = 4
NOT_TEXT = (".xls", "obj2")


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
        self.beside: Beside | None = None
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
        paths = sorted(path for path in (self.data / "dev").iterdir() if path.is_file())
        texts = {path.name: np.frombuffer(read(path)[:DEV_BYTES], np.uint8) for path in paths}
        self.dev = {name: data for name, data in texts.items() if not name.endswith(NOT_TEXT)}
        self.read(corpus)

    def read(self, corpus: Corpus) -> None:
        """Let the lanes read a corpus."""
        self.lanes = Lanes(corpus, self.lanes_count, self.window, np.random.SeedSequence().generate_state(1)[0])

    def join_experts(self, folder: Path) -> None:
        """Train beside the experts from now on; what they say is kept in the run's folder."""
        assert self.lanes is not None
        self.beside = Beside(folder)
        self.read(self.beside.open(self.lanes.corpus, 16 * self.window, self.dev))

    def embed_rows(self, symbols: Bytes, history: npt.NDArray[np.uint32], device: torch.device) -> Tensor:
        """Return the embedding rows [B, T, 5] of bytes [B, T]; moves the history on."""
        rows = np.empty((*symbols.shape, 5), np.int64)
        char_rnn_view.context_rows(np.ascontiguousarray(symbols), history, self.rows, rows)
        return torch.from_numpy(rows).to(device)

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Predict the next window of every lane."""
        assert self.lanes is not None
        if self.beside is not None and self.beside.mixture is None:
            self.beside.fit({name: self.foretold(net, data, device) for name, data in self.dev.items()})
        window = self.lanes.window()
        self.history[window.anew] = 0
        rows = self.embed_rows(window.symbols[:, :-1], self.history, device)
        start = cast(char_rnn.CharRNN, net).start(torch.from_numpy(window.states).to(device))
        fresh = torch.from_numpy(window.anew).to(device)[None, :, None]
        states = start if self.states is None else torch.where(fresh, start, self.states)
        logits, self.states = net(rows, states)
        target = torch.from_numpy(window.symbols[:, 1:].astype(np.int64)).to(device)
        if self.beside is not None:
            return self.beside.loss(logits, target, window), target.numel()
        return functional.cross_entropy(logits.float().flatten(0, 1), target.flatten()), target.numel()

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a byte of every development file, of the net alone or beside the experts, as trained."""
        if self.beside is None or self.beside.mixture is None:
            return self.alone(net, device)
        told = {name: self.foretold(net, data, device) for name, data in self.dev.items()}
        return {f"{name} beside experts": self.beside.bits(name, *pair) for name, pair in told.items()}

    def alone(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return the float net's bits a byte of every development file."""
        return {name: bits_a_byte(*self.foretold(net, data, device)) for name, data in self.dev.items()}

    @torch.no_grad()
    def foretold(self, net: nn.Module, data: Bytes, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return (logits [DEV_LANES, T, 256], bytes [DEV_LANES, T] that they foretell), from the common state."""
        lanes = in_lanes(data, DEV_LANES)
        rows = self.embed_rows(lanes[:, :-1], np.zeros((DEV_LANES, 2), np.uint32), device)
        start = cast(char_rnn.CharRNN, net).start(torch.zeros(DEV_LANES, dtype=torch.int64, device=device))
        with torch.autocast(device.type, torch.bfloat16):
            logits, _ = net(rows, start)
        return logits.float(), torch.from_numpy(lanes[:, 1:].astype(np.int64)).to(device)

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
        float_bits = self.alone(net, torch.device("cpu"))
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


def in_lanes(data: Bytes, lanes: int) -> Bytes:
    """Return data cut into lanes of one length, without the bytes left over."""
    return data[: len(data) // lanes * lanes].reshape(lanes, -1)


def integer_bits(net: char_rnn_int.IntCharRNN, data: Bytes) -> float:
    """Return the integer net's ideal bits a byte on data cut into its lanes."""
    lanes = in_lanes(data, net.lanes)
    net.reset()
    logits = torch.from_numpy(net.bulk(lanes[:, :-1])).double() * 2.0**-char_rnn_step.LOGIT_BITS
    target = torch.from_numpy(lanes[:, 1:].astype(np.int64))
    return bits_a_byte(logits, target)


def bits_a_byte(logits: Tensor, target: Tensor) -> float:
    """Return the mean code length of bytes [L, T] under logits [L, T, 256]."""
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
@click.option(
    "--beside-experts", is_flag=True, help="Train a trained net on, to foretell what the experts do not."
)
@click.option(
    "--mean-with",
    "mean",
    type=click.Path(exists=True, path_type=Path),
    help="Export the mean with these weights, from which the run went on.",
)
def command(
    data: Path,
    size: str,
    lanes: int,
    window: int,
    seed: int,
    smaller: tuple[str, Path] | None,
    beside_experts: bool,
    **chosen: Any,
) -> None:
    """Train the byte net on the texts in DATA."""
    task = TextTask(size, data, lanes, window, seed)
    task.smaller = smaller
    task.open()
    if beside_experts and chosen["minutes"] > 0:
        task.join_experts(run_folder(task.id, chosen["folder"]))
    run_task(task, note=", beside the experts" if beside_experts else "", **chosen)
