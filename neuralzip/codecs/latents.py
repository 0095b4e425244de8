"""Latents and samples on the bits-back stack: Gaussian posteriors, mixtures as priors and likelihoods.

N tiles, Z latents, B symbols.
"""

import math

import numpy as np
import numpy.typing as npt

from neuralzip.coding import gaussian
from neuralzip.coding.bitsback import Stack
from neuralzip.coding.freqs import nll_bits
from neuralzip.coding.mixtures import Mixtures, pop_rows
from neuralzip.coding.rans import Head, Words
from neuralzip.errors import CorruptError
from neuralzip.exact.compiled import entry
from neuralzip.nets.vae_exact import INVERSE_DEVIATIONS, MEAN_BITS, Gaussians

IntArray = npt.NDArray[np.int32]


@entry
def _pop_gaussians(words: Words, head: Head, means: IntArray, deviations: IntArray, values: IntArray) -> None:
    for n in range(values.shape[0]):
        for z in range(values.shape[1]):
            inverse = INVERSE_DEVIATIONS[deviations[n, z]]
            values[n, z] = gaussian.pop_exact(words, head, np.int64(means[n, z]), inverse)


@entry
def _push_gaussians(words: Words, head: Head, means: IntArray, deviations: IntArray, values: IntArray) -> bool:
    for n in range(values.shape[0] - 1, -1, -1):
        for z in range(values.shape[1] - 1, -1, -1):
            inverse = INVERSE_DEVIATIONS[deviations[n, z]]
            if not gaussian.push_exact(words, head, np.int64(values[n, z]), np.int64(means[n, z]), inverse):
                return False
    return True


def pop_gaussians(stack: Stack, gaussians: Gaussians) -> IntArray:
    """Return latents [N, Z] drawn with the stack's bits.

    Raises:
        ExhaustedError: the stack holds too few.
    """
    values = np.empty(gaussians.means.shape, np.int32)
    _pop_gaussians(stack.words, stack.head, *gaussians, values)
    return values


def push_gaussians(stack: Stack, gaussians: Gaussians, values: IntArray) -> None:
    """Give back the bits that drew latents [N, Z].

    Raises:
        CorruptError: these are never drawn.
    """
    stack.reserve(values.size)
    if not _push_gaussians(stack.words, stack.head, *gaussians, values):
        raise CorruptError("damaged: latents that no picture has")


def pop_mixtures(stack: Stack, mixtures: Mixtures) -> IntArray:
    """Return symbols [B] of distributions.

    Raises:
        ExhaustedError: the stack holds less.
    """
    symbols = np.empty(len(mixtures.means), np.int32)
    pop_rows(stack.words, stack.head, *mixtures, symbols)
    stack.check()
    return symbols


def push_mixtures(stack: Stack, mixtures: Mixtures, symbols: npt.NDArray[np.int32]) -> float:
    """Encode symbols [B]; return their ideal code length in bits."""
    starts, freqs = mixtures.intervals(symbols)
    stack.push_intervals(starts, freqs)
    return nll_bits(freqs)


def density_bits(gaussians: Gaussians, values: IntArray) -> float:
    """Return log2 of the density of latents [N, Z], summed (for reports only: floats)."""
    inverses = INVERSE_DEVIATIONS[gaussians.deviations] / 2.0**gaussian.INVERSE_BITS
    noise = (values - gaussians.means / 2.0**MEAN_BITS) * inverses
    constant = 0.5 * math.log2(2 * math.pi)
    return float((np.log2(inverses) - constant - noise**2 / 2 / math.log(2)).sum())
