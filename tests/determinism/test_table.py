"""The table codec's least squares are the same numbers without the processor's wide and fused instructions."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import hashlib, io
from neuralzip.codecs.base import Options
from neuralzip.codecs.table import TableCodec
noise, level, lines = 1, 1000, ["a,b,c,d"]
for n in range(250):
    noise = (noise * 1664525 + 1013904223) % 2**32
    level += (noise >> 24) - 128
    spread = (noise >> 12) % 977
    lines.append(f"{level / 8:.3f},{spread / 10:.1f},{(level * spread) / 3:.4e},{level / 8 - 3 * spread / 10:.3f}")
data = ("\\n".join(lines) + "\\n").encode()
(block,) = TableCodec().encode(io.BytesIO(data), Options())
assert TableCodec().decode(block, Options()) == data
print(len(data), hashlib.sha256(block.params + block.payload).hexdigest()[:16])
"""


def run(**environment: str) -> str:
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_plain_processors_give_the_same_stream() -> None:
    wanted = run()
    assert len(wanted.split()) == 2
    assert run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == wanted
