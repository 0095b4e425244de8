"""Train the byte net beside the byte codec's experts: on the bits that both take together, not on its own.

What the codec's contexts and matches foretell, the net need not know: a net of a few million weights spends them
better on the rest. So parts of the corpus are coded once by the experts alone, their log-odds of every bit are
kept, and the net trains on the code length of a fixed mixture of its own log-odds with theirs:

    p(one) = sigmoid(a[k] net + b[k] experts)      k: which bit of its byte, how sure the experts and the net are

The weights a and b are fitted to the development files for the net as it comes, which must be a trained one, and
stay: on the training text, which the net has seen, they would come out too trusting. A SHARE_ALONE of the loss is
the net's own code length. Mixing an n-gram model in while training: Mikolov et al. 2011, "Strategies for training
large scale neural network language models", section 5; learning its residual: Li et al. 2022, arXiv 2210.14431.

N bytes, B batch, T time. Log-odds are in nats; those of the experts are kept in 2**-ST_BITS.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import Tensor, nn
from torch.nn import functional

from neuralzip import zoo
from neuralzip.coding.rans import PRECISION
from neuralzip.experts.byte_prior import Learned, unpack
from neuralzip.experts.primer import Primer, new_primer
from neuralzip.train.corpus import Bytes, Corpus, Window
from neuralzip.train.experts import code
from neuralzip.train.primer import MODEL_ID as PRIMER_ID
from neuralzip.train.primer import parted

Odds = npt.NDArray[np.int8]

EXPERTS_ID = "bytes-fast"
"""Where the experts start from."""
SHARE_ALONE = 0.1
ST_BITS = 3
ODDS_FILE = "experts.safetensors"
MIXTURE_FILE = "mixture.safetensors"
_PARTS = ("counted", "uncounted")
_UNCOUNTED_PIECE, _COUNTED_PIECE = 96 << 10, 256 << 10
"""Bytes coded as one file: of text that the primer has not counted, with it; of other text, without it."""
_COUNTED_SHARE, _COUNTED_LEAST = 1 / 2, 1 << 16
"""Share of the text that the primer has counted which is used, and at least how many bytes of a file."""
_BITS = 8
_CLASSES = 8
_PER_NAT = 1.5
_FIT_STEPS, _FIT_RATE = 150, 0.02


def expert_odds(text: Bytes, start: Learned, known: Primer | None) -> Odds:
    """Return the experts' log-odds [N, 8] of a one for each bit of a file, highest first, as they learn."""
    _, coder = code(text, start, known)
    begins, widths = coder.log >> np.uint64(32), coder.log & np.uint64(0xFFFFFFFF)
    ones = np.where(begins > 0, begins, widths) / 2.0**PRECISION  # a zero's interval begins where a one's ends
    return np.rint(np.log(ones / (1 - ones)) * 2.0**ST_BITS).astype(np.int8).reshape(-1, _BITS)


def bit_odds(logits: Tensor, symbols: Tensor) -> Tensor:
    """Return the net's log-odds [N, 8] of the bits of bytes [N], highest first, from logits [N, 256]."""
    rows = torch.arange(len(symbols), device=symbols.device)
    odds, left = [], logits
    for shift in range(_BITS - 1, -1, -1):
        halves = left.view(len(symbols), 2, -1)
        sums = torch.logsumexp(halves, -1)
        odds.append(sums[:, 1] - sums[:, 0])
        left = halves[rows, (symbols >> shift) & 1]
    return torch.stack(odds, 1)


def nats(odds: Tensor, symbols: Tensor) -> Tensor:
    """Return the mean code length of bytes [N] whose bits have log-odds [N, 8]; a scalar."""
    shifts = torch.arange(_BITS - 1, -1, -1, device=symbols.device)
    signs = 1 - 2 * ((symbols[:, None] >> shifts) & 1)
    return functional.softplus(signs * odds).sum() / len(symbols)


