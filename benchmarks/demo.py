"""Compress a photo, a text and a recording, decompress them, compare, and print a table.

`python benchmarks/demo.py [FILE...]`; without arguments it takes the samples beside it. Exit code 1 when a file
did not come back.
"""

import lzma
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from neuralzip import info

SAMPLES = Path(__file__).parent / "samples"


def neuralzip(*args: object) -> float:
    """Run the command line and return its seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "neuralzip", *map(str, args)], check=True)
    return time.perf_counter() - started


def demonstrate(source: Path, folder: Path) -> bool:
    """Print the line of one file; return whether the same bytes came back."""
    packed, back = folder / f"{source.name}.nz", folder / source.name
    there_s = neuralzip("compress", "-q", "-o", packed, source)
    here_s = neuralzip("decompress", "-q", "-o", back, packed)
    same = back.read_bytes() == source.read_bytes()
    size, raw_size = packed.stat().st_size, source.stat().st_size
    xz_size = len(lzma.compress(source.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    codecs = ", ".join(info(packed).codecs)
    sizes = f"{raw_size:>9} {xz_size:>9} {size:>9} {100 * size / raw_size:>6.1f} %"
    result = f"{codecs:<8} {'same bytes' if same else 'DIFFERENT'}"
    print(f"{source.name:<14} {sizes} {there_s:>6.1f} s {here_s:>6.1f} s  {result}", flush=True)
    return same


def main() -> None:
    """Demonstrate the files named on the command line, or the samples."""
    sources = [Path(name) for name in sys.argv[1:]] or sorted(SAMPLES.iterdir())
    head = f"{'file':<14} {'bytes':>9} {'xz -9e':>9} {'.nz':>9} {'':>8} {'compress':>8} {'back':>8}"
    print(f"{head}  {'codec':<8} compared")
    with tempfile.TemporaryDirectory() as folder:
        same = [demonstrate(source, Path(folder)) for source in sources]
    sys.exit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
