"""Compress recordings as files: size, which codec took them, and what xz makes of them.

    python benchmarks/audio_files.py FILE... [--model fast]

Each file is compressed and decompressed and compared; sizes are those of the .nz files. Where a .flac file went
through the audio codec, its frames were taken apart and are written again bit for bit.
"""

import argparse
import io
import lzma
from pathlib import Path

from neuralzip import api
from neuralzip.codecs.base import Options


def row(path: Path, model: str | None) -> tuple[int, int, int]:
    data = path.read_bytes()
    packed = api.compress(data, options=Options(model=model, threads=1), verify=False)
    if api.decompress(packed) != data:
        raise SystemExit(f"{path} did not come back")
    xz = len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    codecs = "+".join(api.info(io.BytesIO(packed)).codecs) or "none"
    share = 100 * len(packed) / max(len(data), 1)
    print(f"{path.name:32} {len(data):9} -> {len(packed):9} ({share:6.2f} %), xz {xz:9}, {codecs}", flush=True)
    return len(data), len(packed), xz


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    totals = [
        sum(column) for column in zip(*(row(path, arguments.model) for path in arguments.files), strict=True)
    ]
    print(f"{'total':32} {totals[0]:9} -> {totals[1]:9} ({100 * totals[1] / totals[0]:6.2f} %), xz {totals[2]:9}")


if __name__ == "__main__":
    main()
