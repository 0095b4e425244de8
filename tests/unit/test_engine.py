"""The mixing engine: tables, coder, counters, mixer, maps. Compiled functions run in small harnesses."""

import hashlib
import math

import numba
import numpy as np
import numpy.typing as npt
import pytest
from constriction import stream

from neuralzip.errors import CorruptError
from neuralzip.experts import apm, bits, counters, logistic, match, mixer

Ints = npt.NDArray[np.int64]


@numba.njit
def code_all(coder: bits.BitCoder, values: Ints, p1: Ints, out: Ints) -> None:
    for i in range(len(values)):
        out[i] = bits.code_bit(coder, values[i], p1[i])


def coded(values: Ints, p1: Ints) -> bytes:
    coder = bits.encoder(len(values))
    code_all(coder, values, p1, np.zeros_like(values))
    return bits.finish(coder)


def draw(count: int, seed: int) -> tuple[Ints, Ints]:
    rng = np.random.default_rng(seed)
    p1 = rng.integers(1, 65536, count)
    return (rng.random(count) * 65536 < p1).astype(np.int64), p1


def test_tables_are_the_same_on_every_machine() -> None:
    digests = [
        hashlib.sha256(table.astype("<i4").tobytes()).hexdigest()[:16]
        for table in (logistic.SQUASH, logistic.STRETCH, logistic.EXP)
    ]
    assert digests == DIGESTS


DIGESTS = ["5c75f7db98c8c55a", "3cde83e6c336252a", "d29354a1eb082244"]


def test_tables_are_the_logistic_function_and_its_inverse() -> None:
    for st in range(-logistic.ST_MAX, logistic.ST_MAX + 1, 7):
        exact = 65536 / (1 + math.exp(-st / logistic.ST_ONE))
        assert abs(logistic.SQUASH[st + logistic.ST_MAX] - min(max(exact, 1), 65535)) <= 0.5 + 1e-6
    for i in range(4096):
        exact = logistic.ST_ONE * math.log((i + 0.5) / (4095.5 - i))
        assert abs(logistic.STRETCH[i] - exact) <= 0.5 + 1e-6
    assert (np.diff(logistic.SQUASH) >= 0).all() and (np.diff(logistic.STRETCH) >= 0).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 1000, 20000])
def test_coder_gives_constrictions_words(count: int) -> None:
    values, p1 = draw(count, count)
    payload = coded(values, p1)
    ones = (p1 << 8).astype(np.float32)
    tables = np.stack([ones - 1, np.float32(1 << 24) - ones - 1], axis=1)
    coder = stream.stack.AnsCoder()
    if count:
        coder.encode_reverse((1 - values).astype(np.int32), stream.model.Categorical(perfect=False), tables)
    assert payload == coder.get_compressed().astype("<u4").tobytes()
    decoder, out = bits.decoder(payload), np.zeros(count, np.int64)
    code_all(decoder, np.zeros(count, np.int64), p1, out)
    assert (out == values).all()
    assert bits.is_exhausted(decoder)


def test_coder_is_not_exhausted_too_early() -> None:
    values, p1 = draw(500, 5)
    decoder = bits.decoder(coded(values, p1))
    code_all(decoder, np.zeros(400, np.int64), p1[:400], np.zeros(400, np.int64))
    assert not bits.is_exhausted(decoder)


@pytest.mark.parametrize("payload", [b"\1", b"\1\0\0", b"\1\0\0\0\0\0\0\0"])
def test_decoder_refuses_what_no_encoder_wrote(payload: bytes) -> None:
    with pytest.raises(CorruptError):
        bits.decoder(payload)


def test_coder_spends_the_ideal_code_length() -> None:
    values, p1 = draw(20000, 1)
    coder = bits.encoder(len(values))
    code_all(coder, values, p1, np.zeros_like(values))
    ideal = -np.log2(np.where(values == 1, p1, 65536 - p1) / 65536).sum()
    assert bits.logged_bits(coder) == pytest.approx(ideal)
    assert 0 <= 8 * len(bits.finish(coder)) - ideal < 64


@numba.njit
def node_after(bit_list: Ints, limit: int) -> np.uint32:
    node = counters.NODE_NEW
    for bit in bit_list:
        node = counters.node_updated(node, bit, limit)
    return node


