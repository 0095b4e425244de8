"""`neuralzip train audio`: let the audio mixer learn from recordings, and ship where it stands.

Recordings are coded one after another as the codec would, predictors starting afresh with each, while mixing
weights, counters and probability maps go on. What is shipped is scale free: no sample can be read out of it.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import soundfile

from neuralzip import zoo
from neuralzip.codecs import audio_loop
from neuralzip.codecs.audio_block import PRIOR_ID
from neuralzip.experts import audio_bank, audio_prior
from neuralzip.experts.audio_state import Prior, new_residual, parts

Samples = npt.NDArray[np.int32]

ENDINGS = (".flac", ".wav")

_CARD = """# {id}

Where the audio codec's mixing engine starts: gated mixing weights, counters and probability maps, learnt by
`neuralzip train audio` from {seconds:.0f} s of {files} recordings (music, speech, other sounds; never lossy), in
{rounds} rounds. Its predictors are adaptive and have no weights.

Data: CC0, CC BY, CC BY-SA and GPL recordings and renderings.
"""


def excerpts(folder: Path, size: int, rng: np.random.Generator) -> Iterator[tuple[Path, float, Samples]]:
    """Yield (path, seconds, [C, T] 16-bit samples) of the FLAC and WAVE files below a folder, in random order."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)
    for i in rng.permutation(len(paths)):
        info = soundfile.info(paths[i])
        length = min(info.frames, size // min(info.channels, 2))
        start = int(rng.integers(info.frames - length + 1))
        samples, rate = soundfile.read(paths[i], length, start, dtype="int16", always_2d=True)
        yield paths[i], length / rate, np.ascontiguousarray(samples.T[:2], np.int32)


def learn(folder: Path, size: int, rounds: int, seed: int) -> tuple[Prior, float, int]:
    """Return (what was learnt, seconds of sound, files) of so many rounds over a folder."""
    rng = np.random.default_rng(seed)
    prior, total, files = parts(new_residual(2)), 0.0, 0
    for _ in range(rounds):
        for path, duration, samples in excerpts(folder, size, rng):
            model = audio_loop.Model(audio_bank.BASE, prior=prior)
            bits, prior = audio_loop.encode_and_learn(samples, model)
            total, files = total + duration, files + 1
            click.echo(f"{path.name}: {bits / samples.size:.3f} bits a sample, {total:.0f} s in all", err=True)
    return prior, total, files


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--models", type=click.Path(path_type=Path), default=Path("models"), help="Folder to write to.")
@click.option("--size", default=200_000, help="At most so many samples of each file and round.")
@click.option("--rounds", default=1, help="Rounds over all files.")
@click.option("--seed", default=1, help="Seed of order and excerpts.")
def command(folder: Path, models: Path, size: int, rounds: int, seed: int) -> None:
    """Learn from the .flac and .wav files below FOLDER."""
    prior, total, files = learn(folder, size, rounds, seed)
    zoo.save(models / PRIOR_ID, audio_prior.pack(prior), {"architecture": "audio-prior", "version": 1})
    card = _CARD.format(id=PRIOR_ID, seconds=total, files=files, rounds=rounds)
    (models / PRIOR_ID / "card.md").write_text(card, encoding="utf-8")
    settings = f'task = "audio"\nsize = {size}\nrounds = {rounds}\nseed = {seed}\n'
    (models / PRIOR_ID / "train.toml").write_text(settings, encoding="utf-8")
