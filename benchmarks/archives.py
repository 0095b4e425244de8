"""What files that hold others take: gzip files, ZIP archives and what is one, PDF, tar.

    python benchmarks/archives.py FILE... [--model fast]

Prints a Markdown table of bytes: of the file, of its content (with the data of the streams in their place), of the
choices of the encoders, and of the .nz file, beside xz of the file and the .nz file without this codec. Every .nz
file is decompressed again and compared.
"""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import neuralzip
from neuralzip.bench import peers
from neuralzip.codecs import archive as archive_codec
from neuralzip.codecs import bytes as byte_codec
from neuralzip.codecs.base import Options
from neuralzip.errors import UnsupportedError
from neuralzip.media import archive

PEER = "xz -9e"


def parts_of(data: bytes) -> tuple[int, int]:
    """Return the bytes of content and choices, as of one block."""
    try:
        parts = archive.parse(data, archive_codec.CONTENT_BYTES)
    except UnsupportedError:
        return len(data), 0
    return len(parts.content), len(parts.choices)


def row(path: Path, options: Options) -> str:
    """Return the table's line of a file."""
    data = path.read_bytes()
    packed = neuralzip.compress(data, options=options, verify=False)
    if neuralzip.decompress(packed) != data:
        raise SystemExit(f"{path}: did not come back")
    without = sum(len(block.payload) for block in byte_codec.Bytes().encode(io.BytesIO(data), options))
    (xz,) = peers.run(peers.BYTES, data, [PEER])
    cells = (path.name, len(data), *parts_of(data), len(packed), without, xz.size_bytes)
    return "| " + " | ".join(map(str, cells)) + " |"


def lines(files: list[Path], options: Options) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| file | bytes | content | choices | neuralzip | without | {PEER} |"
    yield "|---|---|---|---|---|---|---|"
    for path in files:
        yield row(path, options)


def main() -> None:
    """Parse arguments, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", help="small or fast; default: the better")
    chosen = parser.parse_args()
    for line in lines(chosen.files, Options(model=chosen.model)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
