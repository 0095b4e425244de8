"""The audio stream does not depend on threads, on the processor's subnormals, or on contracted arithmetic."""

import hashlib
import io

import numba
import numpy as np
import pytest

from neuralzip.codecs import audio_loop
from neuralzip.codecs.audio import Audio
from neuralzip.codecs.audio_block import _SETTINGS, FAST, PLAIN
from neuralzip.codecs.base import Options
from neuralzip.experts import audio_bank, audio_logistic
from neuralzip.nets import wavenet_exact
from tests.roundtrip.test_audio import recording
from tests.wavenet_models import made_up


def waves(channels: int, length: int) -> np.ndarray:
    """Return integers that need no libm: a decaying resonance rung by a linear congruential noise."""
    out = np.zeros((channels, length), np.int64)
    noise = np.uint32(1)
    for t in range(2, length):
        noise = np.uint32((int(noise) * 1664525 + 1013904223) & 0xFFFFFFFF)
        rung = (int(noise) >> 20) - 2048 if t % 701 < 350 else 0
        for c in range(channels):
            out[c, t] = (500 * int(out[c, t - 1]) - 249 * int(out[c, t - 2])) // 256 + rung // (c + 1)
    return out


@pytest.mark.parametrize(("channels", "digest"), [(1, "1b89b3b7c2d0000c"), (2, "523b4bbd174cfa4e")])
def test_pinned_streams_with_a_net(channels: int, digest: str) -> None:
    samples = waves(channels, 1500).astype(np.int32)
    model = audio_loop.Model(audio_bank.RICH, net=wavenet_exact.gather(made_up(weight=20)))
    (stream,) = audio_loop.encode(samples, model)
    assert hashlib.sha256(stream.data).hexdigest()[:16] == digest
    assert (audio_loop.decode([stream.data], channels, 1500, model) == samples).all()


@pytest.mark.parametrize(
    ("preset", "channels", "digest"),
    [(PLAIN, 1, "90ab566f03711d69"), (PLAIN, 2, "b74e55342801b682"), (FAST, 2, "35e66a1088976ff9")],
)
def test_pinned_streams(preset: int, channels: int, digest: str) -> None:
    samples = waves(channels, 3000).astype(np.int32)
    (stream,) = audio_loop.encode(samples, _SETTINGS[preset])
    assert hashlib.sha256(stream.data).hexdigest()[:16] == digest


def test_tables_are_pinned() -> None:
    tables = audio_logistic.LOG_ONE_PLUS.tobytes() + audio_logistic.LOG_ONE_MINUS.tobytes()
    assert hashlib.sha256(tables).hexdigest()[:16] == "815e61c35222ac80"


def test_threads_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralzip.codecs.audio.MIN_BLOCK_FRAMES", 1)
    monkeypatch.setattr("neuralzip.codecs.audio.MAX_BLOCK_BYTES", 4000)
    data = recording(waves(2, 4000))
    streams = [list(Audio().encode(io.BytesIO(data), Options(threads=threads))) for threads in (1, 2, 5)]
    assert len(streams[0]) == 4 and streams[0] == streams[1] == streams[2]


def test_silence_makes_no_subnormals() -> None:
    """Flushing subnormals must not change a result: none may appear, however long moments fade."""
    samples = waves(2, 2000).astype(np.int32)
    samples = np.concatenate([samples, np.zeros((2, 63000), np.int32)], axis=1)
    group = audio_loop.new_group(2, _SETTINGS[PLAIN], samples.shape[1])
    list(audio_loop._encode(samples, group))
    smallest = np.finfo(np.float64).smallest_normal
    for values in (group.bank.memory, group.bank.stages):
        assert not ((values != 0) & (np.abs(values) < smallest)).any()


def test_no_contraction() -> None:
    """A product and a sum stay two roundings: compiled code has no fused multiply-add."""

    @numba.njit(_nrt=False, error_model="numpy")
    def axpy(a: float, x: np.ndarray, y: np.ndarray) -> None:
        for i in range(len(x)):
            y[i] = y[i] - a * x[i]

    x, y = np.full(16, 1.0 + 2.0**-30), np.full(16, 1.0 + 2.0**-29)
    axpy(1.0 + 2.0**-30, x, y)  # fused, the difference would be -2**-60
    assert (y == 0.0).all()
    assert "vfmadd" not in "".join(axpy.inspect_asm().values())
    assert "vfnmadd" not in "".join(axpy.inspect_asm().values())
