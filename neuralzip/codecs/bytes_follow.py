"""The byte codec decodes with a net: net and experts take turns, byte by byte, in one compiled loop.

A core cannot keep the net's weights in its own cache between two bytes, and reading them from further away takes
most of the time. Two threads share them, so that each reads half; the experts' turn is the first one's alone.
"""

import time
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from neuralzip.codecs.base import cores
from neuralzip.exact.compiled import entry
from neuralzip.exact.team import POSSIBLE, Team, new_team
from neuralzip.experts.bits import BitCoder
from neuralzip.experts.byte_contexts import POSITION
from neuralzip.experts.byte_model import ByteModel, code_steps
from neuralzip.nets.char_rnn_step import Lanes, Weights, assist, is_shareable, read, with_own_stream

_TURNS = 16
"""Turns between two trials of the slower way."""
_TRIAL_STEPS, _TURN_STEPS = 128, 512
"""Steps of a turn: a way that other work has made slow is left soon, and tried for a moment only."""


@entry
def _follow(
    model: ByteModel,
    coder: BitCoder,
    weights: Weights,
    net: Lanes,
    logits: npt.NDArray[np.int32],
    symbols: npt.NDArray[np.uint8],
    steps: int,
    team: Team,
) -> None:
    """Decode the next `steps` bytes of every lane, the net always one byte behind."""
    state = model.lanes.state
    for _ in range(steps):
        code_steps(model, coder, 1, logits)
        for lane in range(len(state)):
            symbols[lane, 0] = model.text[max(state[lane, POSITION] - 1, 0)]
        read(weights, net, symbols, logits, team)


class Follower:
    """Decodes bytes of every lane beside a net, alone or in two threads, whichever turns out to be faster.

    Two threads that wait for each other many times a byte are slower than one where other work wants the cores.

    Args:
        model: the experts; decoded bytes are written into its text.
        weights: the net in tiles.
        net: where the net's L lanes stand; moved on.
        logits: [L, 1, 256] int32, the net's logits of the next byte of every lane; moved on.
        threads: 1 to stay in the calling thread.
        pool: has the other thread.
    """

    def __init__(
        self,
        model: ByteModel,
        weights: Weights,
        net: Lanes,
        logits: npt.NDArray[np.int32],
        threads: int | None,
        pool: Executor,
    ) -> None:
        self.state = (model, weights, net, logits, np.zeros((len(logits), 1), np.uint8))
        self.pool = pool
        both = POSSIBLE and cores(threads) > 1 and is_shareable(weights)
        self.ways = (1, 2) if both else (1,)
        self.seconds = dict.fromkeys(self.ways, 0.0)
        self.turns = 0

    def __call__(self, coder: BitCoder, steps: int) -> None:
        """Decode the next `steps` bytes of every lane from a coder."""
        while steps:
            turn = self.turns % _TURNS
            trial = turn < len(self.ways)
            members = self.ways[turn] if trial else min(self.ways, key=self.seconds.__getitem__)
            some = min(steps, _TRIAL_STEPS if trial else _TURN_STEPS)
            begin = time.perf_counter()
            self._decode(coder, some, members)
            self.seconds[members] = (time.perf_counter() - begin) / some
            self.turns += 1
            steps -= some

    def _decode(self, coder: BitCoder, steps: int, members: int) -> None:
        model, weights, net, logits, symbols = self.state
        first, *others = new_team(members)
        if not others:
            _follow(model, coder, weights, net, logits, symbols, steps, first)
            return
        own = with_own_stream(net)
        # Compiled before anyone waits for it: a member that cannot come would be waited for forever.
        assist(weights, own, 0, others[0])
        _follow(model, coder, weights, net, logits, symbols, 0, first)
        done = self.pool.submit(assist, weights, own, steps, others[0])
        _follow(model, coder, weights, net, logits, symbols, steps, first)
        done.result()
