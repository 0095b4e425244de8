"""`neuralzip train wavenet`: training of the audio codec's WaveNet.

What the experts make of the recordings does not depend on the net, so it is computed once and kept in a file.

B batch, T time, N samples of all streams, F inputs; a stream is one channel of an excerpt.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt
import soundfile
import torch
from torch import Tensor, nn

from neuralzip.codecs import audio_loop, audio_values
from neuralzip.errors import UsageError
from neuralzip.experts import audio_bank
from neuralzip.nets import wavenet
from neuralzip.nets.wavenet_view import INPUTS
from neuralzip.train.audio import ENDINGS
from neuralzip.train.options import device_option, options, run_folder, run_task

MODEL_ID = "audio-wavenet"
SHARES = {"music_real": 0.4, "music_synth": 0.08, "speech": 0.3, "other": 0.22}
"""How often a crop comes from a subfolder; what is rendered repeats itself and counts less than by its length."""
EXCERPT, DEV_EXCERPT = 1 << 16, 1 << 14
"""Most samples of a channel of one excerpt."""


class Streams(NamedTuple):
    """What the net sees of recordings, stream after stream.

    Attributes:
        views: [N, F] int8.
        places: [N] float32, samples less the blend, in running scales.
        halves: [N] float32, half a sample unit in running scales.
        ends: [streams] int64, where each stream ends.
        kinds: [streams], name of the subfolder.
    """

    views: npt.NDArray[np.int8]
    places: npt.NDArray[np.float32]
    halves: npt.NDArray[np.float32]
    ends: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.str_]

    def part(self, begin: npt.NDArray[np.int64], length: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return (views, places, halves) [B, length, ...] from places `begin` [B] on."""
        rows = begin[:, None] + np.arange(length)
        return tuple(torch.from_numpy(array[rows]) for array in self[:3])  # type: ignore[return-value]


def watched(samples: npt.NDArray[np.int32]) -> tuple[npt.NDArray[Any], ...]:
    """Return (views [C, T, F], places [C, T], halves [C, T]) of samples [C, T] as a net sees them."""
    channels, length = samples.shape
    group = audio_loop.new_group(channels, audio_loop.Model(audio_bank.RICH), length)
    views = np.zeros((channels, length, INPUTS), np.int8)
    places, halves = (np.zeros((channels, length), np.float32) for _ in range(2))
    for start in range(0, length, audio_loop.SEGMENT_FRAMES):
        audio_loop.watch(samples, group.bank, group.residual, group.past, start, views, places, halves)
    return views, places, halves


