"""Samples that an integer inverse DCT returned -> quantised coefficients that give them, block by block.

Rounding has left each coefficient a normal error of about 0.29, less than half of most quantisation steps, so
nearly all round to the right multiple; where the samples show that some did not, the block is searched.

What is known of a sample is the range that it lies in: one number, 0 .. 255 for nothing, or less where a colour
was clipped. Ranges that reach 0 or 255 bind no more on that side, as the decoder clips there. R rows, C columns of
blocks.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.jpeg.inverse_dct import transform_block

Samples = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PROJECTIONS = 12
"""Times that samples not known are guessed anew from the coefficients found."""
_MOVES = 40
"""Steps that a search takes; a coefficient that has moved stays for a few."""
_FAR = 1e9


def _basis() -> Floats:
    """Return [64 frequencies, 64 samples] of the orthonormal DCT (T.81, A.3.3)."""
    one = np.cos((2 * np.arange(8) + 1) * np.arange(8)[:, None] * np.pi / 16) / 2
    one[0] /= np.sqrt(2)
    return np.einsum("ui,vj->uvij", one, one).reshape(64, 64)


BASIS = np.ascontiguousarray(_basis())
_ONE = np.ascontiguousarray(BASIS.reshape(8, 8, 8, 8)[:, 0, :, 0] / BASIS[0, 0] / 8**0.5)
"""[8 frequencies, 8 samples] of the one-dimensional transform."""
_BACK = np.ascontiguousarray(_ONE.T)


@inner
def _transform(matrix: Floats, values: Floats, half: Floats, out: Floats, level: float) -> None:
    """Fill out [64] with matrix @ values [64] @ matrix.T, plus `level`."""
    for i in range(8):
        for k in range(8):
            total = 0.0
            for j in range(8):
                total += matrix[i, j] * values[8 * j + k]
            half[8 * i + k] = total
    for i in range(8):
        for k in range(8):
            total = level
            for j in range(8):
                total += matrix[k, j] * half[8 * i + j]
            out[8 * i + k] = total


@inner
def _forward(samples: Floats, half: Floats, out: Floats) -> None:
    """Fill the coefficients of samples less 128."""
    _transform(_ONE, samples, half, out, 0.0)
    out[0] -= 1024.0


@inner
def _inverse(values: Floats, half: Floats, out: Floats) -> None:
    """Fill the samples of coefficients."""
    _transform(_BACK, values, half, out, 128.0)


@entry
def _forward_all(samples: Samples, room: Floats, out: Floats) -> None:
    """Fill out [R, C, 64] from samples [8 R, 8 C]; `room` [2, 64]."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            for k in range(64):
                room[0, k] = samples[8 * row + k // 8, 8 * column + k % 8]
            _forward(room[0], room[1], out[row, column])


def forward_dct(samples: Samples) -> Floats:
    """Return the coefficients [R, C, 64] of samples [8 R, 8 C], natural order, not quantised."""
    rows, columns = samples.shape
    out = np.zeros((rows // 8, columns // 8, 64))
    _forward_all(samples, np.zeros((2, 64)), out)
    return out


@inner
def _snap(values: Floats, steps: Ints, levels: Ints) -> None:
    for k in range(64):
        levels[k] = np.int64(np.floor(values[k] / steps[k] + 0.5))


@inner
def _is_right(levels: Ints, steps: Ints, block: Ints, low: Floats, high: Floats) -> bool:
    """Return whether the decoder gives samples within the bounds."""
    for k in range(64):
        block[k] = levels[k] * steps[k]
    transform_block(block)
    for k in range(64):
        if block[k] < low[k] or block[k] > high[k]:
            return False
    return True


@inner
def _excess(sample: float, low: float, high: float) -> float:
    """Return how far a sample lies outside of its bounds."""
    return max(low - 0.5 - sample, 0.0) - max(sample - high - 0.5, 0.0)


@inner
def _cost(samples: Floats, low: Floats, high: Floats, frequency: int, change: float, most: float) -> float:
    """Return the squared excess of samples after a change of a coefficient; more than `most` once that is sure."""
    total = 0.0
    for k in range(64):
        excess = _excess(samples[k] + change * BASIS[frequency, k], low[k], high[k])
        total += excess * excess
        if total > most:
            break
    return total


@inner
def _copy(values: Ints, to: Ints) -> None:
    for k in range(64):
        to[k] = values[k]


@inner
def _descend(levels: Ints, steps: Ints, block: Ints, room: Floats, barred: Ints, kept: Ints) -> bool:
    """Change coefficients by one step each, the best first, until the decoder is right; leave the best found."""
    values, half, samples, low, high = room[0], room[1], room[2], room[3], room[4]
    barred[:] = 0
    _copy(levels, kept)
    least = _FAR
    for move in range(_MOVES):
        for k in range(64):
            values[k] = levels[k] * steps[k]
        _inverse(values, half, samples)
        if move == 0:
            least = _cost(samples, low, high, 0, 0.0, _FAR)
        best, where, sign = _FAR, -1, 0
        for k in range(64):
            if barred[k] > move:
                continue
            for direction in (-1, 1):
                cost = _cost(samples, low, high, k, float(direction * steps[k]), best)
                if cost < best:
                    best, where, sign = cost, k, direction
        if where < 0:
            break
        levels[where] += sign
        barred[where] = move + 3 + move % 3
        if best < 0.5 and _is_right(levels, steps, block, low, high):
            return True
        if best < least:
            least = best
            _copy(levels, kept)
    _copy(kept, levels)
    return False


@inner
def _search(levels: Ints, steps: Ints, block: Ints, room: Floats, barred: Ints, kept: Ints) -> bool:
    """Find the coefficients of a block; return whether the decoder gives its samples from them."""
    values, half, samples, low, high, guess = room[0], room[1], room[2], room[3], room[4], room[5]
    unknown = False
    for k in range(64):
        samples[k] = guess[k]
        unknown = unknown or low[k] < high[k]
    _forward(samples, half, values)
    _snap(values, steps, levels)
    if _is_right(levels, steps, block, low, high):
        return True
    if unknown:
        for _ in range(_PROJECTIONS):
            for k in range(64):
                values[k] = levels[k] * steps[k]
            _inverse(values, half, samples)
            for k in range(64):
                samples[k] = min(max(samples[k], low[k]), high[k])
            _forward(samples, half, values)
            _snap(values, steps, levels)
            if _is_right(levels, steps, block, low, high):
                return True
    return _descend(levels, steps, block, room, barred, kept)


@entry
def _search_all(
    planes: Samples,
    steps: Ints,
    wanted: npt.NDArray[np.uint8],
    coefficients: npt.NDArray[np.int16],
    room: Floats,
    whole: Ints,
) -> int:
    """Search the wanted [R, C] blocks of planes [3: guess, low, high, 8 R, 8 C]; return how many are right."""
    levels, block, barred, kept = whole[0], whole[1], whole[2], whole[3]
    right = 0
    for row in range(coefficients.shape[0]):
        for column in range(coefficients.shape[1]):
            if not wanted[row, column]:
                continue
            for k in range(64):
                y, x = 8 * row + k // 8, 8 * column + k % 8
                guess, low, high = planes[0, y, x], planes[1, y, x], planes[2, y, x]
                room[5, k], room[3, k], room[4, k] = guess, low if low else -_FAR, high if high < 255 else _FAR
            found = _search(levels, steps, block, room, barred, kept)
            right += 1 if found else 0
            wanted[row, column] = 0 if found else 1
            for k in range(64):
                coefficients[row, column, k] = min(max(levels[k], -1023), 1023)
    return right


def search_blocks(
    planes: Samples, steps: Ints, wanted: npt.NDArray[np.uint8], coefficients: npt.NDArray[np.int16]
) -> None:
    """Fill coefficients [R, C, 64] of the wanted [R, C] blocks; those found exactly are no longer wanted.

    Args:
        planes: [3, 8 R, 8 C]: a guess at each sample, and the lowest and the highest value that it may have.
        steps: [64] quantisation.
        wanted: [R, C], 1 for each block to be searched.
        coefficients: [R, C, 64].
    """
    _search_all(planes, steps, wanted, coefficients, np.zeros((6, 64)), np.zeros((4, 64), np.int64))
