"""The one round-trip check: bytes -> blocks -> a .nz file -> blocks -> the same bytes."""

import io
from typing import BinaryIO

from neuralzip import container
from neuralzip.codecs.base import MAX_PARAMS_BYTES, Block, Codec, Options


def check_roundtrip(codec: Codec, data: bytes, options: Options | None = None) -> list[Block]:
    """Encode twice, compare, decode every block alone and last first, and return the blocks."""
    options = options or Options()
    blocks = list(codec.encode(io.BytesIO(data), options))
    assert blocks == list(codec.encode(io.BytesIO(data), options)), "encoding is not deterministic"
    for block in blocks:
        assert block.codec == codec.name
        assert block.raw_size >= 1 and len(block.params) <= MAX_PARAMS_BYTES
    contents = [codec.decode(block, Options()) for block in reversed(_through_container(codec, blocks, data))]
    assert b"".join(reversed(contents)) == data
    return blocks


def _through_container(codec: Codec, blocks: list[Block], data: bytes) -> list[Block]:
    file = io.BytesIO()
    writer = container.Writer(file)
    start = 0
    for block in blocks:
        writer.add(codec.id, block.params, block.payload, data[start : start + block.raw_size], block.models)
        start += block.raw_size
    writer.close()
    return _read(codec, file)


def _read(codec: Codec, file: BinaryIO) -> list[Block]:
    index = container.read_index(file)
    records = [container.read_record(file, entry, container.Limits()) for entry in index.entries]
    assert all(record.codec == codec.id for record in records)
    return [Block(codec.name, r.params, r.payload, r.raw_size, r.models) for r in records]
