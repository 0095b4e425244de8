"""The image model for graphics: whole pixels that repeat, and samples around plain predictions for the rest.

    body = lowest and highest value of each plane (2 + 2), rANS words

P planes, H rows, W columns.
"""

import struct

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.image_planes import DECISIONS_A_SAMPLE, Limits, Planes, Report, grown
from neuralzip.errors import CorruptError
from neuralzip.experts import bits
from neuralzip.experts.image_graphics import PREDICTIONS, code_rows
from neuralzip.experts.image_repeats import TRIES, new_repeats
from neuralzip.experts.image_state import new_state

ROWS_AT_ONCE = 16
MOST_PLANES = 4
SURELY_PHOTO, SURELY_GRAPHICS = 0.55, 0.9


def repeat_share(planes: Planes) -> float:
    """Return the share of pixels of [P, H, W] that equal one of their four neighbours before them.

    Graphics have more than SURELY_GRAPHICS, photos less than SURELY_PHOTO; between them both are worth trying.
    """
    here = planes[:, 1:, 1:-1]
    if not here.size:
        return 0.0
    neighbours = (planes[:, 1:, :-2], planes[:, :-1, 1:-1], planes[:, :-1, 2:], planes[:, :-1, :-2])
    return float(np.logical_or.reduce([(here == other).all(0) for other in neighbours]).mean())


def encode_graphics(planes: Planes, report: Report | None = None) -> bytes:
    """Return the body of planes [P, H, W], 1 <= P <= MOST_PLANES."""
    limits = [(int(plane.min()), int(plane.max())) for plane in planes]
    head = b"".join(struct.pack("<HH", *limit) for limit in limits)
    colours = np.zeros(planes.shape[1:], np.int64)
    for k, plane in enumerate(planes):
        colours |= plane.astype(np.int64) << (16 * k)
    coder = _code(colours, bits.encoder(1 << 16), limits, report)
    return head + bits.finish(coder)


def decode_graphics(body: bytes, shape: tuple[int, int, int], report: Report | None = None) -> Planes:
    """Return the planes [P, H, W] of a body.

    Raises:
        CorruptError: no planes of this shape have this body.
    """
    if not 1 <= shape[0] <= MOST_PLANES or len(body) < 4 * shape[0]:
        raise CorruptError("damaged: impossible head of a picture")
    values = struct.unpack_from(f"<{2 * shape[0]}H", body)
    limits = list(zip(values[::2], values[1::2], strict=True))
    if any(low > high for low, high in limits):
        raise CorruptError("damaged: impossible values of a picture")
    colours = np.zeros(shape[1:], np.int64)
    coder = _code(colours, bits.decoder(body[4 * shape[0] :]), limits, report)
    if not bits.is_exhausted(coder):
        raise CorruptError("damaged: pixels of a picture do not end where they should")
    return np.stack([(colours >> (16 * k)) & 0xFFFF for k in range(shape[0])]).astype(np.uint16)


def _code(
    colours: npt.NDArray[np.int64], coder: bits.BitCoder, limits: Limits, report: Report | None
) -> bits.BitCoder:
    """Code colours [H, W] with either kind of coder; return it."""
    height, width = colours.shape
    state = new_state(len(limits), height, width, PREDICTIONS, limits, graphics=True)
    repeats = new_repeats(height, width)
    room = ROWS_AT_ONCE * width * (TRIES + len(limits) * DECISIONS_A_SAMPLE)
    for first in range(0, height, ROWS_AT_ONCE):
        if not coder.decoding:
            coder = grown(coder, room)
        code_rows(state, repeats, coder, colours, first, min(first + ROWS_AT_ONCE, height))
        if report is not None:
            report(first / height)
    return coder
