"""The two directions between a file and its .nz file, block by block.

compress_stream -> codecs.select.encode -> a codec -> container.Writer
decompress_stream -> container.Reader -> a codec
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from neuralzip import container, files
from neuralzip.codecs import registry, select
from neuralzip.codecs.base import Block, Options, check_device, cores
from neuralzip.codecs.side_by_side import Crew, Job, Progress
from neuralzip.container import Limits
from neuralzip.errors import CorruptError, NeuralzipError

Warn = Callable[[str], None]
_SAMPLE_BYTES = 1 << 20


def compress_stream(
    source: BinaryIO,
    target: BinaryIO,
    *,
    options: Options | None = None,
    verify: bool = True,
    warn: Warn = warnings.warn,
) -> int:
    """Write a .nz file of all of a seekable source, and return the bytes written.

    Args:
        source: where it stands does not matter.
        target: is written front to back, and stays open.
        options: model, device, threads ...
        verify: decode every block and compare; one that differs is compressed without its codec.
        warn: called with one line when that happens.
    """
    plan = select.Plan(options or Options(), verify, files.size_of(source), warn)
    writer = container.Writer(target)
    for block, content in select.encode(source, plan):
        codec = registry.by_name(block.codec)
        writer.add(codec.id, block.params, block.payload, content, block.models)
    return writer.close()


def decompress_stream(
    source: BinaryIO, target: BinaryIO | None, *, max_size: int | None = None, options: Options | None = None
) -> int:
    """Write the original of a .nz file, which may be a pipe, and return its bytes; None only verifies.

    A source that can be read twice is first checked as a whole, so that a damaged file costs no decoding. From a
    pipe each block is written when it is verified, so that after an error part of the original may be written.
    """
    options = options or Options()
    allowed = limits(options, max_size)
    total = _skim(source, allowed) if source.seekable() else None
    reader = container.Reader(source, allowed)
    # A pipe may take its time: what has come is decoded and written before more is waited for.
    crew = Crew(1 if total is None else cores(options.threads), _report(options, total))
    done = 0
    for record, content in crew.results(_jobs(reader, options, total)):
        reader.accept(record, content)
        if target is not None:
            target.write(content)
        done += len(content)
        crew.report(done)
    reader.finish()
    return done


def _report(options: Options, total: int | None) -> Callable[[int], None]:
    """Return what tells the user how many bytes of all are done."""
    report = options.progress
    return lambda done: None if report is None else report(done, max(done, total or 0))


def _jobs(
    reader: container.Reader, options: Options, total: int | None
) -> Iterator[Job[tuple[container.Record, bytes]]]:
    """Yield the decoding of each record; gives the record and its bytes, not yet checked."""
    start = 0
    for record in reader.records():
        start += record.raw_size

        def run(progress: Progress, record: container.Record = record) -> tuple[container.Record, bytes]:
            return record, decode(record, replace(options, progress=progress))

        yield Job(record.raw_size, run, start == total)


def _skim(source: BinaryIO, allowed: Limits) -> int:
    """Check all checksums of a .nz file, return the size of its original, and stand where it stood before."""
    start = source.tell()
    raw_size = container.Reader(source, allowed).skim()
    source.seek(start)
    return raw_size


def limits(options: Options, max_size: int | None = None) -> Limits:
    """Return what a reader accepts under these options."""
    memory_bytes = options.memory_bytes or container.DEFAULT_MEMORY_BYTES
    return Limits(memory_bytes) if max_size is None else Limits(memory_bytes, max_size)


def decode(record: container.Record, options: Options) -> bytes:
    """Return the decoded bytes of a record, not yet checked.

    Raises:
        CorruptError: the codec cannot make sense of it, whatever it raised itself.
        UsageError: there is no such device.
    """
    check_device(options.device)
    codec = registry.by_id(record.codec)
    block = Block(codec.name, record.params, record.payload, record.raw_size, record.models)
    try:
        return codec.decode(block, options)
    except (NeuralzipError, OSError, MemoryError):
        raise
    except Exception as error:  # a forged block with right checksums
        problem = f"{type(error).__name__}: {error}"
        raise CorruptError(f"damaged: the {codec.name} codec cannot decode a block ({problem})") from error


def estimate_s(source: BinaryIO, options: Options, *, verify: bool = True) -> float:
    """Return roughly how many seconds compressing a seekable file will take; it stands at its start again."""
    sample = source.read(_SAMPLE_BYTES)
    size = files.size_of(source)
    return size / registry.rate_of(select.likely_codec(sample, options)) * (2 if verify else 1)
