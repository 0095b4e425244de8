"""The matching rules of Go's compress/flate (levels 4 to 9), as a predictor of the next token, compiled.

Lazy as zlib, but a later match is sought as if there were none before, and none is shorter than four bytes.
"""

from typing import Any

import numpy as np

from neuralzip.exact.compiled import inner
from neuralzip.media.deflate.chains import (
    BASE,
    CHAIN,
    DISTANCE,
    FOUND,
    LATER,
    LAZY_FROM,
    LENGTH,
    NICE,
    PENDING_AT,
    PENDING_DISTANCE,
    PENDING_LENGTH,
    TOO_FAR,
    hash_up_to,
    slide,
)
from neuralzip.media.deflate.stream import MAX_MATCH

_LEAST = 4


@inner
def _match_at(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int) -> Any:
    """Return the length of the match at a position, 0 for none; memory[FOUND] is where."""
    hash_up_to(data, size, head, chain, memory, position + 1)
    window, ahead = chain.size, size - position
    slide(memory, window, position)
    most, best, tries = min(MAX_MATCH, ahead), np.int64(_LEAST - 1), memory[CHAIN]
    back, place = np.int64(chain[position & (window - 1)]), np.int64(position)
    while ahead >= _LEAST and tries > 0 and back > 0 and place - back >= max(position - window, memory[BASE]):
        place -= back
        tries -= 1
        if data[place + best] == data[position + best]:
            run = np.int64(0)
            while run < most and data[place + run] == data[position + run]:
                run += 1
            if run > best and (run > _LEAST or position - place <= memory[TOO_FAR]):
                best, memory[FOUND] = run, place
                if run >= min(memory[NICE], ahead):
                    break
        if position - place == window:
            break
        back = np.int64(chain[place & (window - 1)])
    return best if best >= _LEAST else np.int64(0)


@inner
def predict_go(data: Any, size: int, head: Any, chain: Any, memory: Any, position: int) -> None:
    """Set memory[LENGTH] and memory[DISTANCE] to the next token; length 0 is a literal."""
    if memory[PENDING_AT] == position:
        length, distance = memory[PENDING_LENGTH], memory[PENDING_DISTANCE]
    else:
        length = _match_at(data, size, head, chain, memory, position)
        distance = position - memory[FOUND]
    memory[PENDING_AT] = -1
    if 0 < length < memory[LAZY_FROM] and size - position - 1 > length:
        later = _match_at(data, size, head, chain, memory, position + 1)
        memory[LATER] = later
        if later > length:
            memory[PENDING_AT], memory[PENDING_LENGTH] = position + 1, later
            memory[PENDING_DISTANCE] = position + 1 - memory[FOUND]
            length = np.int64(0)
    memory[LENGTH], memory[DISTANCE] = length, distance
