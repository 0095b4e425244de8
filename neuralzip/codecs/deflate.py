"""The deflate codec: what the streams in a file hold goes through the byte codec, beside what restores the file.

params  = version (1)
payload = choices of the encoders (string), bytes of the content (number), then for each MAX_BLOCK_BYTES of it a
          byte block: its parameters, its models by their places in the block's, its payload (strings)
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from neuralzip.codecs import bytes as byte_codec
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.registry import DEFLATE_MAGICS
from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.deflate import embedded

VERSION = 1
CONTENT_BYTES = 1 << 26
"""Limit for the content of a block."""
_MONOTONOUS = 100
"""A file that expands so much is small enough already."""


class DeflateCodec:
    """gzip files, ZIP archives and what is one, PDF; several blocks where one cannot hold the content."""

    name = "deflate"
    id = 11

    def claims(self, head: bytes, options: Options) -> bool:
        """Take what starts like such a file, unless the user chose the model of another codec."""
        return options.model in (None, *byte_codec.EXPERTS) and head.startswith(DEFLATE_MAGICS)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield blocks up to a part that has no streams.

        Raises:
            UnsupportedError: that is the first one.
        """
        done = 0
        while True:
            file.seek(done)
            data = file.read(CONTENT_BYTES)
            try:
                parts = embedded.parse(data, CONTENT_BYTES, len(data) == CONTENT_BYTES)
                if 2 * parts.packed < parts.size or len(parts.content) > _MONOTONOUS * parts.size:
                    raise UnsupportedError("little of the file is in streams, or they hold much of the same")
            except UnsupportedError:
                if done:
                    return
                raise
            yield _encode(parts, options, done)
            done += parts.size

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the bytes of a part of the file."""
        if block.params != bytes([VERSION]):
            raise CorruptError("damaged: impossible parameters of a deflate block")
        reader = FieldReader(block.payload, "a deflate block")
        choices = reader.string()
        size = reader.number(min(CONTENT_BYTES, embedded.MAX_EXPANSION * block.raw_size))
        report, content = _Report(options, 0, block.raw_size, size), bytearray()
        while len(content) < size:
            params, places, payload = reader.string(), reader.string(), reader.string()
            if any(place >= len(block.models) for place in places):
                raise CorruptError("damaged: a deflate block names a model that it does not have")
            models = tuple(block.models[place] for place in places)
            held = min(size - len(content), byte_codec.MAX_BLOCK_BYTES)
            inner = Block(byte_codec.Bytes.name, params, payload, held, models)
            content += byte_codec.decode(inner, report.options(len(content)))
        reader.finish()
        return embedded.rebuild(bytes(content), choices, block.raw_size)


def _encode(parts: embedded.Parts, options: Options, start: int) -> Block:
    """Return the block of a part of the file that starts there."""
    report, writer = _Report(options, start, parts.size, len(parts.content)), FieldWriter()
    writer.string(parts.choices)
    writer.number(len(parts.content))
    models: list[bytes] = []
    coded, ideal = 0, 0.0
    for at in range(0, len(parts.content), byte_codec.MAX_BLOCK_BYTES):
        inner = byte_codec.encode(parts.content[at : at + byte_codec.MAX_BLOCK_BYTES], report.options(at))
        models += [model for model in inner.models if model not in models]
        writer.string(inner.params)
        writer.string(bytes(map(models.index, inner.models)))
        writer.string(inner.payload)
        coded, ideal = coded + len(inner.payload), ideal + (inner.nll_bits or 0.0)
    payload = bytes(writer)
    side_bytes = len(payload) - coded
    return Block(DeflateCodec.name, bytes([VERSION]), payload, parts.size, tuple(models), ideal, side_bytes)


@dataclass(frozen=True, slots=True)
class _Report:
    """Tells the byte codec's progress on a content in bytes of the part of a file that it is of.

    Attributes:
        chosen: the user's options.
        start: where the part starts in the file.
        size: bytes of the part.
        held: bytes of its content.
    """

    chosen: Options
    start: int
    size: int
    held: int

    def options(self, at: int) -> Options:
        """Return the options for the bytes of the content from `at` on."""
        tell = self.chosen.progress
        if tell is None:
            return self.chosen
        end = self.start + self.size

        def told(done: int, _total: int) -> None:
            tell(self.start + (at + done) * self.size // self.held, end)

        return replace(self.chosen, progress=told)
