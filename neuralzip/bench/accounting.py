"""Where the bits of a file go: model, integers, coder, container; and what they cost in time and memory.

    float-model nll -> integer-model nll -> nll of the coded frequencies -> achieved bits -> container bytes

Each arrow is a loss of its own: quantisation, rounding to frequencies, rANS and side information, headers. The
first two are those of the net alone (`bench.likelihoods`), the third is what the codec's frequencies say
(`Block.nll_bits`), lower where experts are mixed in. A number that is not known stays None and is shown as "-".
"""

import csv
import dataclasses
import io
import json
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuralzip import container, zoo
from neuralzip.bench import likelihoods
from neuralzip.codecs import registry, select
from neuralzip.codecs.base import Block, Options
from neuralzip.container import Limits
from neuralzip.errors import ModelError, NeuralzipError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Report:
    """One file, accounted for. Bits and bytes are exact, seconds are wall time.

    Attributes:
        name: the file's name.
        raw_bytes: its size.
        container_bytes: size of the .nz file.
        payload_bytes: of which coded payloads.
        side_bytes: of which packed side information, of which no likelihood tells: a PNG's chunks and corrections.
        unit: what `units` counts: "byte", "sub-pixel" or "sample".
        units: how many the file has.
        codecs: names of the codecs in use.
        model_bytes: size of the weights that decoding needs.
        float_nll_bits: code length under the float net alone, None where there is none or it is not known.
        integer_nll_bits: code length under the integer net's distributions, None likewise.
        coded_nll_bits: ideal code length of the frequencies handed to the coder, side information not included.
        compress_s: seconds to compress.
        decompress_s: seconds to decompress.
        peak_bytes: largest resident memory of the process on the way.
    """

    name: str
    raw_bytes: int
    container_bytes: int
    payload_bytes: int
    side_bytes: int
    unit: str
    units: int
    codecs: tuple[str, ...]
    model_bytes: int
    float_nll_bits: float | None
    integer_nll_bits: float | None
    coded_nll_bits: float | None
    compress_s: float
    decompress_s: float
    peak_bytes: int

    @property
    def bits_per_unit(self) -> float:
        """Container bits for each unit (bpb, bpsp or bps)."""
        return self.container_bytes * 8 / max(self.units, 1)

    @property
    def overhead_bits(self) -> float | None:
        """What the coder adds to the code length of its frequencies, in bits; None where that is not known."""
        coded = self.coded_nll_bits
        return None if coded is None else 8 * (self.payload_bytes - self.side_bytes) - coded

    @property
    def fields(self) -> dict[str, Any]:
        """Everything by name, with what follows from it: for tables that programs read."""
        return dataclasses.asdict(self) | {
            "codecs": "+".join(self.codecs),
            "achieved_bits": self.payload_bytes * 8,
            "overhead_bits": self.overhead_bits,
            "bits_per_unit": self.bits_per_unit,
            "compress_mb_s": self.raw_bytes / max(self.compress_s, 1e-9) / 1e6,
            "decompress_mb_s": self.raw_bytes / max(self.decompress_s, 1e-9) / 1e6,
        }

    def rate(self, bits: float | None) -> float | None:
        """Return bits for each unit."""
        return None if bits is None else bits / max(self.units, 1)


def measure(path: Path, options: Options, repeat: int = 1) -> Report:
    """Compress and decompress a file, check that the same bytes are back, and account for the result.

    Args:
        path: the file.
        options: as for `api.compress`.
        repeat: times are the best of so many runs; the first loads weights and compiled code.

    Raises:
        NeuralzipError: the bytes that came back differ.
    """
    data = path.read_bytes()
    _reset_peak()
    compress_s, (packed, blocks) = _best(lambda: _compress(data, options), repeat)
    decompress_s, restored = _best(lambda: _decompress(packed, options), repeat)
    peak = _peak_bytes()
    if restored != data:
        raise NeuralzipError(f"{path}: decompressed bytes differ from the original")
    unit, units = _units(path, data)
    nll = likelihoods.of_file(data, options.model, blocks)
    return Report(
        name=path.name,
        raw_bytes=len(data),
        container_bytes=len(packed),
        payload_bytes=sum(len(block.payload) for block in blocks),
        side_bytes=sum(block.side_bytes for block in blocks),
        unit=unit,
        units=units,
        codecs=tuple(dict.fromkeys(block.codec for block in blocks)),
        model_bytes=_model_bytes(blocks),
        float_nll_bits=nll.get("float"),
        integer_nll_bits=nll.get("integer"),
        coded_nll_bits=_total([block.nll_bits for block in blocks]),
        compress_s=compress_s,
        decompress_s=decompress_s,
        peak_bytes=peak,
    )


