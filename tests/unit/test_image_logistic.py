"""The closed forms of the residual's decisions against plain floating point, and the digests of their tables."""

import hashlib

import numpy as np
import pytest

from neuralzip.exact.compiled import entry
from neuralzip.experts import image_logistic as il


@entry
def opinions(centre, scale, start, bits, out):
    out[0] = il.zero_logit(centre, scale)
    out[1] = il.sign_logit(centre, scale)
    out[2] = il.stop_logit(centre, scale, start, bits)
    out[3] = il.upper_logit(centre, scale, start, bits) if bits else 0


@entry
def index_of(size):
    return il.scale_index(size)


def reference(mu: float, scale: float, start: int, bits: int) -> list[float]:
    def tail(v: float) -> float:
        return 1 / (1 + np.exp((v - mu) / scale))

    low, middle, high = start - 0.5, start - 0.5 + 2.0**bits / 2, start - 0.5 + 2.0**bits
    inside, beyond = tail(low) - tail(high), tail(high)
    odds = [
        (tail(-0.5) - tail(0.5)) / (1 - tail(-0.5) + tail(0.5)),
        tail(0.5) / (1 - tail(-0.5)),
        inside / beyond,
        (tail(middle) - tail(high)) / (tail(low) - tail(middle)) if bits else 1.0,
    ]
    return [256 * float(np.log(v)) for v in odds]


@pytest.mark.parametrize(("start", "bits"), [(1, 0), (2, 0), (5, 0), (9, 1), (13, 2)])
@pytest.mark.parametrize("scale", [8, 12, 16, 24])
@pytest.mark.parametrize("centre", [-30, -7, 0, 12, 32, 90])
def test_decisions_match_the_logistic(centre: int, scale: int, start: int, bits: int) -> None:
    out = np.zeros(4, np.int64)
    opinions(centre, scale, start, bits, out)
    expected = reference(centre / 64, 0.125 * 2 ** (scale / 4), start, bits)
    for ours, theirs in zip(out, expected, strict=True):
        if abs(theirs) < 2000:
            assert abs(ours - theirs) < 12


def test_scales_are_found_to_a_quarter_octave() -> None:
    for size in range(32, 20000, 7):
        assert abs(np.log2(0.125 * 256 / size) + index_of(size) / 4) < 0.2


def test_tables_are_pinned() -> None:
    tables = (il.SOFTPLUS, il.CONSTANTS, il.STOP)
    digest = hashlib.sha256(b"".join(t.astype("<i8").tobytes() for t in tables)).hexdigest()
    assert digest == "e34538e5f0282857ad9241b15953fe40ed77f438fc2867ed6b8d00bac5aea53c"
