"""The WaveNet: its integer step against a plain form and the float module, what it sees, and what it says."""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.exact.compiled import entry
from neuralzip.experts import audio_opinion, odds
from neuralzip.experts.audio_opinion import INVERSES, MEANS, WEIGHTS, Opinion
from neuralzip.nets import wavenet, wavenet_exact, wavenet_ops, wavenet_step
from neuralzip.nets.wavenet_step import Net, Shape
from neuralzip.nets.wavenet_view import INPUTS
from tests.wavenet_models import SHAPE, made_up, scattered

Steps = Callable[..., torch.Tensor]


@entry
def to_mixtures(outputs: np.ndarray, mixtures: np.ndarray) -> None:
    for t in range(len(outputs)):
        wavenet_step._to_mixture(outputs[t], mixtures[t])


def some_views(length: int, channels: int = 1) -> np.ndarray:
    return scattered(length * channels * INPUTS, 127, 9).reshape(length, channels, INPUTS).astype(np.int8)


def stepped(net: Net, views: np.ndarray) -> np.ndarray:
    """Return mixtures [T, Q, 3, K] for views [T, Q, F]."""
    return wavenet_exact.mixtures(net, views.swapaxes(0, 1)).swapaxes(0, 1)


@pytest.mark.parametrize(("shape", "bias"), [(SHAPE, 4000), (Shape(4, 1, 4, 1), 0), (Shape(12, 5, 20, 3), 9000)])
def test_step_is_the_plain_form(shape: Shape, bias: int) -> None:
    net = wavenet_exact.gather(made_up(shape, bias=bias))
    views = some_views(150, 2)
    found = stepped(net, views)
    for q in range(2):
        outputs = wavenet_exact.outputs(net, views[:, q]).astype(np.int32)
        assert len(np.unique(outputs)) > 20
        expected = np.zeros((len(views), 3, shape.components), np.int32)
        to_mixtures(outputs, expected)
        assert (found[:, q] == expected).all()


def test_known_answer() -> None:
    found = stepped(wavenet_exact.gather(made_up()), some_views(100, 2))
    assert (found[:, :, WEIGHTS].sum(-1) == 1 << 16).all()
    assert hashlib.sha256(found.astype("<i4").tobytes()).hexdigest()[:16] == "8b7f8240a7500c68"


def test_causal_and_as_far_as_it_should() -> None:
    net = wavenet_exact.gather(made_up(weight=20))
    views = some_views(60)[:, 0]
    changed = views.copy()
    changed[20] = -changed[20]
    differ = (wavenet_exact.outputs(net, views) != wavenet_exact.outputs(net, changed)).any(1)
    assert differ[20] and not differ[:20].any() and not differ[20 + (1 << SHAPE.layers) :].any()
    assert differ[20 + (1 << SHAPE.layers) - 1]


