"""The stack: equal to constriction's words, reversible in both directions, and never out of thin air."""

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.coding.bitsback import ExhaustedError, Stack
from neuralzip.coding.rans import PRECISION
from neuralzip.errors import CorruptError


def cdf_rows(seed: int, rows: int, alphabet: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(alphabet, 0.4), rows)
    freqs = 1 + np.floor(share * (2**PRECISION - 2 * alphabet)).astype(np.int64)
    freqs[:, 0] += 2**PRECISION - freqs.sum(1)
    return np.concatenate([np.zeros((rows, 1), np.int64), np.cumsum(freqs, 1)], 1)


def test_equals_constriction_word_for_word() -> None:
    rng = np.random.default_rng(1)
    aux = rng.integers(0, 256, 403, np.uint8).tobytes()
    cdf, symbols = cdf_rows(2, 500, 16), rng.integers(0, 16, 500)
    ours = Stack(aux)
    theirs = constriction.stream.stack.AnsCoder(np.frombuffer(aux + b"\x01", np.uint32), seal=True)
    model = constriction.stream.model.Categorical(perfect=False)
    probabilities = (np.diff(cdf, axis=1) - 1).astype(np.float32)

    popped = ours.pop(500, cdf)
    assert np.array_equal(popped, theirs.decode(model, probabilities))
    ours.push(symbols, cdf)
    theirs.encode_reverse(symbols.astype(np.int32), model, probabilities)
    assert ours.payload() == theirs.get_compressed().astype("<u4").tobytes()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=50), st.integers(1, 400), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_push_then_pop_restores(data: bytes, count: int, alphabet: int, seed: int) -> None:
    symbols = np.random.default_rng(seed).integers(0, alphabet, count)
    cdf = cdf_rows(seed, count, alphabet)
    stack = Stack(data)
    stack.push(symbols, cdf)
    stack.push_uniform(symbols, 7)
    other = Stack.from_payload(stack.payload())
    assert np.array_equal(other.pop_uniform(count, 7), symbols)
    assert np.array_equal(other.pop(count, cdf), symbols)
    assert other.release() == data


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=600, max_size=900), st.integers(0, 2**32 - 1), st.integers(1, 24))
def test_pop_then_push_gives_the_bits_back(data: bytes, seed: int, bits: int) -> None:
    cdf = cdf_rows(seed, 200, 9)
    stack = Stack(data)
    latents, noise = stack.pop(200, cdf), stack.pop_uniform(60, bits)
    stack.push_uniform(noise, bits)
    stack.push(latents, cdf)
    assert stack.release() == data


def test_bits_back_coding_costs_the_marginal() -> None:
    """A two-state latent variable: the net cost is -log2 p(x), although p(x|z) p(z) alone costs more."""
    prior = np.array([0.5, 0.5])
    likelihood = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]])
    joint = prior[:, None] * likelihood
    marginal, posterior = joint.sum(0), joint / joint.sum(0)

    def rows(p: np.ndarray) -> np.ndarray:
        freqs = np.floor(p * 2**PRECISION).astype(np.int64)
        freqs[:, 0] += 2**PRECISION - freqs.sum(1)
        return np.concatenate([np.zeros((len(p), 1), np.int64), np.cumsum(freqs, 1)], 1)

    rng = np.random.default_rng(3)
    x = rng.choice(3, 5000, p=marginal)
    stack = Stack(rng.integers(0, 256, 5000, np.uint8).tobytes())
    before = len(stack)
    z = stack.pop(len(x), rows(posterior.T[x]))
    stack.push(x, rows(likelihood[z]))
    stack.push(z, rows(prior[None]))
    ideal = -np.log2(marginal[x]).sum()
    assert abs(len(stack) - before - ideal) < 0.01 * ideal + 64
    joint_cost = -np.log2(joint[z, x]).sum()
    assert len(stack) - before < joint_cost - 1000


def test_an_exhausted_stack_is_an_error() -> None:
    stack = Stack(b"only these few bytes")
    available = len(stack)
    with pytest.raises(ExhaustedError):
        stack.pop_uniform(available // 8 + 1, 8)
    assert len(Stack(b"only these few bytes").pop_uniform(available // 8 - 4, 8)) == available // 8 - 4


@pytest.mark.parametrize("payload", [b"", b"1234", b"123456789", bytes(8), b"\xff" * 4 + bytes(4)])
def test_foreign_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(CorruptError):
        Stack.from_payload(payload)


def test_leftovers_are_refused() -> None:
    stack = Stack(b"side")
    stack.push_uniform(np.array([3]), 5)
    with pytest.raises(CorruptError):
        stack.release()
