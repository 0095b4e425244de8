"""One part ahead: the same parts in the same order, errors included, in a thread or not."""

import threading
from collections.abc import Iterator

import pytest

from neuralzip.codecs.ahead import ahead


@pytest.mark.parametrize("threads", [None, 1, 2])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_parts_are_the_same(threads: int | None, count: int) -> None:
    assert list(ahead(iter(range(count)), threads)) == list(range(count))


def test_the_next_part_is_made_while_the_last_one_is_used() -> None:
    made = [threading.Event() for _ in range(3)]

    def parts() -> Iterator[int]:
        for k in range(3):
            made[k].set()
            yield k

    for k in ahead(parts()):
        assert k == 2 or made[k + 1].wait(10)


@pytest.mark.parametrize("threads", [None, 1])
def test_an_error_reaches_the_caller(threads: int | None) -> None:
    def parts() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(ahead(parts(), threads))