class Mixture(nn.Module):
    """Log-odds of net and experts [N, 8] each -> mixed [N, 8], by weights that depend on the bit and on both."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Parameter(torch.full((_BITS, _CLASSES, _CLASSES), 0.4))
        self.experts = nn.Parameter(torch.full((_BITS, _CLASSES, _CLASSES), 0.7))

    def forward(self, net: Tensor, experts: Tensor) -> Tensor:
        """Mix."""
        sure = [(odds.detach().abs() * _PER_NAT).long().clamp(max=_CLASSES - 1) for odds in (experts, net)]
        at = (torch.arange(_BITS, device=net.device).expand_as(net), *sure)
        return self.net[at] * net + self.experts[at] * experts


def fitted(told: list[tuple[Tensor, Tensor, Tensor]]) -> Mixture:
    """Return the mixture that codes files best, each weighing alike.

    Args:
        told: (net's log-odds [N, 8], the experts' [N, 8], bytes [N]) of each file.
    """
    mixture = Mixture().to(told[0][0].device)
    optimiser = torch.optim.Adam(mixture.parameters(), lr=_FIT_RATE)
    least = [nats(experts, symbols) for _, experts, symbols in told]
    for _ in range(_FIT_STEPS):
        parts = [nats(mixture(net, experts), symbols) for net, experts, symbols in told]
        optimiser.zero_grad()
        sum((part / whole for part, whole in zip(parts, least, strict=True)), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return mixture.requires_grad_(False)


class Beside:
    """The experts' log-odds of parts of a corpus and of the development files, and the mixture with the net.

    Args:
        folder: the run's folder, where log-odds and mixture are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.odds: list[Odds] = []
        self.dev: dict[str, Odds] = {}
        self.mixture: Mixture | None = None

    def open(self, corpus: Corpus, smallest: int, dev: Mapping[str, Bytes]) -> Corpus:
        """Let the experts code parts of the corpus and the development files, or read what they said before.

        Args:
            corpus: what the net has trained on.
            smallest: bytes that a part has at least.
            dev: development files by name.

        Returns:
            The corpus of these parts.
        """
        path = self.folder / ODDS_FILE
        if path.exists():
            kept = load_file(path)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            kept = _opinions(corpus, dev)
            save_file(kept, path)
        self.dev = {name: kept[f"dev.{name}"] for name in dev}
        files: list[Bytes] = []
        weights, states = [], []
        for k, weight in enumerate(corpus.weights):
            parts = [kept[f"{k}.{part}.text"] for part in _PARTS]
            for part, text in zip(_PARTS, parts, strict=True):
                if len(text) >= smallest:
                    files.append(text)
                    self.odds.append(kept[f"{k}.{part}.odds"])
                    weights.append(weight * len(text) / sum(map(len, parts)))
                    states.append(corpus.states[k])
        return Corpus(corpus.names, files, np.array(weights) / sum(weights), np.array(states))

    def fit(self, told: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """Fit the mixture to development files, or read that of the run.

        Args:
            told: (logits [L, T, 256], bytes [L, T] that they foretell) of the files, in L lanes of T + 1 bytes.
        """
        path = self.folder / MIXTURE_FILE
        if path.exists():
            self.mixture = Mixture().requires_grad_(False)
            self.mixture.load_state_dict(load_tensors(path))
            self.mixture.to(next(iter(told.values()))[0].device)
            return
        self.mixture = fitted([self._dev_bits(name, *pair) for name, pair in told.items()])
        save_tensors(self.mixture.state_dict(), path)

    def loss(self, logits: Tensor, symbols: Tensor, window: Window) -> Tensor:
        """Return the mean loss in nats of bytes [B, T] of a window under logits [B, T, 256]."""
        ends = window.starts + 1 + symbols.shape[1]
        rows = [self.odds[k][end - symbols.shape[1] : end] for k, end in zip(window.files, ends, strict=True)]
        net, experts, flat = _side_by_side(logits, symbols, np.stack(rows))
        return (1 - SHARE_ALONE) * self._mixed(net, experts, flat) + SHARE_ALONE * nats(net, flat)

    def bits(self, name: str, logits: Tensor, symbols: Tensor) -> float:
        """Return the mixture's bits a byte of a development file, given as to `fit`."""
        return float(self._mixed(*self._dev_bits(name, logits, symbols))) / float(np.log(2))

    def _mixed(self, net: Tensor, experts: Tensor, symbols: Tensor) -> Tensor:
        assert self.mixture is not None
        return nats(self.mixture(net, experts), symbols)

    def _dev_bits(self, name: str, logits: Tensor, symbols: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        lanes, steps = symbols.shape
        odds = self.dev[name][: lanes * (steps + 1)].reshape(lanes, steps + 1, _BITS)[:, 1:]
        return _side_by_side(logits, symbols, odds)


def _side_by_side(logits: Tensor, symbols: Tensor, odds: Odds) -> tuple[Tensor, Tensor, Tensor]:
    """Return (net's log-odds [N, 8], the experts' [N, 8], bytes [N]) of [B, T] bytes."""
    flat = symbols.flatten()
    with torch.autocast(logits.device.type, enabled=False):
        net = bit_odds(logits.float().flatten(0, 1), flat)
    experts = torch.from_numpy(np.ascontiguousarray(odds)).to(logits.device).view(-1, _BITS)
    return net, experts.float() * 2.0**-ST_BITS, flat


def _opinions(corpus: Corpus, dev: Mapping[str, Bytes]) -> dict[str, npt.NDArray[Any]]:
    """Return text and log-odds of the parts of all files, and log-odds of the development files, by name."""
    start, primer = unpack(zoo.load(EXPERTS_ID).arrays), new_primer(zoo.load(PRIMER_ID).arrays)
    random = np.random.default_rng(0)
    kept: dict[str, npt.NDArray[Any]] = {
        f"dev.{name}": expert_odds(data, start, primer) for name, data in dev.items()
    }
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for k, (name, data) in enumerate(zip(corpus.names, corpus.files, strict=True)):
            counted, uncounted = parted(data)
            some = min(max(int(len(counted) * _COUNTED_SHARE), _COUNTED_LEAST), len(counted))
            begin = int(random.integers(len(counted) - some + 1))
            texts = (counted[begin : begin + some], uncounted)
            ways = ((None, _COUNTED_PIECE), (primer, _UNCOUNTED_PIECE))
            for part, text, (known, size) in zip(_PARTS, texts, ways, strict=True):
                cuts = np.array_split(text, max(1, round(len(text) / size)))
                kept[f"{k}.{part}.text"] = text
                said = pool.map(partial(expert_odds, start=start, known=known), cuts)
                kept[f"{k}.{part}.odds"] = np.concatenate(list(said))
            click.echo(f"experts on {name}: {k + 1} of {len(corpus.files)} files", err=True)
    return kept
