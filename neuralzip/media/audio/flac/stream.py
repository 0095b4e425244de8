"""FLAC files: what lies around the frames, and runs of frames that are alike (RFC 9639, section 8)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import bitcoder
from neuralzip.media.audio.flac import choices, levinson
from neuralzip.media.audio.flac.bits import AT, MARGIN, new_cursor
from neuralzip.media.audio.flac.frame import BITS_CODE, CHANNEL_CODE, LEFT_SIDE, SAMPLES, Frame, new_frame
from neuralzip.media.audio.flac.header import BITS
from neuralzip.media.audio.flac.reader import read_frame
from neuralzip.media.audio.flac.writer import write_frame
from neuralzip.media.audio.layout import read_at, size_of

Samples = npt.NDArray[np.int32]

MARK, ID3 = b"fLaC", b"ID3"
MAX_SAMPLES = 1 << 23
"""Samples of all channels in a run at most."""
_MAX_METADATA_BLOCKS = 1 << 12
_MAX_METADATA_BYTES = 1 << 26
_WINDOW_BYTES, _FRAME_BYTES = 1 << 23, 1 << 22
"""Bytes of the file in memory, and those of a frame that is tried."""
_SEARCH_BYTES = 1 << 20
"""After a frame that is damaged, the next one is looked for within so many bytes."""
_CHOICES_BYTES, _ROOM_BYTES = 1 << 22, 1 << 20
"""Coded choices of a run at most, and what is kept free for another frame."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a file's metadata say.

    Attributes:
        size: bytes before the first frame.
        channels: 1..8.
        bits: bits of a sample.
        rate: samples a second and channel.
    """

    size: int
    channels: int
    bits: int
    rate: int


@dataclass(slots=True)
class Run:
    """Frames with the same channels and widths, one after another.

    Attributes:
        start: offset of the first in the file.
        bits: bits of a sample.
        channels: 1..8.
        body: the bytes of the frames.
        samples: of each frame, [C, N].
        length: samples a channel, all frames together.
        coder: of the choices.
        memory: of the choices.
    """

    start: int
    bits: int
    channels: int
    body: bytearray = field(default_factory=bytearray)
    samples: list[Samples] = field(default_factory=list)
    length: int = 0
    coder: bitcoder.BitCoder = field(default_factory=lambda: bitcoder.encoder(_CHOICES_BYTES, choices.CONTEXTS))
    memory: choices.Memory = field(default_factory=choices.new_memory)

    def add(self, frame: Frame, content: bytes) -> bool:
        """Append a frame that was read from `content`; False where it cannot be written again."""
        count = int(frame.head[SAMPLES])
        samples = frame.channels[: self.channels, :count].astype(np.int32)
        again = np.zeros(len(content), np.uint8)
        try:
            _code_frame(self.coder, frame, self.memory, self.bits, None, again, new_cursor(0, len(content)))
        except CorruptError:
            return False
        if again.tobytes() != content:
            return False
        self.samples.append(samples)
        self.body += content
        self.length += count
        return True

    def fits(self, count: int, most: int) -> bool:
        """Say whether a frame of `count` samples may follow, where runs shall have `most` or few more."""
        room = int(self.coder[bitcoder.POSITION]) < _CHOICES_BYTES - _ROOM_BYTES
        return self.length < most and (self.length + count) * self.channels <= MAX_SAMPLES and room


def is_flac(head: bytes) -> bool:
    """Say whether a file that starts with these bytes may be a FLAC, behind an ID3 tag or not."""
    if not head.startswith(ID3):
        return head.startswith(MARK)
    place = _id3_size(head)
    return head[place : place + 4] == MARK if place + 4 <= len(head) else True


def _id3_size(head: bytes) -> int:
    """Return the bytes of an ID3 tag (version 2): ten, and a number of four times seven bits."""
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 127
    return 10 + size


def read_start(file: BinaryIO) -> Start:
    """Read the metadata of a seekable file.

    Raises:
        UnsupportedError: not a FLAC file, or one without stream information.
    """
    head = read_at(file, 0, 10)
    place = _id3_size(head) if head.startswith(ID3) else 0
    info = b""
    if read_at(file, place, 4) != MARK:
        raise UnsupportedError("not a FLAC file")
    place += 4
    for number in range(_MAX_METADATA_BLOCKS):
        head = read_at(file, place, 4).ljust(4, b"\x80")
        if number == 0 and head[0] & 127 == 0:
            info = read_at(file, place + 4, 34)
        place += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 128:
            break
    if len(info) < 34 or place > min(size_of(file), _MAX_METADATA_BYTES):
        raise UnsupportedError("FLAC file whose metadata are damaged or too large")
    packed = int.from_bytes(info[10:18], "big")  # rate (20 bits), channels (3), bits (5), samples (36)
    return Start(place, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1, packed >> 44)


class _Window:
    """Part of a file in memory, and the frame that was read last."""

    def __init__(self, file: BinaryIO, bits: int) -> None:
        self.file, self.bits, self.total = file, bits, size_of(file)
        self.frame = new_frame()
        self.base, self.data = 0, np.zeros(MARGIN, np.uint8)

    def read(self, place: int) -> bytes:
        """Read the frame at an offset and return its bytes, none where there is no frame."""
        self._load(place)
        cursor = new_cursor(place - self.base, len(self.data) - MARGIN)
        if not read_frame(self.data, cursor, self.bits, self.frame):
            return b""
        return self.data[place - self.base : int(cursor[AT]) >> 3].tobytes()

    def find(self, place: int) -> int:
        """Return the offset of the next frame near, the end of the file where there is none."""
        self._load(place)
        nearby = self.data[place - self.base : place - self.base + _SEARCH_BYTES]
        for offset in np.flatnonzero((nearby[:-1] == 0xFF) & (nearby[1:] >> 1 == 0xF8 >> 1)):
            if self.read(place + int(offset)):
                return place + int(offset)
        return self.total

    def _load(self, place: int) -> None:
        end = self.base + len(self.data) - MARGIN
        if self.base <= place and (end == self.total or place + _FRAME_BYTES <= end):
            return
        self.base = place
        self.data = np.frombuffer(read_at(self.file, place, _WINDOW_BYTES) + bytes(MARGIN), np.uint8)

    def shape(self) -> tuple[int, int]:
        """Return (channels, bits) of the frame."""
        return _channels(self.frame), BITS[self.frame.head[BITS_CODE]] or self.bits


def runs(file: BinaryIO, start: Start, most: int) -> Iterator[Run]:
    """Yield the frames of a file in runs of `most` samples a channel or few more.

    What is no frame, or none that can be written again, lies between the runs or after the last one.
    """
    window = _Window(file, start.bits)
    place, run = start.size, None
    while place < window.total:
        content = window.read(place)
        if content and run and window.shape() == (run.channels, run.bits):
            if run.fits(int(window.frame.head[SAMPLES]), most) and run.add(window.frame, content):
                place += len(content)
                continue
        if run and run.length:
            yield run
            run = None
            continue
        if run or not content:  # it cannot be written again, or is no frame
            place, run = window.find(place + 1), None
            continue
        channels, bits = window.shape()
        run = Run(place, bits, channels)
    if run and run.length:
        yield run


def _channels(frame: Frame) -> int:
    code = int(frame.head[CHANNEL_CODE])
    return code + 1 if code < LEFT_SIDE else 2


def _code_frame(
    coder: bitcoder.BitCoder,
    frame: Frame,
    memory: choices.Memory,
    bits: int,
    samples: Samples | None,
    out: npt.NDArray[np.uint8],
    cursor: npt.NDArray[np.int64],
) -> None:
    """Code the choices of a frame and write it; decoding, its samples are the first ones of [C, T].

    Raises:
        CorruptError: they do not fit together, or there is no room.
    """
    if not choices.code_head(coder, frame.head, memory):
        raise CorruptError("damaged: head of a FLAC frame")
    count = int(frame.head[SAMPLES])
    if samples is not None:
        if _channels(frame) != len(samples) or count > samples.shape[1]:
            raise CorruptError("damaged: a FLAC frame of other channels or length than its samples")
        frame.channels[: len(samples), :count] = samples[:, :count]
    levinson.prepare(memory.analysis, count)
    if not choices.code_subframes(coder, bits, frame, memory) or not write_frame(out, cursor, bits, frame):
        raise CorruptError("damaged: choices of a FLAC frame")


def restore(samples: Samples, coded: bytes, bits: int, size: int) -> bytes:
    """Return the `size` bytes of the frames with samples [C, T] and coded choices.

    Raises:
        CorruptError: they do not fit together.
    """
    coder, memory, frame = bitcoder.decoder(coded, choices.CONTEXTS), choices.new_memory(), new_frame()
    out, cursor, place = np.zeros(size, np.uint8), new_cursor(0, size), 0
    while place < samples.shape[1]:
        _code_frame(coder, frame, memory, bits, samples[:, place:], out, cursor)
        place += int(frame.head[SAMPLES])
    if cursor[AT] != 8 * size:
        raise CorruptError(f"damaged: FLAC frames of {cursor[AT] >> 3} bytes, expected {size}")
    return out.tobytes()
