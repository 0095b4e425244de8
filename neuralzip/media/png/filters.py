"""PNG row filters: undoing them, applying them again, and predicting which one the encoder chose, compiled.

The prediction is the rule of libpng and most others, the smallest sum of absolute differences, once with
libpng's order of ties and once with that of encoders that try Up first and skip Average; a row's type is coded
under both and under the type of the row before, so files with one type throughout cost nothing either.
"""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import allocating, entry, inner
from neuralzip.media.bitcoder import BitCoder, code_bit

TYPES = 5
FILTER_CONTEXTS = 3 * 64 + 8


@inner
def _expected(kind: int, left: int, up: int, corner: int) -> int:
    """Return what filter `kind` subtracts."""
    if kind < 2:
        return left * kind
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) >> 1
    # Paeth: the neighbour nearest to left + up - corner.
    far_left, far_up, far_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if far_left <= far_up and far_left <= far_corner:
        return left
    return up if far_up <= far_corner else corner


@entry
def unfilter(data: Any, start: int, rows: int, width: int, step: int, output: Any) -> bool:
    """Undo the filters of one raster.

    Args:
        data: uint8; at `start`, for each row its type and `width` filtered bytes.
        start: see `data`.
        rows: number of rows.
        width: bytes of a row.
        step: bytes of a pixel, at least 1.
        output: [rows * width] uint8, filled in.
    Returns:
        False if a type is none of the five.
    """
    for row in range(rows):
        source, target = start + row * (width + 1) + 1, row * width
        kind = np.int64(data[source - 1])
        if kind >= TYPES:
            return False
        for column in range(width):
            here = target + column
            left = np.int64(output[here - step]) if column >= step else 0
            up = np.int64(output[here - width]) if row > 0 else 0
            corner = np.int64(output[here - width - step]) if row > 0 and column >= step else 0
            output[here] = data[source + column] + _expected(kind, left, up, corner)
    return True


@inner
def _residuals(pixels: Any, row: int, width: int, step: int, results: Any) -> None:
    """Apply all filters to a row: results [5, >= width] uint8."""
    for column in range(width):
        here = row * width + column
        value = np.int64(pixels[here])
        left = np.int64(pixels[here - step]) if column >= step else 0
        up = np.int64(pixels[here - width]) if row > 0 else 0
        corner = np.int64(pixels[here - width - step]) if row > 0 and column >= step else 0
        for kind in range(TYPES):
            results[kind, column] = value - _expected(kind, left, up, corner)


@allocating
def code_filters(
    coder: BitCoder, base: int, pixels: Any, rows: int, width: int, step: int, data: Any, start: int
) -> bool:
    """Code the filter types of one raster, and write its filtered bytes (the inverse of `unfilter`).

    Args:
        coder: encodes the types that stand in `data`, or decodes them into it.
        base: first context.
        pixels: [rows * width] uint8, unfiltered.
        rows: number of rows.
        width: bytes of a row.
        step: bytes of a pixel, at least 1.
        data: uint8; from `start` on it holds, or receives, each row's type and filtered bytes.
        start: see `data`.
    Returns:
        False if a decoded type is none of the five.
    """
    results, sums, choices = np.zeros((TYPES, width), np.uint8), np.zeros(TYPES, np.int64), np.zeros(4, np.int64)
    history: Any = np.int64(0)
    for row in range(rows):
        _residuals(pixels, row, width, step, results)
        for kind in range(TYPES):
            sums[kind] = 0
            for column in range(width):
                rest = np.int64(results[kind, column])
                sums[kind] += min(rest, 256 - rest)
        # Candidates: libpng's choice, the type of the row before, the choice in the order none, up, sub, Paeth.
        choices[0] = choices[2] = 0
        for kind in range(1, TYPES):
            if sums[kind] < sums[choices[0]]:
                choices[0] = kind
        for turn in range(3):
            kind = 2 - turn if turn < 2 else 4
            if sums[kind] < sums[choices[2]]:
                choices[2] = kind
        target = start + row * (width + 1)
        chosen = _code_type(coder, base, choices, history, np.int64(data[target]))
        if chosen >= TYPES:
            return False
        hits = (1 if chosen == choices[0] else 0) + (2 if chosen == choices[1] else 0)
        history = (history << 2 | hits) & 15
        data[target] = choices[1] = chosen
        for column in range(width):
            data[target + 1 + column] = results[chosen, column]
    return True


@inner
def _code_type(coder: BitCoder, base: int, choices: Any, history: int, kind: Any) -> Any:
    """Code a row's type: whether it is each of three candidates, else plainly."""
    context = base + history * 4
    context += (2 if choices[0] == choices[1] else 0) + (1 if choices[0] == choices[2] else 0)
    node: Any = np.int64(1)
    refuted = 0
    for turn in range(6):
        slot, bit, guess = context + 64 * turn, 0, 0
        if turn < 3:
            guess = choices[turn]
            if (refuted >> guess) & 1 == 1:
                continue
            bit = 1 if kind == guess else 0
        else:
            slot, bit = base + 192 + node, (kind >> (5 - turn)) & 1
        bit = code_bit(coder, slot, bit)
        if turn >= 3:
            node = 2 * node + bit
        elif bit == 1:
            return guess
        else:
            refuted |= 1 << guess
    return node - 8
