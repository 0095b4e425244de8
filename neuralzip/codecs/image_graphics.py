"""The image model for graphics: whole pixels that repeat, and samples around plain predictions for the rest.

    body = lowest and highest value of each plane (2 + 2), rANS words

P planes, H rows, W columns.
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.image_planes import DECISIONS_A_SAMPLE, Limits, Planes, Report, grown
from neuralzip.errors import CorruptError
from neuralzip.experts import bits
from neuralzip.experts.image_graphics import PREDICTIONS, code_rows
from neuralzip.experts.image_prior import Prior, begin
from neuralzip.experts.image_repeats import TRIES, Repeats, new_repeats
from neuralzip.experts.image_state import PLANES, State, new_state

ROWS_AT_ONCE = 16
MOST_PLANES = 4
SURELY_PHOTO, SURELY_GRAPHICS = 0.55, 0.9


def repeat_share(planes: npt.NDArray[np.integer[Any]]) -> float:
    """Return the share of pixels of [P, H, W] that equal one of their four neighbours before them.

    Graphics have more than SURELY_GRAPHICS, photos less than SURELY_PHOTO; between them both are worth trying.
    """
    here = planes[:, 1:, 1:-1]
    if not here.size:
        return 0.0
    neighbours = (planes[:, 1:, :-2], planes[:, :-1, 1:-1], planes[:, :-1, 2:], planes[:, :-1, :-2])
    return float(np.logical_or.reduce([(here == other).all(0) for other in neighbours]).mean())


def encode_graphics(planes: Planes, report: Report | None = None, prior: Prior | None = None) -> bytes:
    """Return the body of planes [P, H, W], 1 <= P <= MOST_PLANES, coded from a start or from nothing."""
    limits = [(int(plane.min()), int(plane.max())) for plane in planes]
    head = b"".join(struct.pack("<HH", *limit) for limit in limits)
    model = start(len(planes), planes.shape[1], planes.shape[2], limits, prior)
    coder = code(colours_of(planes), model, bits.encoder(1 << 16), report)
    return head + bits.finish(coder)


def decode_graphics(
    body: bytes, shape: tuple[int, int, int], report: Report | None = None, prior: Prior | None = None
) -> Planes:
    """Return the planes [P, H, W] of a body that was coded from the same start.

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
    model = start(*shape, limits, prior)
    coder = code(colours, model, bits.decoder(body[4 * shape[0] :]), report)
    if not bits.is_exhausted(coder):
        raise CorruptError("damaged: pixels of a picture do not end where they should")
    return np.stack([(colours >> (16 * k)) & 0xFFFF for k in range(shape[0])]).astype(np.uint16)


def colours_of(planes: Planes) -> npt.NDArray[np.int64]:
    """Return the colours [H, W] of planes: 16 bits of each, the first one lowest."""
    colours = np.zeros(planes.shape[1:], np.int64)
    for k, plane in enumerate(planes):
        colours |= plane.astype(np.int64) << (16 * k)
    return colours


def start(planes: int, height: int, width: int, limits: Limits, prior: Prior | None) -> tuple[State, Repeats]:
    """Return the model before the first pixel."""
    state = new_state(planes, height, width, PREDICTIONS, limits, graphics=True)
    repeats = new_repeats(height, width)
    if prior is not None:
        begin(prior, state, repeats)
    return state, repeats


def code(
    colours: npt.NDArray[np.int64], model: tuple[State, Repeats], coder: bits.BitCoder, report: Report | None
) -> bits.BitCoder:
    """Code colours [H, W] with either kind of coder; return it."""
    height, width = colours.shape
    state, repeats = model
    room = ROWS_AT_ONCE * width * (TRIES + int(state.shape[PLANES]) * DECISIONS_A_SAMPLE)
    for first in range(0, height, ROWS_AT_ONCE):
        if not coder.decoding:
            coder = grown(coder, room)
        code_rows(state, repeats, coder, colours, first, min(first + ROWS_AT_ONCE, height))
        if report is not None:
            report(first / height)
    return coder
