"""Measure the models for pictures that code groups of pixels at once: idf, flow, vae, parallel.

    python benchmarks/flows.py PICTURE... [--models idf,flow,vae,parallel] [--threads 2] [--peers] [--bound]

Every coded picture is decoded again and compared. Reported are bits a sub-pixel of the whole block; "coded", the
same without the file's side information; "ideal", the code length under the integer model (of flow and vae: for
the noise and the latents that were drawn); and CPU and wall time. --bound: the negative evidence lower bound of
the vae, in floats, for whole pictures, and what of it the divergences of z1 and z2 take. Peers: WebP lossless
(method 6, quality 100), PNG by oxipng -o max.
"""

import argparse
import functools
import io
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import registry
from neuralzip.codecs.base import Options
from neuralzip.codecs.image import unpack_params
from neuralzip.nets import vae
from neuralzip.nets.quantise import QuantLinear
from neuralzip.train.image import read_planes
from neuralzip.train.vae import picture_bits


def peers(path: Path) -> dict[str, int]:
    out = io.BytesIO()
    with Image.open(path) as picture:
        picture.save(out, "WEBP", lossless=True, quality=100, method=6)
    sizes = {"webp": len(out.getvalue())}
    if shutil.which("oxipng"):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_bytes(path.read_bytes())
            subprocess.run(["oxipng", "-q", "-o", "max", "--strip", "all", str(copy)], check=True)
            sizes["oxipng"] = copy.stat().st_size
    return sizes


def measure(name: str, data: bytes) -> dict[str, float]:
    """Return sizes in bits and times in seconds of one file."""
    codec = registry.by_name(name)
    times = [(time.process_time(), time.perf_counter())]
    blocks = list(codec.encode(io.BytesIO(data), Options(model=name)))
    times.append((time.process_time(), time.perf_counter()))
    if b"".join(codec.decode(block, Options()) for block in blocks) != data:
        raise SystemExit(f"{name}: a picture did not come back")
    times.append((time.process_time(), time.perf_counter()))
    size = 8 * sum(len(block.payload) + len(block.params) for block in blocks)
    return {
        "bits": size,
        "coded": size - 8 * sum(unpack_params(block)[2] for block in blocks),
        "ideal": sum(block.nll_bits or 0 for block in blocks),
        "encode_cpu": times[1][0] - times[0][0],
        "decode_cpu": times[2][0] - times[1][0],
        "encode_wall": times[1][1] - times[0][1],
        "decode_wall": times[2][1] - times[1][1],
    }


@functools.cache
def float_net() -> vae.Vae:
    """Return the float net with the weights that the integers stand for."""
    model = zoo.load("image-vae")
    net = vae.Vae(**model.meta["config"])
    for name, layer in net.named_modules():
        if isinstance(layer, QuantLinear):
            weight, bias, unit = (model.arrays[f"{name}.{part}"] for part in ("weight", "bias", "unit"))
            rows = weight * 2.0 ** (layer.in_bits - unit[:, None])
            layer.load_state_dict({"weight": torch.from_numpy(rows), "bias": torch.from_numpy(bias * 2.0**-unit)})
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--models", default="idf,flow,vae,parallel")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--bound", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rates: dict[str, list[float]] = {}
    for path in options.pictures:
        with Image.open(path) as picture:
            samples = picture.width * picture.height * len(picture.getbands())
        line = [f"{path.name:20}"]
        for name in filter(None, options.models.split(",")):
            row = measure(name, path.read_bytes())
            rates.setdefault(name, []).append(row["bits"] / samples)
            rates.setdefault(f"{name} coded", []).append(row["coded"] / samples)
            rates.setdefault(f"{name} ideal", []).append(row["ideal"] / samples)
            line.append(
                f"{name} {row['bits'] / samples:.3f} "
                f"(coded {row['coded'] / samples:.4f}, ideal {row['ideal'] / samples:.4f}; "
                f"CPU s {row['encode_cpu']:.2f} / {row['decode_cpu']:.2f}, "
                f"wall {row['encode_wall']:.2f} / {row['decode_wall']:.2f})"
            )
        if options.bound:
            parts = picture_bits(float_net(), read_planes(path)) / samples
            for name, bits in zip(("bound", "z1", "z2"), (parts.sum(), *parts[1:]), strict=True):
                rates.setdefault(name, []).append(bits)
                line.append(f"{name} {bits:.4f}")
        for name, size in (peers(path) if options.peers else {}).items():
            rates.setdefault(name, []).append(8 * size / samples)
            line.append(f"{name} {8 * size / samples:.3f}")
        print("  ".join(line), flush=True)
    print("mean bits a sub-pixel: " + ", ".join(f"{name} {np.mean(values):.4f}" for name, values in rates.items()))


if __name__ == "__main__":
    main()
