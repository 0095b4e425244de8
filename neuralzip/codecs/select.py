"""Choose the codecs of a file, verify their blocks, and fall back where they do not win or do not verify.

Media codecs see the whole file; what none of them takes goes through the codecs for any bytes in segments of
SEGMENT_BYTES, so that memory stays bounded. No block leaves this module that is larger than the stored bytes.
"""

import io
import zlib
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from neuralzip.codecs import registry
from neuralzip.codecs.base import MAX_PARAMS_BYTES, Block, Codec, Options, check_device, cores
from neuralzip.codecs.side_by_side import Crew, Job, Progress
from neuralzip.container import MAX_MODELS, fits_expansion
from neuralzip.errors import ModelError, UnsupportedError, UsageError

HEAD_BYTES = 1 << 12
SEGMENT_BYTES = 1 << 24
_CHEAP = ("stdlib", "raw")
_MONOTONOUS = 200  # 1 MiB of zeros: 108 bytes in 0.1 s; the byte model takes half a minute for 133
_CHEAP_BYTES = 1 << 16  # up to here the cheap fallback costs nothing, so that it always competes


@dataclass(frozen=True, slots=True)
class Plan:
    """How to encode one file, and how far that is.

    Attributes:
        options: what the user chose.
        verify: decode every block and compare before it is used.
        size: bytes of the file.
        warn: called with one line when a codec failed on this file.
        done: bytes encoded and bytes verified.
    """

    options: Options
    verify: bool
    size: int
    warn: Callable[[str], None]
    done: list[int] = field(default_factory=lambda: [0, 0])


def encode(file: BinaryIO, plan: Plan) -> Iterator[tuple[Block, bytes]]:
    """Yield (block, the bytes it decodes to) for all of a seekable file that stands at its start.

    Raises:
        UsageError: the user chose a model that no codec has for this kind of file, or a device that is not there.
        ModelError: the model chosen is not installed.
    """
    check_device(plan.options.device)
    _check_model(_head(file), plan.options)
    done = 0
    for block, content in media(file, plan):
        done += len(content)
        yield block, content
    file.seek(done)
    yield from segments(file, done, plan)


def media(file: BinaryIO, plan: Plan, without: Container[str] = ()) -> Iterator[tuple[Block, bytes]]:
    """Yield the blocks of the first codec for files of this kind that takes the file, up to where it gives up.

    Args:
        file: seekable, at its start.
        plan: how to encode it.
        without: names of codecs that are not tried.
    """
    for codec in registry.media(_head(file), plan.options):
        if codec.name in without:
            continue
        taken = False
        for part in _checked(codec, _guarded(codec, file, 0, plan), file, 0, plan):
            taken = True
            yield part
        if taken:
            break
        file.seek(0)


def _check_model(head: bytes, options: Options) -> None:
    if options.model is None:
        return
    takers = (*registry.media(head, options), *registry.general(head, options))
    if all(codec.name in _CHEAP for codec in takers):
        raise UsageError(f"there is no model '{options.model}' for this kind of file")


def _head(file: BinaryIO) -> bytes:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return head


def segments(file: BinaryIO, offset: int, plan: Plan) -> Iterator[tuple[Block, bytes]]:
    """Yield the blocks of everything from `offset` on, by the codecs for any bytes."""
    from neuralzip.codecs.raw import looks_random  # numpy: `info` and `--help` come through here

    while data := file.read(SEGMENT_BYTES):
        if looks_random(data):
            yield from _stored(data)
        elif _is_monotonous(data):
            yield from _cheapest(data)
        else:
            yield from _segment(data, offset, plan)
        offset += len(data)
        _advance(plan, offset, offset)


def likely_codec(sample: bytes, options: Options) -> str:
    """Return the name of the codec that a file that starts like this probably gets; for estimates."""
    from neuralzip.codecs.raw import looks_random

    head = sample[:HEAD_BYTES]
    if media := next(registry.media(head, options), None):
        return media.name
    if looks_random(sample):
        return "raw"
    return "stdlib" if _is_monotonous(sample) else next(registry.general(head, options)).name


def _is_monotonous(data: bytes) -> bool:
    """Tell quickly whether the cheap fallback leaves so little that a model's minutes are not worth it."""
    return len(data) > _CHEAP_BYTES and len(zlib.compress(data, 1)) * _MONOTONOUS < len(data)


def _segment(data: bytes, offset: int, plan: Plan) -> Iterator[tuple[Block, bytes]]:
    done = 0
    for codec in registry.general(data[:HEAD_BYTES], plan.options):
        file = io.BytesIO(data)
        for block, content in _checked(codec, _guarded(codec, file, offset, plan), file, offset, plan):
            done += len(content)
            yield block, content
        if done:
            break
    yield from _cheapest(data[done:])


def _guarded(codec: Codec, file: BinaryIO, offset: int, plan: Plan) -> Iterator[Block]:
    """Yield a codec's blocks until it gives up; the caller goes on from where it stopped."""
    try:
        yield from codec.encode(file, _encoding(plan, offset))
    except UnsupportedError:
        return
    except ModelError:
        if plan.options.model is not None:
            raise
        plan.warn(f"no weights for the {codec.name} codec, compressed without")
    except Exception as error:  # a fault in a codec must not keep a file from being compressed
        plan.warn(f"the {codec.name} codec failed ({type(error).__name__}: {error}), compressed without")


