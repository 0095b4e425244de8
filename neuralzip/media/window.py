"""A stretch of a file as a file."""

import io
from typing import BinaryIO


class Window(io.RawIOBase):
    """Reads `size` bytes of a seekable file from `start` on, whose own position is lost.

    Args:
        file: has that many bytes, and reads as many as it is asked for.
        start: offset in the file.
        size: in bytes.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self.file, self.start, self.size = file, start, size
        self.place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place in the stretch."""
        self.place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        return self.place

    def tell(self) -> int:
        """Return the place in the stretch."""
        return self.place

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all that are left if negative."""
        left = max(self.size - self.place, 0)
        self.file.seek(self.start + self.place)
        data = self.file.read(left if size < 0 else min(size, left))
        self.place += len(data)
        return data
