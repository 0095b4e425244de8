"""The audio codec: recordings in containers that hold integers or floats, and FLAC files.

A block is a run of whole frames; the first one also carries the bytes before the samples, the last one those
after (in a FLAC file, each one those between it and the one before). Blocks share nothing, so that the container's
index gives random access. Channels are coded in groups of two; which goes first is tried on an excerpt.
"""

import itertools
import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from neuralzip.codecs import audio_block
from neuralzip.codecs.audio_block import Piece
from neuralzip.codecs.base import Block, Options, cores
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import audio, bitcoder
from neuralzip.media.audio import raw_pcm
from neuralzip.media.audio.flac import stream
from neuralzip.media.audio.layout import Layout, read_at, size_of
from neuralzip.media.audio.pcm import Taken

BLOCK_SECONDS = 15
"""A block that starts afresh costs about 450 bytes of stereo (measured), 0.04 % of so many seconds."""
MIN_BLOCK_FRAMES = 1 << 18
MAX_BLOCK_BYTES = 1 << 25
MAX_TAIL_BYTES = 1 << 16
"""What follows the last frame of a FLAC file is part of its last block up to so many bytes."""


class Audio:
    """Codes recordings by adaptive prediction and the mixing engine."""

    name = "audio"
    id = 4

    def claims(self, head: bytes, options: Options) -> bool:
        """Take what looks like a recording, or what the user calls one."""
        return options.raw_pcm is not None or audio.is_audio(head) or stream.is_flac(head)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield the blocks of a recording."""
        preset = audio_block.preset_of(options.model)
        total, done = size_of(file), 0
        for block in _ordered(pieces(file, options), preset, options.threads):
            yield block
            done += block.raw_size
            if options.progress is not None:
                options.progress(done, total)

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the bytes of a block."""
        try:
            return audio_block.decode(block)
        except (IndexError, ValueError, OverflowError, struct.error, UnsupportedError) as error:
            raise CorruptError(f"damaged: audio block: {error}") from error


def pieces(file: BinaryIO, options: Options) -> Iterator[Piece]:
    """Return what each block of a recording has to hold.

    Raises:
        UnsupportedError: no recording, or one without samples.
    """
    total = size_of(file)
    if options.raw_pcm is None and stream.is_flac(read_at(file, 0, 4)):
        return _flac_pieces(file, total)
    return _pieces(file, raw_pcm.describe(options.raw_pcm, total) if options.raw_pcm else audio.locate(file))


def _block_frames(rate: int, frame_size: int) -> int:
    """Return the frames of a block: BLOCK_SECONDS, within limits that keep memory small."""
    return max(min(max(rate * BLOCK_SECONDS, MIN_BLOCK_FRAMES), MAX_BLOCK_BYTES // frame_size), 1)


def _pieces(file: BinaryIO, layout: Layout) -> Iterator[Piece]:
    """Yield what each block has to hold; reads the file piece by piece.

    Raises:
        UnsupportedError: there are no samples.
    """
    total, end = size_of(file), layout.start + layout.size
    step = _block_frames(layout.rate, layout.frame_size) * layout.frame_size
    if not layout.frames:
        raise UnsupportedError("recording without samples")
    for start in range(layout.start, end, step):
        stop = min(start + step, end)
        prefix = read_at(file, 0, layout.start) if start == layout.start else b""
        suffix = read_at(file, end, total - end) if stop == end else b""
        yield Piece(layout, prefix, read_at(file, start, stop - start), suffix)


def _flac_pieces(file: BinaryIO, total: int) -> Iterator[Piece]:
    """Yield what each block of a FLAC file has to hold; what comes long after the last frame is left to others.

    Raises:
        UnsupportedError: no FLAC file, or one without frames.
    """
    start = stream.read_start(file)
    done, waiting = 0, None
    for run in stream.runs(file, start, _block_frames(start.rate, 4 * start.channels)):
        if waiting:
            yield waiting
        layout = Layout(0, 0, run.channels, run.bits, "flac", False, run.bits, start.rate)
        taken = Taken(np.concatenate(run.samples, axis=1), 0, bitcoder.finish(run.coder))
        waiting = Piece(layout, read_at(file, done, run.start - done), bytes(run.body), b"", taken)
        done = run.start + len(run.body)
    if not waiting:
        raise UnsupportedError("FLAC file without frames")
    tail = read_at(file, done, total - done) if total - done <= MAX_TAIL_BYTES else b""
    yield replace(waiting, suffix=tail)


def _ordered(pieces: Iterator[Piece], preset: int, threads: int | None) -> Iterator[Block]:
    """Yield the blocks of pieces in order, several coded side by side; reads no further ahead than it works."""
    with ThreadPoolExecutor(threads) as pool:
        ahead = cores(threads)
        running: deque[Future[Block]] = deque()
        for piece in itertools.islice(pieces, ahead):
            running.append(pool.submit(audio_block.encode, piece, preset))
        while running:
            block = running.popleft().result()
            running.extend(pool.submit(audio_block.encode, piece, preset) for piece in itertools.islice(pieces, 1))
            yield block
