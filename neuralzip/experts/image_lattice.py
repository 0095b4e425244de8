"""Colour lattices: RGB pictures that were computed from integer luma and chroma hold few of all RGB triples.

Two kinds are known, each with the exact arithmetic of the programs that made such files:

    PHOTO_CD   Kodak's PhotoCD: R = floor(1.3584 Y + 1.8215 C2), B = floor(1.3584 Y + 2.2179 C1),
               G = floor(1.3584 Y - 0.194 floor(2.2179 C1) - 0.509 floor(1.8215 C2)); one triple in 9.35
    JFIF       BT.601 full range as libjpeg computes it, in 16 fractional bits; one triple in 4.2

both clipped to 0 .. 255. `fit` finds, for every pixel, a triple (Y, C1, C2) that gives its colour; where several
do (clipped colours), the one most like its neighbours. Pixels that none gives are told apart, for the caller.
`G(Y, C1, C2)` of PHOTO_CD was worked out from pictures; it holds for 99.98 % of unclipped pixels of eight scans.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner

Ints = npt.NDArray[np.int32]

NONE, PHOTO_CD, JFIF = range(3)
KINDS = (PHOTO_CD, JFIF)
_INVERSES = np.array(
    [
        [[0] * 4] * 3,
        [[14419, 28330, 5496, 47400], [-8831, -17351, 26182, 38581], [25226, -21127, -4099, 39846]],
        [[19595, 38470, 7471, 32768], [-11058, -21710, 32768, 32768], [32768, -27439, -5329, 32768]],
    ],
    np.int64,
)
"""Inverse matrices in 16 fractional bits, with the rounding term as fourth column; only `fit` needs them."""
_REACH = 9
"""Clipped colours are searched this far around a neighbour's triple."""
_TRIAL_PIXELS = 1 << 14
_SURE_SHARE = 0.97
"""Share of unclipped, coloured pixels on the lattice from which a picture counts as being of it."""


@inner
def to_rgb(kind: int, y: int, c1: int, c2: int) -> tuple[int, int, int]:
    """Return the colour of a triple, not yet clipped."""
    if kind == PHOTO_CD:
        blue, red = (22179 * c1) // 10000, (18215 * c2) // 10000
        r, b = (13584 * y + 18215 * c2) // 10000, (13584 * y + 22179 * c1) // 10000
        return r, (13584 * y - 1940 * blue - 5090 * red) // 10000, b
    r, b = y + ((91881 * c2 + 32768) >> 16), y + ((116130 * c1 + 32768) >> 16)
    return r, y + ((-22554 * c1 - 46802 * c2 + 32768) >> 16), b


@inner
def _clip(value: int) -> int:
    return min(max(value, 0), 255)


@inner
def _gives(kind: int, y: int, c1: int, c2: int, r: int, g: int, b: int) -> bool:
    """Return whether a triple has this colour."""
    red, green, blue = to_rgb(kind, y, c1, c2)
    return _clip(red) == r and _clip(green) == g and _clip(blue) == b


@inner
def _near_inverse(kind: int, r: int, g: int, b: int, which: int) -> tuple[int, int, int]:
    """Return the triple that the inverse matrix gives (which = 0), or one of its 26 neighbours."""
    matrix = _INVERSES[kind]
    y = (matrix[0, 0] * r + matrix[0, 1] * g + matrix[0, 2] * b + matrix[0, 3]) >> 16
    c1 = (matrix[1, 0] * r + matrix[1, 1] * g + matrix[1, 2] * b + matrix[1, 3]) >> 16
    c2 = (matrix[2, 0] * r + matrix[2, 1] * g + matrix[2, 2] * b + matrix[2, 3]) >> 16
    step = (which + 13) % 27
    return y + step // 9 - 1, c1 + step // 3 % 3 - 1, c2 + step % 3 - 1


@inner
def _search_inverse(kind: int, rgb: Ints, triple: Ints) -> bool:
    """Find a triple of a colour around the inverse matrix's."""
    for which in range(27):
        y, c1, c2 = _near_inverse(kind, rgb[0], rgb[1], rgb[2], which)
        if _gives(kind, y, c1, c2, rgb[0], rgb[1], rgb[2]):
            triple[0], triple[1], triple[2] = y, c1, c2
            return True
    return False


