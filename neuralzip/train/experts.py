"""`neuralzip train experts`: run the byte model over sample texts and keep what carries over from file to file.

The experts learn online, so training them is just that: code many short excerpts one after another, each with
empty tables, and keep mixer weights, history maps and trust between them. Of the weights, which follow each file,
the start is the mean of what the last files taught, so that it suits all and none best (Nichol et al. 2018,
"Reptile", arXiv 1803.02999). The primer is in use meanwhile, on text that it has not counted.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.experts import bits
from neuralzip.experts.byte_model import ByteModel, code_steps, learned, new_model
from neuralzip.experts.byte_prior import Learned, pack
from neuralzip.experts.primer import Primer, new_primer
from neuralzip.train.primer import MODEL_ID as PRIMER_ID
from neuralzip.train.primer import training_part

_EXCERPT_BYTES = (1 << 13, 1 << 15, 1 << 16, 1 << 17)
_MEAN_OF = 10
"""Excerpts whose weights a row of the start is the mean of, older ones counting less and less."""
_CARD = """# {id}

Start values of the byte codec's online experts: mixer weights, history maps and trust in match lengths, integers.
Learnt {beside} by `neuralzip train experts` from {count} excerpts, {size} bytes in all, of {files} files of text,
code, markup, tables and logs; no text can be recovered from them. Bits per byte over the excerpts: first quarter
{first:.3f}, last quarter {last:.3f}.
"""


def excerpts(folder: Path, rounds: int, seed: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield excerpts of all `*.xz` files below a folder, `rounds` from each, in random order."""
    rng = np.random.default_rng(seed)
    files = sorted(folder.rglob("*.xz"))
    for _ in range(rounds):
        for index in rng.permutation(len(files)):
            data = training_part(files[index], held_out=True)
            size = int(rng.choice(_EXCERPT_BYTES))
            start = int(rng.integers(0, max(1, len(data) - size)))
            yield data[start : start + size]


class Start:
    """What is learnt so far: running means of the mixer's weights, and the rest as the last excerpt left it."""

    def __init__(self) -> None:
        self.learned: Learned | None = None
        self._means: dict[str, npt.NDArray[np.float64]] = {}
        self._counts: dict[str, npt.NDArray[np.int64]] = {}

    def add(self, taught: Learned) -> None:
        """Move rows towards what an excerpt made of them that began from here, by 1 / min(count, _MEAN_OF)."""
        for name in ("weights", "final"):
            rows = getattr(taught, name)
            before = getattr(self.learned, name) if self.learned else np.zeros_like(rows)
            means = self._means.setdefault(name, rows.astype(np.float64))
            counts = self._counts.setdefault(name, np.zeros(len(rows), np.int64))
            used = (rows != before).any(1)
            counts[used] += 1
            means[used] += (rows[used] - means[used]) / np.minimum(counts[used], _MEAN_OF)[:, None]
        weights, final = (np.rint(self._means[name]).astype(np.int32) for name in ("weights", "final"))
        self.learned = taught._replace(weights=weights, final=final)


def code(
    text: npt.NDArray[np.uint8], start: Learned | None, known: Primer | None, net: zoo.Model | None = None
) -> tuple[ByteModel, bits.BitCoder]:
    """Code a text [N] as one file, beside a net or not; return the model and the encoder after it."""
    model = new_model(text.copy(), np.array([0, len(text)], np.int64), start, known)
    coder = bits.encoder(8 * len(text))
    code_steps(model, coder, len(text), _logits(text, net))
    return model, coder


def learn(
    text: npt.NDArray[np.uint8], start: Learned | None, known: Primer, net: zoo.Model | None
) -> tuple[Learned, float]:
    """Code one excerpt from a start, beside a net or not; return (what is learnt after it, its bits)."""
    model, coder = code(text, start, known, net)
    return Learned._make(part.copy() for part in learned(model)), bits.logged_bits(coder)


def _logits(text: npt.NDArray[np.uint8], net: zoo.Model | None) -> npt.NDArray[np.int32]:
    if net is None:
        return np.zeros((0, len(text), 256), np.int32)
    from neuralzip.nets.char_rnn_guide import Guide, best_kind

    return Guide(net, 1, best_kind(net, text.tobytes()), "cpu").foresee(text[None])


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--net", "net_id", help="Learn beside this net, for example text-small; default: experts alone.")
@click.option("--name", default="bytes-fast", help="Model id to write.")
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("models"), help="Folder of models to write to."
)
@click.option("--rounds", default=3, help="Excerpts from each file.")
@click.option("--seed", default=1, help="Seed of their choice.")
def command(folder: Path, net_id: str | None, name: str, models: Path, rounds: int, seed: int) -> None:
    """Learn the start values of the byte experts from the .xz files below FOLDER."""
    net = zoo.load(net_id) if net_id else None
    known = new_primer(zoo.load(PRIMER_ID).arrays)
    start = Start()
    rates: list[tuple[float, int]] = []
    for text in excerpts(folder, rounds, seed):
        taught, nll = learn(text, start.learned, known, net)
        start.add(taught)
        rates.append((nll, len(text)))
        click.echo(f"{len(rates)}: {nll / len(text):.3f} bits per byte of {len(text)}", err=True)
    if start.learned is None:
        raise click.ClickException(f"{folder}: no .xz files")
    zoo.save(models / name, pack(start.learned), {"architecture": "byte_model", "version": 1})
    card = _CARD.format(
        id=name,
        beside=f"beside the net {net_id} ({net.identity.hex()})" if net else "without a net",
        count=len(rates),
        size=sum(size for _, size in rates),
        files=len(sorted(folder.rglob("*.xz"))),
        first=_mean(rates[: max(len(rates) // 4, 1)]),
        last=_mean(rates[-max(len(rates) // 4, 1) :]),
    )
    (models / name / "card.md").write_text(card, encoding="utf-8")
    settings = f'task = "experts"\nnet = "{net_id or ""}"\nrounds = {rounds}\nseed = {seed}\n'
    (models / name / "train.toml").write_text(settings, encoding="utf-8")


def _mean(rates: list[tuple[float, int]]) -> float:
    return sum(nll for nll, _ in rates) / sum(size for _, size in rates)
