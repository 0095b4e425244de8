"""The byte net: embedding rows, compiled training steps, export, and the integer net against the float one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip import zoo
from neuralzip.errors import ModelError
from neuralzip.nets import char_rnn, char_rnn_int, char_rnn_ops, char_rnn_view

SHAPE = char_rnn.Shape(64, 48, 2, (6, 7, 7, 6), 8, 3)


def make_net(seed: int = 0) -> char_rnn.CharRNN:
    torch.manual_seed(seed)
    net = char_rnn.CharRNN(SHAPE)
    with torch.no_grad():
        net.initial.normal_(0, 0.4)
        net.head.weight.mul_(4)
    return net.eval()


def make_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> zoo.Model:
    arrays, meta = char_rnn.export(make_net())
    zoo.save(tmp_path / "text-tiny", arrays, meta)
    monkeypatch.setenv("NEURALZIP_MODELS", str(tmp_path))
    return zoo.load("text-tiny")


def rows_of(symbols: np.ndarray, history: np.ndarray) -> np.ndarray:
    rows = np.empty((*symbols.shape, 5), np.int64)
    char_rnn_view.context_rows(np.ascontiguousarray(symbols), history, np.array(SHAPE.hash_rows, np.int64), rows)
    return rows


def test_context_rows_do_not_depend_on_how_the_text_is_cut() -> None:
    symbols = np.random.default_rng(0).integers(0, 256, (3, 40)).astype(np.uint8)
    whole = rows_of(symbols, np.zeros((3, 2), np.uint32))
    history = np.zeros((3, 2), np.uint32)
    parts = [rows_of(symbols[:, at : at + 7], history) for at in range(0, 40, 7)]
    assert np.array_equal(np.concatenate(parts, 1), whole)
    assert (whole < np.array([256, *(1 << bits for bits in SHAPE.hash_rows)])).all()


def test_context_rows_know_just_the_last_bytes_and_the_word() -> None:
    text = np.frombuffer(b"tell a tall tale", np.uint8)[None]
    rows = rows_of(text, np.zeros((1, 2), np.uint32))[0]
    first, second = text[0].tobytes().index(b" ta") + 2, text[0].tobytes().rindex(b" ta") + 2
    assert (rows[first, :4] == rows[second, :4])[:3].all()
    assert rows[first, 4] == rows[second, 4]
    assert rows[first + 1, 4] == rows[second + 1, 4] != rows[first, 4]


def test_the_compiled_scan_equals_torch_operations() -> None:
    torch.manual_seed(1)
    p = torch.randn(2, 9, 48).bfloat16().float().requires_grad_()
    bias, h = torch.randn(48).mul(0.3).requires_grad_(), (torch.rand(2, 16) - 0.5).requires_grad_()
    weight = torch.randn(2, 9, 16).bfloat16().float()
    results = []
    for scan in (char_rnn_ops.scan, char_rnn_ops.scan_slowly):
        y, last = scan(p, bias, h)
        results.append([y.float(), last, *torch.autograd.grad((y.float() * weight).sum(), (p, bias, h))])
    assert torch.equal(results[0][0], results[1][0])
    assert torch.allclose(results[0][1], results[1][1], atol=1e-6)
    inside = (p + bias).abs()
    free = (inside[..., :16] < 3.8) & (inside[..., 16:32] < 1.9) & (inside[..., 32:] < 4)
    free = free.repeat(1, 1, 3)  # the compiled form leaks a slope into saturated gates
    assert torch.allclose(results[0][2][free], results[1][2][free], rtol=0.02, atol=0.02)
    assert torch.allclose(results[0][4], results[1][4], rtol=1e-4, atol=1e-4)


def test_the_compiled_normalisation_equals_torch_operations() -> None:
    torch.manual_seed(2)
    v = (torch.randn(3, 5, 32) * 2).requires_grad_()
    weight = torch.randn(3, 5, 32).bfloat16().float()
    results = []
    for normalise in (char_rnn_ops.normalise, char_rnn_ops.normalise_slowly):
        u = normalise(v)
        results.append([u.float(), *torch.autograd.grad((u.float() * weight).sum(), v)])
    assert torch.equal(results[0][0], results[1][0])
    assert torch.allclose(results[0][1], results[1][1], atol=1e-5)


def test_norm_tables_scale_to_unit_root_mean_square() -> None:
    tables = char_rnn.norm_tables(64)
    for rms in (16, 100, 1000, 120000):
        at = np.searchsorted(tables["norm.bounds"], 64 * rms * rms, side="right")
        scaled = rms * tables["norm.scale"][at] / 2.0 ** tables["norm.shift"][at]
        assert scaled == pytest.approx(32, rel=0.01)
    assert int(tables["norm.scale"].max()) <= 1 << char_rnn.SCALE_BITS


def test_training_lowers_the_loss() -> None:
    net = make_net().train()
    symbols = np.tile(np.frombuffer(b"abracadabra. ", np.uint8), (4, 10))
    rows = torch.from_numpy(rows_of(symbols[:, :-1], np.zeros((4, 2), np.uint32)))
    target = torch.from_numpy(symbols[:, 1:].astype(np.int64)).flatten()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        logits, _ = net(rows, net.start(torch.zeros(4, dtype=torch.int64)))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        net.clamp_weights()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_integer_net_follows_the_float_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(tmp_path, monkeypatch)
    symbols = np.random.default_rng(1).integers(0, 256, (3, 20)).astype(np.uint8)
    integer = char_rnn_int.IntCharRNN(model, 3)
    integer.reset(np.arange(3))
    logits = integer.bulk(symbols) / 2.0**char_rnn_int.LOGIT_BITS
    before = np.full((3, 1), char_rnn_int.START, np.uint8)
    rows = torch.from_numpy(rows_of(np.concatenate([before, symbols], 1), np.zeros((3, 2), np.uint32)))
    net = make_net()
    with torch.no_grad():
        expected = net(rows, net.start(torch.arange(3)))[0][:, 1:].numpy()
    assert expected.std() > 1
    assert np.abs(logits - expected).mean() < 0.02 * expected.std()


def test_initial_states_matter_and_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = char_rnn_int.IntCharRNN(make_model(tmp_path, monkeypatch), 2)
    assert net.kinds == 3
    first = net.reset(np.array([0, 2]))
    assert not np.array_equal(first[0], first[1])
    assert np.array_equal(net.reset(2)[0], first[1])
    with pytest.raises(ModelError, match="initial state 3 of 3"):
        net.reset(3)


def test_a_foreign_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(tmp_path, monkeypatch)
    foreign = zoo.Model(model.id, model.arrays, {**model.meta, "architecture": "lstm"}, model.identity, 0)
    with pytest.raises(ModelError, match="not a char-rnn-1 net"):
        char_rnn_int.IntCharRNN(foreign, 1)
