"""A made-up WaveNet, weights by formula, for tests."""

from pathlib import Path

import numpy as np

from neuralzip import zoo
from neuralzip.codecs.audio_block import NET_ID
from neuralzip.nets.wavenet_step import Shape

SHAPE = Shape(8, 3, 8, 2)


def scattered(count: int, most: int, seed: int) -> np.ndarray:
    """Return reproducible integers in [-most, most], no generator of a library involved."""
    steps = np.arange(1, count + 1, dtype=np.int64) + 1000 * seed
    return (steps * 7919 + (steps * steps * 104729 >> 5)) % (2 * most + 1) - most


def made_up(shape: Shape = SHAPE, weight: int = 63, bias: int = 4000) -> zoo.Model:
    """Return a model whose weights span [-weight, weight] and biases [-bias, bias]."""
    arrays: dict[str, np.ndarray] = {}
    for i, (name, inputs, outputs) in enumerate(shape.matrices()):
        bits = 10 if name.endswith("gate") else 8 if name == "head" else 5
        arrays[f"{name}.weight"] = scattered(inputs * outputs, weight, i).reshape(outputs, inputs).astype(np.int8)
        arrays[f"{name}.bias"] = scattered(outputs, bias, i + 50).astype(np.int32)
        arrays[f"{name}.unit"] = (bits + 3 + np.arange(outputs) % 4).astype(np.int32)
    meta = {"architecture": "wavenet", "version": 1, "config": shape._asdict()}
    return zoo.Model("made-up", arrays, meta, b"made-up!", 0)


def write_model(folder: Path) -> None:
    """Write a made-up net below a folder of models."""
    model = made_up()
    zoo.save(folder / NET_ID, model.arrays, model.meta)
