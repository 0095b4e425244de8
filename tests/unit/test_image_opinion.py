"""A mixture's opinions against plain floating point, and the digest of the tables."""

import hashlib
import math

import numba
import numpy as np

from neuralzip.experts import odds as odds_module
from neuralzip.experts.image_opinion import mass_below
from neuralzip.experts.odds import ALL, odds

MIXTURE = np.array([[100 << 8, 130 << 8], [1 << 23, 1 << 22], [40000, 25536]], np.int32)


@numba.njit
def masses(mixture: np.ndarray, out: np.ndarray) -> None:
    for value in range(len(out)):
        out[value] = mass_below(mixture, value)


@numba.njit
def logits(yes: np.ndarray, no: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(out)):
        out[i] = odds(yes[i], no[i])


def test_masses_are_those_of_the_mixture() -> None:
    found = np.zeros(256, np.int64)
    masses(MIXTURE, found)
    for value in (0, 90, 100, 101, 128, 255):
        parts = [
            w / 65536 / (1 + math.exp(-(value - 0.5 - m / 256) * s / 2**24)) for m, s, w in MIXTURE.T.tolist()
        ]
        assert abs(found[value] / ALL - sum(parts)) < 1e-4
    assert (np.diff(found) >= 0).all()


def test_logits_are_those_of_the_masses() -> None:
    yes = np.array([0, 1 << 30, 1 << 40, 3 << 44, ALL, ALL // 3, -5], np.int64)
    no = ALL - np.maximum(yes, 0)
    found = np.zeros(len(yes), np.int64)
    logits(yes, no, found)
    for logit, a, b in zip(found.tolist(), yes.tolist(), no.tolist(), strict=True):
        exact = 256 * math.log((max(a, 0) + (1 << 20)) / (b + (1 << 20)))
        assert abs(logit - min(max(exact, -3071), 3071)) <= 3


def test_tables_are_the_same_for_ever() -> None:
    tables = (odds_module._LOGS, odds_module._OCTAVES)
    digest = hashlib.sha256(b"".join(t.astype("<i8").tobytes() for t in tables)).hexdigest()
    assert digest[:16] == "0154d1d9ce59f434"
