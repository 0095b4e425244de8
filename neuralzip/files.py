"""Input and output files: seekable inputs, and outputs that appear complete or not at all.

An output is written to a temporary file in the folder of its target (exclusive, mode 0600), flushed to disk, given
the mode and times of its source, and only then moved into place; the folder is flushed too before the caller may
remove the source. Whatever interrupts this, the target is absent (or the old one) or complete.
"""

import contextlib
import errno
import io
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from neuralzip.errors import NeuralzipError, OutputError

SUFFIX = ".nz"
_SPOOL_BYTES = 1 << 24
_MAX_NAME_BYTES = 255


def check_input(path: Path) -> None:
    """Refuse an input that cannot be read, before an output is begun.

    Raises:
        OSError: it does not exist, or is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    path.stat()


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading at its start, seekable in any case; a fifo is first copied to a temporary file.

    Raises:
        OSError: it cannot be read.
        NeuralzipError: it changed while it was read.
    """
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            with spooled(file) as copy:
                yield copy
            return
        yield file
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise NeuralzipError("changed while it was read")


@contextlib.contextmanager
def spooled(file: BinaryIO) -> Iterator[BinaryIO]:
    """Copy a pipe into memory, or a nameless temporary file when it is long, and stand at its start."""
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        yield cast(BinaryIO, copy)


def check_target(target: Path, source: Path | None, *, force: bool) -> None:
    """Refuse a target that may not be written, before any work is done.

    Raises:
        OutputError: it exists and `force` is not given, is the source, or is no regular file.
    """
    try:
        there = target.lstat()
    except FileNotFoundError:
        return
    if source is not None and source.exists() and os.path.samestat(source.stat(), there):
        raise OutputError(f"{target}: is the input itself")
    if not stat.S_ISREG(there.st_mode):
        raise OutputError(f"{target}: is {_kind(there.st_mode)}, not written to")
    if not force:
        raise OutputError(f"{target}: exists already; -f overwrites it")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a fifo"}
    return kinds.get(stat.S_IFMT(mode), "a device")


@contextlib.contextmanager
def atomic_output(target: Path, source: Path | None = None, *, force: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `target` when the block ends without an exception.

    Args:
        target: name of the complete file.
        source: where permissions and times are taken from; set-user and set-group bits never are.
        force: replace an existing regular file.

    Raises:
        OutputError: as check_target.
        OSError: a system call failed; the target is untouched.
    """
    check_target(target, source, force=force)
    temporary = target.with_name(_temporary_name(target.name))
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(_create(temporary, target, flags), "wb") as file:
            yield file
            file.flush()
            _finish(file.fileno(), source)
        _put_in_place(temporary, target, force=force)
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(target.parent)


def _create(temporary: Path, target: Path, flags: int) -> int:
    try:
        return os.open(temporary, flags, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None


def _temporary_name(name: str) -> str:
    """Return a new hidden name that begins like `name`, at most as long as file systems allow."""
    ending = f"{SUFFIX}-{secrets.token_hex(8)}"
    stem = os.fsencode(name)[: _MAX_NAME_BYTES - len(ending) - 1]
    return "." + os.fsdecode(stem) + ending


def _finish(descriptor: int, source: Path | None) -> None:
    """Set permissions and times, and force the data to disk."""
    if source is None:
        mask = os.umask(0o077)
        os.umask(mask)
        os.fchmod(descriptor, 0o666 & ~mask)
    else:
        status = source.stat()
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & 0o777)
        os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.fsync(descriptor)


def _put_in_place(temporary: Path, target: Path, *, force: bool) -> None:
    if force:
        temporary.replace(target)
        return
    try:
        target.hardlink_to(temporary)  # unlike a rename it fails when another process was faster
    except FileExistsError:
        raise OutputError(f"{target}: exists already; -f overwrites it") from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EACCES, errno.EMLINK, errno.ENOSYS):
            raise
        check_target(target, None, force=False)  # no hard links here: a small window for a race remains
        temporary.replace(target)


def flush_folder(folder: Path) -> None:
    """Force a folder's entries to disk where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # a folder that may be written but not read
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems refuse
    finally:
        os.close(descriptor)


def remove_source(source: Path) -> None:
    """Remove an input whose output is in place.

    Raises:
        NeuralzipError: it is a symbolic link, or not a regular file.
    """
    if not stat.S_ISREG(source.lstat().st_mode):
        raise NeuralzipError(f"{source}: is {_kind(source.lstat().st_mode)}, not removed")
    source.unlink()


def compressed_name(source: Path, *, force: bool = False) -> Path:
    """Return the default name of a compressed file.

    Raises:
        OutputError: it is compressed already, and `force` is not given.
    """
    if source.suffix == SUFFIX and not force:
        raise OutputError(f"{source}: ends in {SUFFIX} already; -f compresses it again")
    return source.with_name(source.name + SUFFIX)


def decompressed_name(source: Path) -> Path:
    """Return the default name of a decompressed file.

    Raises:
        OutputError: the name does not end in .nz.
    """
    if source.suffix != SUFFIX:
        raise OutputError(f"{source}: does not end in {SUFFIX}; name the output with -o")
    return source.with_name(source.name.removesuffix(SUFFIX))


def size_of(file: BinaryIO) -> int:
    """Return the bytes of a seekable file and leave it at its start."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size
