"""Peers: sizes of what came back, and an honest reason for what did not."""

import importlib.util

import numpy as np
import pytest

from neuralzip.bench import peers

DATA = b"abc" * 1000
PIXELS = np.add.outer(np.arange(40), np.arange(30)).astype(np.uint8)[:, :, None].repeat(3, 2)


def test_the_standard_library_is_always_there() -> None:
    results = peers.run(peers.BYTES, DATA, ["gzip -9", "bzip2 -9", "xz -9e"])
    assert [result.peer for result in results] == ["gzip -9", "bzip2 -9", "xz -9e"]
    assert all(0 < (result.size_bytes or 0) < 200 and not result.absent for result in results)


@pytest.mark.parametrize(
    ("table", "data", "module"),
    [
        ({"zstd -22 --long": peers.BYTES["zstd -22 --long"]}, DATA, "zstandard"),
        ({"brotli -11": peers.BYTES["brotli -11"]}, DATA, "brotli"),
        ({"ppmd -o6": peers.BYTES["ppmd -o6"]}, DATA, "pyppmd"),
        (peers.PIXELS, PIXELS, "imagecodecs"),
        (peers.SAMPLES, PIXELS[:, :, 0].astype(np.int16)[:, :2], "soundfile"),
    ],
)
def test_installed_peers_give_the_data_back_and_others_are_absent(table: dict, data: object, module: str) -> None:
    for result in peers.run(table, data):
        if importlib.util.find_spec(module):
            assert result.size_bytes and not result.absent, result
        else:
            assert result.size_bytes is None and "not installed" in result.absent


def test_a_peer_that_loses_data_has_no_size() -> None:
    lossy = peers.Peer(lambda data: data[:1], lambda packed: packed)
    (result,) = peers.run({"lossy": lossy}, DATA)
    assert result.size_bytes is None and result.absent == "did not give the same data back"


def test_a_peer_that_fails_is_absent_with_the_reason() -> None:
    def refuse(data: bytes) -> bytes:
        raise ValueError("too odd")

    (result,) = peers.run({"picky": peers.Peer(refuse, bytes)}, DATA)
    assert result.absent == "ValueError: too odd"
    assert "absent: ValueError" in peers.render([result])


def test_a_peer_that_is_not_installed_is_absent() -> None:
    def missing(data: bytes) -> bytes:
        raise ModuleNotFoundError("no", name="nothing_here")

    (result,) = peers.run({"missing": peers.Peer(missing, bytes)}, DATA)
    assert result.absent == "not installed (nothing_here)"
    assert peers.render(peers.run(peers.BYTES, DATA, ["gzip -9"])).startswith("gzip -9  ")
