"""Local bits-back: exact Gaussians, round trips, the cost is the model's, the stack pays nothing else."""

import io
import math

import numba
import numpy as np
import pytest
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import flow as codec
from neuralzip.codecs import local_bits_back as local
from neuralzip.codecs.base import Options
from neuralzip.coding import gaussian
from neuralzip.coding.bitsback import ExhaustedError, Stack
from neuralzip.errors import CorruptError, ModelError, UnsupportedError
from neuralzip.exact import kernels
from neuralzip.nets import realnvp


def make_model(seed: int = 0) -> zoo.Model:
    torch.manual_seed(seed)
    net = realnvp.RealNvp((24, 16, 12))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    arrays, meta = realnvp.export(net)
    return zoo.Model("image-flow", arrays, meta, b"identity", 0)


@pytest.fixture(scope="module")
def flow() -> realnvp.IntRealNvp:
    return realnvp.IntRealNvp(make_model())


def picture(planes: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)
    noisy = ramp[None] + rng.normal(0, 4, (planes, height, width)) + 9 * np.arange(planes)[:, None, None]
    return np.clip(noisy, 0, 255).astype(np.uint8)


@numba.njit
def pop_many(words, head, means, inverse, out):
    for n in range(len(means)):
        out[n] = gaussian.pop_exact(words, head, means[n], inverse)


@numba.njit
def push_many(words, head, bins, means, inverse, padded):
    fine = True
    for n in range(len(means) - 1, -1, -1):
        if padded:
            fine = fine and gaussian.push_padded(words, head, bins[n], means[n], inverse)
        else:
            fine = fine and gaussian.push_exact(words, head, bins[n], means[n], inverse)
    return fine


def test_gaussian_table_is_phi() -> None:
    wanted = [0.5 * math.erfc(-i / 256 / math.sqrt(2)) for i in range(-2048, 2049)]
    assert np.abs(gaussian.CDF / 2**30 - wanted).max() < 2e-9
    assert (np.diff(gaussian.CDF.astype(np.int64)) >= 0).all()


@pytest.mark.parametrize("deviation", [1, 64, 3000])
def test_popped_noise_is_gaussian_and_comes_back(deviation: int) -> None:
    rng = np.random.default_rng(deviation)
    data = rng.integers(0, 256, 20000, np.uint8).tobytes()
    stack = Stack(data)
    stack.reserve(20000)
    means = rng.integers(-(2**28), 2**28, 3000)
    inverse = (1 << gaussian.INVERSE_BITS) // deviation
    noise = np.zeros(3000, np.int64)
    pop_many(stack.words, stack.head, means, inverse, noise)
    away = (noise - means / 256) / deviation
    assert abs(away.mean()) < 0.06 and abs(away.std() - math.hypot(1, 0.29 / deviation)) < 0.05
    assert push_many(stack.words, stack.head, noise, means, inverse, False)
    assert stack.release() == data


def test_bins_out_of_reach_are_refused() -> None:
    stack, far = Stack(b"12345678"), np.array([1000])
    before = stack.payload()
    for padded in (False, True):
        assert not push_many(stack.words, stack.head, far, np.array([0]), 1 << gaussian.INVERSE_BITS, padded)
    assert stack.payload() == before


def test_couplings_cost_what_the_model_says() -> None:
    """Samples drawn from the model itself, all widths: coded bits per sample equal its code length."""
    rng = np.random.default_rng(5)
    count = 6000
    widths = rng.integers(16, 100, count).astype(np.int32)
    translations = rng.integers(40 << 8, 200 << 8, count).astype(np.int32)
    spread = realnvp.WIDTHS[widths] / 2**20
    uniform = rng.uniform(0.001, 0.999, count)
    drawn = translations / 256 + spread * np.log(uniform / (1 - uniform))
    samples = np.clip(np.floor(drawn), 0, 255).astype(np.int32)
    stack = Stack(bytes(range(1, 17)))
    before = len(stack)
    ideal = local.encode(stack, samples, translations, widths)
    assert (len(stack) - before) == pytest.approx(ideal, rel=0.0015)
    assert np.array_equal(local.decode(stack, translations, widths), samples)
    assert stack.release() == bytes(range(1, 17))


