"""Measure what doublings of the wavefront PixelCNN are worth, alone and within the default model.

    python benchmarks/net_sizes.py TRAIN DEV [--steps 400] [--channels 48,68,96,136] [--blocks 4] [--shipped ID,ID]

Nets of these numbers of channels, whose weights double from one to the next, take the same steps on the same
crops of the pictures below TRAIN. Reported are, for the middles (192 x 192) of the pictures below DEV: bits a
sub-pixel of the float net alone, of the default model that hears its integer twin (no colour lattice; no learnt
start, which belongs to a net), and the default model's CPU seconds for all of them. --shipped adds nets that are
installed.
"""

import argparse
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from images import read
from pixelsnail import CPU, train_beside

from neuralzip import zoo
from neuralzip.codecs.image_mixing import Weights, encode_picture
from neuralzip.experts import image_lattice
from neuralzip.nets.pixelcnn import PixelCNN
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from neuralzip.train.image import ImageTask


def within_default(net: IntPixelCNN | None, pictures: list[np.ndarray]) -> tuple[float, float]:
    """Return (mean bits a sub-pixel, CPU seconds) of pictures [3, S, S] under the default model beside a net."""
    weights = Weights(net=lambda: net)
    with mock.patch.object(image_lattice, "detect", lambda *_: image_lattice.NONE):
        encode_picture(pictures[0][:, :96, :96], weights=weights)  # compiles
        started = time.process_time()
        rates = [8 * len(encode_picture(planes, weights=weights)) / planes.size for planes in pictures]
    return float(np.mean(rates)), time.process_time() - started


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--channels", default="48,68,96,136")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--shipped", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = ImageTask(options.train, options.dev, batch=8, seed=7)
    files = sorted(options.dev.rglob("*.png"))
    pictures = [
        np.ascontiguousarray(read(path, task.dev_side).transpose(2, 0, 1)[[1, 0, 2]]).astype(np.uint16)
        for path in files
    ]
    nets = {}
    for channels in map(int, filter(None, options.channels.split(","))):
        torch.manual_seed(0)
        name = f"{channels} x {options.blocks}"
        nets[name] = PixelCNN(**task.architecture | {"channels": channels, "blocks": options.blocks})
    seconds = train_beside(task, nets, options.steps, options.rate)
    print("| net | weights | s a step | alone | within the default | CPU s |\n|---|---|---|---|---|---|")
    print(f"| none | | | | {within_default(None, pictures)[0]:.4f} | |", flush=True)
    for name, net in nets.items():
        with torch.no_grad():
            parts = task.evaluate(net.eval(), CPU)
        counts = [len(list(path.glob("*.png"))) for path in sorted(options.dev.iterdir()) if path.name in parts]
        alone = np.average([parts[part] for part in sorted(parts)], weights=counts)
        rate, taken = within_default(IntPixelCNN(zoo.Model(name, *task.export(net), b"", 0)), pictures)
        size = sum(parameter.numel() for parameter in net.parameters())
        each = seconds[name] / options.steps
        print(f"| {name} | {size} | {each:.2f} | {alone:.4f} | {rate:.4f} | {taken:.1f} |", flush=True)
    for name in filter(None, options.shipped.split(",")):
        rate, taken = within_default(IntPixelCNN(zoo.load(name)), pictures)
        print(f"| {name} | | | | {rate:.4f} | {taken:.1f} |", flush=True)


if __name__ == "__main__":
    main()
