"""One part ahead: the next part of some work is done in a thread while the caller uses the last one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(parts: Iterator[T], threads: int | None = None) -> Iterator[T]:
    """Yield the same parts, none of them None, each computed while the caller works on the one before.

    Args:
        parts: an iterator whose work lets go of the interpreter's lock, as compiled loops do.
        threads: 1 to stay in the calling thread.
    """
    if threads == 1:
        yield from parts
        return
    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = worker.submit(next, parts, None)
            yield part