def _excerpts(
    folder: Path, rng: np.random.Generator, count: int, most: int
) -> Iterator[tuple[str, npt.NDArray[np.int32]]]:
    """Yield (kind, samples [C, T]), up to `count` excerpts of every recording, one channel or two in any order."""
    for path in sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS):
        frames = soundfile.info(path).frames
        length = min(frames, most)
        for start in rng.integers(frames - length + 1, size=min(count, -(-frames // (2 * most)))):
            read, _ = soundfile.read(path, length, start, dtype="int16", always_2d=True)
            samples = read.T[:2] if rng.random() < 0.5 else read.T[1::-1]
            yield path.parent.name, audio_values.reduce(np.ascontiguousarray(samples, np.int32))[0]


def watch(folders: Sequence[Path], count: int, seed: int, most: int = EXCERPT) -> Streams:
    """Let the experts hear the recordings below some folders: up to `count` excerpts of each, `most` frames long.

    Raises:
        UsageError: there are none.
    """
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    kinds: list[str] = []
    rng = np.random.default_rng(seed)
    for kind, samples in itertools.chain.from_iterable(_excerpts(folder, rng, count, most) for folder in folders):
        for stream in zip(*watched(samples), strict=True):
            parts.append(stream)
            kinds.append(kind)
    if not parts:
        raise UsageError(f"{', '.join(map(str, folders))}: no recordings")
    views, places, halves = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Streams(views, places, halves, np.cumsum([len(part[1]) for part in parts]), np.array(kinds))


def cached(path: Path, folders: Sequence[Path], count: int, seed: int, most: int = EXCERPT) -> Streams:
    """Return the streams kept at `path`, after computing them if it does not exist."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **watch(folders, count, seed, most)._asdict())
    with np.load(path) as kept:
        return Streams(**kept)


class WaveNetTask:
    """The WaveNet of the audio codec, trained on crops of streams.

    Args:
        train: what to train on.
        dev: what to measure on; None for nothing.
        length: T, samples of a crop whose loss counts.
        batch: B.
        seed: of the crops; a resumed run should take another one, or it sees the same crops again.
        architecture: arguments of WaveNet.
    """

    id = MODEL_ID
    unit = "sample"

    def __init__(
        self,
        train: Streams,
        dev: Streams | None = None,
        *,
        length: int = 256,
        batch: int = 64,
        seed: int = 0,
        architecture: Mapping[str, int] | None = None,
    ) -> None:
        self.train, self.dev, self.length, self.batch = train, dev, length, batch
        self.architecture = dict(architecture or {"channels": 32, "layers": 6, "skip": 32, "components": 4})
        self.before = 1 << self.architecture["layers"]
        self.settings: Mapping[str, Any] = {"length": length, "batch": batch, "seed": seed, **self.architecture}
        self.rng = np.random.default_rng(seed)
        self.starts = np.concatenate([[0], train.ends[:-1]])
        self.rooms = train.ends - self.starts - length - self.before
        self.chances = self._chances()

    def _chances(self) -> npt.NDArray[np.float64]:
        """Return how likely a crop comes from each stream: the shares of kinds, then by length."""
        room = np.maximum(self.rooms, 0).astype(np.float64)
        chances = np.zeros(len(room))
        for kind in np.unique(self.train.kinds):
            mine = self.train.kinds == kind
            chances[mine] = SHARES.get(str(kind), 0.25) * room[mine] / max(room[mine].sum(), 1.0)
        if chances.sum() == 0:
            raise UsageError(f"no recording is longer than {self.length + self.before} samples")
        return chances / chances.sum()

    def build(self) -> nn.Module:
        """Return a fresh net."""
        return wavenet.WaveNet(**self.architecture)

    def loss(self, net: nn.Module, device: torch.device) -> tuple[Tensor, int]:
        """Take a batch; return (mean nats a sample, samples)."""
        which = self.rng.choice(len(self.chances), size=self.batch, p=self.chances)
        begin = self.starts[which] + self.rng.integers(self.rooms[which] + 1)
        views, places, halves = (x.to(device) for x in self.train.part(begin, self.before + self.length))
        bits = wavenet.bits(net(views), places, halves)[:, self.before :]
        return bits.mean() * float(np.log(2)), bits.numel()

    @functools.cached_property
    def _dev_parts(self) -> dict[str, list[tuple[Tensor, Tensor, Tensor]]]:
        parts: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {}
        if self.dev is not None:
            starts = np.concatenate([[0], self.dev.ends[:-1]])
            for kind, start, end in zip(self.dev.kinds, starts, self.dev.ends, strict=True):
                parts.setdefault(str(kind), []).append(self.dev.part(np.array([start]), int(end - start)))
        return parts

    def evaluate(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return bits a sample, mean over the streams of each development part."""
        figures = {}
        for name, streams in self._dev_parts.items():
            rates = [wavenet.bits(net(v.to(device)), p.to(device), h.to(device)).mean() for v, p, h in streams]
            figures[name] = float(torch.stack(rates).mean())
        return figures

    def after_step(self, net: nn.Module) -> None:
        """Keep weights where their integers fit the formats."""
        assert isinstance(net, wavenet.WaveNet)
        net.clamp_weights()

    def export(self, net: nn.Module) -> tuple[dict[str, npt.NDArray[np.integer[Any]]], dict[str, Any]]:
        """Return (integer arrays, description) of a trained net."""
        assert isinstance(net, wavenet.WaveNet)
        return wavenet.export(net)

    def card(self) -> str:
        """Return the model card's own part."""
        return _CARD


_CARD = """\
Causal dilated gated WaveNet over what the audio codec's adaptive experts make of a recording: their predictions
less their blend, recent errors, the partner channel, all in units of the running error. Integer throughout (7-bit
weights, int8 activations); a mixture of discretised logistics around the blend comes out. "Alone" below is that
mixture without the mixing engine, which hears it among other opinions.

Data: CC0, CC BY, CC BY-SA and GPL recordings and renderings (music, speech, other sounds; never lossy).
"""


@click.command()
@options(30.0, 4e-3, (64, "Crops of a step."))
@device_option
@click.option("--dev", type=click.Path(exists=True, path_type=Path), multiple=True, help="Development recordings.")
@click.option("--channels", type=int, default=32, show_default=True, help="Channels of the net.")
@click.option("--layers", type=int, default=6, show_default=True, help="Dilated layers of the net.")
@click.option("--excerpts", type=int, default=2, show_default=True, help="At most so many of a recording.")
def command(
    data: Path, dev: tuple[Path, ...], batch: int, seed: int, channels: int, layers: int, excerpts: int,
    folder: Path | None, **chosen: Any,
) -> None:  # fmt: skip
    """Train the WaveNet of the audio codec on the recordings in DATA."""
    run = run_folder(MODEL_ID, folder)
    heard = cached(run / "streams.npz", [data], excerpts, 1)
    measured = cached(run / "dev_streams.npz", dev, 1, 1, DEV_EXCERPT) if dev else None
    architecture = {"channels": channels, "layers": layers, "skip": 32, "components": 4}
    task = WaveNetTask(heard, measured, batch=batch, seed=seed, architecture=architecture)
    run_task(task, folder=run, **chosen)
