"""Quantised DCT coefficients -> the words of the coder, under the model of experts.jpeg_model.

    payload = { size (varint), words }*, one for each band of block rows, component after component

What a decoder knows beforehand, sizes and quantisation, it gets as coefficients that are all zero.
R rows, C columns of blocks.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neuralzip import zoo
from neuralzip.container.fields import FieldReader, varint
from neuralzip.errors import CorruptError, ModelError
from neuralzip.media.jpeg.coefficients import MAX_COEFFICIENT, Coefficients, Component

if TYPE_CHECKING:
    from neuralzip.experts.bits import BitCoder
    from neuralzip.experts.jpeg_prior import JpegPrior
    from neuralzip.experts.jpeg_state import JpegModel, Plane

Report = Callable[[float], None]
"""Called with the share of the blocks that are done, 0..1."""
BAND_BLOCKS = 1 << 14
PRIOR_ID, PRIOR = "jpeg-base", "jpeg-prior"
"""Weights that the model starts from: model id and architecture."""


def installed_start() -> tuple[tuple[bytes, ...], "JpegPrior | None"]:
    """Return (identities of the weights to start from, the start); no such weights, no start."""
    from neuralzip.experts.jpeg_prior import unpack

    try:
        weights = zoo.load(PRIOR_ID)
    except ModelError:
        return (), None
    return (weights.identity,), unpack(weights.arrays)


def named_start(identities: tuple[bytes, ...]) -> "JpegPrior | None":
    """Return the start that a block names, None where it names nothing.

    Raises:
        ModelError: there are no such weights, or they are no start.
    """
    from neuralzip.experts.jpeg_prior import unpack

    return unpack(zoo.load_identity(identities[0]).arrays) if identities else None


def encode(
    coefficients: Coefficients, report: Report | None = None, prior: "JpegPrior | None" = None
) -> tuple[bytes, float]:
    """Return (payload, ideal code length in bits) of coefficients, coded from a start or from nothing."""
    _, payload, nll_bits = code(coefficients, prior, report)
    return payload, nll_bits


def code(
    coefficients: Coefficients, prior: "JpegPrior | None" = None, report: Report | None = None
) -> tuple["JpegModel", bytes, float]:
    """Return (the model after them, payload, ideal code length in bits) of coefficients."""
    from neuralzip.experts import bits, jpeg_model, jpeg_state  # compiled code: only when a picture is met

    out, nll_bits = bytearray(), 0.0
    planes = [_plane(each, i) for i, each in enumerate(coefficients.components)]
    model, meter = _model(_blocks(coefficients), prior), _Meter(_blocks(coefficients), report)
    for plane, other, rows in _bands(planes):
        coder = bits.encoder(len(rows) * _columns(plane) * jpeg_state.MOST_DECISIONS)
        for row in rows:
            jpeg_model.code_row(model, coder, plane, other, row)
            meter.add(_columns(plane))
        nll_bits += bits.logged_bits(coder)
        words = bits.finish(coder)
        out += varint(len(words)) + words
    return model, bytes(out), nll_bits


def _model(blocks: int, prior: "JpegPrior | None") -> "JpegModel":
    """Return the model before the first of so many blocks."""
    from neuralzip.experts import jpeg_prior, jpeg_state

    model = jpeg_state.new_model(blocks)
    if prior is not None:
        jpeg_prior.begin(prior, model)
    return model


def decode(
    payload: bytes, empty: Coefficients, report: Report | None = None, prior: "JpegPrior | None" = None
) -> Coefficients:
    """Return the coefficients of a payload.

    Args:
        payload: what `encode` returned.
        empty: sizes and quantisation; its coefficients are not looked at.
        report: called now and then.
        prior: what they were coded from.

    Raises:
        CorruptError: no such coefficients have this payload.
    """
    from neuralzip.experts import bits, jpeg_model  # compiled code: only when a picture is met

    reader = FieldReader(payload, "coefficients")
    planes = [_empty_plane(each, i) for i, each in enumerate(empty.components)]
    model, meter = _model(_blocks(empty), prior), _Meter(_blocks(empty), report)
    for plane, other, rows in _bands(planes):
        coder: BitCoder = bits.decoder(reader.string())
        for row in rows:
            jpeg_model.code_row(model, coder, plane, other, row)
            meter.add(_columns(plane))
        if not bits.is_exhausted(coder):
            raise CorruptError("damaged: coded coefficients do not end where they should")
    reader.finish()
    components = zip(empty.components, planes, strict=True)
    return replace(empty, components=tuple(_filled(each, plane) for each, plane in components))


class _Meter:
    """Counts blocks and tells the share that is done."""

    def __init__(self, total: int, report: Report | None) -> None:
        self._total, self._done, self._report = total, 0, report

    def add(self, blocks: int) -> None:
        self._done += blocks
        if self._report:
            self._report(self._done / self._total)


def _blocks(coefficients: Coefficients) -> int:
    return sum(each.coefficients.size // 64 for each in coefficients.components)


def _columns(plane: "Plane") -> int:
    return plane.blocks.shape[1] - 2


def _empty_plane(component: Component, index: int) -> "Plane":
    """Return what the model wants of a component before it is decoded: blocks with a border, all zero."""
    from neuralzip.experts.jpeg_state import CLASSES, Plane

    rows, columns = component.coefficients.shape[:2]
    blocks = np.zeros((rows + 1, columns + 2, 64), np.int16)
    steps = component.quantisation.reshape(64).astype(np.int64)
    return Plane(blocks, np.zeros((*blocks.shape[:2], 3), np.uint8), steps, min(index, CLASSES - 1))


def _plane(component: Component, index: int) -> "Plane":
    """Return what the model wants of a component: blocks with a border of zeros, and their counts."""
    plane = _empty_plane(component, index)
    values = component.coefficients
    plane.blocks[1:, 1:-1] = values.reshape(*values.shape[:2], 64)
    used = values != 0
    parts = (used[:, :, 1:, 1:].sum((2, 3)), used[:, :, 0, 1:].sum(2), used[:, :, 1:, 0].sum(2))
    plane.counts[1:, 1:-1] = np.stack(parts, axis=2)
    return plane


def _bands(planes: list["Plane"]) -> Iterator[tuple["Plane", "Plane", range]]:
    """Yield (component, the one coded before or nothing, rows of blocks counted from 1) in coding order."""
    nothing = _plane(Component(1, 1, np.ones((8, 8), np.int32), np.zeros((1, 1, 8, 8), np.int16)), 0)
    for other, plane in itertools.pairwise((nothing, *planes)):
        last = plane.blocks.shape[0]
        step = max(BAND_BLOCKS // max(_columns(plane), 1), 1)
        for first in range(1, last, step):
            yield plane, other, range(first, min(first + step, last))


def _filled(component: Component, plane: "Plane") -> Component:
    rows, columns = component.coefficients.shape[:2]
    blocks = plane.blocks[1:, 1:-1].reshape(rows, columns, 8, 8)
    if blocks.min(initial=0) < -MAX_COEFFICIENT:
        raise CorruptError("damaged: impossible coefficient")
    return replace(component, coefficients=np.ascontiguousarray(blocks))