def test_auxiliary_bits_are_never_invented() -> None:
    with pytest.raises(ExhaustedError):
        local.encode(Stack(b""), np.array([5], np.int32), np.array([0], np.int32), np.array([0], np.int32))


@pytest.mark.parametrize("shape", [(3, 37, 50), (1, 37, 50), (1, 8, 70), (3, 16, 9), (3, 4, 4)])
def test_bands_are_restored(flow: realnvp.IntRealNvp, shape: tuple[int, int, int]) -> None:
    planes = picture(*shape)
    payload, bits = codec.encode_band(flow, planes)
    assert np.array_equal(codec.decode_band(flow, payload, shape), planes)
    assert 8 * len(payload) == pytest.approx(bits, rel=0.01, abs=120)


def test_extremes_are_restored(flow: realnvp.IntRealNvp) -> None:
    planes = (np.random.default_rng(1).integers(0, 2, (3, 40, 40)) * 255).astype(np.uint8)
    payload, _ = codec.encode_band(flow, planes)
    assert np.array_equal(codec.decode_band(flow, payload, planes.shape), planes)


def test_kernels_do_not_change_the_stream(flow: realnvp.IntRealNvp) -> None:
    planes = picture(3, 30, 30)
    wanted = codec.encode_band(flow, planes)[0]
    for name in ("int64", "float32"):
        with kernels.using(name):
            assert codec.encode_band(realnvp.IntRealNvp(make_model()), planes)[0] == wanted


def test_damage_is_noticed_or_changes_the_picture(flow: realnvp.IntRealNvp) -> None:
    planes = picture(1, 20, 20)
    payload, _ = codec.encode_band(flow, planes)
    for at in range(0, len(payload), 37):
        damaged = bytearray(payload)
        damaged[at] ^= 0x10
        try:
            assert not np.array_equal(codec.decode_band(flow, bytes(damaged), planes.shape), planes)
        except CorruptError:
            pass
    with pytest.raises(CorruptError):
        codec.decode_band(flow, payload[:40], planes.shape)


def test_files_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "load", lambda name: make_model())
    monkeypatch.setattr(zoo, "load_identity", lambda identity: make_model())
    out = io.BytesIO()
    Image.fromarray(picture(3, 31, 45).transpose(1, 2, 0)).save(out, "PNG")
    chosen = codec.FlowCodec()
    assert chosen.claims(out.getvalue(), Options(model="flow")) and not chosen.claims(out.getvalue(), Options())
    (block,) = chosen.encode(io.BytesIO(out.getvalue()), Options(model="flow"))
    assert chosen.decode(block, Options()) == out.getvalue()


def test_spare_samples_cost_their_density() -> None:
    """The mass of a grey level is the density's integral over it, whatever the width."""
    translations, widths = np.array([100 << 8, 77 << 8], np.int32), np.array([80, 100], np.int32)
    spread = realnvp.WIDTHS[widths] / 2**20

    def below(edge: np.ndarray, wider: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(edge - translations / 256) / spread / wider))

    symbols = np.array([97, 120], np.int32)
    share, scale = realnvp.OUTLIER_SHARE, realnvp.OUTLIER_SCALE
    wanted = (1 - share) * (below(symbols + 1, 1) - below(symbols, 1))
    wanted += share * (below(symbols + 1, scale) - below(symbols, scale))
    _, freqs = local.plain(translations, widths).intervals(symbols)
    assert freqs / 2**24 == pytest.approx(wanted, rel=1e-3)


def test_spare_samples_grow_until_they_suffice(flow: realnvp.IntRealNvp, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = picture(3, 20, 20)
    wanted, _ = codec.encode_band(flow, planes)
    monkeypatch.setattr(codec, "_LEAST_SPARE", 1)
    payload, _ = codec.encode_band(flow, planes)
    assert len(payload) <= len(wanted) + 4
    assert np.array_equal(codec.decode_band(flow, payload, planes.shape), planes)
    monkeypatch.setattr(codec, "_spare_of", lambda parts, power: 0)
    with pytest.raises(UnsupportedError):
        codec.encode_band(flow, planes)


def test_foreign_weights_are_refused() -> None:
    model = make_model()
    with pytest.raises(ModelError):
        realnvp.IntRealNvp(zoo.Model("x", model.arrays, {"architecture": "idf", "version": 1}, b"", 0))
