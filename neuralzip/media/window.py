"""A stretch of a file as a file, and what all files have that know their size."""

import io
from typing import BinaryIO


class Sized(io.RawIOBase):
    """Keeps the place in a file of `size` bytes; `read` is left to others.

    Args:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        self.size, self.place = size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place in the file."""
        self.place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        return self.place

    def tell(self) -> int:
        """Return the place in the file."""
        return self.place


class Window(Sized):
    """Reads `size` bytes of a seekable file from `start` on, whose own position is lost.

    Args:
        file: has that many bytes, and reads as many as it is asked for.
        start: offset in the file.
        size: in bytes.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__(size)
        self.file, self.start = file, start

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all that are left if negative."""
        left = max(self.size - self.place, 0)
        self.file.seek(self.start + self.place)
        data = self.file.read(left if size < 0 else min(size, left))
        self.place += len(data)
        return data
