"""What the PixelCNN is shown of a whole picture at once: for training, and for the float model's own code length.

H rows, W columns, F inputs; planes in the order G, R, B.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.nets import pixel_front, pixel_walk

Planes = npt.NDArray[np.uint8]


class Sight(NamedTuple):
    """What the net is shown of a picture or crop, virtual pixels in raster order.

    Attributes:
        inputs: [..., H, W, F] int8.
        base: [..., H, W, 3] int32.
        scale: [..., H, W, 3] int32.
        samples: [..., H, W, 3] int32.
    """

    inputs: npt.NDArray[np.int8]
    base: npt.NDArray[np.int32]
    scale: npt.NDArray[np.int32]
    samples: npt.NDArray[np.int32]

    def alone(self) -> "Sight":
        """Return a batch of one."""
        return Sight(self.inputs[None], self.base[None], self.scale[None], self.samples[None])


def look(planes: Planes, tables: pixel_front.Tables) -> Sight:
    """Return what the net sees of planes [3, H, W]; the virtual width is W + 2 LAG."""
    count, height, width = planes.shape
    wide = width + pixel_front.LAG * (count - 1)
    front = pixel_front.start(height, width, tables)
    inputs = np.zeros((height, wide, pixel_front.INPUTS), np.uint8)
    base, scale, samples = (np.zeros((height, wide, count), np.int32) for _ in range(3))
    group = pixel_front.new_group(height, 1)
    pixel_walk.analyse(front, group, np.ascontiguousarray(planes, np.int32), inputs, base, scale)
    for plane in range(count):
        lag = pixel_front.LAG * plane
        samples[:, lag : lag + width, plane] = planes[plane]
    return Sight((inputs ^ np.uint8(pixel_front.ZERO)).view(np.int8), base, scale, samples)
