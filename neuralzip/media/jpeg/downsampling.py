"""Samples that `upsampling` returned -> the plane that it got.

The plane is first the one that comes nearest in least squares, then single samples are moved by one while that
brings the numerators behind the rounded results nearer to where they must be. H rows, W columns of the picture;
h, w of the plane.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner
from neuralzip.media.jpeg.recovery_plane import by_blocks
from neuralzip.media.jpeg.upsampling import upsample

Samples = npt.NDArray[np.uint8]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_SWEEPS = 8


def _halved(rows: Floats) -> Floats:
    """Return the rows [h, W] whose interpolation comes nearest to rows [H, W]."""
    size = len(rows)
    count = -(-size // 2)
    diagonal, beside = np.zeros(count), np.zeros(count)  # of the normal equations, times 16
    sums = np.zeros((count, rows.shape[1]), np.float32)
    for start, other in ((0, -1), (1, 1)):
        near = np.arange((size - start + 1) // 2)
        far = (near + other).clip(0, count - 1)
        given = rows[start::2] * np.float32(4)
        same = near == far
        np.add.at(diagonal, near, np.where(same, 16, 9))
        np.add.at(diagonal, far[~same], 1)
        np.add.at(beside, np.minimum(near, far)[~same], 3)
        sums[near] += given * np.where(same, 4, 3)[:, None].astype(np.float32)
        sums[far[~same]] += given[~same]
    for i in range(1, count):  # elimination, and substitution below
        share = np.float32(beside[i - 1] / diagonal[i - 1])
        diagonal[i] -= share * beside[i - 1]
        sums[i] -= share * sums[i - 1]
    sums[-1] /= np.float32(diagonal[-1])
    for i in range(count - 2, -1, -1):
        sums[i] = (sums[i] - np.float32(beside[i]) * sums[i + 1]) / np.float32(diagonal[i])
    return sums


@inner
def _parts(place: int, factor: int, size: int) -> tuple[int, int, int]:
    """Return (nearest sample, the next nearest, parts of the nearest) along one axis."""
    if factor == 1:
        return place, place, 1
    near = place // 2
    return near, min(max(near + 2 * (place % 2) - 1, 0), size - 1), 3


@inner
def _misfit(plane: Samples, given: int, y: int, x: int, across: int, down: int) -> int:
    """Return the squared distance of a pixel's numerator from those that give its sample."""
    i, far_i, wide_i = _parts(y, down, plane.shape[0])
    j, far_j, wide_j = _parts(x, across, plane.shape[1])
    total = np.int64(plane[i, j]) * wide_i * wide_j
    if across == 2:
        total += np.int64(plane[i, far_j]) * wide_i
    if down == 2:
        total += np.int64(plane[far_i, j]) * wide_j
    if across == 2 and down == 2:
        total += np.int64(plane[far_i, far_j])
    if across == 2 and down == 2:
        parts, rounding = 16, 8 - x % 2
    else:
        parts, rounding = 4, 1 + (x % 2 if across == 2 else y % 2)
    least = given * parts - rounding
    off = max(least - total, 0) + max(total - least - parts + 1, 0)
    return int(off * off)


@inner
def _misfits(plane: Samples, given: Samples, known: Bytes, i: int, j: int, across: int, down: int) -> int:
    """Return the misfit of all known pixels that a sample takes part in."""
    total = np.int64(0)
    top, left = down * i - (down - 1), across * j - (across - 1)
    for y in range(max(top, 0), min(top + 3 * down - 2, given.shape[0])):
        for x in range(max(left, 0), min(left + 3 * across - 2, given.shape[1])):
            if known[y, x]:
                total += _misfit(plane, np.int64(given[y, x]), y, x, across, down)
    return int(total)


@inner
def _touch(active: Bytes, i: int, j: int) -> None:
    """Have a sample and its neighbours looked at."""
    for y in range(max(i - 1, 0), min(i + 2, active.shape[0])):
        for x in range(max(j - 1, 0), min(j + 2, active.shape[1])):
            active[y, x] = 1


@entry
def _sweep(plane: Samples, given: Samples, known: Bytes, active: Bytes, across: int, down: int) -> int:
    """Move active samples by one where that helps; return how many were."""
    moved = 0
    for i in range(plane.shape[0]):
        for j in range(plane.shape[1]):
            if not active[i, j]:
                continue
            active[i, j] = 0
            before = _misfits(plane, given, known, i, j, across, down)
            if before == 0:
                continue
            old = np.int64(plane[i, j])
            best, least = old, before
            for new in (old - 1, old + 1):
                if 0 <= new <= 255:
                    plane[i, j] = new
                    misfits = _misfits(plane, given, known, i, j, across, down)
                    if misfits < least:
                        best, least = new, misfits
            plane[i, j] = best
            if best != old:
                _touch(active, i, j)
                moved += 1
    return moved


def downsample(given: Samples, known: npt.NDArray[np.bool_], factors: tuple[int, int]) -> Samples:
    """Return the plane [h, w] that interpolation turns into samples [H, W], or nearly.

    Args:
        given: [H, W]; a guess where not known.
        known: [H, W].
        factors: (horizontal, vertical).
    """
    across, down = factors
    if factors == (1, 1):
        return given
    rows = given.astype(np.float32)
    if down == 2:
        rows = _halved(rows)
    if across == 2:
        rows = _halved(np.ascontiguousarray(rows.T)).T
    plane = np.ascontiguousarray(np.rint(rows).clip(0, 255).astype(np.uint8))
    return sweep(plane, given, known, factors)


def sweep(plane: Samples, given: Samples, known: npt.NDArray[np.bool_], factors: tuple[int, int]) -> Samples:
    """Return a plane [h, w] with samples moved by one until it gives the known of [H, W], or comes no nearer."""
    if factors == (1, 1):
        return given
    plane = plane.copy()
    off = (upsample(plane, factors, (given.shape[0], given.shape[1])) != given) & known
    active = by_blocks(off, factors, 1).view(np.uint8)
    for _ in range(_SWEEPS):
        if _sweep(plane, given, known.view(np.uint8), active, *factors) == 0:
            break
    return plane
