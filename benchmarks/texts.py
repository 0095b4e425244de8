"""The byte codec beside general compressors, in one run: bits per byte, seconds, coding overhead.

    python benchmarks/texts.py FILE... [--model small] [--peers "xz -9e,ppmd -o6"] [--lanes] [--primer]

Every coded file is decoded again and compared. `--lanes` adds what 1, 2, 4 and 16 lanes cost, `--primer` what the
experts alone reach without and with the shipped primer.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuralzip import zoo
from neuralzip.bench import peers
from neuralzip.codecs import bytes as byte_codec
from neuralzip.codecs.base import Options
from neuralzip.experts import bits
from neuralzip.experts.byte_prior import unpack
from neuralzip.experts.primer import new_primer
from neuralzip.train.experts import code


@dataclass(frozen=True)
class Row:
    """One file: bytes by coder, and seconds."""

    name: str
    size: int
    coded: int
    ideal_bits: float
    encode_s: float
    decode_s: float
    others: dict[str, int | None]


def measure(path: Path, options: Options, names: list[str]) -> Row:
    data = path.read_bytes()
    start = time.perf_counter()
    block = byte_codec.encode(data, options)
    middle = time.perf_counter()
    if byte_codec.decode(block, options) != data:
        raise SystemExit(f"{path}: did not come back")
    end = time.perf_counter()
    others = {result.peer: result.size_bytes for result in peers.run(peers.BYTES, data, names)}
    coded = len(block.payload) + len(block.params)
    return Row(path.name, len(data), coded, block.nll_bits or 0.0, middle - start, end - middle, others)


def render(rows: list[Row], names: list[str]) -> str:
    head = ["file", "bytes", "neuralzip", "over ideal", "KB/s enc", "KB/s dec", *names]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    total = Row(
        "total",
        sum(row.size for row in rows),
        sum(row.coded for row in rows),
        sum(row.ideal_bits for row in rows),
        sum(row.encode_s for row in rows),
        sum(row.decode_s for row in rows),
        {name: sum(row.others.get(name) or 0 for row in rows) for name in names},
    )
    for row in (*rows, total):
        over = 8 * row.coded / row.ideal_bits - 1 if row.ideal_bits else 0.0
        cells = [row.name, str(row.size), f"{8 * row.coded / row.size:.3f}", f"{over:.3%}"]
        cells += [f"{row.size / 1e3 / seconds:.0f}" for seconds in (row.encode_s, row.decode_s)]
        found = (row.others.get(name) for name in names)
        cells += [f"{8 * size / row.size:.3f}" if size else "absent" for size in found]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def lane_costs(path: Path, options: Options) -> str:
    data, chosen, cells = path.read_bytes(), byte_codec._lane_count, []
    for lanes in (1, 2, 4, 16):
        byte_codec._lane_count = lambda size, lanes=lanes: lanes
        cells.append(f"{lanes}: {8 * len(byte_codec.encode(data, options).payload) / len(data):.3f}")
    byte_codec._lane_count = chosen
    return f"{path.name} by lanes  " + "  ".join(cells)


def primer_gain(path: Path) -> str:
    text = np.frombuffer(path.read_bytes(), np.uint8)
    arrays = zoo.load(byte_codec.PRIMER).arrays
    start, cells = unpack(zoo.load(byte_codec.EXPERTS["fast"]).arrays), []
    for known in (None, new_primer(arrays)):
        _, coder = code(text, start, known)
        cells.append(f"{bits.logged_bits(coder) / len(text):.3f}")
    return f"| {path.name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", help="small, base or fast; default: the best installed")
    parser.add_argument("--peers", default="xz -9e,brotli -11,ppmd -o6", help="names as in neuralzip.bench.peers")
    parser.add_argument("--lanes", action="store_true")
    parser.add_argument("--primer", action="store_true")
    chosen = parser.parse_args()
    options, names = Options(model=chosen.model), [name for name in chosen.peers.split(",") if name]
    for model in [chosen.model] if chosen.model else ["fast", "small"]:  # compile first
        byte_codec.decode(byte_codec.encode(b"compile", Options(model=model)), Options(model=model))
    print(render([measure(path, options, names) for path in chosen.files], names))
    if chosen.lanes:
        for path in chosen.files:
            print(lane_costs(path, options))
    if chosen.primer:
        print(
            "\n".join(["", "| file | without primer | with |", "|---|---|---|", *map(primer_gain, chosen.files)])
        )


if __name__ == "__main__":
    main()
