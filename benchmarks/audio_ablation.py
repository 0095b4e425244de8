"""What the parts of the audio codec are worth: bits a sample and microseconds a sample, part by part.

    python benchmarks/audio_ablation.py FILE... [--seconds 3]

Of every file, an excerpt from its middle is coded by models that grow from least squares alone to the default one.
Bits are ideal code lengths; microseconds are of processor time of one thread, without the first compilation.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import soundfile

from neuralzip import zoo
from neuralzip.bench import likelihoods, recordings
from neuralzip.codecs import audio_loop, audio_values
from neuralzip.codecs.audio_block import NET_ID, PRIOR_ID
from neuralzip.codecs.audio_loop import Model
from neuralzip.experts import audio_bank, audio_prior
from neuralzip.experts.audio_bank import BASE, RICH, Preset
from neuralzip.nets import wavenet, wavenet_exact


def net_alone(samples: np.ndarray, model: Model) -> dict[str, float]:
    """Return bits a sample of the net's own distribution, float and integer, after the bank RICH."""
    trained = likelihoods.trained(NET_ID, lambda: wavenet.WaveNet(**zoo.load(NET_ID).meta["config"]))
    return {name: bits / samples.size for name, bits in recordings.of_group(samples, model, trained).items()}


def models() -> dict[str, Model]:
    """Return the models by what they have."""
    prior = audio_prior.unpack(zoo.load(PRIOR_ID).arrays)
    net = wavenet_exact.gather(zoo.load(NET_ID))
    windows = BASE.windows
    cascade = tuple((i, *filters[1:]) for i, filters in enumerate(BASE.filters[:3]))
    return {
        "one window of 16 + 8": Model(Preset(windows[1:2], (), (0, 0, 0, 0, 0, 1))),
        "four windows of least squares": Model(Preset(windows, (), (0, 1, 2, 3, 0, 4))),
        "a window of 2 taps, NLMS 256, 32, 16": Model(Preset(((2, 0, 0.998, 4),), cascade, (0, 1, 2, 3, 3, 4))),
        "four windows, NLMS": Model(BASE),
        "the same, mixing with a learnt start (base)": Model(BASE, prior=prior),
        "five windows, longer NLMS": Model(RICH, prior=prior),
        "the same, mixing (default)": Model(RICH, net=net),
    }  # fmt: skip


def excerpt(path: Path, seconds: float) -> np.ndarray:
    info = soundfile.info(path)
    length = min(info.frames, int(seconds * info.samplerate))
    samples, _ = soundfile.read(path, length, (info.frames - length) // 2, dtype="int16", always_2d=True)
    return audio_values.reduce(np.ascontiguousarray(samples.T[:2], np.int32))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    clips = [(path.parent.name, excerpt(path, arguments.seconds)) for path in arguments.files]
    kinds = list(dict.fromkeys(kind for kind, _ in clips))
    print("| model |", " | ".join(kinds), "| us |\n|---|" + "---|" * (len(kinds) + 1))
    list(audio_loop.encode(np.zeros((1, 10), np.int32), Model(audio_bank.BASE)))
    for name, model in models().items():
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}
        start = time.process_time()
        for kind, samples in clips:
            rates[kind].append(sum(s.nll_bits for s in audio_loop.encode(samples, model)) / samples.size)
        spent = (time.process_time() - start) / sum(samples.size for _, samples in clips)
        figures = " | ".join(f"{np.mean(rates[kind]):.4f}" for kind in kinds)
        print(f"| {name} | {figures} | {1e6 * spent:.1f} |", flush=True)
    alone = [(kind, net_alone(samples, model)) for kind, samples in clips]  # of the last model, the default
    for name in ("float", "integer"):
        means = [np.mean([bits[name] for mine, bits in alone if mine == kind]) for kind in kinds]
        print(f"| the net alone, {name} | {' | '.join(f'{mean:.4f}' for mean in means)} | |")


if __name__ == "__main__":
    main()
