"""Compare the audio codec with others on recordings: bits a sample and seconds, clip by clip.

    python benchmarks/audio.py FILE... [--models default base fast] [--seconds 10] [--out audio.csv]

Every clip is coded as a 16-bit WAVE file and decoded again; all sizes include headers. FLAC at its highest level
comes with libsndfile; the commands flac, wavpack and mac (Monkey's Audio) are measured in the same run where they
are installed; it says which are not. Seconds are of processor time in one thread; "x real time" is the clip's
duration over them. "over" is what is written beyond the code length of the model itself, in % of it. At the end,
totals by the folders that the files lie in, as a table.
"""

import argparse
import csv
import io
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile

from neuralzip.codecs.audio import Audio
from neuralzip.codecs.base import Options
from neuralzip.codecs.select import stored_cost

T = TypeVar("T")

COMMANDS = {
    "flac -8p": (
        ["flac", "-s", "-8p", "--no-padding", "-o", "OUT", "IN"],
        ["flac", "-s", "-d", "-o", "OUT", "IN"],
    ),
    "wavpack -hhx3": (["wavpack", "-q", "-hhx3", "IN", "-o", "OUT"], ["wvunpack", "-q", "IN", "-o", "OUT"]),
    "mac -c4000": (["mac", "IN", "OUT", "-c4000"], ["mac", "IN", "OUT", "-d"]),
}
"""Names of other coders, and how they compress IN to OUT and back."""
SUFFIXES = {"flac": ".flac", "wavpack": ".wv", "mac": ".ape"}


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what some work returns, and its seconds of processor time, children included."""
    start = _processor_s()
    return work(), _processor_s() - start


def _processor_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def written(samples: np.ndarray, rate: int, container: str, level: float | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype="PCM_16", compression_level=level)
    return file.getvalue()


def measure_flac(samples: np.ndarray, rate: int) -> dict[str, float]:
    data, encode_s = timed(lambda: written(samples, rate, "FLAC", 1.0))
    _, decode_s = timed(lambda: soundfile.read(io.BytesIO(data), dtype="int16"))
    return {"bytes": len(data), "encode_s": encode_s, "decode_s": decode_s}


def measure_command(wave: bytes, name: str) -> dict[str, float]:
    encode, decode = COMMANDS[name]
    with tempfile.TemporaryDirectory() as folder:
        original, packed, back = (Path(folder) / each for each in ("a.wav", "a" + SUFFIXES[encode[0]], "b.wav"))
        original.write_bytes(wave)
        _, encode_s = timed(lambda: run(encode, original, packed))
        _, decode_s = timed(lambda: run(decode, packed, back))
        if (
            soundfile.read(back, dtype="int16")[0].tobytes()
            != soundfile.read(original, dtype="int16")[0].tobytes()
        ):
            raise SystemExit(f"{name} did not give a recording back")
        return {"bytes": packed.stat().st_size, "encode_s": encode_s, "decode_s": decode_s}


def run(command: list[str], source: Path, target: Path) -> None:
    names = {"IN": str(source), "OUT": str(target)}
    subprocess.run([names.get(word, word) for word in command], check=True, capture_output=True)


def measure(wave: bytes, model: str) -> dict[str, float]:
    codec, options = Audio(), Options(model=None if model == "default" else model, threads=1)
    blocks, encode_s = timed(lambda: list(codec.encode(io.BytesIO(wave), options)))
    back, decode_s = timed(lambda: b"".join(codec.decode(block, options) for block in blocks))
    if back != wave:
        raise SystemExit("a recording did not come back")
    size, ideal = sum(map(stored_cost, blocks)), sum(block.nll_bits or 0.0 for block in blocks) / 8
    return {"bytes": size, "encode_s": encode_s, "decode_s": decode_s, "over": 100 * (size / ideal - 1)}


def rows(path: Path, seconds: float | None, models: list[str]) -> list[dict[str, Any]]:
    rate = soundfile.info(path).samplerate
    frames = -1 if seconds is None else int(seconds * rate)
    samples, rate = soundfile.read(path, frames, dtype="int16", always_2d=True)
    wave = written(samples, rate, "WAV")
    results = {"flac": measure_flac(samples, rate)}
    results |= {name: measure_command(wave, name) for name in COMMANDS if shutil.which(COMMANDS[name][0][0])}
    results |= {model: measure(wave, model) for model in models}
    found = []
    for name, result in results.items():
        speeds = {key[:6]: len(samples) / rate / max(result[f"{key}_s"], 1e-3) for key in ("encode", "decode")}
        bps = result["bytes"] * 8 / samples.size
        over = f", {result['over']:.3f} % over" if "over" in result else ""
        print(f"{path.stem:24} {name:13} {bps:7.4f} bits a sample, {bps * samples.size / 8:10.0f} bytes, "
              f"{speeds['encode']:7.1f} x, {speeds['decode']:7.1f} x real time{over}", flush=True)  # fmt: skip
        row = {
            "clip": path.stem,
            "kind": path.parent.name,
            "coder": name,
            "samples": samples.size,
            "bps": bps,
            "over": "",
            **result,
            **speeds,
        }
        found.append(row)
    return found


def totals(found: list[dict[str, Any]]) -> str:
    """Return a table: each coder's bytes and seconds of processor time, and % of the reference by kind."""
    coders = list(dict.fromkeys(row["coder"] for row in found))
    kinds = list(dict.fromkeys(row["kind"] for row in found))
    reference = "flac -8p" if "flac -8p" in coders else "flac"

    def total(what: str, coder: str, kind: str | None = None) -> float:
        return sum(row[what] for row in found if row["coder"] == coder and kind in (None, row["kind"]))

    lines = [f"| coder | bytes | % of {reference} | {' | '.join(kinds)} | encode, CPU s | decode, CPU s |"]
    lines.append("|---" * (len(kinds) + 5) + "|")
    for coder in coders:
        shares = (100 * total("bytes", coder, kind) / total("bytes", reference, kind) for kind in (None, *kinds))
        seconds = f"{total('encode_s', coder):.2f} | {total('decode_s', coder):.2f}"
        figures = " | ".join(f"{share:.2f}" for share in shares)
        lines.append(f"| {coder} | {total('bytes', coder):.0f} | {figures} | {seconds} |")
    lines += [f"{name}: not installed" for name in COMMANDS if not shutil.which(COMMANDS[name][0][0])]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--models", nargs="*", default=["default", "base", "fast"])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    for model in arguments.models:  # loads weights and compiled code
        measure(written(np.zeros((3000, 2), np.int16), 44100, "WAV"), model)
    found = [row for path in arguments.files for row in rows(path, arguments.seconds, arguments.models)]
    print(totals(found))
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(found[0]))
            writer.writeheader()
            writer.writerows(found)


if __name__ == "__main__":
    main()
