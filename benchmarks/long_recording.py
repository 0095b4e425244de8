"""A recording of hours, made up while it is read: how much memory and time both directions take.

    python benchmarks/long_recording.py [--hours 2] [--rate 8000] [--channels 1] [--model fast]

The recording (tones that drift, noise, pauses; 16 bits) never lies in memory or on the disk; what comes back is
compared with it piece by piece. Seconds are of processor time; memory is the most that was resident.
"""

import argparse
import io
import resource
import struct
import tempfile
import time
from typing import BinaryIO, cast

import numpy as np

from neuralzip.codecs.base import Options
from neuralzip.media.window import Sized
from neuralzip.streams import compress_stream, decompress_stream


class Recording(Sized):
    """A WAVE file [T, C] that is computed wherever it is read."""

    def __init__(self, seconds: float, rate: int, channels: int) -> None:
        fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
        self.head = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + fmt + b"data\xff\xff\xff\xff"
        self.rate, self.channels = rate, channels
        super().__init__(len(self.head) + int(seconds * rate) * channels * 2)

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else self.size, self.size - self.place)
        start = max(self.place - len(self.head), 0)
        body = self.head[self.place :] + self._samples(start // 2, (start + size) // 2 + 1)[start % 2 :]
        self.place += size
        return body[:size]

    def _samples(self, first: int, last: int) -> bytes:
        """Return the bytes of samples, counted over all channels."""
        n = np.arange(first, last, dtype=np.uint64)
        t = (n // np.uint64(self.channels)).astype(np.float64) / self.rate
        tone = np.sin(2 * np.pi * 220 * t) + 0.4 * np.sin(2 * np.pi * 331 * t + np.sin(t)) * np.sin(0.7 * t)
        noise = (n * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5
        loud = np.clip(3 * np.sin(0.3 * t) + 2, 0, 1)
        return np.rint(loud * (6000 * tone + 200 * noise)).astype("<i2").tobytes()


class Comparison(io.RawIOBase):
    """Takes what comes back and compares it with the original."""

    def __init__(self, original: Recording) -> None:
        self.original = original
        original.seek(0)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.original.read(len(data)) != data:
            raise SystemExit("the recording did not come back")
        return len(data)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--rate", type=int, default=8000)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--model", default="fast")
    arguments = parser.parse_args()
    seconds = arguments.hours * 3600
    options = Options(model=None if arguments.model == "base" else arguments.model, threads=1)
    source = Recording(seconds, arguments.rate, arguments.channels)
    with tempfile.TemporaryFile() as packed:
        start = time.process_time()
        size = compress_stream(cast(BinaryIO, source), packed, options=options, verify=False)
        encode_s, encode_mb = time.process_time() - start, peak_mb()
        packed.seek(0)
        start = time.process_time()
        back = decompress_stream(packed, cast(BinaryIO, Comparison(source)), options=options)
        decode_s = time.process_time() - start
        print(f"{peak_mb():.0f} MiB in all")
    if back != source.size:
        raise SystemExit("the recording came back at another length")
    kind = f"{arguments.hours} h, {arguments.rate} Hz, {arguments.channels} channels"
    print(f"{kind}: {source.size} -> {size} bytes, {encode_s:.0f} s, {encode_mb:.0f} MiB; back {decode_s:.0f} s")


if __name__ == "__main__":
    main()
