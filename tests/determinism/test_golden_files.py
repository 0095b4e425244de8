"""Golden files of trained models decode alike under every instruction set, and on a GPU."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import neuralzip

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = ROOT / "tests" / "golden" / "good"
MANIFEST = json.loads((GOOD / "manifest.json").read_text())
NETS = [name for name in sorted(MANIFEST) if neuralzip.info(GOOD / f"{name}.nz").models]
SETTINGS = [
    {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
]
DECODE = """
import hashlib, pathlib, sys
import neuralzip
for path in sys.argv[1:]:
    print(hashlib.sha256(neuralzip.decompress(pathlib.Path(path).read_bytes())).hexdigest())
"""


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: "-".join(setting.values()))
def test_any_processor(setting: dict[str, str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | setting
    paths = [str(GOOD / f"{name}.nz") for name in NETS]
    done = subprocess.run(
        [sys.executable, "-c", DECODE, *paths], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [MANIFEST[name]["sha256"] for name in NETS]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", NETS)
def test_a_gpu(name: str) -> None:
    original = neuralzip.decompress((GOOD / f"{name}.nz").read_bytes(), options=neuralzip.Options(device="cuda"))
    assert hashlib.sha256(original).hexdigest() == MANIFEST[name]["sha256"]
