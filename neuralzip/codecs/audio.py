"""The audio codec: recordings in containers that hold integers, or floats that were integers.

A block is a run of whole frames; the first one also carries the bytes before the samples, the last one those
after. Blocks share nothing, so that the container's index gives random access. Channels are coded in groups of
two; which goes first is tried on an excerpt.
"""

import itertools
import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from neuralzip.codecs import audio_block
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import audio
from neuralzip.media.audio.layout import Layout, read_at, size_of

BLOCK_SECONDS = 15
"""A block that starts afresh costs about 450 bytes of stereo (measured), 0.04 % of so many seconds."""
MIN_BLOCK_FRAMES = 1 << 18
MAX_BLOCK_BYTES = 1 << 25


class Audio:
    """Codes recordings by adaptive prediction and the mixing engine."""

    name = "audio"
    id = 4

    def claims(self, head: bytes, options: Options) -> bool:
        """Take what looks like a recording."""
        return audio.is_audio(head)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield the blocks of a recording."""
        preset = audio_block.FAST if options.model == "fast" else audio_block.default_preset()
        layout = audio.locate(file)
        if not layout.frames:
            raise UnsupportedError("recording without samples")
        audio_block.check(read_at(file, layout.start, min(layout.size, _block_bytes(layout))), layout)
        total, done = size_of(file), 0
        for block in _ordered(_pieces(file, layout, total), preset, options.threads):
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


def _block_bytes(layout: Layout) -> int:
    """Return the bytes of the samples of a block: BLOCK_SECONDS, within limits that keep memory small."""
    frames = max(layout.rate * BLOCK_SECONDS, MIN_BLOCK_FRAMES)
    return max(min(frames, MAX_BLOCK_BYTES // layout.frame_size), 1) * layout.frame_size


def _pieces(file: BinaryIO, layout: Layout, total: int) -> Iterator[audio_block.Piece]:
    """Yield what each block has to hold; reads the file piece by piece."""
    end = layout.start + layout.size
    step = _block_bytes(layout)
    for start in range(layout.start, end, step):
        stop = min(start + step, end)
        prefix = read_at(file, 0, layout.start) if start == layout.start else b""
        suffix = read_at(file, end, total - end) if stop == end else b""
        yield audio_block.Piece(layout, prefix, read_at(file, start, stop - start), suffix)


def _ordered(pieces: Iterator[audio_block.Piece], preset: int, threads: int | None) -> Iterator[Block]:
    """Yield the blocks of pieces in order, several coded side by side; reads no further ahead than it works."""
    with ThreadPoolExecutor(threads) as pool:
        ahead = threads or _cores()
        running: deque[Future[Block]] = deque()
        for piece in itertools.islice(pieces, ahead):
            running.append(pool.submit(audio_block.encode, piece, preset))
        while running:
            block = running.popleft().result()
            running.extend(pool.submit(audio_block.encode, piece, preset) for piece in itertools.islice(pieces, 1))
            yield block


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
