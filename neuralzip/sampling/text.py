"""Texts from the char-RNN, byte by byte: what its decoder makes of random bits, in integers throughout."""

import numpy as np

from neuralzip import zoo
from neuralzip.exact import softmax
from neuralzip.nets.char_rnn_int import IntCharRNN
from neuralzip.nets.char_rnn_step import LOGIT_BITS
from neuralzip.sampling import Request
from neuralzip.sampling.stack import random_stack

_PRECISION = 16
_REPORTED = 1 << 8


def make(model: zoo.Model, request: Request) -> bytes:
    """Return so many bytes; they need not be UTF-8 throughout."""
    net, stack = IntCharRNN(model, 1), random_stack(request.length, request.seed)
    logits, text = net.reset(0), bytearray()
    while len(text) < request.length:
        symbol = stack.pop_tables(softmax.to_freqs(logits, LOGIT_BITS, _PRECISION), _PRECISION)
        text += symbol.astype(np.uint8).tobytes()
        logits = net.step(symbol)
        if request.report is not None and len(text) % _REPORTED == 0:
            request.report(len(text), request.length)
    return bytes(text)
