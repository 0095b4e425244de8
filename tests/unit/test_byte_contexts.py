"""Contexts of the byte model: what two places in a text have to share for their contexts to be the same."""

import numba
import numpy as np
import numpy.typing as npt
import pytest

from neuralzip.experts import bits
from neuralzip.experts.byte_contexts import (
    CONTEXTS,
    LAYOUT,
    SPARSE,
    TOKENS,
    WORDS,
    Lanes,
    follow,
    hash_contexts,
    new_lanes,
)
from neuralzip.experts.byte_model import code_steps, new_model


@numba.njit
def _walk(lanes: Lanes, text: npt.NDArray[np.uint8], hashes: npt.NDArray[np.uint64]) -> None:
    for byte in text:
        follow(lanes, 0, text, np.int64(byte))
    hash_contexts(lanes, 0, text, -1, hashes)


def contexts_after(text: str) -> npt.NDArray[np.uint64]:
    """The hashes of the byte that follows a text."""
    data, hashes = np.frombuffer(text.encode() + b"?", np.uint8), np.zeros(CONTEXTS, np.uint64)
    _walk(new_lanes(np.array([0, len(data)], np.int64)), data[:-1], hashes)
    return hashes


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (0, "xyz", "abz"),
        (2, "0xyz", "1xyz"),
        (WORDS, "so The", "to the"),
        (WORDS + 1, "and so the", "one so the"),
        (SPARSE, "abcx", "_bcy"),
        (LAYOUT, "12345\nab", "92345\nxy"),
        (TOKENS, "req-0f3c GET 17", "req-99ae GET 42"),
        (TOKENS, "id=DEADBEEF", "id=01234567"),
        (TOKENS, "took 12.5 s, 3", "took 99.7 s, 8"),
        (TOKENS + 1, "a b p=44", "c d p=44"),
    ],
)
def test_a_context_does_not_see_what_is_none_of_its_business(kind: int, one: str, other: str) -> None:
    mine, others = contexts_after(one), contexts_after(other)
    assert mine[kind] == others[kind]
    assert mine[6] != others[6]  # order 8 sees it


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (0, "xya", "xyb"),
        (2, "xbcd", "abce"),
        (WORDS, "so them", "so then"),
        (WORDS + 1, "and so the", "and to the"),
        (SPARSE, "abcx", "abdx"),
        (LAYOUT, "12345\nab", "12945\nab"),
        (TOKENS, "req-0f3c GET", "req-0f3 GET"[:-1]),
        (TOKENS, "id=go", "id=no"),
        (TOKENS, "a1", "a12"),
        (TOKENS + 1, "a port=44", "a b port=44"),
    ],
)
def test_a_context_sees_what_it_is_named_after(kind: int, one: str, other: str) -> None:
    assert contexts_after(one)[kind] != contexts_after(other)[kind]


def test_contexts_of_a_place_are_all_different() -> None:
    assert len(np.unique(contexts_after("one line, 12;\nanother line, 34;\nand a"))) == CONTEXTS


def test_random_identifiers_cost_little_more_than_their_digits() -> None:
    rng = np.random.default_rng(4)
    lines = [f"GET /v2/{rng.bytes(16).hex()}/detail status: 200\n" for _ in range(400)]
    data = np.frombuffer("".join(lines).encode(), np.uint8).copy()
    model, coder = new_model(data, np.array([0, len(data)], np.int64)), bits.encoder(8 * len(data))
    half = len(data) // 2
    code_steps(model, coder, half, np.zeros((0, half, 256), np.int32))
    before = bits.logged_bits(coder)
    code_steps(model, coder, len(data) - half, np.zeros((0, len(data) - half, 256), np.int32))
    assert (bits.logged_bits(coder) - before) / (200 * 32) < 4.25
