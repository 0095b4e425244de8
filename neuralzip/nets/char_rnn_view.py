"""What the byte net sees of a text: the embedding rows that each byte completes; and the formats of its numbers.

B batch, T time.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry, inner

SYMBOLS = 256
ACT_BITS = 5
GATE_BITS = 10
STREAM_BITS = 8
RMS_FLOOR = 2.0**-4
HASH_MULTIPLIER = 2654435761


@inner
def hashed(key: int, bits: int) -> int:
    """Return the row of a 32-bit key in a table of 2**bits rows (multiplicative hashing)."""
    return ((key * HASH_MULTIPLIER) & 0xFFFFFFFF) >> (32 - bits)


@entry
def context_rows(
    symbols: npt.NDArray[np.uint8],
    history: npt.NDArray[np.uint32],
    rows: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> None:
    """Fill `out` [B, T, 5] with the embedding rows that each symbol of [B, T] completes; updates `history`.

    Args:
        symbols: [B, T] bytes.
        history: [B, 2] uint32, the last four bytes and the hash of the current word; zeros at a start.
        rows: [4] log2 of the rows of the hashed embeddings.
        out: [B, T, 5] row numbers: byte, two bytes, three bytes, four bytes, word.
    """
    for b in range(symbols.shape[0]):
        last, word = np.int64(history[b, 0]), np.int64(history[b, 1])
        for t in range(symbols.shape[1]):
            s = np.int64(symbols[b, t])
            last = ((last << 8) | s) & 0xFFFFFFFF
            letter = (97 <= (s | 32) <= 122) or s >= 128
            word = ((word + s + 1) * HASH_MULTIPLIER) & 0xFFFFFFFF if letter else np.int64(0)
            out[b, t, 0] = s
            out[b, t, 1] = hashed(last & 0xFFFF, rows[0])
            out[b, t, 2] = hashed(last & 0xFFFFFF, rows[1])
            out[b, t, 3] = hashed(last, rows[2])
            out[b, t, 4] = hashed(word ^ (word >> 15), rows[3])
        history[b, 0], history[b, 1] = last, word
