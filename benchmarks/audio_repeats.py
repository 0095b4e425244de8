"""What it is worth to find samples that come again: bits and microseconds a sample, with and without.

    python benchmarks/audio_repeats.py FILE... [--seconds 2]

Of every file an excerpt from its middle, then half a second of it six times over, and tones that are made up here.
Without: no place further back than eight samples is remembered. Bits are ideal code lengths of the default model;
microseconds are of processor time of one thread.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import soundfile
from audio_ablation import excerpt

from neuralzip import zoo
from neuralzip.codecs import audio_loop
from neuralzip.codecs.audio_block import NET_ID
from neuralzip.codecs.audio_loop import Group, Model
from neuralzip.experts import audio_bank
from neuralzip.nets import wavenet_exact

BARS, TONE_S, RATE = 6, 1, 44100


def new_group(samples: np.ndarray, model: Model, remembering: bool) -> Group:
    group = audio_loop.new_group(len(samples), model, samples.shape[1])
    if remembering:
        return group
    return group._replace(repeats=group.repeats._replace(heads=np.zeros((len(samples), 1), np.int32)))


def measured(samples: np.ndarray, model: Model, remembering: bool) -> tuple[float, float]:
    """Return bits and microseconds a sample."""
    group = new_group(samples, model, remembering)
    start = time.process_time()
    bits = sum(stream.nll_bits for stream in audio_loop._encode(samples, group))
    return bits / samples.size, 1e6 * (time.process_time() - start) / samples.size


def tones() -> dict[str, np.ndarray]:
    """Return waves of one channel that come again, or do not, after whole numbers of samples."""
    t = np.arange(TONE_S * RATE)
    waves = {
        "square, 100 samples": np.where(t % 100 < 50, 9000, -9000),
        "saw, 147 samples": (t % 147) * 200 - 14700,
        "sine, 100 samples": 9000 * np.sin(2 * np.pi * (t % 100) / 100),
        "sine, 99.7 samples": 9000 * np.sin(2 * np.pi * t / 99.7),
    }
    return {name: np.rint(wave).astype(np.int32)[None] for name, wave in waves.items()}


def excerpts(path: Path, seconds: float) -> dict[str, np.ndarray]:
    samples = excerpt(path, seconds)
    bar = samples[:, : soundfile.info(path).samplerate // 2]
    return {path.stem: samples, f"{path.stem}, bars": np.tile(bar, BARS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    model = Model(audio_bank.RICH, net=wavenet_exact.gather(zoo.load(NET_ID)))
    measured(np.zeros((1, 10), np.int32), model, True)  # loads compiled code
    print("| recording | samples | bits | without | us | without |\n|---|---|---|---|---|---|")
    clips = {name: clip for path in arguments.files for name, clip in excerpts(path, arguments.seconds).items()}
    for name, samples in (clips | tones()).items():
        (bits, us), (bits_without, us_without) = (measured(samples, model, each) for each in (True, False))
        figures = f"{bits:.4f} | {bits_without:.4f} | {us:.1f} | {us_without:.1f}"
        print(f"| {name} | {samples.size} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
