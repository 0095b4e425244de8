"""Models that code groups of pixels at once, with their shipped weights: equal streams on unlike processors."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import hashlib, sys
import torch
from tests.determinism.test_groups import SHAPE, scene
from neuralzip import zoo
torch.set_num_threads(int(sys.argv[2]))
planes = scene()
if sys.argv[1] == "flow":
    from neuralzip.codecs import flow as codec
    from neuralzip.nets.realnvp import IntRealNvp as Net
elif sys.argv[1] == "vae":
    from neuralzip.codecs import vae as codec
    from neuralzip.nets.idf import IntIdf
    from neuralzip.nets.vae_exact import IntVae
    Net = lambda model: codec.Nets(IntVae(model), IntIdf(zoo.load("image-idf")))
else:
    from neuralzip.codecs import idf as codec
    from neuralzip.nets.idf import IntIdf as Net
net = Net(zoo.load("image-" + sys.argv[1]))
payload, _ = codec.encode_band(net, planes)
assert (codec.decode_band(net, payload, SHAPE) == planes).all()
print(hashlib.sha256(payload).hexdigest()[:16])
"""
SHAPE = (3, 40, 56)


def scene() -> np.ndarray:
    """Return planes [3, H, W] of integers that need no libm: a slope, an edge and congruential noise."""
    out, noise = np.zeros(SHAPE, np.uint8), 1
    for plane in range(SHAPE[0]):
        for y in range(SHAPE[1]):
            for x in range(SHAPE[2]):
                noise = (noise * 1664525 + 1013904223) % 2**32
                out[plane, y, x] = 40 + 2 * y + x + (noise >> 29) + (60 if x > 2 * y else 0) + 5 * plane
    return out


def digest(model: str, threads: int, **environment: str) -> str:
    command = [sys.executable, "-c", SCRIPT, model, str(threads)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["idf", "flow", "vae"])
def test_processors_threads_and_kernels_do_not_matter(model: str) -> None:
    wanted = digest(model, 1)
    assert len(wanted) == 16
    assert digest(model, 2, ONEDNN_MAX_CPU_ISA="SSE41", ATEN_CPU_CAPABILITY="default") == wanted
    assert digest(model, 1, NEURALZIP_KERNEL="compiled", NUMBA_CPU_NAME="generic") == wanted


def test_the_scene_is_pinned() -> None:
    assert hashlib.sha256(scene().tobytes()).hexdigest()[:16] == "6bfee9e6e607cf58"
