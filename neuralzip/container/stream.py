"""Write and read a .nz file front to back, without seeking."""

import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from neuralzip.container.fields import varint
from neuralzip.container.layout import (
    DIGEST_BYTES,
    END,
    HEADER_BYTES,
    MAGIC,
    VERSION,
    Buffer,
    Limits,
    Record,
    Source,
    check_content,
    position_crc,
    read_end,
    read_header,
    read_payload,
    read_record_head,
    record_head,
    u32,
)
from neuralzip.errors import CorruptError, LimitError


class Writer:
    """Writes a .nz file front to back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._entries: list[tuple[int, int]] = []
        self._digest = hashlib.sha256()
        self._raw_size = 0
        head = MAGIC + bytes([VERSION]) + varint(0)
        file.write(head + u32(zlib.crc32(head)))

    def add(
        self, codec: int, params: bytes, payload: Buffer, content: Buffer, models: tuple[bytes, ...] = ()
    ) -> None:
        """Append a block that decodes to `content`.

        Raises:
            LimitError: a field is over what the format allows.
        """
        head = record_head(self._raw_size, codec, params, payload, content, models)
        self._raw_size += len(content)
        self._file.write(head)
        self._file.write(payload)
        self._entries.append((len(head) + len(payload), len(content)))
        self._digest.update(content)

    def close(self) -> int:
        """Append the end record and return the bytes of the .nz file; the underlying file stays open."""
        index = bytes([END]) + varint(len(self._entries))
        index += b"".join(varint(size) + varint(raw_size) for size, raw_size in self._entries)
        tail = self._digest.digest()[:DIGEST_BYTES] + u32(len(index))
        end = index + tail + u32(zlib.crc32(index + tail))
        self._file.write(end)
        return HEADER_BYTES + sum(size for size, _ in self._entries) + len(end)


class Reader:
    """Reads a .nz file front to back; pipes will do.

    The caller decodes each record of `records()`, hands the bytes to `accept` in order, and at the end asks
    `finish` whether that was all. Where the file can be read twice, `skim` finds all damage before anything is
    decoded.
    """

    def __init__(self, file: BinaryIO, limits: Limits | None = None) -> None:
        self._source = Source(file)
        self._limits = limits or Limits()
        self._entries: list[tuple[int, int]] = []
        self._digest = hashlib.sha256()
        self._raw_size = 0
        self._expected = b""
        self.version = read_header(self._source)

    def records(self) -> Iterator[Record]:
        """Yield the records, payload checked, then read the end of the file.

        Raises:
            FormatError, CorruptError: the file is damaged.
            LimitError: a declared size is over a limit.
        """
        yield from self._records()
        self._expected = self._read_end()

    def finish(self) -> None:
        """Check that what was accepted is the whole original; called after the last record.

        Raises:
            CorruptError: it is not.
        """
        if self._expected != self._digest.digest()[:DIGEST_BYTES]:
            raise CorruptError("damaged: digest of the decoded bytes does not match")

    def skim(self) -> int:
        """Check every byte of the file without decoding any, and return the bytes of the original.

        Raises:
            FormatError, CorruptError, LimitError: as `records`.
        """
        for _ in self._records():
            pass
        self._read_end()
        return self._raw_size

    def _records(self) -> Iterator[Record]:
        while True:
            start = self._source.offset
            self._source.crc = position_crc(self._raw_size)
            codec = self._source.byte("a block header")
            if codec == END:
                break
            record = self._read_record(codec)
            self._entries.append((self._source.offset - start, record.raw_size))
            yield record

    def _read_record(self, codec: int) -> Record:
        head, payload_crc = read_record_head(self._source, codec, self._limits)
        self._raw_size += head.raw_size
        if self._raw_size > self._limits.max_size:
            raise LimitError(f"expands to over {self._limits.max_size} bytes, the largest size allowed")
        return read_payload(self._source, head, payload_crc)

    def accept(self, record: Record, content: Buffer) -> None:
        """Check the decoded bytes of a record; all records in the order of `records()`.

        Raises:
            CorruptError: they are not what was compressed.
        """
        check_content(record, content)
        self._digest.update(content)

    def _read_end(self) -> bytes:
        """Read the end record, see that nothing follows, and return the digest of the original."""
        source = self._source
        start = source.offset - 1
        entries, digest = read_end(source, len(self._entries), start)
        if entries != self._entries:
            raise CorruptError("damaged: the index does not agree with the blocks")
        if source.file.read(1):
            raise CorruptError(f"damaged: more data after the end of the file at byte {source.offset}")
        return digest
