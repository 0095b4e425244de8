"""How fast one core multiplies exactly: tiles, a dot product row by row, and torch's int8 product.

    python benchmarks/kernels.py

Billions of multiply-adds a second, by CPU time of the calling thread, best of several runs; rows are matrices
[outputs x inputs] of the byte net, columns the vectors multiplied at once.
"""

import time
from collections.abc import Callable

import numba
import numpy as np
import numpy.typing as npt
import torch

from neuralzip.exact import kernels, tiles

SHAPES = ((1152, 256), (256, 384), (2304, 384))
VECTORS = (1, 2, 4, 16, 64)
RUNS = 7
SECONDS = 0.05

Int8Array = npt.NDArray[np.int8]


@numba.njit(nogil=True)
def dot_products(weight: Int8Array, a: Int8Array, acc: npt.NDArray[np.int32]) -> None:
    for n in range(a.shape[0]):
        for m in range(weight.shape[0]):
            total = np.int32(0)
            for k in range(weight.shape[1]):
                total += np.int32(weight[m, k]) * np.int32(a[n, k])
            acc[n, m] = total


def seconds(call: Callable[[], object]) -> float:
    """Return the CPU seconds of one call, at best."""
    call()
    start = time.thread_time()
    call()
    repeats = max(1, int(SECONDS / max(time.thread_time() - start, 1e-6)))
    best = float("inf")
    for _ in range(RUNS):
        start = time.thread_time()
        for _ in range(repeats):
            call()
        best = min(best, (time.thread_time() - start) / repeats)
    return best


def calls(outputs: int, inputs: int, vectors: int) -> dict[str, Callable[[], object]]:
    """Return the three products of the same random operands, checked to agree."""
    random = np.random.default_rng(0)
    weight = random.integers(-64, 64, (outputs, inputs)).astype(np.int8)
    a = random.integers(-128, 128, (vectors, inputs)).astype(np.int8)
    packed, in_tiles = kernels.pack(torch.from_numpy(weight)), tiles.tiled(weight)
    x = a.view(np.uint8) ^ tiles.ZERO
    sums, acc = np.zeros((vectors, outputs), np.int32), np.zeros((vectors, outputs), np.int32)
    tiles.multiply(in_tiles, x, sums)
    dot_products(weight, a, acc)
    assert np.array_equal(sums + tiles.bias(weight), acc)
    return {
        "tiles": lambda: tiles.multiply(in_tiles, x, sums),
        "dot products": lambda: dot_products(weight, a, acc),
        "torch int8": lambda: kernels.matmul(torch.from_numpy(a), packed),
    }


def main() -> None:
    torch.set_num_threads(1)
    print("| product | matrix |" + "".join(f" {n} |" for n in VECTORS) + "\n|---|---|" + "---|" * len(VECTORS))
    for outputs, inputs in SHAPES:
        rows: dict[str, list[str]] = {}
        for vectors in VECTORS:
            for name, call in calls(outputs, inputs, vectors).items():
                rate = outputs * inputs * vectors / seconds(call) / 1e9
                rows.setdefault(name, []).append(f"{rate:.0f}")
        for name, cells in rows.items():
            print(f"| {name} | {outputs} x {inputs} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
