"""Compress and decompress bytes and files.

Nothing here imports torch; a codec's module is imported when a file needs it.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from neuralzip import container, files
from neuralzip.codecs import registry
from neuralzip.codecs.base import Options
from neuralzip.container import Buffer, Limits
from neuralzip.fileobjects import ReadFile, TextFile, WriteFile
from neuralzip.streams import compress_stream, decompress_stream, estimate_s

__all__ = [
    "BlockInfo",
    "Info",
    "compress",
    "compress_stream",
    "decompress",
    "decompress_stream",
    "estimate_s",
    "info",
    "open",
    "verify",
]


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """One block of a .nz file.

    Attributes:
        codec: name of the codec.
        offset: where its record starts in the .nz file.
        size: bytes of its record.
        raw_size: bytes that it decodes to.
        models: identities of the weights that it needs, in hexadecimal.
    """

    codec: str
    offset: int
    size: int
    raw_size: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Info:
    """What a .nz file says about itself.

    Attributes:
        version: format version.
        size: bytes of the .nz file.
        raw_size: bytes of the original.
        sha256_16: first 16 bytes of the original's SHA-256, in hexadecimal.
        blocks: its blocks in order.
    """

    version: int
    size: int
    raw_size: int
    sha256_16: str
    blocks: tuple[BlockInfo, ...]

    @property
    def codecs(self) -> tuple[str, ...]:
        """Names of the codecs in use, in order of first use."""
        return tuple(dict.fromkeys(block.codec for block in self.blocks))

    @property
    def models(self) -> tuple[str, ...]:
        """Identities of the weights in use, in order of first use."""
        return tuple(dict.fromkeys(identity for block in self.blocks for identity in block.models))


def compress(data: Buffer, *, options: Options | None = None, verify: bool = True) -> bytes:
    """Return `data` as the bytes of a .nz file.

    Args:
        data: anything with the buffer protocol (bytes, bytearray, memoryview, mmap, array).
        options: model, device, threads ...; the defaults suit most.
        verify: decode every block and compare; one that differs is compressed without its codec, with a warning.
    """
    target = io.BytesIO()
    compress_stream(io.BytesIO(data), target, options=options, verify=verify)
    return target.getvalue()


def decompress(data: Buffer, *, max_size: int | None = None, options: Options | None = None) -> bytes:
    """Return the original of the bytes of a .nz file.

    Args:
        data: a whole .nz file.
        max_size: the largest original to accept, in bytes.
        options: device, threads, memory.

    Raises:
        FormatError, CorruptError: `data` is not a .nz file, or damaged.
        ModelError: weights that it names are not installed.
        LimitError: it would exceed max_size or the memory limit.
    """
    target = io.BytesIO()
    decompress_stream(io.BytesIO(data), target, max_size=max_size, options=options)
    return target.getvalue()


def verify(source: str | Path | BinaryIO, *, options: Options | None = None) -> int:
    """Decode a .nz file without keeping the result, and return the size of its original.

    Raises:
        FormatError, CorruptError, ModelError, LimitError: as decompress.
    """
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            return decompress_stream(file, None, options=options)
    return decompress_stream(source, None, options=options)


def info(source: str | Path | BinaryIO) -> Info:
    """Return what a .nz file says about itself, from its index and block headers; no payload is read.

    Raises:
        FormatError, CorruptError: it is not a .nz file, or damaged there.
    """
    if isinstance(source, str | Path):
        with files.open_input(Path(source)) as file:
            return info(file)
    index = container.read_index(source)
    no_limits = Limits(container.MAX_SIZE)
    blocks = tuple(
        _block_info(entry, container.read_record(source, entry, no_limits, payload=False))
        for entry in index.entries
    )
    return Info(index.version, index.size, index.raw_size, index.digest.hex(), blocks)


def _block_info(entry: container.Entry, record: container.Record) -> BlockInfo:
    models = tuple(identity.hex() for identity in record.models)
    return BlockInfo(registry.name_of(record.codec), entry.offset, entry.size, entry.raw_size, models)


def open(
    path: str | Path,
    mode: str = "rb",
    *,
    options: Options | None = None,
    verify: bool = True,
    encoding: str | None = None,
    newline: str | None = None,
) -> io.BufferedIOBase | io.TextIOWrapper:
    """Open a .nz file as its original.

    Args:
        path: name of the .nz file.
        mode: "rb" reads, anywhere in the file; "wb" writes, and "xb" refuses an existing file: the .nz file
            appears complete when it is closed, and not at all after an exception in its `with` block. "rt", "wt"
            and "xt" are the same for text.
        options: model, device, threads, memory.
        verify: as for `compress`.
        encoding: of text, UTF-8 where not given.
        newline: as for the built-in open.
    """
    if mode not in ("r", "rb", "rt", "w", "wb", "wt", "x", "xb", "xt"):
        raise ValueError(f"mode is {mode!r}, expected rb, wb, xb, rt, wt or xt")
    path = Path(path)
    binary: io.BufferedIOBase
    if mode.startswith("r"):
        file = path.open("rb")
        try:
            binary = io.BufferedReader(ReadFile(cast(BinaryIO, file), options or Options()))
        except BaseException:
            file.close()
            raise
    else:
        binary = WriteFile(path, options, verify=verify, force=mode.startswith("w"))
    if not mode.endswith("t"):
        return binary
    return TextFile(cast(BinaryIO, binary), encoding or "utf-8", newline=newline)
