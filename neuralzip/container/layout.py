"""Header, block records and end record: how their fields are built, read and checked."""

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from neuralzip.container.fields import read_varint, varint
from neuralzip.errors import CorruptError, FormatError, LimitError

Buffer: TypeAlias = bytes | bytearray | memoryview

MAGIC = b"\x8eNZ\r\n\n"
VERSION = 1
END = 0xFF
HEADER_BYTES = len(MAGIC) + 6
"""Size of a header without fields, the only one in version 1."""
IDENTITY_BYTES = 8
DIGEST_BYTES = 16
MAX_HEADER_BYTES = 1 << 16
MAX_PARAMS_BYTES = 1 << 12
MAX_MODELS = 16
MAX_EXPANSION = 1 << 20
"""Bytes that one stored byte (parameters and payload) may expand to; a block may add this many once more."""
DEFAULT_MEMORY_BYTES = 1 << 32
MAX_SIZE = (1 << 63) - 1

TAIL = struct.Struct(f"<{DIGEST_BYTES}sII")  # digest, index size, checksum
_READ_BYTES = 1 << 20  # a declared size is read in pieces, so it costs memory only when the bytes are there


@dataclass(frozen=True, slots=True)
class Record:
    """One block as it lies in the file.

    Attributes:
        codec: number of the codec, 0..254.
        raw_size: bytes that it decodes to, at least 1.
        models: identities of the weights that it needs, 8 bytes each.
        params: what the decoder has to know, at most MAX_PARAMS_BYTES.
        payload: the coded bytes; empty when only the record's header was read.
        payload_size: their number.
        content_crc: CRC-32 of the decoded bytes.
    """

    codec: int
    raw_size: int
    models: tuple[bytes, ...]
    params: bytes
    payload: bytes
    payload_size: int
    content_crc: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader accepts.

    Attributes:
        memory_bytes: a block's decoded bytes and payload together.
        max_size: decoded bytes of the whole file.
    """

    memory_bytes: int = DEFAULT_MEMORY_BYTES
    max_size: int = MAX_SIZE


def fits_expansion(raw_size: int, stored_size: int) -> bool:
    """Tell whether a block of stored_size bytes (parameters and payload) may declare raw_size bytes."""
    return raw_size <= (stored_size + 1) * MAX_EXPANSION


class Source:
    """Exact reads from a file, with the offset and a running CRC-32."""

    def __init__(self, file: BinaryIO, offset: int = 0) -> None:
        self.file = file
        self.offset = offset
        self.crc = 0

    def read(self, size: int, what: str) -> bytes:
        """Return exactly `size` bytes; CorruptError names `what` where the file ends before."""
        data = self.file.read(min(size, _READ_BYTES))
        if len(data) < size:
            data = self._rest(data, size, what)
        self.offset += size
        self.crc = zlib.crc32(data, self.crc)
        return data

    def _rest(self, start: bytes, size: int, what: str) -> bytes:
        """Go on reading until there are `size` bytes: pipes give less at a time."""
        pieces, found = [start], len(start)
        while found < size:
            piece = self.file.read(min(size - found, _READ_BYTES))
            if not piece:
                raise CorruptError(f"truncated: the file ends at byte {self.offset + found} inside {what}")
            pieces.append(piece)
            found += len(piece)
        return b"".join(pieces)

    def byte(self, what: str) -> int:
        """Return the next byte."""
        return self.read(1, what)[0]

    def varint(self, what: str) -> int:
        """Return the next LEB128 number below 2**63; only its shortest form is valid."""
        return read_varint(lambda size: self.read(size, what), what)

    def check_crc(self, what: str) -> None:
        """Read a CRC-32 and compare it with that of everything since the last call."""
        computed, self.crc = self.crc, 0
        stored = int.from_bytes(self.read(4, what), "little")
        self.crc = 0
        if stored != computed:
            raise CorruptError(f"damaged: checksum of {what} is {stored:08x}, expected {computed:08x}")


def record_head(
    raw_offset: int, codec: int, params: bytes, payload: Buffer, content: Buffer, models: tuple[bytes, ...]
) -> bytes:
    """Return all of a block record but its payload.

    Raises:
        LimitError: a field is over what the format allows.
    """
    if not content or len(params) > MAX_PARAMS_BYTES or len(models) > MAX_MODELS or not 0 <= codec < END:
        what = f"{len(content)} bytes, {len(params)} of parameters, {len(models)} models"
        raise LimitError(f"block of codec {codec} with {what} does not fit the format")
    if not fits_expansion(len(content), len(params) + len(payload)):
        raise LimitError(f"block expands {len(payload)} to {len(content)} bytes, more than the format allows")
    sizes = (len(models), len(params), len(content), len(payload))
    head = bytes([codec]) + b"".join(map(varint, sizes)) + b"".join(models) + params
    head += u32(zlib.crc32(payload)) + u32(zlib.crc32(content))
    return head + u32(zlib.crc32(head, position_crc(raw_offset)))


def position_crc(raw_offset: int) -> int:
    """Start a record header's checksum with its place, so that a record is valid in one place only."""
    return zlib.crc32(raw_offset.to_bytes(8, "little"))