def _checked(
    codec: Codec, blocks: Iterable[Block], file: BinaryIO, offset: int, plan: Plan
) -> Iterator[tuple[Block, bytes]]:
    """Yield each block with its content, replaced where it does not verify or does not win.

    Blocks are verified in another thread while the next ones are encoded.
    """
    done = offset
    crew = Crew(cores(plan.options.threads), lambda verified: _advance(plan, verified=offset + verified))
    for block, content, problem in crew.results(_verifications(codec, blocks, file, offset, plan)):
        if problem:
            plan.warn(f"a block of the {codec.name} codec {problem}, compressed without")
        if problem is None:
            yield from _best(block, content)
        else:
            yield from _cheapest(content)
        done += len(content)
        _advance(plan, done, done)


Verified = tuple[Block, bytes, str | None]
"""A block, its content, and what is wrong with it: None for nothing, "" where it is merely too large."""


def _verifications(
    codec: Codec, blocks: Iterable[Block], file: BinaryIO, offset: int, plan: Plan
) -> Iterator[Job[Verified]]:
    """Yield the verification of each block."""
    start = 0
    for block in blocks:
        content = _slice(file, start, block.raw_size)
        if len(content) != block.raw_size or not content:
            plan.warn(f"the {codec.name} codec gave {block.raw_size} bytes where {len(content)} are left")
            return
        start += len(content)
        _advance(plan, encoded=offset + start)
        yield Job(len(content), _verification(block, content, plan), offset + start == plan.size)


def _verification(block: Block, content: bytes, plan: Plan) -> Callable[[Progress], Verified]:
    def run(progress: Progress) -> Verified:
        if not _fits(block):
            return block, content, ""
        return block, content, _problem(block, content, progress, plan) if plan.verify else None

    return run


def _slice(file: BinaryIO, start: int, size: int) -> bytes:
    """Return part of a file and leave its position where the codec had it."""
    position = file.tell()
    file.seek(start)
    data = file.read(size)
    file.seek(position)
    return data


def _fits(block: Block) -> bool:
    stored_size = len(block.params) + len(block.payload)
    limits_kept = len(block.params) <= MAX_PARAMS_BYTES and len(block.models) <= MAX_MODELS
    return limits_kept and fits_expansion(block.raw_size, stored_size)


def _problem(block: Block, content: bytes, progress: Progress, plan: Plan) -> str | None:
    """Return what is wrong with a block's decoded bytes, None for nothing."""
    try:
        if registry.by_name(block.codec).decode(block, replace(plan.options, progress=progress)) == content:
            return None
    except Exception as error:  # whatever a decoder raises: the block is not used
        return f"does not decode ({type(error).__name__}: {error})"
    return "decodes to other bytes"


def _best(block: Block, content: bytes) -> Iterator[tuple[Block, bytes]]:
    """Yield the block, or the cheap fallback where that is not larger."""
    cost = stored_cost(block)
    if block.codec not in _CHEAP and (_is_media(block.codec) or len(content) <= _CHEAP_BYTES):
        cheap = list(_cheapest(content))
        if sum(stored_cost(other) for other, _ in cheap) <= cost:
            yield from cheap
            return
    if cost < len(content):
        yield block, content
    else:
        yield from _stored(content)


def _is_media(name: str) -> bool:
    return any(row.media and row.name == name for row in registry.ROWS)


def stored_cost(block: Block) -> int:
    """Return the bytes of a block that depend on its codec: parameters, model identities and payload."""
    return len(block.params) + len(block.payload) + sum(map(len, block.models))


def _cheapest(content: bytes) -> Iterator[tuple[Block, bytes]]:
    """Yield the standard library's block, or stored blocks where that does not win."""
    from neuralzip.codecs.raw import looks_random
    from neuralzip.codecs.stdlib import smallest

    if not content:
        return
    try:
        block = None if looks_random(content) else smallest(content)
    except UnsupportedError:
        block = None
    if block is None:
        yield from _stored(content)
    else:
        yield block, content


def _stored(content: bytes) -> Iterator[tuple[Block, bytes]]:
    from neuralzip.codecs.raw import Raw

    for block in Raw().encode(io.BytesIO(content), Options()):
        yield block, block.payload


def _advance(plan: Plan, encoded: int = 0, verified: int = 0) -> None:
    """Say that encoding and verifying have come to some place in the file; half of the work each."""
    report = plan.options.progress
    if report is None:
        return
    plan.done[:] = max(plan.done[0], encoded), max(plan.done[1], verified)
    report(min(sum(plan.done) // 2 if plan.verify else plan.done[0], plan.size), plan.size)


def _encoding(plan: Plan, offset: int) -> Options:
    """Return the options with progress counted in bytes of the whole file."""
    if plan.options.progress is None:
        return plan.options
    return replace(plan.options, progress=lambda done, _: _advance(plan, encoded=offset + done))