@numba.njit
def node_parts(node: np.uint32) -> tuple[int, int, int]:
    return counters.node_p(node), counters.node_count(node), counters.node_state(node)


def test_node_averages_first_and_keeps_the_last_outcomes() -> None:
    p, count, state = node_parts(node_after(np.array([1, 1, 0, 1]), 127))
    assert count == 4
    assert state == 0b11101
    assert abs(p / 65536 - 3.5 / 5) < 0.05
    p, count, state = node_parts(node_after(np.ones(300, np.int64), 127))
    assert count == 127
    assert state & 127 == 127
    assert p > 65400
    assert node_parts(node_after(np.ones(300, np.int64), 30))[1] == 30


def test_history_maps_start_from_their_outcomes() -> None:
    row = counters.new_maps(1)[0]
    p = (row >> np.uint32(16)) / 65536
    assert p[0b111] > 0.8 > 0.5 > p[0b100] and abs(p[0b1] - 0.5) < 1e-9


@numba.njit
def slots_of(table: counters.Words, contexts: npt.NDArray[np.uint64], out: Ints) -> None:
    for i in range(len(contexts)):
        out[i] = counters.find_slot(table, contexts[i])


def test_slots_are_found_again_until_they_are_taken_over() -> None:
    table = counters.new_table(8)
    contexts = np.arange(1, 60, dtype=np.uint64) * np.uint64(0x1234567)
    first, again = np.zeros(59, np.int64), np.zeros(59, np.int64)
    slots_of(table, contexts, first)
    slots_of(table, contexts[40:], again[40:])
    assert (first % 16 == 0).all() and (first >= 0).all() and (first < len(table)).all()
    assert (first[40:] == again[40:]).all()
    table[first[-1] + 1 : first[-1] + 16] = 7
    many = np.arange(100, 4000, dtype=np.uint64) * np.uint64(0x7654321)
    slots_of(table, many, np.zeros(len(many), np.int64))
    out = np.zeros(1, np.int64)
    slots_of(table, contexts[-1:], out)
    assert (table[out[0] + 1 : out[0] + 16] == counters.NODE_NEW).all(), "a slot taken over starts empty"


@numba.njit
def mix_and_learn(state: mixer.Mixer, inputs: npt.NDArray[np.int32], targets: Ints, mixed: Ints) -> None:
    for i in range(len(targets)):
        state.inputs[:] = inputs[i]
        mixer.select(state, 0, i % 3)
        mixer.select(state, 1, 0)
        mixer.select_final(state, 0, i % 2)
        mixer.select_final(state, 1, 0)
        mixed[i] = mixer.mix(state)
        mixer.learn(state, targets[i])


def mix_oracle(weights: Ints, inputs: Ints) -> int:
    total = sum((int(w) * int(x)) >> 10 for w, x in zip(weights, inputs, strict=True))
    return min(max((total + 32) >> 6, -logistic.ST_MAX), logistic.ST_MAX)


def learn_oracle(weights: Ints, inputs: Ints, error: int) -> Ints:
    moved = [int(w) + ((int(x) * error + 8192) >> 14) for w, x in zip(weights, inputs, strict=True)]
    return np.clip(moved, -mixer.W_MAX, mixer.W_MAX)


def rate_oracle(rate: int, haste: int, uses: int) -> int:
    """The learning rate in 2**-20 of a row that was used so often, from its end in 2**-12."""
    uses = min(uses, mixer.USES_LIMIT) // 16 * 16
    return rate * 256 + rate * 256 * haste * mixer.HASTE_USES // (mixer.HASTE_USES + uses)


