"""Which blocks a scan holds, in what order.

Source: ITU-T T.81 (1992), A.2.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.media.jpeg.coefficients import block_shapes
from neuralzip.media.jpeg.markers import Frame, ScanHeader


def frame_shapes(frame: Frame) -> list[tuple[int, int]]:
    """Return (rows, columns) of the blocks of each component, whole MCUs."""
    return block_shapes(frame.width, frame.height, [(each.horizontal, each.vertical) for each in frame.components])


def block_order(frame: Frame, scan: ScanHeader) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the order of a scan's blocks.

    Returns:
        [MCUs, blocks of an MCU] index of each block among those of all components, one component after the
        other; and [blocks of an MCU] place in the scan header of the component of each.
    """
    shapes = frame_shapes(frame)
    starts = np.cumsum([0, *(rows * columns for rows, columns in shapes)])
    grids = [starts[i] + np.arange(shapes[i][0] * shapes[i][1]).reshape(shapes[i]) for i, _, _ in scan.components]
    if len(grids) == 1:
        rows, columns = _alone(frame, scan.components[0][0])
        return grids[0][:rows, :columns].reshape(-1, 1), np.zeros(1, np.int64)
    parts = [_mcus(grid, frame, i) for grid, (i, _, _) in zip(grids, scan.components, strict=True)]
    places = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
    return np.concatenate(parts, axis=1), places


def _mcus(grid: npt.NDArray[np.int64], frame: Frame, index: int) -> npt.NDArray[np.int64]:
    """Return [MCUs, blocks of this component in each]."""
    across, down = frame.components[index].horizontal, frame.components[index].vertical
    rows, columns = grid.shape[0] // down, grid.shape[1] // across
    return grid.reshape(rows, down, columns, across).transpose(0, 2, 1, 3).reshape(rows * columns, down * across)


def _alone(frame: Frame, index: int) -> tuple[int, int]:
    """Return (rows, columns) of the blocks that a scan of this component alone holds."""
    own = frame.components[index]
    width = -(-frame.width * own.horizontal // max(each.horizontal for each in frame.components))
    height = -(-frame.height * own.vertical // max(each.vertical for each in frame.components))
    return -(-height // 8), -(-width // 8)
