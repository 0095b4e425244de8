"""The byte codec decodes with a net: net and experts take turns, byte by byte, in one compiled loop."""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import entry
from neuralzip.experts.bits import BitCoder
from neuralzip.experts.byte_contexts import POSITION
from neuralzip.experts.byte_model import ByteModel, code_steps
from neuralzip.nets import char_rnn_step


@entry
def follow(
    model: ByteModel,
    coder: BitCoder,
    weights: char_rnn_step.Weights,
    net: char_rnn_step.Lanes,
    logits: npt.NDArray[np.int32],
    symbols: npt.NDArray[np.uint8],
    steps: int,
) -> None:
    """Decode the next `steps` bytes of every lane, the net always one byte behind.

    Args:
        model: the experts; decoded bytes are written into its text.
        coder: a decoder.
        weights: the net in tiles.
        net: where the net's lanes stand; moved on.
        logits: [L, 1, 256] int32, the net's logits of the next byte of every lane; moved on.
        symbols: [L, 1] room for the bytes of a step.
        steps: S.
    """
    state = model.lanes.state
    for _ in range(steps):
        code_steps(model, coder, 1, logits)
        for lane in range(len(state)):
            symbols[lane, 0] = model.text[max(state[lane, POSITION] - 1, 0)]
        char_rnn_step.read(weights, net, symbols, logits)