def test_float_and_integer_agree() -> None:
    torch.manual_seed(3)
    module = wavenet.WaveNet(16, 4, 16, 3)
    with torch.no_grad():
        module.head.weight.mul_(20)
    module.clamp_weights()
    arrays, meta = wavenet.export(module.eval())
    net = wavenet_exact.gather(zoo.Model("x", arrays, meta, b"", 0))
    views = (some_views(300)[:, 0].astype(np.int64) // 3).astype(np.int8)
    with torch.no_grad():
        real = module(torch.from_numpy(views)[None])[0].flatten(1).numpy() * 256
    off = np.abs(real - wavenet_exact.outputs(net, views))
    assert np.abs(real).mean() > 40 and off.mean() < 4  # bfloat16 sums in training, exact ones here


def test_compiled_training_steps_are_the_slow_ones() -> None:
    generator = torch.Generator().manual_seed(1)
    base, weigh = (torch.randn(3, 50, 8, generator=generator) for _ in range(2))
    p, bias = 2 * torch.randn(3, 50, 16, generator=generator), torch.randn(16, generator=generator)
    base = (base * 32).round() / 32

    def both(fast: Steps, slow: Steps, *inputs: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        found = []
        for function in (fast, slow):
            halves = [x.to(torch.bfloat16) for x in inputs[:-1]]
            leaves = [x.float().requires_grad_() for x in (*halves, inputs[-1])]
            out = function(*leaves)
            found.append((out.float(), *torch.autograd.grad((out.float() * weigh).sum(), leaves)))
        assert (found[0][0] == found[1][0]).float().mean() > 0.995  # products round differently
        return found

    fast, slow = both(wavenet_ops.gated, wavenet_ops.gated_slowly, p, bias)
    for a, b in zip(fast[1:], slow[1:], strict=True):
        assert (a - b).abs().mean() < 0.01 * b.abs().mean()
    for low in (-127, 0):
        steps = [functools.partial(step, low=low) for step in (wavenet_ops.settled, wavenet_ops.settled_slowly)]
        fast, slow = both(steps[0], steps[1], base, p[..., :8], bias[:8])
        open_ = (slow[0] * 32 > low) & (slow[0] * 32 < 127)  # a clamped sum passes nothing on
        for a, b in zip(fast[1:3], slow[1:3], strict=True):
            assert (a - torch.where(open_, b, 0.0)).abs().mean() < 0.02 * b.abs().mean()
        assert torch.allclose(fast[3], fast[2].sum((0, 1)), rtol=0.02, atol=0.05)


def test_bits_are_those_of_the_mixture() -> None:
    parameters = torch.tensor([[[[0.0, 1.0], [0.1, -0.5], [-1.0, 0.5]]]])
    half = torch.tensor([[0.05]])
    total = 0.0
    for i in range(-400, 401):
        place = torch.tensor([[0.1 * i]])
        total += 2.0 ** -float(wavenet.bits(parameters, place, half))
    assert abs(total - 1) < 1e-3
    near = 0.0
    for weight, mean, width in ((1 / 3, 0.1, 0.5), (2 / 3, -0.5, math.sqrt(2))):
        near += weight * (1 / (1 + math.exp(-(0.25 - mean) / width)) - 1 / (1 + math.exp(-(0.15 - mean) / width)))
    assert abs(float(wavenet.bits(parameters, torch.tensor([[0.2]]), half)) + math.log2(near)) < 1e-3


@entry
def path(opinion: Opinion, unit: int, start: int, width: int, decisions: np.ndarray, logits: np.ndarray) -> None:
    """Follow decisions: the side, then one step outward that stops, then a half; distances in 2**-8."""
    logits[0] = audio_opinion.side_logit(opinion, unit, start)
    audio_opinion.set_out(opinion, decisions[0])
    near = start if decisions[0] else -start
    logits[1] = audio_opinion.stop_logit(opinion, near + width)
    audio_opinion.pass_on(opinion)
    logits[2] = audio_opinion.stop_logit(opinion, near + 2 * width)
    logits[3] = audio_opinion.half_logit(opinion, near + width + width // 2)
    audio_opinion.take_half(opinion, decisions[1])


@pytest.mark.parametrize("above", [0, 1])
def test_opinion_is_that_of_the_masses(above: int) -> None:
    mixture = np.zeros((3, 2), np.int32)
    mixture[MEANS] = 1200, -3000  # in 2**-12 scales
    mixture[INVERSES] = 1 << 25, 1 << 23  # widths of a half and of two scales
    mixture[WEIGHTS] = 40000, 25536
    scale = 24 << 16  # 24 sample units
    opinion = audio_opinion.new_opinion(mixture)
    logits = np.zeros(4, np.int64)
    path(opinion, (1 << 40) // scale, 700, 2048, np.array([above, 1]), logits)

    def beyond(distance: float) -> float:
        """Mass further out than a distance in sample units."""
        sign = 1 if above else -1
        terms = ((40000, 1200, 0.5), (25536, -3000, 2.0))
        return sum(w / 65536 / (1 + math.exp((distance / 24 - sign * m / 4096) / s)) for w, m, s in terms)

    start = 700 / 256 if above else -700 / 256
    edges = [beyond(start + 8 * k) for k in range(3)]
    middle = beyond(start + 12)
    up = edges[0] if above else 1 - edges[0]
    expected = [
        up / (1 - up), (edges[0] - edges[1]) / edges[1], (edges[1] - edges[2]) / edges[2],
        (edges[1] - middle) / (middle - edges[2]),
    ]  # fmt: skip
    assert np.abs(logits - 256 * np.log(expected)).max() < 4
    kept = opinion.state[2:4] / odds.ALL  # near edge, far edge: the near half was kept
    assert np.abs(kept - (edges[1], middle)).max() < 1e-4


def test_no_net_no_opinion() -> None:
    logits = np.ones(4, np.int64)
    path(audio_opinion.new_opinion(np.zeros((3, 0), np.int32)), 1 << 20, 5, 256, np.array([1, 1]), logits)
    assert (logits == 0).all()


def broken(**changes: object) -> zoo.Model:
    model = made_up()
    arrays = dict(model.arrays)
    for name, array in changes.pop("arrays", {}).items():  # type: ignore[attr-defined]
        arrays[name] = array
    return dataclasses.replace(model, arrays=arrays, **changes)


def test_gather_refuses() -> None:
    good = made_up()
    wide = good.arrays["enter.weight"].copy()
    wide[0, 0] = -64
    loud = np.full_like(good.arrays["head.bias"], 2**31 - 5000)
    lacking = {name: array for name, array in good.arrays.items() if name != "skip.bias"}
    for model, message in (
        (broken(meta={"architecture": "pixelcnn"}), "no WaveNet"),
        (broken(meta={**good.meta, "config": {**good.meta["config"], "layers": 40}}), "impossible sizes"),
        (broken(meta={**good.meta, "config": {**good.meta["config"], "skip": 12}}), "another shape"),
        (broken(arrays={"enter.weight": wide}), "does not fit"),
        (broken(arrays={"head.unit": good.arrays["head.unit"] - 9}), "does not fit"),
        (broken(arrays={"head.bias": loud}), "leave int32"),
        (dataclasses.replace(good, arrays=lacking), "lack"),
    ):
        with pytest.raises(ModelError, match=message):
            wavenet_exact.gather(model)
