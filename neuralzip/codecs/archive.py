"""The archive codec: what a file holds goes through the codecs for it, beside what restores the file.

params  = version (1)
payload = choices of the deflate streams' encoders (string); number of files on their own, for each the bytes of
          the rest since the one before and its number of blocks; the rest's number of blocks; then the blocks,
          each its codec, its bytes (numbers), its models by their places in the block's, its parameters and its
          payload (strings)

Pictures, recordings and tables that a file holds are coded on their own; all the rest together, so that it shares
what is learnt. An archive in an archive is part of the rest. A file that no part can hold gets blocks behind
the part, as if it were not in an archive.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from neuralzip.codecs import registry, select
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.bytes import EXPERTS
from neuralzip.codecs.raw import Raw, looks_random
from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import archive, tar
from neuralzip.media.window import Window

VERSION = 1
CONTENT_BYTES = 1 << 26
"""Limit for the content of a block."""
TAR_BYTES = 1 << 24
"""Limit for the content of a block of a tar archive: smaller ones are coded and decoded side by side."""
_LEAST_BYTES, _LEAST_TABLE, _LEAST_NOISE = 1 << 9, 1 << 14, 1 << 16
"""A smaller file is not worth blocks of its own, nor a smaller table or what looks like noise."""
_MAX_CODEC = 255


class ArchiveCodec:
    """gzip files, ZIP archives and what is one, PDF, tar; several blocks where one cannot hold the content."""

    name = "archive"
    id = 11

    def claims(self, head: bytes, options: Options) -> bool:
        """Take what starts like such a file, unless the user chose the model of another codec."""
        return options.model in (None, *EXPERTS) and archive.is_archive(head)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield blocks up to a part that holds no files.

        Raises:
            UnsupportedError: that is the first one.
        """
        most = TAR_BYTES if tar.is_tar(file.read(tar.BLOCK_BYTES)) else CONTENT_BYTES
        done, total = 0, file.seek(0, io.SEEK_END)
        while done < total:
            file.seek(done)
            data = file.read(most + tar.BLOCK_BYTES)  # no header begins in a part and ends behind these bytes
            try:
                parts = archive.parse(data, most, total - done - len(data))
            except UnsupportedError:
                if done:
                    return
                raise
            yield _encode(parts, _Report(options, done, parts.size))
            done += parts.size
            if parts.large:
                held = cast(BinaryIO, Window(file, done, parts.large))
                plan = _plan(_Report(options, done, parts.large).options(0, parts.large), parts.large)
                yield from (block for block, _ in select.encode(held, plan))
                done += parts.large

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the bytes of a part of the file."""
        if block.params != bytes([VERSION]):
            raise CorruptError("damaged: impossible parameters of an archive block")
        reader = FieldReader(block.payload, "an archive block")
        choices = reader.string()
        files = [(reader.number(), reader.number()) for _ in range(reader.number(len(block.payload)))]
        blocks = _Blocks(reader, block, _Report(options, 0, block.raw_size))
        last = reader.number()
        held = [blocks.decoded(count) for _, count in files]
        rest = blocks.decoded(last)
        reader.finish()
        content, at = bytearray(), 0
        for (gap, _), data in zip(files, held, strict=True):
            content += rest[at : at + gap] + data
            at += gap
        return archive.rebuild(bytes(content + rest[at:]), choices, block.raw_size)


class _Blocks:
    """The blocks in a block.

    Args:
        reader: stands at the first one.
        block: the block they are in.
        report: where progress goes.
    """

    def __init__(self, reader: FieldReader, block: Block, report: "_Report") -> None:
        self.reader, self.block, self.report = reader, block, report
        self.most = min(CONTENT_BYTES, archive.MAX_EXPANSION * block.raw_size)
        self.done = 0

    def decoded(self, count: int) -> bytes:
        """Return what the next blocks hold."""
        return b"".join(self._next() for _ in range(count))

    def _next(self) -> bytes:
        number, size = self.reader.number(_MAX_CODEC), self.reader.number(self.most - self.done)
        places, params, payload = (self.reader.string() for _ in range(3))
        if number == ArchiveCodec.id or any(place >= len(self.block.models) for place in places):
            raise CorruptError("damaged: an archive block holds an impossible block")
        codec = registry.by_id(number)
        inner = Block(codec.name, params, payload, size, tuple(self.block.models[place] for place in places))
        data = codec.decode(inner, self.report.options(self.done, self.most))
        if len(data) != size:
            raise CorruptError(f"damaged: {len(data)} bytes in an archive, expected {size}")
        self.done += size
        return data


def _encode(parts: archive.Parts, report: "_Report") -> Block:
    content, at, done = parts.content, 0, 0
    files: list[tuple[int, list[Block]]] = []
    rest = bytearray()
    for begin, end in parts.spans:
        blocks = _on_its_own(content[begin:end], report.options(done, len(content)))
        if blocks:
            rest += content[at:begin]
            files.append((begin - at, blocks))
            at, done = end, done + end - begin
    rest += content[at:]
    plan = _plan(report.options(done, len(content)), len(rest))
    last = [block for block, _ in select.segments(io.BytesIO(rest), 0, plan)]
    writer = FieldWriter()
    writer.string(parts.choices)
    writer.number(len(files))
    for gap, blocks in files:
        writer.number(gap)
        writer.number(len(blocks))
    writer.number(len(last))
    return _packed(writer, [*(block for _, blocks in files for block in blocks), *last], parts.size)


def _packed(writer: FieldWriter, blocks: list[Block], size: int) -> Block:
    """Return the block of a part of `size` bytes: what is written, and blocks."""
    models: list[bytes] = []
    for block in blocks:
        models += [model for model in block.models if model not in models]
        writer.number(registry.by_name(block.codec).id)
        writer.number(block.raw_size)
        writer.string(bytes(map(models.index, block.models)))
        writer.string(block.params)
        writer.string(block.payload)
    payload = bytes(writer)
    ideal = [block.nll_bits for block in blocks if block.nll_bits is not None]
    coded = sum(len(block.payload) - block.side_bytes for block in blocks)
    whole = sum(ideal) if len(ideal) == len(blocks) else None
    return Block(ArchiveCodec.name, bytes([VERSION]), payload, size, tuple(models), whole, len(payload) - coded)


def _on_its_own(data: bytes, options: Options) -> list[Block]:
    """Return the blocks of a held file where a codec for its kind takes it, or nothing could make it smaller."""
    if len(data) < _LEAST_BYTES:
        return []
    without = (ArchiveCodec.name, "table") if len(data) < _LEAST_TABLE else (ArchiveCodec.name,)
    parts = list(select.media(io.BytesIO(data), _plan(options, len(data)), without))
    if sum(len(content) for _, content in parts) == len(data):
        return [block for block, _ in parts]
    is_noise = len(data) >= _LEAST_NOISE and looks_random(data)
    return list(Raw().encode(io.BytesIO(data), options)) if is_noise else []


def _plan(options: Options, size: int) -> select.Plan:
    """Return how to encode a file of `size` bytes that another holds, which is verified as a whole."""
    return select.Plan(options, False, size, lambda _: None)


@dataclass(frozen=True, slots=True)
class _Report:
    """Tells progress on a content in bytes of the part of a file that it is of.

    Attributes:
        chosen: the user's options.
        start: where the part starts in the file.
        size: bytes of the part.
    """

    chosen: Options
    start: int
    size: int

    def options(self, at: int, whole: int) -> Options:
        """Return the options for a piece of `whole` bytes of content before which `at` are done."""
        tell = self.chosen.progress
        if tell is None:
            return self.chosen
        end = self.start + self.size

        def told(done: int, _total: int) -> None:
            tell(self.start + min((at + done) * self.size // whole, self.size), end)

        return replace(self.chosen, progress=told)
