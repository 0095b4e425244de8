"""Measure the autoregressive flows over audio: likelihoods on recordings, and the speed of drawing samples.

    python benchmarks/sampling.py DEV_FOLDER [--blocks 8] [--size 4096] [--length 16000]

Likelihoods are bits a sample of blocks of 16-bit audio; those of the student are found sample by sample. Its
divergence from the teacher is measured on noise. Speeds are samples a second of processor time in one thread, for
one sound of equal length from both; the teacher computes sample by sample from queues of past activations. FLAC is
libsndfile's at its highest level, on the same blocks one after another.
"""

import argparse
import io
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from neuralzip import zoo
from neuralzip.nets import iaf, maf
from neuralzip.train.recordings import dev_blocks


def flac_bits(blocks: torch.Tensor) -> float:
    out = io.BytesIO()
    samples = blocks.reshape(-1).numpy().astype(np.int16)
    soundfile.write(out, samples, 44100, format="FLAC", subtype="PCM_16", compression_level=1.0)
    return 8 * len(out.getvalue()) / samples.size


def speed(net: maf.Maf | iaf.Iaf, length: int) -> float:
    """Return samples a second of processor time."""
    noise = maf.draw_logistic((1, length), torch.Generator().manual_seed(1))
    start = time.process_time()
    net.sample(noise)
    return length / (time.process_time() - start)


@torch.no_grad()
def divergence(teacher: maf.Maf, student: iaf.Iaf, size: int) -> float:
    """Return KL(student || teacher) in bits a sample."""
    noise = maf.draw_logistic((16, size), torch.Generator().manual_seed(2))
    x, log_scale = student(noise)
    density = maf.log_logistic(noise) - log_scale
    return float((density - teacher.log_density(x)).mean()) / np.log(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--size", type=int, default=maf.BLOCK)
    parser.add_argument("--length", type=int, default=16_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    teacher, student = maf.load(zoo.load("audio-maf")), iaf.load(zoo.load("audio-iaf"))
    print("| blocks of | MAF | IAF | FLAC |\n|---|---|---|---|")
    for name, blocks in dev_blocks(options.folder, options.size, options.blocks).items():
        with torch.no_grad():
            bits = [float(maf.bits(net, blocks).mean()) for net in (teacher, student)]
        print(f"| {name} | {bits[0]:.3f} | {bits[1]:.3f} | {flac_bits(blocks):.3f} |", flush=True)
    print(f"divergence of the student: {divergence(teacher, student, options.size):.3f} bits a sample")
    for net in (teacher, student):
        speed(net, 2000)
    rates = [speed(net, options.length) for net in (teacher, student)]
    print(f"samples a second: MAF {rates[0]:.0f}, IAF {rates[1]:.0f}, ratio {rates[1] / rates[0]:.1f}")


if __name__ == "__main__":
    main()
