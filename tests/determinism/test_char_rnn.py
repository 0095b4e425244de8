"""The integer byte net: equal integers over lanes, kernels, threads, forms, and step by step or in bulk."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralzip import zoo
from neuralzip.exact import kernels
from neuralzip.exact.team import new_team
from neuralzip.nets import char_rnn, char_rnn_int, char_rnn_step

SHAPE = char_rnn.Shape(96, 192, 3, (6, 7, 7, 6), 8, 4)
"""Neither members of a team nor tiles come out even."""
LANES, TIME = 21, 11


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zoo.Model]:
    torch.manual_seed(5)
    net = char_rnn.CharRNN(SHAPE)
    with torch.no_grad():
        for parameter in net.parameters():  # far beyond trained sizes, so that every clamp is reached
            parameter.normal_(0, 0.8)
        net.clamp_weights()
    folder: Path = tmp_path_factory.mktemp("models")
    zoo.save(folder / "text-wild", *char_rnn.export(net))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURALZIP_MODELS", str(folder))
        yield zoo.load("text-wild")


@pytest.fixture(scope="module")
def symbols() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (LANES, TIME)).astype(np.uint8)


def run(model: zoo.Model, symbols: np.ndarray, bulk: bool, compiled: bool = True) -> np.ndarray:
    net = char_rnn_int.IntCharRNN(model, len(symbols), compiled=compiled)
    first = net.reset(np.arange(len(symbols)) % SHAPE.kinds)[:, None]
    if bulk:
        return np.concatenate([first, net.bulk(symbols)], 1)
    return np.concatenate([first, *(net.step(column)[:, None] for column in symbols.T)], 1)


@pytest.fixture(scope="module")
def oracle(model: zoo.Model, symbols: np.ndarray) -> np.ndarray:
    with kernels.using("int64"):
        logits = run(model, symbols, bulk=True, compiled=False)
    assert len(np.unique(logits)) > 1000
    return logits


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, LANES])
@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_lanes(
    model: zoo.Model, symbols: np.ndarray, oracle: np.ndarray, lanes: int, bulk: bool, compiled: bool
) -> None:
    assert np.array_equal(run(model, symbols[:lanes], bulk, compiled), oracle[:lanes])


@pytest.mark.parametrize("kernel", kernels.NAMES)
@pytest.mark.parametrize("bulk", [False, True])
def test_kernels(model: zoo.Model, symbols: np.ndarray, oracle: np.ndarray, kernel: str, bulk: bool) -> None:
    with kernels.using(kernel):
        assert np.array_equal(run(model, symbols, bulk, compiled=False), oracle)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(model: zoo.Model, symbols: np.ndarray, oracle: np.ndarray, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert np.array_equal(run(model, symbols, bulk=True), oracle)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_a_team_of_two(model: zoo.Model, symbols: np.ndarray, oracle: np.ndarray, lanes: int) -> None:
    net = char_rnn_int.IntCharRNN(model, lanes)
    net.reset(np.arange(lanes) % SHAPE.kinds)
    assert char_rnn_step.is_shareable(net.tiles)
    first, second = new_team(2)
    own, logits = char_rnn_step.with_own_stream(net.at), np.empty((TIME, lanes, 1, 256), np.int32)
    char_rnn_step.assist(net.tiles, own, 0, second)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(char_rnn_step.assist, net.tiles, own, TIME, second)
        for t in range(TIME):
            char_rnn_step.read(net.tiles, net.at, symbols[:lanes, t : t + 1].copy(), logits[t], first)
        done.result()
    assert np.array_equal(logits[:, :, 0].swapaxes(0, 1), oracle[:lanes, 1:])


def test_bulk_may_be_cut_anywhere(model: zoo.Model, symbols: np.ndarray, oracle: np.ndarray) -> None:
    net = char_rnn_int.IntCharRNN(model, LANES)
    net.reset(np.arange(LANES) % SHAPE.kinds)
    parts = [net.bulk(symbols[:, :4]), net.step(symbols[:, 4])[:, None], net.bulk(symbols[:, 5:])]
    assert np.array_equal(np.concatenate(parts, 1), oracle[:, 1:])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda(model: zoo.Model, symbols: np.ndarray, oracle: np.ndarray) -> None:
    net = char_rnn_int.IntCharRNN(model, LANES, device="cuda")
    net.reset(np.arange(LANES) % SHAPE.kinds)
    assert np.array_equal(net.bulk(symbols), oracle[:, 1:])
