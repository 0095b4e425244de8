"""What every codec is: bytes of one file -> blocks -> the same bytes.

A codec turns a file into one or more independent blocks; the concatenated decoded blocks are the file. Blocks
know nothing of each other, so each is a point of random access and a failure stays inside its block.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from neuralzip.container import MAX_PARAMS_BYTES
from neuralzip.errors import UsageError

__all__ = ["MAX_PARAMS_BYTES", "Block", "Codec", "Options", "check_device", "cores"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose; nothing here is needed, or read, to decode.

    Attributes:
        model: preset name ("small", "base", "fast", "flow" ...), None for the codec's default.
        device: "auto", "cpu" or "cuda"; never changes the stream.
        threads: worker threads, None for all cores; never changes the stream.
        memory_bytes: refuse work that would need more, None for the default limit.
        raw_pcm: the file is samples without a header, described as in "44100,2,s16le"; None where it says itself.
        progress: called with (bytes done, bytes in total) now and then, in the calling thread.
    """

    model: str | None = None
    device: str = "auto"
    threads: int | None = None
    memory_bytes: int | None = None
    raw_pcm: str | None = None
    progress: Callable[[int, int], None] | None = None


def cores(threads: int | None = None) -> int:
    """Return how many threads may work at once: the cores that this process may use, or fewer if so chosen."""
    here = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return here if threads is None else min(threads, here)


@functools.cache
def check_device(device: str) -> None:
    """See that a device is there, before anything is asked of it.

    Raises:
        UsageError: it is "cuda", and there is none.
    """
    if device != "cuda":
        return
    import torch  # 2 s: only where a GPU is asked for

    if not torch.cuda.is_available():
        raise UsageError("there is no CUDA device that torch can use; --device cpu does the same, slower")


@dataclass(frozen=True, slots=True)
class Block:
    """One independently decodable piece of a file.

    Attributes:
        codec: name of the codec that decodes it.
        params: what its decoder has to know (schedule, lanes, shape ...), at most MAX_PARAMS_BYTES.
        payload: the coded bytes.
        raw_size: bytes that it decodes to.
        models: identities of the weights that it needs, as zoo.Model.identity (8 bytes each).
        nll_bits: ideal code length under the model's integers, in bits, where the codec knows it (encoder only).
        side_bytes: bytes of the payload that nll_bits says nothing of: packed side information (encoder only).
    """

    codec: str
    params: bytes
    payload: bytes
    raw_size: int
    models: tuple[bytes, ...] = ()
    nll_bits: float | None = field(default=None, compare=False)
    side_bytes: int = field(default=0, compare=False)


class Codec(Protocol):
    """A pair of inverse functions between files and blocks."""

    name: str
    """Name in commands and in `info`."""
    id: int
    """Number of the codec in the container, 0..254, never reused."""

    def claims(self, head: bytes, options: Options) -> bool:
        """Say cheaply, from the first 4 KiB, whether `encode` is worth trying."""
        ...

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield the blocks of a seekable file that stands at its start.

        Raises:
            UnsupportedError: the file cannot be restored exactly or does not win; nothing was yielded.
        """
        ...

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the raw_size bytes of a block; raise CorruptError where that is impossible."""
        ...
