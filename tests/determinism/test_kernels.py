"""Kernels on this machine made to look like others: instruction sets, threads, batch splits; no differing integer.

Each setting runs in a process of its own, since libraries read these variables once. The process prints the digest
of all outputs of all kernels; all must be the pinned one. Over 10**7 outputs are compared in total.
"""

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip.exact import kernels, layers

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ((1, 33, 40), (5, 1, 7), (900, 65, 320), (40, 4100, 96))
SETTINGS = [
    {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
]
PINNED = "45f413a2e4b5f7a53186a32faad1f0f12c014e01ad43496c200ea8a12851bf68"
"""SHA-256 of the outputs of `outputs`; numpy's int64 gives the same (tested)."""


def operands(case: int, extreme: int) -> tuple[np.ndarray, np.ndarray]:
    """Operands [N, K], [M, K] int8 by integer arithmetic alone: mixed (0), or near one of four corners (1..4)."""
    n, k, m = SHAPES[case]
    a = np.arange(n * k, dtype=np.int64).reshape(n, k) * 2654435761 >> 7 & 255
    weight = np.arange(m * k, dtype=np.int64).reshape(m, k) * 40503 >> 5 & 127
    a, weight = a - 128, weight - 64
    if extreme:
        a = np.where(a % 16, (-128, 127)[extreme & 1], a)
        weight = np.where(weight % 16, (-64, 63)[extreme >> 1 & 1], weight)
    return a.astype(np.int8), weight.astype(np.int8)


def products(name: str, splits: int, device: str = "cpu") -> str:
    """Return the digest of all products by one kernel, the batch cut into pieces; and of requantised ones."""
    sha = hashlib.sha256()
    for case in range(len(SHAPES)):
        for extreme in range(5):
            a, weight = operands(case, extreme)
            m = len(weight)
            unit = torch.arange(m, dtype=torch.int32) % 20
            bias = torch.arange(m, dtype=torch.int32) * 1000 - 7
            layer = layers.Linear(torch.from_numpy(weight), bias, unit).to(device)
            with kernels.using(name):
                pieces = torch.from_numpy(a).to(device).chunk(splits)
                sha.update(torch.cat([layer(piece) for piece in pieces]).cpu().numpy().tobytes())
                sha.update(torch.cat([layer.apply(piece, 3) for piece in pieces]).cpu().numpy().tobytes())
    return sha.hexdigest()


def oracle() -> str:
    """Return the digest that `products` must have, by numpy's int64 and the definition of rounding."""
    sha = hashlib.sha256()
    for case in range(len(SHAPES)):
        for extreme in range(5):
            a, weight = operands(case, extreme)
            m = len(weight)
            acc = a.astype(np.int64) @ weight.astype(np.int64).T + np.arange(m) * 1000 - 7
            sha.update(acc.astype(np.int32).tobytes())
            shift = np.arange(m) % 20 - 3
            up, down = np.maximum(-shift, 0), np.maximum(shift, 0)
            half = (1 << down) >> 1
            sha.update((((acc << up) + half) >> down).clip(-127, 127).astype(np.int8).tobytes())
    return sha.hexdigest()


def narrow() -> bool:
    """Say whether products with one row, one column or one of each come out right: their kernels are others."""
    results = []
    for n, k, m in itertools.product((1, 2, 17, 54), (1, 2, 8, 75, 200), (1, 2)):
        generator = np.random.default_rng((n, k, m))
        a = torch.from_numpy(generator.choice(np.array([-128, 127], np.int8), (n, k)))
        packed = kernels.pack(torch.from_numpy(generator.choice(np.array([-64, 63], np.int8), (m, k))))
        expected = (a.long() @ packed.weight.long().t()).to(torch.int32)
        for name in kernels.NAMES:
            with kernels.using(name):
                results.append(torch.equal(kernels.matmul(a, packed), expected))
    return all(results)


def available() -> str:
    """Return the kernel that the self-test leaves on this processor."""
    return kernels.available("cpu")


def all_digests() -> set[str]:
    """Return the digests of every fast kernel, with 1 and 2 threads and two ways to split batches."""
    fast = [name for name in kernels.NAMES if name != "int64"]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        digests = {products(name, splits) for name in fast for splits in (1, 3)}
        torch.set_num_threads(2)
        return digests | {products(name, 1) for name in ("int8", "float32")}
    finally:
        torch.set_num_threads(threads)


def test_the_pinned_outputs_are_those_of_int64() -> None:
    assert oracle() == products("int64", 1) == PINNED


def test_narrow_products() -> None:
    assert narrow()


def test_outputs_do_not_depend_on_kernel_threads_or_batches() -> None:
    assert all_digests() == {PINNED}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: "-".join(setting.values()))
def test_outputs_do_not_depend_on_the_processor(setting: dict[str, str], tmp_path: Path) -> None:
    paths = [str(ROOT), str(Path(__file__).parent)]
    code = f"import sys; sys.path[:0] = {paths}; import test_kernels as t; "
    code += "print(t.available(), t.narrow(), *t.all_digests())"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **setting}
    if any(name.startswith("NUMBA") for name in setting):
        environment["NUMBA_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["int8", "True", PINNED]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_outputs_do_not_depend_on_the_device() -> None:
    assert kernels.available("cuda") == "int8"
    assert {products(name, splits, "cuda") for name in ("int8", "float32") for splits in (1, 3)} == {PINNED}


def test_compiled_kernels_hold_no_fused_multiply_add() -> None:
    """Floats may enter predictions by scalar compiled code only because numba does not contract x * y + z."""
    import numba

    @numba.njit("float64(float64, float64, float64)")
    def multiply_add(x: float, y: float, z: float) -> float:
        return x * y + z

    (assembly,) = multiply_add.inspect_asm().values()
    assert "mul" in assembly and "fma" not in assembly.lower().replace("multiply_add", "")
    x = 1.0 + 2.0**-30
    assert multiply_add(x, x, -1.0 - 2.0**-29) == 0.0  # 2**-60 if the product were not rounded
