"""Every length and kind of data through the whole library, with the codecs that need no model."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuralzip

SOURCE = random.Random(17)
KINDS: dict[str, Callable[[int], bytes]] = {
    "zeros": bytes,
    "noise": SOURCE.randbytes,
    "counting": lambda size: bytes(i & 0xFF for i in range(size)),
    "two symbols": lambda size: bytes(SOURCE.choice(b"ab") for _ in range(size)),
    "periodic": lambda size: (b"0123456789ABCDEF!" * (size // 17 + 1))[:size],
    "utf-8": lambda size: ("naïve – 漢字 \U0001f409\r\n" * (size // 10 + 1)).encode()[:size],
}


@pytest.fixture(autouse=True)
def _cheap(cheap_codecs: None) -> None:
    """Neural codecs have round trips of their own."""


def check(data: bytes) -> None:
    packed = neuralzip.compress(data)
    assert neuralzip.decompress(packed) == data
    assert len(packed) <= len(data) + len(data) / 2**14 + 64


@pytest.mark.parametrize("kind", KINDS)
def test_every_length(kind: str) -> None:
    for size in range(301):
        check(KINDS[kind](size))


def test_all_single_bytes() -> None:
    for value in range(256):
        check(bytes([value]))


@pytest.mark.parametrize("exponent", range(9, 22))
def test_around_powers_of_two(exponent: int) -> None:
    for size in (2**exponent - 1, 2**exponent, 2**exponent + 1):
        check(KINDS["noise"](size))
        check(KINDS["periodic"](size))


def test_growth_of_a_thousand_sizes() -> None:
    noise = SOURCE.randbytes(200_000)
    for _ in range(1000):
        size = int(200_000 ** SOURCE.random())
        check(noise[:size])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000) | st.text(max_size=500).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_anything(data: bytes) -> None:
    check(data)


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.integers(1, 50))
def test_already_compressed(data: bytes, repeats: int) -> None:
    check(neuralzip.compress(data * repeats))