def _best(work: Any, repeat: int) -> tuple[float, Any]:
    """Return (least seconds, last result) of some runs."""
    seconds, result = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def _compress(data: bytes, options: Options) -> tuple[bytes, list[Block]]:
    """Return the .nz file and its blocks, as `api.compress` without verification makes them."""
    target, blocks = io.BytesIO(), []
    writer = container.Writer(target)
    for block, content in select.encode(io.BytesIO(data), select.Plan(options, False, len(data), warnings.warn)):
        writer.add(registry.by_name(block.codec).id, block.params, block.payload, content, block.models)
        blocks.append(block)
    writer.close()
    return target.getvalue(), blocks


def _decompress(packed: bytes, options: Options) -> bytes:
    reader = container.Reader(io.BytesIO(packed), Limits(options.memory_bytes or container.DEFAULT_MEMORY_BYTES))
    pieces = []
    for record in reader.records():
        codec = registry.by_id(record.codec)
        block = Block(codec.name, record.params, record.payload, record.raw_size, record.models)
        pieces.append(codec.decode(block, options))
        reader.accept(record, pieces[-1])
    reader.finish()
    return b"".join(pieces)


def _total(parts: Iterable[float | None]) -> float | None:
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def _model_bytes(blocks: Iterable[Block]) -> int:
    """Return the size of all weights that the blocks name."""
    total = 0
    for identity in {identity for block in blocks for identity in block.models}:
        try:
            total += zoo.load_identity(identity).size_bytes
        except ModelError:  # a part of a model: its parts are counted one by one
            continue
    return total


def _units(path: Path, data: bytes) -> tuple[str, int]:
    """Return (unit, how many) of a file by its kind."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            frames = getattr(image, "n_frames", 1)
            return "sub-pixel", image.width * image.height * len(image.getbands()) * frames
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass
    if path.suffix.lower() in (".wav", ".aiff", ".aif", ".flac", ".caf", ".w64"):
        import soundfile

        try:
            found = soundfile.info(io.BytesIO(data))
            return "sample", found.frames * found.channels
        except soundfile.LibsndfileError:
            pass
    return "byte", len(data)


def _reset_peak() -> None:
    """Start the count of peak memory afresh, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not Linux, or not allowed: the peak is that of the whole process
        return


def _peak_bytes() -> int:
    """Return the largest resident memory since `_reset_peak`."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        import resource  # not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


_HEAD = ("file", "bytes", "nz bytes", "bits/unit", "float", "integer", "coded", "side", "achieved",
         "s in", "s out", "MB/s in", "MB/s out", "peak MB", "codec")  # fmt: skip


def render(reports: Sequence[Report]) -> str:
    """Return a table of reports: rates in bits a unit, a last line with the totals where there are several."""
    rows = [_HEAD, *(_row(report) for report in reports)]
    if len(reports) > 1:
        rows.append(_row(_sum(reports)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = []
    for row in rows:
        cells = [cell.ljust(w) if i in (0, len(row) - 1) else cell.rjust(w)
                 for i, (cell, w) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def to_json(report: Report) -> str:
    """Return one report as a line of JSON."""
    return json.dumps({"schema": SCHEMA} | report.fields)


def to_csv(report: Report, *, head: bool) -> str:
    """Return one report as a line of separated values, with the names of the columns above where asked for."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(report.fields), lineterminator="\n")
    if head:
        writer.writeheader()
    writer.writerow(report.fields)
    return out.getvalue()


def _row(report: Report) -> tuple[str, ...]:
    rates = (
        report.float_nll_bits,
        report.integer_nll_bits,
        report.coded_nll_bits,
        report.side_bytes * 8,
        report.payload_bytes * 8,
    )
    return (
        report.name,
        str(report.raw_bytes),
        str(report.container_bytes),
        f"{report.bits_per_unit:.4f}",
        *(_shown(report.rate(bits)) for bits in rates),
        f"{report.compress_s:.2f}",
        f"{report.decompress_s:.2f}",
        f"{report.fields['compress_mb_s']:.2f}",
        f"{report.fields['decompress_mb_s']:.2f}",
        f"{report.peak_bytes / 1e6:.0f}",
        "+".join(report.codecs),
    )


def _shown(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.4f}"


def _sum(reports: Sequence[Report]) -> Report:
    """Return the totals of several reports; peak memory and model size are the largest."""
    units = {report.unit for report in reports}
    same = len(units) == 1
    return Report(
        name="total",
        raw_bytes=sum(r.raw_bytes for r in reports),
        container_bytes=sum(r.container_bytes for r in reports),
        payload_bytes=sum(r.payload_bytes for r in reports),
        side_bytes=sum(r.side_bytes for r in reports),
        unit=units.pop() if same else "byte",
        units=sum(r.units if same else r.raw_bytes for r in reports),
        codecs=tuple(dict.fromkeys(name for r in reports for name in r.codecs)),
        model_bytes=max(r.model_bytes for r in reports),
        float_nll_bits=_total(r.float_nll_bits for r in reports),
        integer_nll_bits=_total(r.integer_nll_bits for r in reports),
        coded_nll_bits=_total(r.coded_nll_bits for r in reports),
        compress_s=sum(r.compress_s for r in reports),
        decompress_s=sum(r.decompress_s for r in reports),
        peak_bytes=max(r.peak_bytes for r in reports),
    )
