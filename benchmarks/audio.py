"""Compare the audio codec with libsndfile's FLAC (level 8) on recordings: bits a sample and seconds, clip by clip.

    python benchmarks/audio.py FILE... [--models default base fast] [--seconds 10] [--out audio.csv]

Every clip is coded as a 16-bit WAVE file and decoded again; sizes of both include their headers. Seconds are of
processor time in one thread; "x real time" is the clip's duration over them.
"""

import argparse
import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile

from neuralzip.codecs.audio import Audio
from neuralzip.codecs.base import Options
from neuralzip.codecs.select import stored_cost

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def written(samples: np.ndarray, rate: int, container: str, level: float | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype="PCM_16", compression_level=level)
    return file.getvalue()


def measure_flac(samples: np.ndarray, rate: int) -> dict[str, float]:
    data, encode_s = timed(lambda: written(samples, rate, "FLAC", 1.0))
    _, decode_s = timed(lambda: soundfile.read(io.BytesIO(data), dtype="int16"))
    return {"bytes": len(data), "encode_s": encode_s, "decode_s": decode_s}


def measure(wave: bytes, model: str) -> dict[str, float]:
    codec, options = Audio(), Options(model=None if model == "default" else model, threads=1)
    blocks, encode_s = timed(lambda: list(codec.encode(io.BytesIO(wave), options)))
    back, decode_s = timed(lambda: b"".join(codec.decode(block, options) for block in blocks))
    if back != wave:
        raise SystemExit("a recording did not come back")
    return {"bytes": sum(map(stored_cost, blocks)), "encode_s": encode_s, "decode_s": decode_s}


def rows(path: Path, seconds: float | None, models: list[str]) -> list[dict[str, object]]:
    rate = soundfile.info(path).samplerate
    frames = -1 if seconds is None else int(seconds * rate)
    samples, rate = soundfile.read(path, frames, dtype="int16", always_2d=True)
    wave = written(samples, rate, "WAV")
    results = {"flac": measure_flac(samples, rate), **{model: measure(wave, model) for model in models}}
    found = []
    for name, result in results.items():
        speeds = {key[:6]: len(samples) / rate / max(result[f"{key}_s"], 1e-3) for key in ("encode", "decode")}
        bps = result["bytes"] * 8 / samples.size
        print(f"{path.stem:24} {name:5} {bps:7.4f} bits a sample, {bps * samples.size / 8:10.0f} bytes, "
              f"{speeds['encode']:7.1f} x, {speeds['decode']:7.1f} x real time", flush=True)  # fmt: skip
        found.append({"clip": path.stem, "coder": name, "samples": samples.size, "bps": bps, **result, **speeds})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--models", nargs="*", default=["default", "base", "fast"])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found = [row for path in arguments.files for row in rows(path, arguments.seconds, arguments.models)]
    for coder in dict.fromkeys(row["coder"] for row in found):
        mine = [row for row in found if row["coder"] == coder]
        flac = sum(int(row["bytes"]) for row in found if row["coder"] == "flac")  # type: ignore[call-overload]
        total = sum(int(row["bytes"]) for row in mine)  # type: ignore[call-overload]
        print(f"{coder:5} {total} bytes, {100 * total / flac:.2f} % of FLAC")
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(found[0]))
            writer.writeheader()
            writer.writerows(found)


if __name__ == "__main__":
    main()
