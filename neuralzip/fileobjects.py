"""A .nz file as a file object of its original: reading anywhere, writing once."""

import io
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from neuralzip import container, files
from neuralzip.codecs.base import Options
from neuralzip.container import Buffer
from neuralzip.streams import compress_stream, decode, limits

_SPOOL_BYTES = 1 << 24


class ReadFile(io.RawIOBase):
    """The original of a .nz file as a seekable file; decodes the blocks that are read."""

    def __init__(self, file: BinaryIO, options: Options) -> None:
        self._file = file
        self._options = options
        self._limits = limits(options)
        self._index = container.read_index(file)
        self._position = 0
        self._block = range(0)  # the part of the original that _content holds
        self._content = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position in the original."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._index.raw_size}[whence]
        if origin + offset < 0:
            raise ValueError(f"seek to {origin + offset}, before the start")
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        """Return the position in the original."""
        return self._position

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """Fill `buffer` from the block at the position, at most to its end."""
        if self._position >= self._index.raw_size:
            return 0
        if self._position not in self._block:
            self._load()
        start = self._position - self._block.start
        piece = self._content[start : start + len(buffer)]
        memoryview(buffer)[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _load(self) -> None:
        entry = self._index.entry_at(self._position)
        record = container.read_record(self._file, entry, self._limits)
        content = decode(record, self._options)
        container.check_content(record, content)
        self._block = range(entry.raw_offset, entry.raw_offset + entry.raw_size)
        self._content = content

    def close(self) -> None:
        """Close the .nz file."""
        self._file.close()
        super().close()


class WriteFile(io.BufferedIOBase):
    """Collects the original, in a temporary file when it is long; `close` writes the .nz file.

    After an exception in its `with` block nothing is written.
    """

    def __init__(self, path: Path, options: Options | None, *, verify: bool, force: bool) -> None:
        files.check_target(path, None, force=force)
        self._path, self._options, self._verify, self._force = path, options, verify, force
        self._spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the bytes written so far."""
        return self._spool.tell()

    def write(self, data: Buffer) -> int:  # type: ignore[override]
        """Append bytes of the original."""
        return self._spool.write(data)

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def discard(self) -> None:
        """Close without writing the .nz file."""
        self._spool.close()
        super().close()

    def close(self) -> None:
        """Compress what was written and put the .nz file in place."""
        if self.closed:
            return
        try:
            with files.atomic_output(self._path, force=self._force) as target:
                source = cast(BinaryIO, self._spool)
                compress_stream(source, target, options=self._options, verify=self._verify)
        finally:
            self.discard()


class TextFile(io.TextIOWrapper):
    """Text over a file object; after an exception in its `with` block nothing is written."""

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is not None and isinstance(self.buffer, WriteFile):
            self.buffer.discard()
        self.close()