def u32(value: int) -> bytes:
    """Return four bytes, least significant first."""
    return value.to_bytes(4, "little")


def check_content(record: Record, content: Buffer) -> None:
    """Compare the decoded bytes of a record with its declared size and checksum.

    Raises:
        CorruptError: they differ.
    """
    if len(content) != record.raw_size:
        raise CorruptError(f"damaged: block decodes to {len(content)} bytes, expected {record.raw_size}")
    if zlib.crc32(content) != record.content_crc:
        raise CorruptError("damaged: checksum of the decoded bytes does not match")


def read_header(source: Source) -> int:
    """Read the header and return the format version."""
    magic = b""
    while len(magic) < len(MAGIC) and (piece := source.file.read(len(MAGIC) - len(magic))):
        magic += piece
    if magic != MAGIC:
        raise FormatError(_foreign(magic))
    source.offset, source.crc = len(MAGIC), zlib.crc32(MAGIC)
    version = source.byte("the header")
    if not 1 <= version <= VERSION:
        raise FormatError(f"format version {version}, this release reads up to {VERSION}; install a newer one")
    size = source.varint("the header")
    if size > MAX_HEADER_BYTES:
        raise CorruptError(f"damaged: header of {size} bytes, at most {MAX_HEADER_BYTES} are possible")
    source.read(size, "the header")
    source.check_crc("the header")
    if size:
        raise FormatError("header has fields that this release does not know; install a newer one")
    return version


def _foreign(magic: bytes) -> str:
    if not magic:
        return "not a .nz file: it is empty"
    if len(magic) < len(MAGIC) and MAGIC.startswith(magic):
        return f"truncated: the file ends at byte {len(magic)} inside the header"
    if magic.startswith(MAGIC[:3]):
        return "damaged: line endings were changed, as by a transfer in text mode"
    return "not a .nz file"


def read_record_head(source: Source, codec: int, limits: Limits) -> tuple[Record, int]:
    """Read and check a record up to its payload; its codec byte has been read. Return it and the payload's CRC."""
    what = f"the header of the block that starts at byte {source.offset - 1}"
    models, params_size, raw_size, payload_size = (source.varint(what) for _ in range(4))
    if models > MAX_MODELS or params_size > MAX_PARAMS_BYTES:
        raise CorruptError(f"damaged: {models} models and {params_size} bytes of parameters in {what}")
    identities = source.read(models * IDENTITY_BYTES, what)
    params = source.read(params_size, what)
    payload_crc, content_crc = struct.unpack("<II", source.read(8, what))
    source.check_crc(what)
    _check_sizes(what, raw_size, payload_size, params_size, limits)
    names = tuple(identities[i : i + IDENTITY_BYTES] for i in range(0, len(identities), IDENTITY_BYTES))
    return Record(codec, raw_size, names, params, b"", payload_size, content_crc), payload_crc


def _check_sizes(what: str, raw_size: int, payload_size: int, params_size: int, limits: Limits) -> None:
    needed = raw_size + payload_size
    if needed > limits.memory_bytes:
        raise LimitError(f"{needed} bytes declared in {what}, over the memory limit of {limits.memory_bytes}")
    if raw_size > limits.max_size:
        raise LimitError(f"expands to {raw_size} bytes, {limits.max_size} are allowed")
    if not raw_size:
        raise CorruptError(f"damaged: no content declared in {what}")
    if not fits_expansion(raw_size, payload_size + params_size):
        raise CorruptError(f"damaged: {payload_size} bytes cannot expand to {raw_size}, declared in {what}")


def read_payload(source: Source, head: Record, payload_crc: int) -> Record:
    """Return the record completed by its payload, whose checksum is right."""
    source.crc = 0
    payload = source.read(head.payload_size, "a block's payload")
    if source.crc != payload_crc:
        raise CorruptError(f"damaged: checksum of the payload before byte {source.offset} does not match")
    return Record(head.codec, head.raw_size, head.models, head.params, payload, len(payload), head.content_crc)


def read_end(source: Source, most: int, start: int) -> tuple[list[tuple[int, int]], bytes]:
    """Read an end record whose first byte was read at `start`: (record size, raw size) of blocks, and digest."""
    what = "the index"
    source.crc = zlib.crc32(bytes([END]))
    count = source.varint(what)
    if count > most:
        raise CorruptError(f"damaged: the index names {count} blocks where at most {most} fit")
    entries = [(source.varint(what), source.varint(what)) for _ in range(count)]
    index_size = source.offset - start
    digest = source.read(DIGEST_BYTES, what)
    if int.from_bytes(source.read(4, what), "little") != index_size:
        raise CorruptError("damaged: the index has another size than declared")
    source.check_crc(what)
    return entries, digest
