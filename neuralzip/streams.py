"""The two directions between a file and its .nz file, block by block.

    compress_stream -> codecs.select.encode -> a codec -> container.Writer
    decompress_stream -> container.Reader -> a codec
"""

import warnings
from collections.abc import Callable
from typing import BinaryIO

from neuralzip import container, files
from neuralzip.codecs import registry, select
from neuralzip.codecs.base import Block, Options
from neuralzip.container import Limits

Warn = Callable[[str], None]


def compress_stream(
    source: BinaryIO,
    target: BinaryIO,
    *,
    options: Options | None = None,
    verify: bool = True,
    warn: Warn = warnings.warn,
) -> int:
    """Write a .nz file of all of a seekable source, and return the bytes of the source; see `compress`."""
    size = files.size_of(source)
    plan = select.Plan(options or Options(), verify, size, warn)
    writer = container.Writer(target)
    for block, content in select.encode(source, plan):
        codec = registry.by_name(block.codec)
        writer.add(codec.id, block.params, block.payload, content, block.models)
    writer.close()
    return size


def decompress_stream(
    source: BinaryIO, target: BinaryIO | None, *, max_size: int | None = None, options: Options | None = None
) -> int:
    """Write the original of a .nz file, which may be a pipe, and return its bytes; None only verifies.

    Each block is written when it is verified, so that after an error part of the original may be written.
    """
    options = options or Options()
    reader = container.Reader(source, limits(options, max_size))
    done = 0
    for record in reader.records():
        content = decode(record, options)
        reader.accept(record, content)
        if target is not None:
            target.write(content)
        done += len(content)
        if options.progress is not None:
            options.progress(done, done)
    return done


def limits(options: Options, max_size: int | None = None) -> Limits:
    """Return what a reader accepts under these options."""
    memory_bytes = options.memory_bytes or container.DEFAULT_MEMORY_BYTES
    return Limits(memory_bytes) if max_size is None else Limits(memory_bytes, max_size)


def decode(record: container.Record, options: Options) -> bytes:
    """Return the decoded bytes of a record, not yet checked."""
    codec = registry.by_id(record.codec)
    return codec.decode(Block(codec.name, record.params, record.payload, record.raw_size, record.models), options)


def estimate_s(source: BinaryIO, options: Options, *, verify: bool = True) -> float:
    """Return roughly how many seconds compressing a seekable file will take; it stands at its start again."""
    head = source.read(select.HEAD_BYTES)
    size = files.size_of(source)
    chosen = next(registry.media(head, options), None) or next(registry.general(head, options))
    return size / registry.rate_of(chosen.name) * (2 if verify else 1)
