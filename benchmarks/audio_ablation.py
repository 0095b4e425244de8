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
import torch

from neuralzip import zoo
from neuralzip.codecs import audio_loop, audio_values
from neuralzip.codecs.audio_block import NET_ID, PRIOR_ID
from neuralzip.codecs.audio_loop import Model
from neuralzip.experts import audio_bank, audio_prior
from neuralzip.experts.audio_bank import BASE, RICH, Preset
from neuralzip.nets import wavenet, wavenet_exact
from neuralzip.train import checkpoints, publish
from neuralzip.train.wavenet import watched


def net_alone(samples: np.ndarray) -> dict[str, float]:
    """Return bits a sample of the net's own distribution, float and integer, after the bank RICH."""
    model = zoo.load(NET_ID)
    path = next(path for name, path in zoo.model_files() if name == NET_ID)
    module = wavenet.WaveNet(**model.meta["config"])
    checkpoints.load(path.parent / publish.RESUME_FILE, module)
    views, places, halves = (torch.from_numpy(part) for part in watched(samples[:, : audio_loop.SEGMENT_FRAMES]))
    integer = np.stack([wavenet_exact.outputs(wavenet_exact.gather(model), channel) for channel in views.numpy()])
    with torch.no_grad():
        found = module.eval()(views), torch.from_numpy(integer / 256).float().unflatten(-1, (3, -1))
    return {
        name: float(wavenet.bits(parameters, places, halves).mean())
        for name, parameters in zip(("float", "integer"), found, strict=True)
    }


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
    alone = [(kind, net_alone(samples)) for kind, samples in clips]
    for name in ("float", "integer"):
        means = [np.mean([bits[name] for mine, bits in alone if mine == kind]) for kind in kinds]
        print(f"| the net alone, {name} | {' | '.join(f'{mean:.4f}' for mean in means)} | |")


if __name__ == "__main__":
    main()
