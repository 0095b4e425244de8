"""JPEG files as libjpeg writes them: their coefficients from nothing, and from the learnt start.

    python benchmarks/jpegs.py FILE... [--crop 384]

The middle of each pristine picture, or all of it, is made a JPEG file at several qualities, with and without
subsampled chroma. Prints a Markdown table of bytes: the files, and whole blocks of the JPEG codec.
"""

import argparse
import io
from pathlib import Path
from unittest import mock

from jpeg_born import QUALITIES, SUBSAMPLINGS, middle

from neuralzip.codecs import jpeg_coefficients
from neuralzip.codecs.base import Options
from neuralzip.codecs.jpeg import JpegCodec


def coded(data: bytes) -> int:
    """Return the bytes of a file's block, once it came back."""
    (block,) = JpegCodec().encode(io.BytesIO(data), Options())
    if JpegCodec().decode(block, Options()) != data:
        raise SystemExit("a file did not come back")
    return len(block.payload) + len(block.params)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--crop", type=int, default=384, help="side of the middle; 0 for all")
    arguments = parser.parse_args()
    images = [middle(path, arguments.crop) for path in arguments.files]
    print("| quality | chroma | JPEG files | from nothing | neuralzip | against JPEG files | worth of the start |")
    print("|---|---|---|---|---|---|---|")
    for name, subsampling in SUBSAMPLINGS.items():
        for quality in QUALITIES:
            files = []
            for image in images:
                stream = io.BytesIO()
                image.save(stream, "JPEG", quality=quality, subsampling=subsampling)
                files.append(stream.getvalue())
            size, ours = sum(map(len, files)), sum(map(coded, files))
            with mock.patch.object(jpeg_coefficients, "installed_start", lambda: ((), None)):
                plain = sum(map(coded, files))
            cells = f"{size} | {plain} | {ours} | {ours / size - 1:+.1%} | {ours / plain - 1:+.1%}"
            print(f"| {quality} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
