"""Measure what a block of attention brings the wavefront PixelCNN.

    python benchmarks/pixelsnail.py TRAIN DEV [--steps 150] [--channels 48] [--blocks 2] [--start RESUME]

Two nets, with and without attention, take the same steps on the same crops of the pictures below TRAIN, with the
same rates, from the same weights of what they share. Reported are bits a sub-pixel of the middles of the pictures
below DEV, CPU seconds a step, weights, and the CPU seconds that their integer twins take to decode one crop of
128 x 128, both with products in torch. --start: both start from these weights of a PixelCNN of this shape.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from neuralzip import zoo
from neuralzip.codecs import image_fast
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from neuralzip.nets.pixelsnail_exact import IntPixelSnail
from neuralzip.train.checkpoints import load
from neuralzip.train.image import MODELS, ImageTask, _bits

CPU = torch.device("cpu")


def build(task: ImageTask, start: Path | None) -> dict[str, nn.Module]:
    nets = {}
    for name, kind in MODELS.items():
        torch.manual_seed(0)
        nets[name] = kind(**task.architecture)
    plain = nets["pixelcnn"]
    if start:
        load(start, plain)
    nets["pixelsnail"].load_state_dict(plain.state_dict(), strict=False)
    return nets


def train_beside(task: ImageTask, nets: Mapping[str, nn.Module], steps: int, rate: float) -> dict[str, float]:
    """Let nets take the same steps on the same crops; return the CPU seconds that each took."""
    optimisers = {name: torch.optim.AdamW(net.parameters(), rate, (0.9, 0.98)) for name, net in nets.items()}
    seconds = dict.fromkeys(nets, 0.0)
    for step in range(steps):
        sight = task.next_batch()
        factor = min(1.0, (step + 1) / 50, 2 * (1 - step / steps))
        for name, net in nets.items():
            started = time.process_time()
            for group in optimisers[name].param_groups:
                group["lr"] = rate * factor
            with torch.autocast("cpu", torch.bfloat16):
                bits, scale = _bits(net, sight, CPU)
            optimisers[name].zero_grad(set_to_none=True)
            (bits[:, 2:, 2:-2].sum() / (scale[:, 2:, 2:-2] >= 0).sum()).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimisers[name].step()
            seconds[name] += time.process_time() - started
    return seconds


def decode_s(name: str, task: ImageTask, net: nn.Module, planes: np.ndarray) -> float:
    """Return the CPU seconds to decode planes, after seeing that they come back."""
    task.model = name
    arrays, meta = task.export(net)
    model = zoo.Model(name, arrays, meta, b"", 0)
    exact = IntPixelSnail(model) if name == "pixelsnail" else IntPixelCNN(model, compiled=False)
    payload, _ = image_fast.encode(exact, planes.astype(np.uint16), 0)
    geometry, times = image_fast.Geometry(*planes.shape, 0), []
    for _ in range(2):  # the first one compiles
        started = time.process_time()
        if not np.array_equal(image_fast.decode(exact, payload, geometry), planes):
            raise SystemExit(f"{name}: a picture did not come back")
        times.append(time.process_time() - started)
    return times[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--channels", type=int, default=48)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    architecture = {"channels": options.channels, "blocks": options.blocks, "hidden": 96, "components": 5}
    task = ImageTask(options.train, options.dev, batch=8, seed=7, architecture=architecture)
    nets = build(task, options.start)
    seconds = train_beside(task, nets, options.steps, options.rate)
    planes = next(iter(task.pool.pictures))[:, :128, :128]
    for name, net in nets.items():
        with torch.no_grad():
            rates = task.evaluate(net.eval(), CPU)
        size = sum(parameter.numel() for parameter in net.parameters())
        figures = ", ".join(f"{part} {rate:.4f}" for part, rate in rates.items())
        print(
            f"{name}: {figures}; {size} weights, {seconds[name] / options.steps:.3f} s a step, "
            f"decodes in {decode_s(name, task, net, planes):.2f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
