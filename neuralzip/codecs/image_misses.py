"""Lists of single pixels: where they are, and a byte for each plane.

    list = all distances in pixels from the one before, from pixel 0 for the first (4 each: all low bytes, then all
           second ones and so on), all bytes of the first plane, of the second ...

N pixels, P planes.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


def join(places: Places, values: Bytes) -> bytes:
    """Return the list of pixels at growing places [N], with values [N, P]."""
    steps = np.diff(places, prepend=0).astype("<u4")
    return steps.view(np.uint8).reshape(-1, 4).T.tobytes() + values.T.tobytes()


def split(data: bytes, planes: int, pixels: int) -> tuple[Places, Bytes]:
    """Return places [N] and values [N, P] of a list.

    Args:
        data: what `join` returned.
        planes: P.
        pixels: of the picture.

    Raises:
        CorruptError: no list for such a picture.
    """
    count, rest = divmod(len(data), 4 + planes)
    if rest:
        raise CorruptError("damaged: impossible list of pixels")
    found = np.frombuffer(data, np.uint8)
    steps = np.ascontiguousarray(found[: 4 * count].reshape(4, count).T).view("<u4").reshape(-1)
    places = np.cumsum(steps, dtype=np.int64)
    if count and places[-1] >= pixels:
        raise CorruptError("damaged: pixel outside the picture")
    return places, found[4 * count :].reshape(planes, count).T
