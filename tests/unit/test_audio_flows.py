"""Autoregressive flows over audio: inverses, causality, densities that integrate to one, weights come back."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from neuralzip import zoo
from neuralzip.errors import ModelError, UsageError
from neuralzip.nets import causal_stack, iaf, maf
from neuralzip.train.iaf import IafTask
from neuralzip.train.maf import MafTask
from neuralzip.train.recordings import Recordings


def shaken(net: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return net.eval()


@pytest.fixture
def teacher() -> maf.Maf:
    return shaken(maf.Maf(6, 3, 2))  # type: ignore[return-value]


@pytest.fixture
def student() -> iaf.Iaf:
    return shaken(iaf.Iaf(6, 3, 2))  # type: ignore[return-value]


def noise(batch: int, time: int) -> Tensor:
    return maf.draw_logistic((batch, time), torch.Generator().manual_seed(5))


def test_step_by_step_is_all_at_once(teacher: maf.Maf) -> None:
    stack = teacher.flows[0]
    assert isinstance(stack, causal_stack.CausalStack)
    x, stepper = noise(2, 60), causal_stack.Stepper(stack, 2)
    with torch.no_grad():
        shift, log_scale = stack(x)
        last = torch.zeros(2)
        for t in range(60):
            one = stepper.step(last)
            assert torch.allclose(one[0], shift[:, t], atol=1e-4) and torch.allclose(
                one[1], log_scale[:, t], atol=1e-4
            )
            last = x[:, t]


def test_samples_and_densities_are_inverse(teacher: maf.Maf, student: iaf.Iaf) -> None:
    z = noise(3, 80)
    with torch.no_grad():
        base, _ = teacher(teacher.sample(z))
        assert torch.allclose(base, z, atol=1e-3)
        x, log_scale = student(z)
        assert torch.allclose(student.log_density(x), maf.log_logistic(z) - log_scale, atol=1e-3)


def test_the_future_does_not_matter(teacher: maf.Maf) -> None:
    x = noise(1, 50)
    changed = x.clone()
    changed[:, 30:] += 1.0
    with torch.no_grad():
        before, after = teacher.log_density(x), teacher.log_density(changed)
    assert torch.equal(before[:, :30], after[:, :30]) and not torch.allclose(before[:, 30:], after[:, 30:])


def test_densities_integrate_to_one(teacher: maf.Maf) -> None:
    grid = torch.linspace(-60, 60, 24001)
    x = torch.cat([noise(1, 4).expand(len(grid), 4), grid[:, None]], 1)
    with torch.no_grad():
        last = teacher.log_density(x)[:, -1].double().exp()
    assert float(torch.trapezoid(last, grid.double())) == pytest.approx(1, abs=2e-3)


def test_chunks_change_nothing(student: iaf.Iaf, monkeypatch: pytest.MonkeyPatch) -> None:
    z, done = noise(1, 300), []
    whole = student.sample(z)
    monkeypatch.setattr(iaf, "CHUNK", 90)
    assert torch.allclose(student.sample(z, done.append), whole, atol=1e-5)
    assert done == [90, 180, 270, 300]


def test_white_noise_costs_what_it_must() -> None:
    """Under an untrained flow of no transformation, uniform noise of r values takes at least log2 r bits."""
    net = maf.Maf(4, 2, 1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        samples = torch.randint(-500, 500, (4, 2000), generator=torch.Generator().manual_seed(1)).float()
        bits = maf.bits(net, samples)
    assert (bits > np.log2(1000)).all() and (bits < np.log2(1000) + 1).all()


def test_weights_come_back(teacher: maf.Maf, student: iaf.Iaf) -> None:
    z = noise(1, 64)
    for net, module in ((teacher, maf), (student, iaf)):
        arrays, meta = module.export(net)  # type: ignore[attr-defined]
        model = zoo.Model("x", arrays, meta, b"", 0)
        assert all(np.issubdtype(array.dtype, np.integer) for array in arrays.values())
        with torch.no_grad():
            for a, b in zip(net(z), module.load(model)(z), strict=True):  # type: ignore[attr-defined]
                assert torch.allclose(a, b, atol=1e-2)
        for meta in ({"architecture": "other", "version": 1}, model.meta | {"version": 2}):
            with pytest.raises(ModelError):
                module.load(zoo.Model("x", arrays, meta, b"", 0))  # type: ignore[attr-defined]
        some = {name: array for name, array in arrays.items() if "enter" not in name}
        with pytest.raises(ModelError):
            module.load(zoo.Model("x", some, model.meta, b"", 0))  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "music").mkdir()
    time, rng = np.arange(6000) / 8000, np.random.default_rng(1)
    for pitch in (220, 330):
        tone = 5000 * np.sin(2 * np.pi * pitch * time) + rng.normal(0, 50, len(time))
        soundfile.write(folder / "music" / f"{pitch}.wav", tone.astype(np.int16), 8000)
    return folder


def train_a_little(task: MafTask, net: nn.Module, steps: int) -> None:
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(steps):
        loss, count = task.loss(net, torch.device("cpu"))
        assert count == task.batch * task.recordings.size
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()


def figures(task: MafTask, net: nn.Module) -> dict[str, float]:
    with torch.no_grad():
        return task.evaluate(net.eval(), torch.device("cpu"))


def test_both_learn(recordings: Path) -> None:
    torch.manual_seed(1)
    small = {"channels": 6, "layers": 3, "flows": 1}
    task = MafTask(recordings, recordings, batch=2, size=1000, architecture=small)
    net = task.build()
    before = figures(task, net)["music"]
    train_a_little(task, net, 40)
    assert figures(task, net)["music"] < before - 0.5
    arrays, meta = task.export(net)
    learner = IafTask(
        recordings,
        None,
        zoo.Model("teacher", arrays, meta, b"teacher!", 0),
        batch=2,
        size=1000,
        architecture=small,
    )
    student = learner.build()
    before = figures(learner, student)["divergence"]
    train_a_little(learner, student, 40)
    assert figures(learner, student)["divergence"] < before
    assert learner.settings["teacher"] == b"teacher!".hex() and task.card() and learner.card()


def test_recordings_that_are_too_short_are_refused(recordings: Path) -> None:
    with pytest.raises(UsageError, match="at least 6001 samples"):
        Recordings(recordings, 6001)
