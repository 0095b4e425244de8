"""Samples that come again exactly: found as a plain search finds them, nearly free, and no loss where none are."""

import numpy as np
import pytest

from neuralzip.codecs import audio_loop
from neuralzip.codecs.audio_block import _SETTINGS, FAST, PLAIN
from neuralzip.exact.compiled import entry
from neuralzip.experts import bits
from neuralzip.experts.audio_repeats import RUN, STRIDE, Repeats, code_repeat, learn_repeat, new_repeats
from neuralzip.experts.bits import BitCoder

LOUD = 100 << 16


@entry
def follow(
    r: Repeats, coder: BitCoder, samples: np.ndarray, scale: int, lags: np.ndarray, lengths: np.ndarray
) -> None:
    for t in range(samples.shape[1]):
        for c in range(samples.shape[0]):
            code_repeat(r, coder, samples, c, t, scale)
            learn_repeat(r, samples, c, t)
            lags[c, t], lengths[c, t] = r.lags[c], r.lengths[c]


def followed(samples: np.ndarray, scale: int = LOUD) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Return lags and lengths after each sample, decisions taken, and their bits."""
    samples = samples.astype(np.int32)
    coder = bits.encoder(samples.size)
    lags, lengths = np.zeros(samples.shape, np.int64), np.zeros(samples.shape, np.int64)
    follow(new_repeats(*samples.shape), coder, samples, scale, lags, lengths)
    return lags, lengths, bits.logged(coder), bits.logged_bits(coder)


def plainly(channel: list[int]) -> list[tuple[int, int]]:
    """Return (lag, length) after each sample of a channel, by a search without hashes."""
    places: dict[tuple[int, ...], int] = {}
    lag, length, found = 0, 0, []
    for t in range(len(channel)):
        if lag:
            length = length + 1 if channel[t] == channel[t - lag] else 0
        run = tuple(channel[t - RUN + 1 : t + 1])
        if length < RUN and run in places:
            lag, length = t - places[run], RUN
        if t % STRIDE == 0 and t >= RUN - 1:
            places[run] = t
        found.append((lag, length))
    return found


def scene() -> np.ndarray:
    """Return two channels: parts that come again, wholly, with a wrong sample, or cut, between others."""
    rng = np.random.default_rng(3)
    parts = [rng.integers(-(2**31), 2**31, 150), rng.integers(-5, 6, 211), np.zeros(70, np.int64)]
    order = [0, 1, 0, 2, 1, 1, 0, 2, 2, 0]
    channel = np.concatenate([parts[i][: rng.integers(60, 212)] for i in order])
    channel[700] ^= 1
    return np.stack([channel, np.roll(channel, 37)])


def test_finds_what_a_plain_search_finds() -> None:
    samples = scene()
    lags, lengths, _, _ = followed(samples)
    for c in range(2):
        assert list(zip(lags[c], lengths[c], strict=True)) == plainly(samples[c].tolist())
    assert (lengths >= RUN).mean() > 0.3


def test_noise_is_never_asked_about() -> None:
    noise = np.random.default_rng(1).integers(-300, 300, (2, 20000))
    assert followed(noise)[2] == 0


def test_a_loop_costs_next_to_nothing() -> None:
    bar = np.random.default_rng(1).integers(-9000, 9000, (1, 5000))
    _, _, asked, cost = followed(np.tile(bar, 4))
    assert asked > 15000 - 2 * RUN and cost < 40


def test_quiet_channels_are_asked_about_late() -> None:
    """What nearly always stays the same, the predictors' model knows well enough."""
    quiet = np.random.default_rng(1).random((1, 30000)) < 0.02
    assert followed(quiet)[2] > 5000 and followed(quiet, scale=1000)[2] == 0


@pytest.mark.parametrize("preset", [FAST, PLAIN])
@pytest.mark.parametrize("channels", [1, 2])
def test_repeated_bars(preset: int, channels: int) -> None:
    """A bar three times takes little more than once, also where it is cut by segments."""
    rng = np.random.default_rng(2)
    bar = rng.normal(0, 2000, (channels, 3000)).astype(np.int32)
    model = _SETTINGS[preset]
    song = np.tile(bar, 3)
    streams = list(audio_loop.encode(song, model))
    fresh = channels * (RUN + STRIDE) * 16
    once, all_three = (sum(s.nll_bits for s in part) for part in (audio_loop.encode(bar, model), streams))
    assert all_three < once + fresh
    assert (audio_loop.decode([stream.data for stream in streams], channels, song.shape[1], model) == song).all()


def test_a_loop_across_segments() -> None:
    length = audio_loop.SEGMENT_FRAMES // 2 + 1000
    song = np.tile(np.random.default_rng(4).normal(0, 900, (1, length)).astype(np.int32), 3)
    streams = list(audio_loop.encode(song, _SETTINGS[FAST]))
    assert len(streams) == 2 and len(streams[1].data) < 20
    assert (audio_loop.decode([s.data for s in streams], 1, song.shape[1], _SETTINGS[FAST]) == song).all()
