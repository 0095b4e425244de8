"""Compare the table codec with general and numeric compressors on CSV and .npy files.

    python benchmarks/tables.py FOLDER... [--min-bytes 9000] [--max-bytes 4000000] [--out tables.csv]

Every coded file is decoded again and compared. Peers: xz -9e, zstd -19, brotli 11 on the bytes of the file; blosc2
(zstd, byte shuffle) and pcodec on the numbers of .npy arrays, whose header they leave out.
"""

import argparse
import io
import lzma
import time
from pathlib import Path

import numpy as np

from neuralzip.codecs.base import Options
from neuralzip.codecs.table import TableCodec
from neuralzip.errors import UnsupportedError


def general_peers(data: bytes) -> dict[str, int]:
    import brotli
    import zstandard

    return {
        "xz": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
        "zstd": len(zstandard.ZstdCompressor(level=19).compress(data)),
        "brotli": len(brotli.compress(data, quality=11)),
    }


def numeric_peers(data: bytes) -> dict[str, int]:
    import blosc2
    from pcodec import ChunkConfig, standalone

    array = np.ascontiguousarray(np.load(io.BytesIO(data)))
    packed = blosc2.compress2(array, typesize=array.itemsize, clevel=9, codec=blosc2.Codec.ZSTD)
    sizes = {"blosc2": len(packed)}
    if array.itemsize > 1:
        sizes["pcodec"] = len(standalone.simple_compress(array.reshape(-1), ChunkConfig()))
    return sizes


def measure(codec: TableCodec, data: bytes) -> dict[str, float]:
    """Return sizes in bytes and speeds in bytes a second of one file."""
    start = time.process_time()
    blocks = list(codec.encode(io.BytesIO(data), Options()))
    middle = time.process_time()
    if b"".join(codec.decode(block, Options()) for block in blocks) != data:
        raise SystemExit("a table did not come back")
    end = time.process_time()
    size = sum(len(block.payload) + len(block.params) for block in blocks)
    ideal = sum(block.nll_bits or 8 * len(block.payload) for block in blocks) / 8
    return {"table": size, "ideal": ideal, "encode_s": middle - start, "decode_s": end - middle}


def find_files(folders: list[Path], least: int, most: int) -> list[Path]:
    found = (path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in (".csv", ".npy"))
    return [path for path in found if least <= path.stat().st_size <= most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--min-bytes", type=int, default=9000)
    parser.add_argument("--max-bytes", type=int, default=4_000_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    codec, rows, seen = TableCodec(), [], set()
    for path in find_files(options.folders, options.min_bytes, options.max_bytes):
        data = path.read_bytes()
        if data in seen or not codec.claims(data[:4096], Options()):
            continue
        seen.add(data)
        try:
            row: dict[str, float] = {"bytes": len(data)} | measure(codec, data) | general_peers(data)
        except UnsupportedError as error:
            print(f"{path.name}: {error}")
            continue
        if path.suffix == ".npy":
            row |= numeric_peers(data)
        rows.append((path.name, row))
        print(f"{path.name:44} " + " ".join(f"{key} {value:.6g}" for key, value in row.items()), flush=True)
    report(rows, options.out)


def report(rows: list[tuple[str, dict[str, float]]], out: Path | None) -> None:
    names = ["bytes", "table", "ideal", "xz", "zstd", "brotli", "blosc2", "pcodec", "encode_s", "decode_s"]
    if out:
        cells = [[name, *(f"{row[key]:.6g}" if key in row else "" for key in names)] for name, row in rows]
        out.write_text("\n".join(",".join(line) for line in [["file", *names], *cells]) + "\n")
    total = {key: sum(row.get(key, 0) for _, row in rows) for key in names}
    worst = max(row["table"] - row["xz"] for _, row in rows)
    general = ("xz", "zstd", "brotli")
    peers = [f"{key} {total[key]:.0f} ({_percent(total['table'], total[key])})" for key in general]
    speeds = [total["bytes"] / total[key] / 1e3 for key in ("encode_s", "decode_s")]
    print(f"{len(rows)} files, {total['bytes']:.0f} bytes: table {total['table']:.0f}, " + ", ".join(peers))
    print(f"worst against xz {worst:+.0f} bytes; over the ideal length {_percent(total['table'], total['ideal'])}")
    print(f"{speeds[0]:.0f} KB/s encode, {speeds[1]:.0f} KB/s decode (CPU time)")


def _percent(value: float, reference: float) -> str:
    return f"{100 * (value / reference - 1):+.2f} %"


if __name__ == "__main__":
    main()
