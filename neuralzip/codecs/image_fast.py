"""The wavefront PixelCNN's coding loop: planes of samples <-> one rANS payload.

    encode: inputs of the next steps | net, mixtures and intervals of these; pushed last first
    decode: inputs, net and mixtures of a step -> symbols by bisection -> revealed -> next step

Samples of more than eight bits show the net their upper eight bits only; the mixture, which has 256 levels of
unit width, is stretched over all 2**(8 + fine) values, so that the lower bits cost what its density says.

Planes in the order G, R, B.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neuralzip.coding import rans
from neuralzip.errors import CorruptError
from neuralzip.experts import bits
from neuralzip.nets.pixelcnn_exact import CHUNK, IntPixelCNN

Samples = npt.NDArray[np.uint16]
Report = Callable[[float], None]
"""Called with the share of a picture that is done, 0..1."""
MAX_FINE = 8
_REPORTED_STEPS = 64


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shape of a stack of planes that is coded together.

    Attributes:
        planes: 1 (grey) or 3 (G, R, B).
        height: rows.
        width: columns.
        fine: bits of a sample beyond the upper eight, 0..8.
    """

    planes: int
    height: int
    width: int
    fine: int


def encode(
    net: IntPixelCNN, planes: Samples, fine: int, report: Report | None = None, threads: int = 1
) -> tuple[bytes, float]:
    """Code planes.

    Args:
        net: the integer net.
        planes: [1 or 3, H, W] uint16 samples below 2**(8 + fine).
        fine: bits beyond the upper eight.
        report: progress.
        threads: with two, the next steps are looked at while some are evaluated.

    Returns:
        (rANS payload, ideal code length in bits).
    """
    samples, coder, (_, height, width) = planes.astype(np.int32), bits.encoder(planes.size), planes.shape
    walk = net.walk(height, width, 2 * CHUNK)
    chunks = [(first, min(first + CHUNK, walk.steps)) for first in range(0, walk.steps, CHUNK)]
    with ThreadPoolExecutor(1) as pool:
        walk.look(samples, fine, *chunks[0])
        for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
            looking = None
            if following is not None and threads > 1:
                looking = pool.submit(walk.look, samples, fine, *following)
            walk.encode(samples, fine, *chunk, coder)
            if looking is not None:
                looking.result()
            elif following is not None:
                walk.look(samples, fine, *following)
            if report is not None:
                report(chunk[0] / walk.steps)
    nll = bits.logged_bits(coder)
    return bits.finish(coder), nll


def decode(net: IntPixelCNN, payload: bytes, geometry: Geometry, report: Report | None = None) -> Samples:
    """Return the planes [1 or 3, H, W] uint16 of a payload.

    Raises:
        CorruptError: the payload holds something else.
    """
    decoder = rans.Decoder(payload)
    planes = pop_planes(net, decoder, geometry, report)
    if not decoder.is_exhausted:
        raise CorruptError("damaged: a picture's payload goes on after its last sample")
    return planes


def pop_planes(
    net: IntPixelCNN, decoder: rans.Decoder, geometry: Geometry, report: Report | None = None
) -> Samples:
    """Pop the planes [1 or 3, H, W] uint16 of a picture off a stack."""
    planes = np.zeros((geometry.planes, geometry.height, geometry.width), np.int32)
    walk, coder = net.walk(geometry.height, geometry.width), bits.popping(decoder)
    for first in range(0, walk.steps, _REPORTED_STEPS):
        walk.decode(planes, geometry.fine, first, min(first + _REPORTED_STEPS, walk.steps), coder)
        if report is not None:
            report(first / walk.steps)
    return planes.astype(np.uint16)
