"""The integer discrete flow: lattices cover a picture once, groups see only what is known, bytes come back."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import idf as codec
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import CorruptError, ModelError, UnsupportedError
from neuralzip.exact import kernels
from neuralzip.nets import idf, lattice


def make_model(seed: int = 0) -> zoo.Model:
    torch.manual_seed(seed)
    net = idf.Idf((24, 16, 12), 3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    arrays, meta = idf.export(net)
    return zoo.Model("image-idf", arrays, meta, b"identity", 0)


@pytest.fixture(scope="module")
def flow() -> idf.IntIdf:
    return idf.IntIdf(make_model())


def picture(planes: int, height: int, width: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)
    noisy = ramp[None] + rng.normal(0, 4, (planes, height, width)) + 9 * np.arange(planes)[:, None, None]
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 1), (8, 8), (9, 17), (33, 70), (64, 64)])
def test_groups_and_top_cover_every_pixel_once(size: tuple[int, int]) -> None:
    seen = np.zeros(size, int)
    np.add.at(seen, codec.top_of(*size), 1)
    for part in codec.parts_of(*size):
        np.add.at(seen, (part.ys, part.xs), 1)
    assert (seen == 1).all()


@pytest.mark.parametrize("size", [(1, 30), (30, 2), (3, 3), (21, 34)])
def test_views_depend_on_earlier_groups_only(size: tuple[int, int]) -> None:
    planes = picture(3, *size)
    known = np.zeros(size, bool)
    known[codec.top_of(*size)] = True
    for part in codec.parts_of(*size):
        other = np.where(known, planes, 255 - planes)
        pair = [idf.look(p, part.ys, part.xs, part.level, lattice.NEAR[part.group]) for p in (planes, other)]
        assert all(torch.equal(a, b) for a, b in zip(*pair, strict=True))
        known[part.ys, part.xs] = True


@pytest.mark.parametrize("shape", [(3, 37, 50), (1, 37, 50), (3, 1, 1), (1, 2, 70), (3, 16, 9)])
def test_bands_are_restored_at_the_ideal_length(flow: idf.IntIdf, shape: tuple[int, int, int]) -> None:
    planes = picture(*shape)
    payload, bits = codec.encode_band(flow, planes)
    assert np.array_equal(codec.decode_band(flow, payload, shape), planes)
    assert 0 <= 8 * len(payload) - bits < 64


def test_extremes_are_restored(flow: idf.IntIdf) -> None:
    rng = np.random.default_rng(1)
    planes = (rng.integers(0, 2, (3, 40, 40)) * 255).astype(np.uint8)
    payload, _ = codec.encode_band(flow, planes)
    assert np.array_equal(codec.decode_band(flow, payload, planes.shape), planes)


def test_kernels_and_threads_do_not_change_the_stream(flow: idf.IntIdf) -> None:
    planes = picture(3, 30, 30)
    wanted = codec.encode_band(flow, planes)[0]
    for name in ("int64", "float32", "compiled"):
        with kernels.using(name):
            assert codec.encode_band(idf.IntIdf(make_model()), planes)[0] == wanted


def test_integer_twin_codes_what_the_float_net_learnt() -> None:
    torch.manual_seed(3)
    net = idf.Idf((24, 16, 12), 3)
    arrays, meta = idf.export(net)
    flow = idf.IntIdf(zoo.Model("image-idf", arrays, meta, b"identity", 0))
    planes = picture(3, 32, 32)
    ys, xs = lattice.pixels_of(32, 32, 0, lattice.BELOW)
    view = idf.look(planes, ys, xs, 0, lattice.NEAR[lattice.BELOW])
    samples = np.ascontiguousarray(planes[:, ys, xs].T)
    with torch.no_grad():
        float_bits = float(net.bits(lattice.BELOW, view, torch.from_numpy(samples).float()).sum())
    couplings = codec.Shown(flow.groups, planes, codec.Part(0, lattice.BELOW, ys, xs))
    integer_bits = 0.0
    for plane in range(3):
        values = planes[plane, ys, xs].astype(np.int32)
        _, widths = couplings.prior(plane).mixtures().intervals(values)
        integer_bits += float(24 * len(ys) - np.log2(widths).sum())
        couplings.reveal(plane, values)
    assert integer_bits == pytest.approx(float_bits, rel=0.003)


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_are_restored(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "load", lambda name: make_model())
    monkeypatch.setattr(zoo, "load_identity", lambda identity: make_model())
    pixels = picture(channels, 31, 45).transpose(1, 2, 0)
    data = png(pixels[:, :, 0] if channels == 1 else np.ascontiguousarray(pixels))
    chosen = codec.IdfCodec()
    assert chosen.claims(data[:4096], Options(model="idf")) and not chosen.claims(data[:4096], Options())
    (block,) = chosen.encode(io.BytesIO(data), Options(model="idf"))
    assert block.models == (b"identity",) and block.nll_bits
    assert chosen.decode(block, Options()) == data
    for at in (5, 40, len(block.payload) - 3):
        payload = bytearray(block.payload)
        payload[at] ^= 0x41
        damaged = Block("idf", block.params, bytes(payload), len(data), block.models)
        try:
            assert chosen.decode(damaged, Options()) != data
        except CorruptError:
            pass


def test_palettes_are_left_to_others() -> None:
    out = io.BytesIO()
    Image.fromarray(picture(3, 20, 20).transpose(1, 2, 0)).quantize(16).save(out, "PNG")
    with pytest.raises(UnsupportedError):
        list(codec.IdfCodec().encode(io.BytesIO(out.getvalue()), Options(model="idf")))


def test_foreign_weights_are_refused() -> None:
    model = make_model()
    with pytest.raises(ModelError):
        idf.IntIdf(zoo.Model("x", model.arrays, {"architecture": "pixelcnn", "version": 1}, b"", 0))
    some = {key: array for key, array in model.arrays.items() if "middle" not in key}
    with pytest.raises(ModelError):
        idf.IntIdf(zoo.Model("x", some, model.meta, b"", 0))