@inner
def _search_around(kind: int, rgb: Ints, y: int, c1: int, c2: int, reach: int, triple: Ints) -> bool:
    """Find the triple of a colour that is nearest to (y, c1, c2), at most `reach` away in each."""
    nearest = 1 << 30
    for k in range((2 * reach + 1) ** 3):
        dy, d1, d2 = k // (2 * reach + 1) ** 2 - reach, k // (2 * reach + 1) % (2 * reach + 1), k % (2 * reach + 1)
        d1, d2 = d1 - reach, d2 - reach
        apart = dy * dy + d1 * d1 + d2 * d2
        if apart < nearest and _gives(kind, y + dy, c1 + d1, c2 + d2, rgb[0], rgb[1], rgb[2]):
            triple[0], triple[1], triple[2] = y + dy, c1 + d1, c2 + d2
            nearest = apart
    return nearest < 1 << 30


@inner
def _fit_pixel(kind: int, rgb: Ints, west: Ints, north: Ints, corner: Ints, triple: Ints) -> bool:
    """Find a pixel's triple; clipped colours prefer those of their neighbours."""
    clipped = min(rgb[0], rgb[1], rgb[2]) == 0 or max(rgb[0], rgb[1], rgb[2]) == 255
    if clipped:
        if _search_around(kind, rgb, west[0], west[1], west[2], 0, triple):
            return True
        if _search_around(kind, rgb, north[0], north[1], north[2], 0, triple):
            return True
        y, c1, c2 = west[0] + north[0] - corner[0], west[1] + north[1] - corner[1], west[2] + north[2] - corner[2]
        if _search_around(kind, rgb, y, c1, c2, 1, triple):
            return True
    if _search_inverse(kind, rgb, triple):
        return True
    return clipped and _search_around(kind, rgb, west[0], west[1], west[2], _REACH, triple)


@entry
def _fit(kind: int, rgb: Ints, triples: Ints, misses: npt.NDArray[np.uint8]) -> None:
    """Fit every pixel of rgb [H, W, 3]; a miss repeats a neighbour's triple."""
    for y in range(rgb.shape[0]):
        for x in range(rgb.shape[1]):
            west = triples[y, x - 1] if x else triples[max(y - 1, 0), x]
            north = triples[y - 1, x] if y else west
            corner = triples[y - 1, x - 1] if x and y else north
            if not _fit_pixel(kind, rgb[y, x], west, north, corner, triples[y, x]):
                misses[y, x] = 1
                for k in range(3):
                    triples[y, x, k] = west[k]


@entry
def _colours(kind: int, triples: Ints, rgb: Ints) -> None:
    """Fill the colours [N, 3] of triples [N, 3]."""
    for n in range(len(triples)):
        r, g, b = to_rgb(kind, triples[n, 0], triples[n, 1], triples[n, 2])
        rgb[n, 0], rgb[n, 1], rgb[n, 2] = _clip(r), _clip(g), _clip(b)


def colours(kind: int, triples: Ints) -> Ints:
    """Return the colours [..., 3], each 0 .. 255, of triples [..., 3] (Y, C1, C2)."""
    flat = np.ascontiguousarray(triples.reshape(-1, 3), np.int32)
    rgb = np.empty_like(flat)
    _colours(kind, flat, rgb)
    return rgb.reshape(triples.shape)


def fit(kind: int, rgb: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return triples [H, W, 3] of the colours [H, W, 3], and which pixels [H, W] are not on the lattice."""
    triples = np.zeros(rgb.shape, np.int32)
    misses = np.zeros(rgb.shape[:2], np.uint8)
    _fit(kind, np.ascontiguousarray(rgb, np.int32), triples, misses)
    return triples, misses.astype(np.bool_)


@entry
def _nearest(kind: int, rgb: Ints, reach: int, triples: Ints) -> None:
    for n in range(len(rgb)):
        y, c1, c2 = triples[n, 0], triples[n, 1], triples[n, 2]
        if not _search_around(kind, rgb[n], y, c1, c2, reach // 3, triples[n]):
            _search_around(kind, rgb[n], y, c1, c2, reach, triples[n])


def nearest(kind: int, rgb: Ints, triples: Ints) -> Ints:
    """Return the triples [N, 3] of colours [N, 3] that are nearest to given ones, or those where none is near."""
    found = triples.copy()
    _nearest(kind, rgb, _REACH, found)
    return found


def detect(rgb: Ints) -> int:
    """Return the kind of lattice that a picture [H, W, 3] is of, NONE for none; greys say nothing."""
    flat = rgb.reshape(-1, 3)
    lowest, highest = flat.min(1), flat.max(1)
    telling = np.flatnonzero((lowest > 0) & (highest < 255) & (highest - lowest > 4))
    if len(telling) < 256:
        return NONE
    trial = flat[telling[:: max(1, len(telling) // _TRIAL_PIXELS)]].reshape(1, -1, 3)
    for kind in KINDS:
        _, misses = fit(kind, trial)
        if misses.mean() < 1 - _SURE_SHARE:
            return kind
    return NONE
