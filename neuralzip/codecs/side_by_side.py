"""Jobs on the blocks of a file, several at once in threads; results come in order, progress in the calling thread.

A job that nobody waits for any more stops at its next report of progress, so that Ctrl-C does not wait for it.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""What a codec reports to: (bytes done, bytes in total) of a block."""
BUDGET_BYTES = 1 << 25
"""So many bytes of the original may be in work at once; a single block may have more."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """Work on one block.

    Attributes:
        size: bytes of the original in it.
        run: does it, reporting its progress.
        last: no other will follow, so that it may run in the calling thread if it is alone.
    """

    size: int
    run: Callable[[Progress], T]
    last: bool = False


class _Stop(Exception):
    """Ends a job whose result nobody waits for."""


class Crew:
    """Runs jobs.

    Args:
        at_once: so many at once; 1 keeps all in the calling thread.
        report: called in the calling thread with the bytes done by all jobs so far.
    """

    def __init__(self, at_once: int, report: Callable[[int], None]) -> None:
        self.at_once, self.report = at_once, report
        self._finished = 0
        self._reported: deque[list[int]] = deque()
        self._stop = threading.Event()

    def results(self, jobs: Iterable[Job[T]]) -> Iterator[T]:
        """Yield the results of the jobs in order; an error in getting the next job comes after those before it."""
        running: deque[tuple[int, Future[T]]] = deque()
        errors: list[Exception] = []
        with ThreadPoolExecutor(self.at_once) as pool:
            try:
                for job in _until_error(jobs, errors):
                    if not running and (job.last or self.at_once == 1):
                        yield self._here(job)
                        continue
                    while running and self._is_full(len(running), job.size + sum(size for size, _ in running)):
                        yield self._next(running)
                    running.append((job.size, pool.submit(job.run, self._reporter())))
                while running:
                    yield self._next(running)
            finally:
                self._stop.set()
                for _, future in running:
                    future.cancel()
        if errors:
            raise errors[0]

    def _is_full(self, count: int, size: int) -> bool:
        return count >= self.at_once or size > BUDGET_BYTES

    def _here(self, job: Job[T]) -> T:
        result = job.run(lambda done, _: self.report(self._finished + done))
        self._finished += job.size
        return result

    def _reporter(self) -> Progress:
        """Return where a job in a thread reports to."""
        place = [0]
        self._reported.append(place)

        def progress(done: int, _total: int) -> None:
            if self._stop.is_set():
                raise _Stop
            place[0] = done

        return progress

    def _next(self, running: deque[tuple[int, Future[T]]]) -> T:
        """Wait for the first job in work and return its result."""
        size, future = running[0]
        while not wait((future,), _POLL_S).done:
            self.report(self._finished + sum(done for (done,) in self._reported))
        running.popleft()
        self._reported.popleft()
        self._finished += size
        return future.result()


def _until_error(jobs: Iterable[Job[T]], errors: list[Exception]) -> Iterator[Job[T]]:
    """Yield the jobs, and keep the error that ended them."""
    try:
        yield from jobs
    except Exception as error:
        errors.append(error)
