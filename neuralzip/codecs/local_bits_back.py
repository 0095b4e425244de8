"""Local bits-back coding of affine couplings, sample by sample, in fixed point: see `codecs.flow`.

    grid of v   2**-7 grey levels      grid of z   2**-12
    f(v)        ((v - t) << 8) / w     in 2**-8 bins of z
    f^-1(z)     t + z w                in 2**-8 bins of v

N samples.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.coding import gaussian
from neuralzip.coding.bitsback import Stack, drop, pop_bits, push_bits
from neuralzip.coding.mixtures import Mixtures
from neuralzip.coding.rans import Head, Words, peek, push
from neuralzip.errors import CorruptError
from neuralzip.exact import logistic
from neuralzip.exact.compiled import entry, inner
from neuralzip.nets.realnvp import (
    INVERSE_WIDTHS,
    NARROWEST,
    OUTLIER_SCALE,
    OUTLIER_SHARE,
    TRANSLATION_BITS,
    WIDTH_BITS,
    WIDTH_STEPS,
    WIDTHS,
)

IntArray = npt.NDArray[np.int32]

SAMPLE_GRID = 7
LATENT_GRID = 12
NOISE_BINS = 4
"""Deviation of the noise of v: 1/32 grey level (16 bins cost 0.3 % on smooth pictures, whose w are small)."""
_LOW_BITS = 9
_ALPHABET = 17 << 10
"""Symbols of the base density: 1/8 wide, so that their least frequencies cost 0.0015 bits in all."""
_MEAN_BITS = 1
_PUSHES = 5
_NOISE_INVERSE = (1 << gaussian.INVERSE_BITS) // NOISE_BINS
_T_SHIFT = SAMPLE_GRID + gaussian.MEAN_BITS - TRANSLATION_BITS
_F_SHIFT = SAMPLE_GRID + WIDTH_BITS - LATENT_GRID
_G_SHIFT = LATENT_GRID + WIDTH_BITS - SAMPLE_GRID - gaussian.MEAN_BITS
# Deviation of z in its bins: NOISE_BINS 2**(LATENT_GRID - SAMPLE_GRID) / w.
_Z_SHIFT = gaussian.INVERSE_BITS - WIDTH_BITS - (LATENT_GRID - SAMPLE_GRID) - NOISE_BINS.bit_length() + 1
_STEP = 1 << (LATENT_GRID - _LOW_BITS)
_BASE_MEANS = np.full(2, (_ALPHABET << (_MEAN_BITS - 1)) - (1 << (_MEAN_BITS - 1)), np.int32)
_BASE_INVERSES = np.array([(1 << 24) // _STEP, (1 << 24) // (_STEP * int(OUTLIER_SCALE))], np.int32)
_BASE_WEIGHTS = np.array([65536 - int(65536 * OUTLIER_SHARE), int(65536 * OUTLIER_SHARE)], np.int32)


@inner
def _forward(v: int, translation: int, width: int) -> int:
    """Return f(v) in 2**-8 bins of z."""
    moved = (np.int64(v) << gaussian.MEAN_BITS) - (np.int64(translation) << _T_SHIFT)
    return int((moved * INVERSE_WIDTHS[width]) >> _F_SHIFT)


@inner
def _inverse(z: int, translation: int, width: int) -> int:
    """Return f^-1(z) in 2**-8 bins of v."""
    return int((np.int64(translation) << _T_SHIFT) + ((np.int64(z) * WIDTHS[width]) >> _G_SHIFT))


@inner
def _push_base(words: Words, head: Head, z: int) -> bool:
    push_bits(words, head, z & ((1 << _LOW_BITS) - 1), _LOW_BITS)
    symbol = (z >> _LOW_BITS) + _ALPHABET // 2
    if not 0 <= symbol < _ALPHABET:
        return False
    start = logistic.start_of(symbol, _BASE_MEANS, _BASE_INVERSES, _BASE_WEIGHTS, _MEAN_BITS, _ALPHABET)
    end = logistic.start_of(symbol + 1, _BASE_MEANS, _BASE_INVERSES, _BASE_WEIGHTS, _MEAN_BITS, _ALPHABET)
    push(words, head, start, end - start)
    return True


@inner
def _pop_base(words: Words, head: Head) -> int:
    symbol, start, freq = logistic.find(
        peek(head), _BASE_MEANS, _BASE_INVERSES, _BASE_WEIGHTS, _MEAN_BITS, _ALPHABET
    )
    drop(words, head, start, freq)
    return ((symbol - _ALPHABET // 2) << _LOW_BITS) | pop_bits(words, head, _LOW_BITS)


@entry
def _encode(
    words: Words, head: Head, samples: IntArray, translations: IntArray, widths: IntArray, latents: IntArray
) -> bool:
    """Encode samples [N], last first; set latents to f(v) in 2**-20. False where one cannot be coded."""
    for n in range(len(samples) - 1, -1, -1):
        translation, width = translations[n], widths[n]
        v = (np.int64(samples[n]) << SAMPLE_GRID) | pop_bits(words, head, SAMPLE_GRID)
        latents[n] = _forward(v, translation, width)
        z = gaussian.pop_exact(words, head, np.int64(latents[n]), WIDTHS[width] << _Z_SHIFT)
        if not gaussian.push_padded(words, head, v, _inverse(z, translation, width), _NOISE_INVERSE):
            return False
        if not _push_base(words, head, z):
            return False
    return True


@entry
def _decode(words: Words, head: Head, samples: IntArray, translations: IntArray, widths: IntArray) -> bool:
    """Decode samples [N], first first. False where the stack was not written by `_encode`."""
    for n in range(len(samples)):
        translation, width = translations[n], widths[n]
        z = _pop_base(words, head)
        v = gaussian.pop_padded(words, head, _inverse(z, translation, width), _NOISE_INVERSE)
        mean = _forward(v, translation, width)
        if not 0 <= v >> SAMPLE_GRID < 256:
            return False
        if not gaussian.push_exact(words, head, z, mean, WIDTHS[width] << _Z_SHIFT):
            return False
        push_bits(words, head, v & ((1 << SAMPLE_GRID) - 1), SAMPLE_GRID)
        samples[n] = v >> SAMPLE_GRID
    return True


def encode(stack: Stack, samples: IntArray, translations: IntArray, widths: IntArray) -> float:
    """Encode samples [N] under their couplings; return the model's own code length in bits.

    Raises:
        ExhaustedError: the stack held too little to begin with.
        ValueError: a coupling carries a sample out of the latents' range.
    """
    stack.reserve(_PUSHES * len(samples))
    latents = np.empty(len(samples), np.int32)
    columns = [np.ascontiguousarray(part) for part in (samples, translations, widths)]
    if not _encode(stack.words, stack.head, *columns, latents):
        raise ValueError("a sample lies outside the range of its coupling")
    return _code_length(latents / 2.0 ** (LATENT_GRID + gaussian.MEAN_BITS), widths)


def decode(stack: Stack, translations: IntArray, widths: IntArray) -> IntArray:
    """Return the samples [N] that `encode` encoded under these couplings.

    Raises:
        CorruptError: nothing was encoded like this.
        ExhaustedError: the same.
    """
    stack.reserve(_PUSHES * len(translations))
    samples = np.empty(len(translations), np.int32)
    columns = [np.ascontiguousarray(part) for part in (translations, widths)]
    if not _decode(stack.words, stack.head, samples, *columns):
        raise CorruptError("damaged: latents that no picture has")
    return samples


def plain(translations: IntArray, widths: IntArray) -> Mixtures:
    """Return the distribution of samples [N] under their couplings, for coding without bits-back.

    A sample x stands for the density from x to x + 1, so that a mixture's symbol, which is centred, lies half a
    grey level higher.
    """
    count, bits = len(translations), TRANSLATION_BITS
    means = np.repeat((translations - (1 << (bits - 1)))[:, None], len(_BASE_WEIGHTS), axis=1)
    narrow = INVERSE_WIDTHS[widths] << (logistic.INVERSE_BITS - WIDTH_BITS)
    inverses = np.stack([narrow, narrow // int(OUTLIER_SCALE)], 1)
    return Mixtures(means, inverses.astype(np.int32), np.tile(_BASE_WEIGHTS, (count, 1)), bits, 256)


def _code_length(z: npt.NDArray[np.float64], widths: IntArray) -> float:
    """Return the sum of -log2 of the density at the dequantised samples, in bits (for reports only: floats)."""

    def logistic_density(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        tail = np.exp(-np.abs(x))
        return np.asarray(tail / (1 + tail) ** 2)

    density = (1 - OUTLIER_SHARE) * logistic_density(z)
    density += OUTLIER_SHARE / OUTLIER_SCALE * logistic_density(z / OUTLIER_SCALE)
    return float((widths / WIDTH_STEPS - NARROWEST - np.log2(density)).sum())
