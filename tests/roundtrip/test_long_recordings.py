"""Recordings of any length: memory that does not grow with them, and reading in their middle."""

import io
import struct
import tracemalloc
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import soundfile

import neuralzip
from neuralzip.codecs import audio
from neuralzip.codecs.base import Block, Options
from neuralzip.media.audio.flac import stream
from neuralzip.media.window import Sized
from neuralzip.streams import compress_stream, decompress_stream

FAST = Options(model="fast", threads=1)
BLOCK_BYTES = 2000


class Recording(Sized):
    """A WAVE file of 16-bit mono, made up where it is read."""

    def __init__(self, blocks: int) -> None:
        fmt = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
        self.head = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + fmt + b"data\xff\xff\xff\xff"
        super().__init__(len(self.head) + blocks * BLOCK_BYTES)

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else self.size, self.size - self.place)
        start = max(self.place - len(self.head), 0)
        t = np.arange(start // 2, (start + size) // 2 + 1)
        tone = (9000 * np.sin(t * 0.01) + t * 7919 % 101).astype("<i2").tobytes()
        body = self.head[self.place :] + tone[start % 2 :]
        self.place += size
        return body[:size]


class Nowhere(io.RawIOBase):
    """Takes anything and keeps only how much it was."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.size += len(data)
        return len(data)


class AtOnce:
    """Stands for a pool of threads, so that memory does not depend on who is faster."""

    def __init__(self, threads: int) -> None:
        assert threads == 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *args: object) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(work(*args))
        return done


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(audio, "MIN_BLOCK_FRAMES", 1)
    monkeypatch.setattr(audio, "MAX_BLOCK_BYTES", BLOCK_BYTES)


def peaks(source: io.RawIOBase, size: int) -> tuple[int, int]:
    """Return the most memory that compressing and decompressing take, beyond the packed file."""
    packed = io.BytesIO()
    tracemalloc.start()
    compress_stream(source, packed, options=FAST)  # type: ignore[arg-type]
    most = tracemalloc.get_traced_memory()[1] - len(packed.getvalue())
    tracemalloc.stop()
    packed.seek(0)
    target = Nowhere()
    tracemalloc.start()
    decompress_stream(packed, target, options=FAST)  # type: ignore[arg-type]
    least = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert target.size == size
    return most, least


def test_memory_does_not_grow_with_length() -> None:
    peaks(Recording(1), Recording(1).size)  # loads modules and weights
    short, long = (peaks(Recording(blocks), Recording(blocks).size) for blocks in (20, 200))
    added = Recording(200).size - Recording(20).size
    # an entry of the index is some hundred bytes of Python's, for blocks of 15 seconds next to nothing
    assert all(after < before + 3 * added // 4 for before, after in zip(short, long, strict=True))


def flac(seconds: int) -> bytes:
    t = np.arange(8000 * seconds)
    file = io.BytesIO()
    tone = (9000 * np.sin(t * 0.01) + t * 7919 % 101).astype(np.int16)
    soundfile.write(file, tone, 8000, format="FLAC")
    return file.getvalue()


def test_memory_does_not_grow_with_length_of_flac_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_WINDOW_BYTES", 60_000)
    monkeypatch.setattr(stream, "_FRAME_BYTES", 30_000)
    files = [flac(seconds) for seconds in (1, 8, 40)]
    _, short, long = (peaks(io.BytesIO(data), len(data)) for data in files)
    added = len(files[2]) - len(files[1])
    assert all(after < before + 3 * added // 4 for before, after in zip(short, long, strict=True))


def test_reading_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(9)
    whole = recording.read()
    path = tmp_path / "long.wav.nz"
    path.write_bytes(neuralzip.compress(whole, options=FAST, verify=False))
    decoded: list[Block] = []
    decode = audio.Audio.decode

    def counted(self: audio.Audio, block: Block, options: Options) -> bytes:
        decoded.append(block)
        return decode(self, block, options)

    monkeypatch.setattr(audio.Audio, "decode", counted)
    with neuralzip.open(path) as file:
        file.seek(5 * BLOCK_BYTES + 1234)
        assert file.read(100) == whole[5 * BLOCK_BYTES + 1234 :][:100] and len(decoded) == 1
        file.seek(-7, io.SEEK_END)
        assert file.read() == whole[-7:] and len(decoded) == 2
        file.seek(0)
        assert file.read(BLOCK_BYTES) == whole[:BLOCK_BYTES] and len(decoded) == 3
