"""Least squares, NLMS, logistic tables and the learnt start of the audio codec."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from neuralzip.errors import ModelError
from neuralzip.exact.compiled import entry
from neuralzip.experts import audio_least_squares, audio_logistic, audio_prior, nlms
from neuralzip.experts.audio_least_squares import Place, inputs_at, learn_ls, predict_ls
from neuralzip.experts.audio_state import new_residual, parts
from neuralzip.experts.nlms import Taps, learn_nlms, predict_nlms
from neuralzip.train import audio as train_audio

U = np.uint64


@entry
def follow_ls(memory: np.ndarray, where: Place, series: np.ndarray, errors: np.ndarray) -> None:
    for t in range(len(series)):
        first = inputs_at(where)
        for k in range(where.size):
            lag = np.int64(k) + 1
            memory[first + k] = series[t - lag] if t >= lag else 0.0
        prediction = predict_ls(memory, where)
        errors[t] = series[t] - prediction
        learn_ls(memory, where, series[t], prediction, U(t))


@entry
def follow_nlms(memory: np.ndarray, where: Taps, series: np.ndarray, errors: np.ndarray) -> None:
    for t in range(len(series)):
        errors[t] = series[t] - predict_nlms(memory, where, U(t))
        learn_nlms(memory, where, series[t], U(t))


def resonance(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a second-order resonance and the noise that drives it."""
    noise = np.random.default_rng(0).normal(size=length) * 10
    series = np.zeros(length)
    for t in range(2, length):
        series[t] = 1.8 * series[t - 1] - 0.9 * series[t - 2] + noise[t]
    return series, noise


@pytest.mark.parametrize(("size", "period"), [(2, 4), (9, 8), (16, 16)])
def test_least_squares_finds_the_filter(size: int, period: int) -> None:
    series, noise = resonance(4000)
    scratch = audio_least_squares.scratch_size(size)
    memory, errors = np.zeros(scratch + audio_least_squares.state_size(size)), np.zeros(4000)
    where = audio_least_squares.place(scratch, size, period, 0)
    audio_least_squares.start(memory, where, 0.999)
    follow_ls(memory, where, series, errors)
    weights = memory[scratch : scratch + size]
    assert np.abs(weights[:2] - [1.8, -0.9]).max() < 0.1
    assert np.abs(errors[1000:]).mean() < 1.03 * np.abs(noise[1000:]).mean()


def test_nlms_follows_and_rewinds() -> None:
    series, noise = resonance(2 * nlms.SPAN + 100)
    taps = 16
    memory, errors = np.zeros(nlms.state_size(taps)), np.zeros(len(series))
    nlms.start(memory, Taps(U(0), U(taps)), 0.02, 0.1)
    follow_nlms(memory, Taps(U(0), U(taps)), series, errors)
    left = np.abs(errors[-1000:]).mean()
    assert left < 2 * np.abs(noise[-1000:]).mean() and left < 0.5 * np.abs(series[-1000:]).mean()
    with pytest.raises(ValueError, match="12 taps"):
        nlms.start(memory, Taps(U(0), U(12)), 0.02, 0.0)


def test_logistic_tables() -> None:
    steps = np.arange(1, len(audio_logistic.LOG_ONE_PLUS)) / 256
    assert np.abs(audio_logistic.LOG_ONE_PLUS[1:] - 256 * np.log1p(np.exp(-steps))).max() < 0.51
    assert np.abs(audio_logistic.LOG_ONE_MINUS[1:] - 256 * np.log(-np.expm1(-steps))).max() < 0.51


def test_prior_packs() -> None:
    prior = parts(new_residual(2))
    rng = np.random.default_rng(1)
    prior.weights[:] = rng.integers(-(1 << 18), 1 << 18, prior.weights.shape) // 16 * 16
    prior.maps[:] = rng.integers(1, 65536, prior.maps.shape)
    packed = audio_prior.pack(prior)
    back = audio_prior.unpack(packed)
    assert (back.weights == prior.weights).all() and (back.maps == prior.maps).all()
    assert (back.nodes == prior.nodes).all()
    assert all((a == b).all() for a, b in zip(audio_prior.pack(back).values(), packed.values(), strict=True))
    for broken in ({**packed, "maps": packed["maps"][1:]}, {k: v for k, v in packed.items() if k != "seen"}):
        with pytest.raises(ModelError, match="missing or of another shape"):
            audio_prior.unpack(broken)


def test_training_learns(tmp_path: Path) -> None:
    series = np.rint(resonance(3000)[0]).astype(np.int16)
    soundfile.write(tmp_path / "one.wav", series, 8000)
    soundfile.write(tmp_path / "two.flac", np.stack([series, series // 2], axis=1), 44100)
    first, seconds, files = train_audio.learn(tmp_path, 2000, 2, 7)
    second, _, _ = train_audio.learn(tmp_path, 2000, 2, 7)
    assert files == 4 and 0.5 < seconds < 0.6
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first.weights != parts(new_residual(1)).weights).any()
