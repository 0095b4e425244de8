"""A component while its coefficients are sought, and arrays by blocks.

h rows, w columns of samples; planes are padded to R x C whole blocks of 8 x 8.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neuralzip.media.jpeg.block_search import forward_dct, search_blocks
from neuralzip.media.jpeg.coefficients import Component
from neuralzip.media.jpeg.inverse_dct import inverse_dct

Samples = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Steps = npt.NDArray[np.int64]
Factors = tuple[int, int]

_TRIAL_BLOCKS = 1 << 16
"""About so many blocks, of whole rows of them, are looked at for steps."""
_BUSY, _BUSY_SHARE = 64 * 4**2, 0.1
"""Energy of blocks that tell of steps, or the busiest share: in flat ones errors are alike in all samples."""


@dataclass
class Plane:
    """What is known of a component.

    Attributes:
        factors: by which it is subsampled.
        size: (h, w) of its samples.
        steps: [64] quantisation.
        coefficients: [R, C, 64].
        samples: [h, w] decoded.
    """

    factors: Factors
    size: tuple[int, int]
    steps: Steps
    coefficients: npt.NDArray[np.int16]
    samples: Samples

    def component(self, across: int, down: int) -> Component:
        """Return the component of a picture with MCUs of across x down blocks of Y."""
        rows, columns = self.coefficients.shape[:2]
        steps = self.steps.reshape(8, 8).astype(np.int32)
        blocks = self.coefficients.reshape(rows, columns, 8, 8)
        return Component(across // self.factors[0], down // self.factors[1], steps, blocks)

    def search(self, guess: Samples, low: Samples, high: Samples, wanted: Flags, careful: bool = False) -> Flags:
        """Search the wanted [R', C'] blocks that have samples [h, w], and decode; return which were not found.

        If careful, those keep what they had.
        """
        flags = np.zeros(self.coefficients.shape[:2], np.uint8)
        flags[: wanted.shape[0], : wanted.shape[1]] = wanted
        planes = np.stack(
            [padded(guess, flags.shape, None), padded(low, flags.shape, 0), padded(high, flags.shape, 255)]
        )
        kept = self.coefficients.copy() if careful else self.coefficients
        search_blocks(planes, self.steps, flags, self.coefficients)
        self.coefficients[flags > 0] = kept[flags > 0]
        rows, columns = wanted.shape
        self.coefficients[:, columns:] = 0
        self.coefficients[:, columns:, 0] = self.coefficients[:, columns - 1 : columns, 0]
        self.coefficients[rows:] = 0
        self.coefficients[rows:, :, 0] = self.coefficients[rows - 1 : rows, :, 0]
        self._decode()
        return flags[:rows, :columns] > 0

    def restore(self, coefficients: npt.NDArray[np.int16], where: Flags) -> None:
        """Take back the coefficients of some blocks [R, C]."""
        self.coefficients[where] = coefficients[where]
        self._decode()

    def _decode(self) -> None:
        self.samples = inverse_dct(self.component(*self.factors))[: self.size[0], : self.size[1]]


def padded(plane: Samples, blocks: tuple[int, ...], value: int | None) -> Samples:
    """Return a plane [h, w] padded to whole blocks, by its border or by a value."""
    space = [(0, 8 * count - side) for count, side in zip(blocks, plane.shape, strict=True)]
    return np.pad(plane, space, mode="edge") if value is None else np.pad(plane, space, constant_values=value)


def by_blocks(flags: Flags, size: tuple[int, int], margin: int) -> Flags:
    """Return which blocks of (horizontal, vertical) size, or `margin` more on each side, have a flag."""
    height, width = flags.shape
    wide = np.pad(flags, margin)
    spread = np.zeros_like(flags)
    for dy in range(0, 2 * margin + 1, max(margin, 1)):
        for dx in range(0, 2 * margin + 1, max(margin, 1)):
            spread |= wide[dy : dy + height, dx : dx + width]
    across, down = size
    whole = np.pad(spread, [(0, -height % down), (0, -width % across)])
    return np.asarray(whole.reshape(whole.shape[0] // down, down, -1, across).any((1, 3)))


def counts(flags: Flags, mcu: Factors) -> npt.NDArray[np.int64]:
    """Return how many flags are in each MCU."""
    across, down = 8 * mcu[0], 8 * mcu[1]
    whole = np.pad(flags, [(0, -flags.shape[0] % down), (0, -flags.shape[1] % across)])
    return whole.reshape(whole.shape[0] // down, down, -1, across).sum((1, 3), dtype=np.int64)


def around(samples: Samples, slack: int) -> tuple[Samples, Samples]:
    """Return bounds that samples differ from by `slack`."""
    return np.maximum(samples, slack) - np.uint8(slack), np.minimum(samples, 255 - slack) + np.uint8(slack)


def blocks_of(size: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns of blocks of a plane of (h, w) samples."""
    return -(-size[0] // 8), -(-size[1] // 8)


def telling(plane: Samples, known: Flags) -> npt.NDArray[np.float64]:
    """Return the coefficients [N, 64] of blocks of samples [h, w] that tell of steps: busy, all known."""
    shape = blocks_of(plane.shape)
    step = 1 + shape[0] * shape[1] // _TRIAL_BLOCKS
    some, sure = (
        padded(each, shape, border).reshape(shape[0], 8, -1)[::step].reshape(-1, 8 * shape[1])
        for each, border in ((plane, None), (known.view(np.uint8), 0))
    )
    whole = sure.reshape(-1, 8, shape[1], 8).all((1, 3))
    values = forward_dct(np.ascontiguousarray(some))[whole if whole.any() else ~whole]
    energy = np.square(values[:, 1:]).sum(1)
    return values[energy >= min(_BUSY, float(np.quantile(energy, 1 - _BUSY_SHARE)))]
