"""Quantised DCT coefficients of a picture, as JPEG stores them: what the JPEG parser and the codec agree on.

Source: ITU-T T.81 (1992), annex A. A component's blocks are those of whole MCUs: in each, `horizontal` by
`vertical` blocks of every component. Blocks that a file does not hold (a scan of one component ends with the
picture) are zero.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_SIDE = (1 << 16) - 1
MAX_COMPONENTS = 4
MAX_FACTOR = 4
FACTORS = ((1, 1), (2, 1), (1, 2), (2, 2))
"""(horizontal, vertical) factors of subsampled components that can be decoded to pixels."""
MAX_STEP = (1 << 16) - 1
"""Largest quantisation step."""
MAX_COEFFICIENT = (1 << 15) - 1


@dataclass(frozen=True)
class Component:
    """One colour component.

    Attributes:
        horizontal: sampling factor, 1..MAX_FACTOR: blocks of an MCU from left to right.
        vertical: the same from top to bottom.
        quantisation: [8, 8] int32, steps 1..MAX_STEP, natural order [vertical frequency, horizontal frequency].
        coefficients: [rows, columns, 8, 8] int16, quantised, natural order [block row, block column, vertical
            frequency, horizontal frequency], within -MAX_COEFFICIENT..MAX_COEFFICIENT; whole MCUs.

    Raises:
        ValueError: an array of another kind, or a number out of its range.
    """

    horizontal: int
    vertical: int
    quantisation: npt.NDArray[np.int32]
    coefficients: npt.NDArray[np.int16]

    def __post_init__(self) -> None:
        """Check everything but the number of blocks."""
        steps, values = self.quantisation, self.coefficients
        if not (1 <= self.horizontal <= MAX_FACTOR and 1 <= self.vertical <= MAX_FACTOR):
            raise ValueError(f"sampling factors {self.horizontal} and {self.vertical}; expected 1 to {MAX_FACTOR}")
        if steps.shape != (8, 8) or steps.dtype != np.int32:
            raise ValueError(f"quantisation {steps.dtype} {steps.shape}; expected int32 (8, 8)")
        if not 1 <= steps.min() <= steps.max() <= MAX_STEP:
            raise ValueError(f"quantisation steps {steps.min()} to {steps.max()}; expected 1 to {MAX_STEP}")
        if values.ndim != 4 or values.shape[2:] != (8, 8) or values.dtype != np.int16:
            raise ValueError(f"coefficients {values.dtype} {values.shape}; expected int16 (rows, columns, 8, 8)")
        if values.min(initial=0) < -MAX_COEFFICIENT:
            raise ValueError(f"coefficient {values.min()}; expected at least {-MAX_COEFFICIENT}")


@dataclass(frozen=True)
class Coefficients:
    """All components of a picture.

    Attributes:
        width: pixels, 1..MAX_SIDE.
        height: the same.
        components: 1..MAX_COMPONENTS.

    Raises:
        ValueError: a number out of its range, or a component with other blocks than `block_shape` says.
    """

    width: int
    height: int
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        """Check the sizes."""
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise ValueError(f"{self.width} x {self.height} pixels; expected 1 to {MAX_SIDE} each")
        if not 1 <= len(self.components) <= MAX_COMPONENTS:
            raise ValueError(f"{len(self.components)} components; expected 1 to {MAX_COMPONENTS}")
        factors = [(each.horizontal, each.vertical) for each in self.components]
        for each, shape in zip(self.components, block_shapes(self.width, self.height, factors), strict=True):
            if each.coefficients.shape[:2] != shape:
                raise ValueError(f"{each.coefficients.shape[:2]} blocks of a component; expected {shape}")


def block_shapes(width: int, height: int, factors: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the (rows, columns) of blocks of each component of a picture of width x height pixels.

    Args:
        width: pixels.
        height: pixels.
        factors: (horizontal, vertical) of each component.
    """
    across = -(-width // (8 * max(horizontal for horizontal, _ in factors)))
    down = -(-height // (8 * max(vertical for _, vertical in factors)))
    return [(down * vertical, across * horizontal) for horizontal, vertical in factors]
