"""Jobs side by side: results in order, errors where they belong, progress in the calling thread, a quick stop."""

import threading
import time
from collections.abc import Iterator

import pytest

from neuralzip.codecs import side_by_side
from neuralzip.codecs.side_by_side import Crew, Job, Progress


def quiet(_done: int) -> None:
    pass


def jobs(count: int, size: int = 1) -> Iterator[Job[int]]:
    for k in range(count):

        def run(progress: Progress, k: int = k) -> int:
            time.sleep(0.01 * (count - k))  # later ones are sooner done
            progress(size, size)
            return k

        yield Job(size, run, k == count - 1)


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_come_in_order(at_once: int, count: int) -> None:
    assert list(Crew(at_once, quiet).results(jobs(count))) == list(range(count))


@pytest.mark.parametrize(
    ("at_once", "size", "most"), [(1, 1, 1), (3, 1, 3), (8, side_by_side.BUDGET_BYTES // 2, 2)]
)
def test_no_more_at_once_than_allowed(at_once: int, size: int, most: int) -> None:
    lock, seen = threading.Lock(), [0, 0]

    def run(_progress: Progress) -> None:
        with lock:
            seen[0] += 1
            seen[1] = max(seen)
        time.sleep(0.05)
        with lock:
            seen[0] -= 1

    list(Crew(at_once, quiet).results(Job(size, run) for _ in range(6)))
    assert seen == [0, most]


@pytest.mark.parametrize("at_once", [1, 3])
def test_errors_come_in_their_turn(at_once: int) -> None:
    def failing() -> Iterator[Job[int]]:
        yield from jobs(3)
        raise ValueError("no more")

    def broken(_progress: Progress) -> int:
        raise KeyError("job")

    results = Crew(at_once, quiet).results(failing())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(results)
    results = Crew(at_once, quiet).results([*jobs(2), Job(1, broken), *jobs(2)])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(KeyError):
        next(results)


@pytest.mark.parametrize("at_once", [1, 2])
def test_progress_is_told_in_the_calling_thread_and_goes_up(at_once: int) -> None:
    seen: list[tuple[int, int]] = []

    def run(progress: Progress) -> None:
        for done in range(0, 100, 10):
            progress(done, 100)
            time.sleep(0.03)

    crew = Crew(at_once, lambda done: seen.append((done, threading.get_ident())))
    list(crew.results(Job(100, run) for _ in range(3)))
    done = [value for value, _ in seen]
    assert done == sorted(done) and 100 < done[-1] <= 300
    assert {thread for _, thread in seen} == {threading.get_ident()}


def test_jobs_stop_when_nobody_waits_for_them() -> None:
    def endless(progress: Progress) -> None:
        while True:
            progress(0, 1)
            time.sleep(0.01)

    def interrupted(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Crew(2, interrupted).results([Job(1, endless), Job(1, endless)]))
