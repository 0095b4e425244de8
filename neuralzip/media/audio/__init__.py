"""Recordings: files of several containers <-> integer samples and everything else, byte for byte.

`locate` reads headers only and serves files larger than memory; `parse` and `rebuild` handle whole files.
"""

import io
from collections.abc import Callable
from typing import BinaryIO

from neuralzip.errors import UnsupportedError
from neuralzip.media.audio import aiff, caf, pcm, w64, wav
from neuralzip.media.audio.layout import STRUCT_SIZE, Layout, read_at, unpack
from neuralzip.media.types import AudioFile

_PARSERS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO], Layout]], ...] = (
    (wav.is_wav, wav.locate),
    (aiff.is_aiff, aiff.locate),
    (caf.is_caf, caf.locate),
    (w64.is_w64, w64.locate),
)


def is_audio(head: bytes) -> bool:
    """Say from the first 64 bytes of a file whether it may be a recording."""
    return any(claims(head) for claims, _ in _PARSERS)


def locate(file: BinaryIO) -> Layout:
    """Return where the samples of a seekable file are, reading headers only.

    Raises:
        UnsupportedError: not a recording, or one whose samples are no integers or floats.
    """
    head = read_at(file, 0, 64)
    for claims, find in _PARSERS:
        if claims(head):
            return find(file)
    raise UnsupportedError("not a recording of a known kind")


def parse(data: bytes) -> AudioFile:
    """Take a whole file apart.

    Raises:
        UnsupportedError: `rebuild` could not return the same bytes.
    """
    layout = locate(io.BytesIO(data))
    end = layout.start + layout.size
    samples, code = pcm.to_samples(data[layout.start : end], layout)
    side = bytes([code]) + layout.pack() + data[: layout.start] + data[end:]
    media = AudioFile(layout.format, samples, layout.bits, layout.rate, side)
    if rebuild(media) != data:
        raise UnsupportedError("recording cannot be restored from its samples")
    return media


def rebuild(media: AudioFile) -> bytes:
    """Return the file that `parse` took apart."""
    layout = unpack(media.side[1 : 1 + STRUCT_SIZE])
    rest = media.side[1 + STRUCT_SIZE :]
    body = pcm.from_samples(media.samples, media.side[0], layout)
    return rest[: layout.start] + body + rest[layout.start :]
