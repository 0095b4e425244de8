"""The gzip codec: what a member holds goes through the byte codec, beside what restores the member; a block each.

params  = version (1), the byte block's parameters
payload = header without its magic (string), choices of the encoder (string), bytes held (number), the byte block's
          payload
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from neuralzip.codecs import bytes as byte_codec
from neuralzip.codecs.base import Block, Options
from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import gzip

VERSION = 1
_MEMBER_BYTES = byte_codec.MAX_BLOCK_BYTES + (1 << 16)
"""More a member that fits a byte block does not take."""
_MONOTONOUS = 100
"""A member that expands so much is small enough already."""


class GzipCodec:
    """Files in gzip's format, member by member; what follows the last is left to others."""

    name = "gzip"
    id = 11

    def claims(self, head: bytes, options: Options) -> bool:
        """Take what starts like a member, unless the user chose the model of another codec."""
        return options.model in (None, *byte_codec.EXPERTS) and head.startswith(gzip.MAGIC)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield one block for each member, up to one that cannot be restored exactly.

        Raises:
            UnsupportedError: that is the first one.
        """
        done = 0
        while True:
            file.seek(done)
            data = file.read(_MEMBER_BYTES)
            try:
                member = gzip.parse(data, byte_codec.MAX_BLOCK_BYTES)
                if not 0 < len(member.data) <= _MONOTONOUS * member.size:
                    raise UnsupportedError("gzip: a member that holds nothing, or much of the same")
            except UnsupportedError:
                if done:
                    return
                raise
            yield _encode(member, _reporting(options, done, member.size, len(member.data)))
            done += member.size

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the bytes of a member."""
        if block.params[:1] != bytes([VERSION]):
            raise CorruptError("damaged: impossible parameters of a gzip block")
        reader = FieldReader(block.payload, "a gzip block")
        header, choices = gzip.MAGIC + reader.string(), reader.string()
        held = reader.number(min(byte_codec.MAX_BLOCK_BYTES, gzip.MAX_EXPANSION * block.raw_size))
        inner = Block(byte_codec.Bytes.name, block.params[1:], reader.rest(), held, block.models)
        data = byte_codec.decode(inner, _reporting(options, 0, block.raw_size, held))
        member = gzip.rebuild(header, data, choices)
        if len(member) != block.raw_size:
            raise CorruptError(f"damaged: gzip member of {len(member)} bytes, expected {block.raw_size}")
        return member


def _encode(member: gzip.Member, options: Options) -> Block:
    inner = byte_codec.encode(member.data, options)
    writer = FieldWriter()
    writer.string(member.header[len(gzip.MAGIC) :])
    writer.string(member.choices)
    writer.number(len(member.data))
    side_bytes = len(bytes(writer))
    writer.raw(inner.payload)
    params = bytes([VERSION]) + inner.params
    return Block(GzipCodec.name, params, bytes(writer), member.size, inner.models, inner.nll_bits, side_bytes)


def _reporting(options: Options, start: int, size: int, held: int) -> Options:
    """Return the options with the byte codec's progress told in bytes of a member that starts there."""
    tell = options.progress
    if tell is None:
        return options
    return replace(options, progress=lambda done, _: tell(start + done * size // held, start + size))
