"""The one loop: any predictor, any schedule, there and back."""

import numpy as np
import pytest

from neuralzip.coding import freqs as tables
from neuralzip.coding import loop, schedule
from neuralzip.coding.mixtures import Mixtures
from neuralzip.coding.schedule import Positions, Schedule
from neuralzip.errors import CorruptError
from neuralzip.exact import logistic


class Counts:
    """Adaptive order-0 counts: wrong symbols or a wrong order would derail it at once."""

    def __init__(self, alphabet: int) -> None:
        self.counts = np.ones(alphabet, np.int64)

    def freqs(self, group: Positions) -> loop.Frequencies:
        row = tables.from_counts(self.counts, 16)
        return loop.Tables(np.broadcast_to(row, (len(group), len(row))).copy(), 16)

    def reveal(self, group: Positions, symbols: np.ndarray) -> None:
        self.counts += np.bincount(symbols, minlength=len(self.counts)) * 30


class NearLast:
    """A mixture around the last revealed symbol and the middle."""

    def __init__(self) -> None:
        self.last = 128

    def freqs(self, group: Positions) -> loop.Frequencies:
        ones = np.ones((len(group), 1), np.int32)
        means = np.array([[self.last << 4, 128 << 4]], np.int32) * ones
        inverses = logistic.inverse_scales(30, 2)[[[2, 12]]] * ones
        return Mixtures(means, inverses, np.array([[50000, 15536]], np.int32) * ones, 4, 256)

    def reveal(self, group: Positions, symbols: np.ndarray) -> None:
        self.last = int(symbols[-1])


SCHEDULES = [
    schedule.whole(600),
    schedule.raster(600),
    schedule.lanes(600, 7),
    schedule.wavefront(10, 20, (0, 2, 4)),
    schedule.parity(20, 30),
]


@pytest.mark.parametrize("chosen", SCHEDULES)
@pytest.mark.parametrize("make", [lambda: Counts(256), NearLast])
def test_symbols_come_back(chosen: Schedule, make: type[NearLast]) -> None:
    symbols = np.clip(128 + np.cumsum(np.random.default_rng(1).integers(-3, 4, 600)), 0, 255)
    coded = loop.encode(symbols, chosen, make())
    np.testing.assert_array_equal(loop.decode(coded.payload, chosen, make()), symbols)
    assert 0 <= len(coded.payload) * 8 - coded.nll_bits < 64


def test_shape_does_not_matter() -> None:
    symbols = np.arange(12).reshape(3, 4)
    assert loop.encode(symbols, schedule.raster(12), Counts(16)) == loop.encode(
        symbols.reshape(-1), schedule.raster(12), Counts(16)
    )


def test_a_payload_that_goes_on_is_refused() -> None:
    coded = loop.encode(np.arange(100) % 7, schedule.lanes(100, 5), Counts(7))
    with pytest.raises(CorruptError, match="goes on"):
        loop.decode(coded.payload[:4] + coded.payload, schedule.lanes(100, 5), Counts(7))


def test_symbols_outside_the_alphabet_are_refused() -> None:
    for predictor in (Counts(256), NearLast()):
        with pytest.raises(ValueError, match="alphabet of 256"):
            loop.encode(np.array([256]), schedule.raster(1), predictor)


def test_nothing_is_no_bytes() -> None:
    assert loop.encode(np.zeros(0, int), schedule.raster(0), Counts(4)).payload == b""
    assert len(loop.decode(b"", schedule.raster(0), Counts(4))) == 0
