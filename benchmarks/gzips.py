"""What gzip files take: the choices of their encoder, and all beside what the files in them take by themselves.

    python benchmarks/gzips.py FILE... [--levels 1,6,9] [--model fast]

Packs each file by GNU gzip where the command is there, else by zlib; prints a Markdown table of bytes.
Every compressed file is decompressed again and compared.
"""

import argparse
import gzip as standard
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import neuralzip
from neuralzip.codecs.base import Options
from neuralzip.media import gzip


def packed(data: bytes, level: int) -> bytes:
    """Return data as a gzip file of a level."""
    if shutil.which("gzip") is None:
        return standard.compress(data, level, mtime=0)
    command = ["gzip", "-n", f"-{level}", "-c"]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def size_of(data: bytes, options: Options) -> int:
    """Return the bytes of the .nz file of some data."""
    coded = neuralzip.compress(data, options=options, verify=False)
    if neuralzip.decompress(coded) != data:
        raise SystemExit("a file did not come back")
    return len(coded)


def rows(files: list[Path], levels: list[int], options: Options) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| file | bytes | .nz | level | .gz | choices | .gz.nz |"
    yield "|---|---|---|---|---|---|---|"
    for path in files:
        data = path.read_bytes()
        alone = size_of(data, options)
        for level in levels:
            file = packed(data, level)
            choices = len(gzip.parse(file, len(data)).choices)
            cells = (path.name, len(data), alone, level, len(file), choices, size_of(file, options))
            yield "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Parse arguments, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--levels", default="1,6,9")
    parser.add_argument("--model", help="small or fast; default: the better")
    chosen = parser.parse_args()
    for row in rows(chosen.files, [int(level) for level in chosen.levels.split(",")], Options(model=chosen.model)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
