"""What a colour tells of Y once Cb and Cr are known: one number, or less where the colour was clipped."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry
from neuralzip.experts.image_lattice import JFIF, to_rgb

Samples = npt.NDArray[np.uint8]


@entry
def _bounds(pixels: Samples, cb: Samples, cr: Samples, guess: Samples, low: Samples, high: Samples) -> None:
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            least, most, clipped = np.int64(0), np.int64(255), False
            offsets = to_rgb(JFIF, 0, np.int64(cb[y, x]) - 128, np.int64(cr[y, x]) - 128)
            for c in range(3):
                value = np.int64(pixels[y, x, c])
                if value > 0:
                    least = max(least, value - offsets[c])
                if value < 255:
                    most = min(most, value - offsets[c])
                clipped = clipped or value == 0 or value == 255
            if least <= most:
                low[y, x], high[y, x] = least, most
                guess[y, x] = min(max(np.int64(guess[y, x]), least), most)
            else:
                low[y, x], high[y, x] = 0, 255
                if not clipped:
                    guess[y, x] = guess[y, x - 1] if x else guess[max(y - 1, 0), x]


def luma_bounds(pixels: Samples, cb: Samples, cr: Samples, guess: Samples) -> tuple[Samples, Samples, Samples]:
    """Return (guess in bounds, lowest, highest) Y [H, W] of pixels [H, W, 3]; 0 and 255 where none fits."""
    guess, low, high = guess.copy(), np.empty_like(guess), np.empty_like(guess)
    _bounds(pixels, cb, cr, guess, low, high)
    return guess, low, high
