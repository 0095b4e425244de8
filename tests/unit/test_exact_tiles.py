"""Products in tiles: the same integers for every shape, number of vectors and processor."""

import os
import subprocess
import sys

import llvmlite.binding as llvm
import numpy as np
import pytest

from neuralzip.exact import tiles

SHAPES = [(64, 4), (1, 1), (70, 9), (128, 64), (300, 130)]
PROCESSORS = {"generic": "", "haswell": "", "alderlake": "+avxvnni", "sapphirerapids": "+avx512vnni"}
"""Processors to compile for, and what the code generator is told that they have."""
SCRIPT = """
import sys
import numba, numpy as np
from neuralzip.exact import tiles
from tests.unit.test_exact_tiles import assert_exact

random = np.random.default_rng(1)
weight = random.integers(-64, 64, (70, 12)).astype(np.int8)
arrays = tiles.tiled(weight), np.zeros((1, 12), np.uint8), np.zeros((1, 128), np.int32)
kind = tuple(map(numba.typeof, arrays))
tiles.multiply.compile(kind)
print("vpdpbusd" in tiles.multiply.inspect_asm(kind))
if sys.argv[1] == "run":
    assert_exact(random.integers(-128, 128, (7, 12)).astype(np.int8), weight)
"""


def multiplied(a: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the product [N, M] of activations [N, K] and weights [M, K] by tiles."""
    in_tiles = tiles.tiled(weight)
    x = np.full((len(a), in_tiles.shape[1] * tiles.INPUTS), tiles.ZERO, np.uint8)
    x[:, : a.shape[1]] = a.view(np.uint8) ^ tiles.ZERO
    acc = np.full((len(a), len(in_tiles) * tiles.OUTPUTS), -1, np.int32)
    tiles.multiply(in_tiles, x, acc)
    return acc[:, : len(weight)] + tiles.bias(weight)


def assert_exact(a: np.ndarray, weight: np.ndarray) -> None:
    np.testing.assert_array_equal(multiplied(a, weight), a.astype(np.int64) @ weight.astype(np.int64).T)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", range(1, 8))
def test_random_operands(shape: tuple[int, int], count: int) -> None:
    random = np.random.default_rng(count)
    weight = random.integers(-64, 64, shape).astype(np.int8)
    assert_exact(random.integers(-128, 128, (count, shape[1])).astype(np.int8), weight)


@pytest.mark.parametrize("activation", [-128, -1, 127])
@pytest.mark.parametrize("weight", [-64, 63])
def test_extreme_operands(activation: int, weight: int) -> None:
    assert_exact(np.full((3, 1000), activation, np.int8), np.full((65, 1000), weight, np.int8))


def test_known_answer() -> None:
    weight = np.arange(-3, 3, dtype=np.int8).reshape(2, 3)
    assert multiplied(np.array([[1, -2, 100]], np.int8), weight).tolist() == [[-3 + 4 - 100, -2 + 200]]


@pytest.mark.parametrize("name", PROCESSORS)
def test_code_for_other_processors(name: str) -> None:
    """Without VNNI, with AVX-VNNI and with AVX512-VNNI; run only where this processor can."""
    needs = {"generic": "sse2", "haswell": "avx2", "alderlake": "avxvnni", "sapphirerapids": "avx512fp16"}[name]
    mode = "run" if llvm.get_host_cpu_features().get(needs) else "compile"
    told = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": PROCESSORS[name]}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, mode], env={**os.environ, **told}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str("vnni" in PROCESSORS[name])