@pytest.mark.parametrize("haste", [(0, 0), (7, 2), (3, 15)])
def test_mixer_is_exact_at_its_limits(haste: tuple[int, int]) -> None:
    state = mixer.new_mixer(37, (3, 1), (2, 1), 0.2, 0.02, 0.01, haste)
    state.uses[:] = start = np.array([0, 7, mixer.USES_LIMIT - 30, 255, 0, 0, mixer.USES_LIMIT])
    rng = np.random.default_rng(3)
    inputs = rng.choice([-logistic.ST_MAX, 0, 17, logistic.ST_MAX], (400, 37)).astype(np.int32)
    targets = rng.integers(0, 2, 400)
    first, second = state.weights[:3].astype(np.int64), state.weights[3].astype(np.int64)
    final = state.final.astype(np.int64)
    mixed = np.zeros(400, np.int64)
    mix_and_learn(state, inputs, targets, mixed)
    for i, x in enumerate(inputs.astype(np.int64)):
        logits = np.array([mix_oracle(first[i % 3], x), mix_oracle(second, x)])
        finals = [mix_oracle(final[i % 2], logits), mix_oracle(final[2], logits)]
        assert mixed[i] == sum(finals) // 2
        target = int(targets[i]) * 65535
        squashed = [int(logistic.SQUASH[v + logistic.ST_MAX]) for v in (*logits, *finals)]
        uses = [start[i % 3] + i // 3, start[3] + i, start[4 + i % 2] + i // 2, start[6] + i]
        layers = [(82, haste[0]), (82, haste[0]), (41, haste[1]), (41, haste[1])]
        errors = [((target - squashed[k]) * rate_oracle(*layers[k], int(uses[k]))) >> 14 for k in range(len(uses))]
        first[i % 3] = learn_oracle(first[i % 3], x, errors[0])
        second = learn_oracle(second, x, errors[1])
        final[i % 2] = learn_oracle(final[i % 2], logits, errors[2])
        final[2] = learn_oracle(final[2], logits, errors[3])
    assert (state.weights[:3] == first).all() and (state.weights[3] == second).all()
    assert (state.final == final).all()
    assert state.uses.tolist() == [134, 140, mixer.USES_LIMIT, 655, 200, 200, mixer.USES_LIMIT]


def test_mixer_learns_whom_to_trust() -> None:
    state = mixer.new_mixer(4, (3, 1), (2, 1), 0.25, 0.02, 0.01)
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 2, 3000)
    inputs = rng.integers(-800, 800, (3000, 4)).astype(np.int32)
    inputs[:, 2] = np.where(targets == 1, 500, -500)
    mixed = np.zeros(3000, np.int64)
    mix_and_learn(state, inputs, targets, mixed)
    cost = -np.log2(logistic.SQUASH[np.where(targets == 1, mixed, -mixed) + logistic.ST_MAX] / 65536)
    assert cost[:200].mean() > 3 * cost[-200:].mean()


@numba.njit
def refine_all(maps: npt.NDArray[np.int32], logits: Ints, out: Ints) -> None:
    for i in range(len(logits)):
        out[i] = apm.refine(maps, 0, logits[i])


@numba.njit
def adapt_many(maps: npt.NDArray[np.int32], st: int, bit: int, count: int) -> None:
    for _ in range(count):
        apm.adapt(maps, 0, st, bit, 6)


def test_probability_maps_begin_as_the_identity_and_follow_the_bits() -> None:
    maps = apm.new_maps(1)
    logits = np.arange(-3500, 3500, 11)
    out = np.zeros_like(logits)
    refine_all(maps, logits, out)
    plain = logistic.SQUASH[np.clip(logits, -logistic.ST_MAX, logistic.ST_MAX) + logistic.ST_MAX]
    assert np.abs(out - plain).max() < 65536 * 0.008
    adapt_many(maps, 64, 0, 1000)
    refine_all(maps, logits, out)
    assert out[np.searchsorted(logits, 64)] < 65536 * 0.1
    assert abs(out[0] - plain[0]) < 600 and abs(out[-1] - plain[-1]) < 600


@numba.njit
def matched(state: match.Match, text: npt.NDArray[np.uint8], out: Ints) -> None:
    for end in range(1, len(text) + 1):
        match.advance(state, 0, text, end)
        out[end - 1] = state.length[0]


def test_match_grows_with_the_repeat_and_ends_with_it() -> None:
    rng = np.random.default_rng(6)
    text = rng.integers(0, 256, 400).astype(np.uint8)
    text[300:350] = text[100:150]
    lengths = np.zeros(400, np.int64)
    matched(match.new_match(np.zeros(1, np.int64), 10), text, lengths)
    assert (lengths[:300] == 0).all()
    assert lengths[304] == 5 and lengths[349] == 50
    assert (lengths[352:] == 0).all()
