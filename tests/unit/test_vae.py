"""Tiles and the latent-variable model: what tiles see, the integer twin, Bit-Swap round trips, auxiliary bits."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from neuralzip import zoo
from neuralzip.codecs import idf as groups
from neuralzip.codecs import latents
from neuralzip.codecs import vae as codec
from neuralzip.codecs.base import Block, Options
from neuralzip.coding.bitsback import ExhaustedError, Stack
from neuralzip.errors import CorruptError, ModelError, UnsupportedError
from neuralzip.exact import kernels
from neuralzip.nets import idf, lattice, tiles, vae, vae_exact


def make_model(name: str, seed: int = 0) -> zoo.Model:
    torch.manual_seed(seed)
    net = vae.Vae((24, 32, 24), 2) if name == "image-vae" else idf.Idf((24, 16, 12), 3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    arrays, meta = vae.export(net) if isinstance(net, vae.Vae) else idf.export(net)
    return zoo.Model(name, arrays, meta, name.encode()[:8], 0)


def make_nets() -> codec.Nets:
    return codec.Nets(vae_exact.IntVae(make_model("image-vae")), idf.IntIdf(make_model("image-idf")))


@pytest.fixture(scope="module")
def nets() -> codec.Nets:
    return make_nets()


def picture(planes: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)
    noisy = ramp[None] + rng.normal(0, 4, (planes, height, width)) + 9 * np.arange(planes)[:, None, None]
    return np.clip(noisy, 0, 255).astype(np.uint8)


SIZES = [(1, 1), (1, 9), (40, 1), (8, 8), (9, 17), (33, 70), (64, 64)]


@pytest.mark.parametrize("spare", [0, 3])
@pytest.mark.parametrize("size", SIZES)
def test_chunks_spare_tiles_and_top_cover_every_pixel_once(size: tuple[int, int], spare: int) -> None:
    seen = np.zeros(size, int)
    np.add.at(seen, codec.top_of(*size), 1)
    spare = min(spare, codec.spare_of(size, 9))
    for chunk in codec.chunks_of(size, spare):
        rows, columns, inside = tiles.pixels_of(chunk.ys, chunk.xs, chunk.level, size)
        assert inside.any(1).all()
        np.add.at(seen, (rows[inside], columns[inside]), 1)
    for part in codec.spare_parts(size, spare):
        np.add.at(seen, (part.ys, part.xs), 1)
    assert (seen == 1).all()


@pytest.mark.parametrize("size", [(1, 30), (3, 3), (21, 34)])
def test_views_depend_on_the_level_above_only(size: tuple[int, int]) -> None:
    planes = picture(3, *size)
    for level in range(lattice.levels_of(*size)):
        other = 255 - planes
        known = (slice(None), slice(None, None, 2 << level), slice(None, None, 2 << level))
        other[known] = planes[known]
        ys, xs = tiles.tiles_of(*size, level)
        pair = [tiles.look(part, ys, xs, level) for part in (planes, other)]
        assert all(np.array_equal(a, b) for a, b in zip(*pair, strict=True))


def test_base_is_the_mean_of_the_nearest_known_pixels() -> None:
    planes = picture(3, 24, 24)
    base = tiles.look(planes, np.array([8], np.int32), np.array([12], np.int32), 0).base[0]
    plane = planes[1].astype(int)
    for i, (y, x) in enumerate(tiles.PLACES):
        rows, columns = ([at] if at % 2 == 0 else [at - 1, at + 1] for at in (8 + y, 12 + x))
        wanted = np.mean([plane[row, column] for row in rows for column in columns])
        assert base[1, i] == 4 * wanted


def test_integer_twin_says_what_the_float_net_says() -> None:
    torch.manual_seed(1)
    net = vae.Vae((24, 32, 24), 2)
    planes = picture(3, 32, 32)
    ys, xs = tiles.tiles_of(32, 32, 0)
    chunk, view = codec.Chunk(0, ys, xs), tiles.look(planes, ys, xs, 0)
    samples, _ = codec._samples(planes, chunk, view)
    with torch.no_grad():
        net.start_with(vae.leftover(view, torch.from_numpy(samples).float()))
        arrays, meta = vae.export(net)
        exact = vae_exact.IntVae(zoo.Model("image-vae", arrays, meta, b"identity", 0))
        draws = [net.bits(view, torch.from_numpy(samples).float()).sum() for _ in range(40)]
    rng = np.random.default_rng(2)
    integers = [codec.encode_chunk(exact, Stack(rng.bytes(3000)), planes, chunk) for _ in range(40)]
    assert np.mean(integers) == pytest.approx(np.mean(draws), rel=0.004)


def test_a_chunk_costs_its_bound_and_gives_its_auxiliary_bits_back(nets: codec.Nets) -> None:
    data = np.random.default_rng(3).bytes(4000)
    planes, stack = picture(3, 33, 47), Stack(data)
    chunks = [chunk for chunk in codec.chunks_of((33, 47), 0) if chunk.level == 0]
    before = len(stack)
    bound = sum(codec.encode_chunk(nets.vae, stack, planes, chunk) for chunk in chunks[::-1])
    assert len(stack) - before == pytest.approx(bound, rel=0.002)
    known = np.zeros_like(planes)
    known[:, ::2, ::2] = planes[:, ::2, ::2]
    for chunk in chunks:
        codec.decode_chunk(nets.vae, stack, known, chunk)
    assert np.array_equal(known, planes)
    assert stack.release() == data


def test_auxiliary_bits_are_never_invented(nets: codec.Nets) -> None:
    chunk = next(chunk for chunk in codec.chunks_of((32, 32), 0) if chunk.level == 0)
    with pytest.raises(ExhaustedError):
        codec.encode_chunk(nets.vae, Stack(b"too few bits"), picture(3, 32, 32), chunk)


def test_noise_of_a_latent_is_what_drew_it() -> None:
    rng = np.random.default_rng(4)
    means = rng.integers(-(250 << 8), 250 << 8, (50, 4)).astype(np.int32)
    deviations = rng.integers(0, 80, (50, 4)).astype(np.int32)
    stack = Stack(rng.bytes(4000))
    values = latents.pop_gaussians(stack, vae_exact.Gaussians(means, deviations))
    assert values.min() >= -vae.LIMIT and values.max() < vae.LIMIT
    noise = np.empty(values.shape, np.int8)
    vae_exact._noises(values, means, deviations, noise)
    wanted = (values - means / 256) / 2 ** (deviations / 16)
    assert np.abs(noise / 16 - wanted).max() <= 1 / 32 + 1e-6
    assert 0.8 < wanted.std() < 1.2


SHAPES = [(3, 37, 50), (1, 37, 50), (1, 8, 70), (3, 16, 9), (3, 1, 1), (1, 3, 40), (3, 1, 90)]


@pytest.mark.parametrize("shape", SHAPES)
def test_bands_are_restored(nets: codec.Nets, shape: tuple[int, int, int]) -> None:
    planes = picture(*shape)
    payload, bits = codec.encode_band(nets, planes)
    assert np.array_equal(codec.decode_band(nets, payload, shape), planes)
    assert 8 * len(payload) == pytest.approx(bits, rel=0.01, abs=140)


def test_pictures_with_too_few_auxiliary_bits_go_through_the_flow(nets: codec.Nets) -> None:
    planes = np.zeros((1, 70, 70), np.uint8)
    planes[0, 5, 7] = 1
    payload, _ = codec.encode_band(nets, planes)
    assert np.array_equal(codec.decode_band(nets, payload, planes.shape), planes)
    assert len(payload) <= len(groups.encode_band(nets.flow, planes)[0]) + 16


def test_extremes_are_restored(nets: codec.Nets) -> None:
    planes = (np.random.default_rng(1).integers(0, 2, (3, 40, 40)) * 255).astype(np.uint8)
    payload, _ = codec.encode_band(nets, planes)
    assert np.array_equal(codec.decode_band(nets, payload, planes.shape), planes)


def test_kernels_do_not_change_the_stream(nets: codec.Nets) -> None:
    planes = picture(3, 30, 30)
    wanted = codec.encode_band(nets, planes)[0]
    for name in ("int64", "float32", "compiled"):
        with kernels.using(name):
            assert codec.encode_band(make_nets(), planes)[0] == wanted


def test_chunks_of_another_size_say_the_same(nets: codec.Nets) -> None:
    """What nets say of a tile does not depend on the tiles beside it."""
    planes = picture(3, 32, 32)
    ys, xs = tiles.tiles_of(32, 32, 0)
    view = tiles.look(planes, ys, xs, 0)
    samples, inside = codec._samples(planes, codec.Chunk(0, ys, xs), view)
    first = np.random.default_rng(5).integers(-40, 40, (len(ys), vae.LATENTS[0])).astype(np.int32)
    whole = nets.vae.likelihood(view, nets.vae.context(view), first).plane(2, samples, inside)
    for n in (0, 7, len(ys) - 1):
        part = tiles.View(*(column[n : n + 1] for column in view))
        alone = nets.vae.likelihood(part, nets.vae.context(part), first[n : n + 1])
        rows = slice(n * tiles.PIXELS, (n + 1) * tiles.PIXELS)
        for a, b in zip(whole[:3], alone.plane(2, samples[n : n + 1], inside[n : n + 1])[:3], strict=True):
            assert np.array_equal(a[rows], b)


def test_damage_is_noticed_or_changes_the_picture(nets: codec.Nets) -> None:
    planes = picture(1, 24, 24)
    payload, _ = codec.encode_band(nets, planes)
    for at in range(0, len(payload), 37):
        damaged = bytearray(payload)
        damaged[at] ^= 0x10
        try:
            assert not np.array_equal(codec.decode_band(nets, bytes(damaged), planes.shape), planes)
        except CorruptError:
            pass
    for cut in (0, 4, 40):
        with pytest.raises(CorruptError):
            codec.decode_band(nets, payload[:cut], planes.shape)


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_are_restored(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "load", make_model)
    names = {make_model(name).identity: name for name in ("image-vae", "image-idf")}
    monkeypatch.setattr(zoo, "load_identity", lambda identity: make_model(names[identity]))
    pixels = picture(channels, 31, 45).transpose(1, 2, 0)
    data = png(pixels[:, :, 0] if channels == 1 else np.ascontiguousarray(pixels))
    chosen = codec.VaeCodec()
    assert chosen.claims(data[:4096], Options(model="vae")) and not chosen.claims(data[:4096], Options())
    (block,) = chosen.encode(io.BytesIO(data), Options(model="vae"))
    assert block.models == tuple(names) and block.nll_bits
    assert chosen.decode(block, Options()) == data
    with pytest.raises(CorruptError):
        chosen.decode(Block("vae", block.params, block.payload, len(data), block.models[:1]), Options())


def test_palettes_are_left_to_others() -> None:
    out = io.BytesIO()
    Image.fromarray(picture(3, 20, 20).transpose(1, 2, 0)).quantize(16).save(out, "PNG")
    with pytest.raises(UnsupportedError):
        list(codec.VaeCodec().encode(io.BytesIO(out.getvalue()), Options(model="vae")))


def test_foreign_weights_are_refused() -> None:
    model = make_model("image-vae")
    with pytest.raises(ModelError):
        vae_exact.IntVae(zoo.Model("x", model.arrays, {"architecture": "idf", "version": 1}, b"", 0))
    some = {key: array for key, array in model.arrays.items() if "deepen" not in key}
    with pytest.raises(ModelError):
        vae_exact.IntVae(zoo.Model("x", some, model.meta, b"", 0))
