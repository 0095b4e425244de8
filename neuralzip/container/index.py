"""Random access to a seekable .nz file through the index in its end record."""

import bisect
import os
from dataclasses import dataclass
from typing import BinaryIO

from neuralzip.container.layout import (
    END,
    MAX_SIZE,
    TAIL,
    Limits,
    Record,
    Source,
    position_crc,
    read_end,
    read_header,
    read_payload,
    read_record_head,
)
from neuralzip.errors import CorruptError


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one block lies: offset and size of its record, offset and size of its decoded bytes."""

    offset: int
    size: int
    raw_offset: int
    raw_size: int


@dataclass(frozen=True, slots=True)
class Index:
    """What the end record of a file tells.

    Attributes:
        version: format version.
        entries: one line a block, in file order.
        digest: first 16 bytes of the SHA-256 of the original.
        size: bytes of the .nz file.
    """

    version: int
    entries: tuple[Entry, ...]
    digest: bytes
    size: int

    @property
    def raw_size(self) -> int:
        """Bytes of the original."""
        last = self.entries[-1] if self.entries else None
        return last.raw_offset + last.raw_size if last else 0

    def entry_at(self, raw_position: int) -> Entry:
        """Return the block that holds a byte of the original; 0 <= raw_position < raw_size."""
        after = bisect.bisect_right(self.entries, raw_position, key=lambda entry: entry.raw_offset)
        return self.entries[after - 1]


def read_index(file: BinaryIO) -> Index:
    """Return the index of a seekable file without reading its blocks.

    Raises:
        FormatError, CorruptError, LimitError: as for Reader.
    """
    file.seek(0)
    source = Source(file)
    version = read_header(source)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - TAIL.size, source.offset))
    _, index_size, _ = TAIL.unpack(Source(file, size - TAIL.size).read(TAIL.size, "the end record"))
    start = size - TAIL.size - index_size
    if start < source.offset:
        raise CorruptError("damaged: no end record at the end of the file (cut off, or data appended?)")
    file.seek(start)
    end = Source(file, start)
    if end.byte("the index") != END:
        raise CorruptError("damaged: no end record at the end of the file (cut off, or data appended?)")
    lines, digest = read_end(end, index_size // 2, start)
    return Index(version, _entries(lines, source.offset, start), digest, size)


def _entries(lines: list[tuple[int, int]], start: int, end: int) -> tuple[Entry, ...]:
    entries = []
    raw_offset = 0
    for size, raw_size in lines:
        entries.append(Entry(start, size, raw_offset, raw_size))
        start += size
        raw_offset += raw_size
        if not size or not raw_size or start > end or raw_offset > MAX_SIZE:
            raise CorruptError("damaged: the index does not agree with the size of the file")
    if start != end:
        raise CorruptError("damaged: the index does not agree with the size of the file")
    return tuple(entries)


def read_record(file: BinaryIO, entry: Entry, limits: Limits, *, payload: bool = True) -> Record:
    """Return the record of an index entry, with its payload or only its header.

    Raises:
        FormatError, CorruptError, LimitError: as for Reader.
    """
    file.seek(entry.offset)
    source = Source(file, entry.offset)
    source.crc = position_crc(entry.raw_offset)
    codec = source.byte("a block header")
    if codec == END:
        raise CorruptError("damaged: the index does not agree with the blocks")
    head, payload_crc = read_record_head(source, codec, limits)
    if source.offset - entry.offset + head.payload_size != entry.size or head.raw_size != entry.raw_size:
        raise CorruptError("damaged: the index does not agree with the blocks")
    return read_payload(source, head, payload_crc) if payload else head
