"""The chunk structure of a PNG file, apart from its image data: split and joined byte for byte."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.png.profiles import number_of, profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KNOWN = (
    b"IHDR IDAT IEND PLTE tRNS gAMA cHRM sRGB iCCP pHYs bKGD tIME tEXt zTXt iTXt sBIT sPLT hIST eXIf acTL fcTL "
    b"fdAT oFFs pCAL sCAL vpAg orNT cICP caNv iDOT"
).split()
"""Chunk types with short names; part of the format, only ever extended at its end."""
_IMAGE_TYPES = (b"IDAT", b"fdAT")
_MAX_CHUNKS = 1 << 20
_WRONG_CRC, _PACKED = 1, 2
"""Flags of a chunk that is not image data."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk; `crc` is None where the stored one is right."""

    type: bytes
    data: bytes
    crc: int | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """A chunk that ends with a zlib stream, which is coded elsewhere.

    Attributes:
        type: iCCP, zTXt or iTXt.
        head: bytes before the stream.
        data: what the stream decodes to.
        crc: as in Chunk.
    """

    type: bytes
    head: bytes
    data: bytes
    crc: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A run of image data chunks, together one zlib stream.

    Attributes:
        type: IDAT or fdAT.
        sizes: bytes of stream in each chunk; the last one has what is left, whatever its size says.
        crcs: wrong checksums by index.
        sequence: first sequence number of fdAT chunks.
    """

    type: bytes
    sizes: tuple[int, ...]
    crcs: dict[int, int]
    sequence: int = 0


def split(data: bytes) -> tuple[list[Chunk], bytes]:
    """Return the chunks of a PNG file and what follows the last whole one (or IEND)."""
    chunks: list[Chunk] = []
    position = len(SIGNATURE)
    while position + 12 <= len(data) and len(chunks) < _MAX_CHUNKS:
        size = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + size
        if end > len(data):
            break
        body = data[position + 4 : end - 4]
        crc = int.from_bytes(data[end - 4 : end], "big")
        chunks.append(Chunk(body[:4], body[4:], None if crc == zlib.crc32(body) else crc))
        position = end
        if body[:4] == b"IEND":
            break
    return chunks, data[position:]


def chunk_bytes(type_: bytes, data: bytes, crc: int | None) -> bytes:
    """Return a chunk as it stands in a file."""
    crc = zlib.crc32(type_ + data) if crc is None else crc
    return struct.pack(">I", len(data)) + type_ + data + struct.pack(">I", crc)


def grouped(chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk | Group, bytes]]:
    """Join runs of image data chunks; yield each chunk with b"", each group with its stream."""
    run: list[Chunk] = []
    for chunk in chunks:
        if run and chunk.type != run[0].type:
            yield _joined(run)
            run = []
        if chunk.type in _IMAGE_TYPES:
            run.append(chunk)
        else:
            yield chunk, b""
    if run:
        yield _joined(run)


def _joined(run: list[Chunk]) -> tuple[Group, bytes]:
    """Join one run; sequence numbers must count up."""
    skip, sequence = 0, 0
    if run[0].type == b"fdAT":
        skip, sequence = 4, int.from_bytes(run[0].data[:4], "big")
        for index, chunk in enumerate(run):
            if len(chunk.data) < 4 or int.from_bytes(chunk.data[:4], "big") != sequence + index:
                raise UnsupportedError("PNG: animation data out of sequence")
    sizes = tuple(len(chunk.data) - skip for chunk in run)
    crcs = {index: chunk.crc for index, chunk in enumerate(run) if chunk.crc is not None}
    return Group(run[0].type, sizes, crcs, sequence), b"".join(chunk.data[skip:] for chunk in run)


def group_bytes(group: Group, stream: bytes) -> bytes:
    """Return a group's chunks as they stand in a file."""
    parts, position = [], 0
    sizes = (*group.sizes[:-1], max(len(stream) - sum(group.sizes[:-1]), 0))
    for index, size in enumerate(sizes):
        head = struct.pack(">I", group.sequence + index) if group.type == b"fdAT" else b""
        part = head + stream[position : position + size]
        parts.append(chunk_bytes(group.type, part, group.crcs.get(index)))
        position += size
    if position != len(stream):
        raise CorruptError("PNG: the image data does not fill its chunks")
    return b"".join(parts)


def write_item(writer: FieldWriter, item: Chunk | Packed | Group) -> None:
    """Append a chunk, or the layout of a group."""
    writer.number(_KNOWN.index(item.type) if item.type in _KNOWN else len(_KNOWN))
    if item.type not in _KNOWN:
        writer.raw(item.type)
    if not isinstance(item, Group):
        _write_chunk(writer, item)
        return
    runs = _runs(item.sizes[:-1])
    writer.number(len(runs))
    for size, count in runs:
        writer.number(size)
        writer.number(count)
    writer.number(len(item.crcs))
    for index, crc in item.crcs.items():
        writer.number(index)
        writer.number(crc)
    if item.type == b"fdAT":
        writer.number(item.sequence)


def read_item(reader: FieldReader) -> Chunk | Packed | Group:
    """Read what `write_item` wrote; raise CorruptError where it makes no sense."""
    code = reader.number()
    type_ = _KNOWN[code] if code < len(_KNOWN) else reader.raw(4)
    if type_ not in _IMAGE_TYPES:
        return _read_chunk(reader, type_)
    sizes: list[int] = []
    for _ in range(reader.number()):
        size, count = reader.number(), reader.number()
        if len(sizes) + count > _MAX_CHUNKS or size >= 1 << 32:
            raise CorruptError("PNG: impossible chunk sizes")
        sizes += [size] * count
    sizes.append(0)
    crcs = {}
    for _ in range(reader.number()):
        index = reader.number()
        crcs[index] = reader.number() & 0xFFFFFFFF
    return Group(type_, tuple(sizes), crcs, reader.number() & 0xFFFFFFFF if type_ == b"fdAT" else 0)


def _write_chunk(writer: FieldWriter, item: Chunk | Packed) -> None:
    """Append a chunk that is not image data; a profile that is known by its number."""
    writer.number((item.crc is not None) * _WRONG_CRC + isinstance(item, Packed) * _PACKED)
    if item.crc is not None:
        writer.number(item.crc)
    if isinstance(item, Packed):
        writer.string(item.head)
        number = number_of(item.data)
        writer.number(number)
        if number:
            return
    writer.string(item.data)


def _read_chunk(reader: FieldReader, type_: bytes) -> Chunk | Packed:
    """Read a chunk that is not image data."""
    flags = reader.number()
    crc = reader.number() if flags & _WRONG_CRC else None
    if flags > _WRONG_CRC + _PACKED or (crc is not None and crc >= 1 << 32):
        raise CorruptError("PNG: impossible chunk")
    if not flags & _PACKED:
        return Chunk(type_, reader.string(), crc)
    head, number = reader.string(), reader.number()
    return Packed(type_, head, profile(number) if number else reader.string(), crc)


def _runs(sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return runs of equal sizes as (size, count)."""
    runs: list[tuple[int, int]] = []
    for size in sizes:
        if runs and runs[-1][0] == size:
            runs[-1] = (size, runs[-1][1] + 1)
        else:
            runs.append((size, 1))
    return runs
