"""Random bits as a stack: decoding them is sampling."""

import numpy as np

from neuralzip.coding.rans import Decoder


def random_stack(symbols: int, seed: int) -> Decoder:
    """Return a stack of random words that lasts for so many symbols."""
    words = np.random.default_rng(seed).integers(1, 1 << 32, symbols + 2, dtype=np.uint32)
    return Decoder(words.astype("<u4").tobytes())
