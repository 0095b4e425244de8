"""Recordings: files of several containers <-> integer samples and everything else, byte for byte.

`locate` reads headers only and serves files larger than memory; `pcm` takes frames apart. FLAC files, whose
samples are coded, have a package of their own.
"""

from collections.abc import Callable
from typing import BinaryIO

from neuralzip.errors import UnsupportedError
from neuralzip.media.audio import aiff, caf, w64, wav
from neuralzip.media.audio.layout import Layout, read_at

_PARSERS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO], Layout]], ...] = (
    (wav.is_wav, wav.locate),
    (aiff.is_aiff, aiff.locate),
    (caf.is_caf, caf.locate),
    (w64.is_w64, w64.locate),
)


def is_audio(head: bytes) -> bool:
    """Say from the first 64 bytes of a file whether `locate` may know it."""
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
