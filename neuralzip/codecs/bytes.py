"""The byte codec: any bytes, mixed from online experts and, where it is installed and wanted, a char-RNN.

A block is cut into lanes that are decoded side by side, so that the net sees a batch at each time step; the
experts see all lanes. The coder is flushed every FLUSH_BYTES bytes, which bounds the encoder's memory
at the cost of some four bytes.

Parameters of a block: loop version, net flag, kind (the net's initial state), learning rate, lanes (varint).
Payload: for every flush, the size of its words in bytes (varint), then the words.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.codecs.ahead import ahead
from neuralzip.codecs.base import Block, Options
from neuralzip.container.fields import FieldReader, FieldWriter, varint
from neuralzip.errors import CorruptError, ModelError
from neuralzip.experts import bits
from neuralzip.experts.byte_contexts import POSITION, START
from neuralzip.experts.byte_model import RATE, ByteModel, code_steps, new_model
from neuralzip.experts.byte_prior import unpack
from neuralzip.experts.primer import new_primer

if TYPE_CHECKING:
    from neuralzip.nets.char_rnn_guide import Guide

LOOP_VERSION = 1
FLUSH_BYTES = 1 << 18
MAX_BLOCK_BYTES = 1 << 24
MAX_LANES = 256
FAST = "fast"
NETS = {"small": "text-small", "base": "text-base", "large": "text-large"}
EXPERTS = {FAST: "bytes-fast", "small": "bytes-small", "base": "bytes-base", "large": "bytes-large"}
PRIMER = "bytes-primer"
_PLAIN_MODELS = 2
PREFERRED = ("small", "base")
"""Presets in the order of preference where the user chose none: `base` takes half as long again
to decode, twice as long to encode, for half a per cent."""
ALONE_BYTES = 160_000
"""Up to here all presets are tried and a net has a single lane; beyond, a sample decides and it has more."""
WIDE_BYTES = 4_000_000
"""From here on it has four: large files take long, and lose less by it."""
BINARY_RATE = 20
"""Learning rate for data that is no text."""
MAX_RATE = 64
_BINARY_SHARE = 1 / 32
"""So many control characters no text has."""
PROBE_BYTES = 1 << 15
"""Bytes of that sample."""
SYMBOLS = 256
_STEP_BYTES = 1 << 12
"""Bytes in all lanes between two reports of progress, and at most so many rows of logits at once."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What both directions have to agree on.

    Attributes:
        kind: the net's initial state.
        rate: the mixer's learning rate in 2**-12.
        lanes: number of lanes.
        models: identities of the experts' start, of the primer and, with a net, of the net.
    """

    kind: int
    rate: int
    lanes: int
    models: tuple[bytes, ...]

    def to_params(self) -> bytes:
        """Return the block's parameters."""
        net = len(self.models) - _PLAIN_MODELS
        return bytes([LOOP_VERSION, net, self.kind, self.rate]) + varint(self.lanes)


class Bytes:
    """Any bytes, by the byte model."""

    name = "bytes"
    id = 2

    def claims(self, head: bytes, options: Options) -> bool:
        """Take everything, unless the user chose the model of another codec."""
        return options.model in (None, *EXPERTS)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield one block for every MAX_BLOCK_BYTES of the file."""
        while data := file.read(MAX_BLOCK_BYTES):
            yield encode(data, options)

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the block's bytes."""
        return decode(block, options)


def encode(data: bytes, options: Options) -> Block:
    """Return `data` (1 .. MAX_BLOCK_BYTES bytes) as one block, by the best of the presets worth trying."""
    presets = _presets(options)
    if len(presets) > 1 and len(data) > ALONE_BYTES:
        sample = data[len(data) // 2 :][:PROBE_BYTES]
        presets = (_smallest(sample, presets, replace(options, progress=None))[0],)
    return _smallest(data, presets, options)[1]


def _smallest(data: bytes, presets: tuple[str, ...], options: Options) -> tuple[str, Block]:
    """Return the preset that makes the smallest block, and the block; the first one reports progress."""
    best = presets[0], _encode(data, presets[0], options)
    for preset in presets[1:]:
        block = _encode(data, preset, replace(options, progress=None))
        if _cost(block) < _cost(best[1]):
            best = preset, block
    return best


def _cost(block: Block) -> int:
    """Return the bytes of a block that differ between presets."""
    return len(block.payload) + sum(map(len, block.models))


def _encode(data: bytes, preset: str, options: Options) -> Block:
    setup = _setup(data, preset)
    model = _model(np.frombuffer(data, np.uint8).copy(), setup)
    coder = bits.encoder(8 * (min(len(data), FLUSH_BYTES) + setup.lanes))
    guide = _guide(setup, options)
    payload, nll = FieldWriter(), 0.0
    for steps in _flushes(len(data), setup.lanes):
        _run(model, coder, guide, steps, options)
        nll += bits.logged_bits(coder)
        payload.string(bits.finish(coder))
    return Block(Bytes.name, setup.to_params(), bytes(payload), len(data), setup.models, nll)


def decode(block: Block, options: Options) -> bytes:
    """Return the bytes of a block that `encode` made; raise CorruptError for any other."""
    setup = _parse(block)
    model = _model(np.zeros(block.raw_size, np.uint8), setup)
    guide = _guide(setup, options)
    payload = FieldReader(block.payload, "a byte block")
    for steps in _flushes(block.raw_size, setup.lanes):
        coder = bits.decoder(payload.string())
        _run(model, coder, guide, steps, options)
        if not bits.is_exhausted(coder):
            raise CorruptError("damaged: a byte block's words do not come out even")
    payload.finish()
    return model.text.tobytes()


def _presets(options: Options) -> tuple[str, ...]:
    """Return the presets to try: the user's, or the best net that is installed and none."""
    if options.model is not None:
        return (options.model,)
    installed = {name for name, _ in zoo.model_files()}
    nets = [preset for preset in PREFERRED if {NETS[preset], EXPERTS[preset]} <= installed]
    return (*nets[:1], FAST)


def _setup(data: bytes, preset: str) -> Setup:
    models = (zoo.load(EXPERTS[preset]).identity, zoo.load(PRIMER).identity)
    if preset == FAST:
        return Setup(0, _rate(data), 1, models)
    from neuralzip.nets.char_rnn_guide import best_kind

    net = zoo.load(NETS[preset])
    return Setup(best_kind(net, data), _rate(data), _lane_count(len(data)), (*models, net.identity))


def _rate(data: bytes) -> int:
    """Return the learning rate that suits the data: the mixer follows a binary format faster than a language."""
    sample = np.frombuffer(data[:PROBE_BYTES], np.uint8)
    controls = (sample < ord(" ")) & ~np.isin(sample, np.frombuffer(b"\t\n\f\r\x1b", np.uint8))
    return BINARY_RATE if controls.mean() > _BINARY_SHARE else RATE


def _lane_count(size: int) -> int:
    """Return how many lanes a net gets: each doubling saves time in decoding, and costs about 1 % of the bits."""
    if size <= ALONE_BYTES:
        return 1
    return 2 if size < WIDE_BYTES else 4


def _guide(setup: Setup, options: Options) -> "Guide | None":
    if len(setup.models) == _PLAIN_MODELS:
        return None
    from neuralzip.nets.char_rnn_guide import Guide  # torch: only where a net is used

    # On the CPU unless asked otherwise: the compiled net beats a round trip to a GPU at every step.
    device = "cuda" if options.device == "cuda" else "cpu"
    return Guide(zoo.load_identity(setup.models[_PLAIN_MODELS]), setup.lanes, setup.kind, device)


def _parse(block: Block) -> Setup:
    if len(block.params) < 5 or block.params[0] != LOOP_VERSION or not 0 < block.raw_size <= MAX_BLOCK_BYTES:
        raise CorruptError("damaged: a byte block's parameters are unknown to this release")
    params = FieldReader(block.params, "a byte block's parameters", 4)
    lanes = params.number(MAX_LANES)
    params.finish()
    nets = len(block.models) - _PLAIN_MODELS
    if not lanes or nets not in (0, 1) or block.params[1] != nets or not 0 < block.params[3] <= MAX_RATE:
        raise CorruptError("damaged: a byte block's parameters do not fit together")
    return Setup(block.params[2], block.params[3], lanes, block.models)


def _model(text: npt.NDArray[np.uint8], setup: Setup) -> ByteModel:
    size, lanes = len(text), setup.lanes
    bounds = np.array([lane * size // lanes for lane in range(lanes + 1)], np.int64)
    start, known = (zoo.load_identity(identity).arrays for identity in setup.models[:_PLAIN_MODELS])
    try:
        return new_model(text, bounds, unpack(start), new_primer(known), setup.rate)
    except (KeyError, ValueError) as error:
        names = " and ".join(identity.hex() for identity in setup.models[:_PLAIN_MODELS])
        raise ModelError(f"weights {names} are not those of the byte experts and their primer") from error


def _flushes(size: int, lanes: int) -> Iterator[int]:
    """Yield the numbers of time steps between flushes."""
    steps, each = -(-size // lanes), max(FLUSH_BYTES // lanes, 1)
    for start in range(0, steps, each):
        yield min(each, steps - start)


def _run(model: ByteModel, coder: bits.BitCoder, guide: "Guide | None", steps: int, options: Options) -> None:
    """Code so many steps of all lanes and report progress."""
    size, lanes = len(model.text), len(model.lanes.state)
    each = max(_STEP_BYTES // lanes, 1)
    counts = [min(each, steps - start) for start in range(0, steps, each)]
    if guide is None:
        parts: Iterator[None] = _alone(model, coder, counts)
    elif coder.decoding:
        parts = _followed(model, coder, guide, counts, options)
    else:
        parts = _guided(model, coder, guide, counts, options)
    for _ in parts:
        if options.progress is not None:
            done = int((model.lanes.state[:, POSITION] - model.lanes.state[:, START]).sum())
            options.progress(min(done, size), size)


def _alone(model: ByteModel, coder: bits.BitCoder, counts: list[int]) -> Iterator[None]:
    """Code without a net; yields after each of the counted parts."""
    for count in counts:
        code_steps(model, coder, count, np.zeros((0, count, SYMBOLS), np.int32))
        yield


def _guided(
    model: ByteModel, coder: bits.BitCoder, guide: "Guide", counts: list[int], options: Options
) -> Iterator[None]:
    """Encode with the net one part ahead of the experts."""
    places = model.lanes.state[:, POSITION, None].copy()

    def logits() -> Iterator[npt.NDArray[np.int32]]:
        at = 0
        for count in counts:  # past a lane's end: whatever follows there
            columns = np.minimum(places + np.arange(at, at + count), len(model.text) - 1)
            yield guide.foresee(model.text[columns])
            at += count

    for part in ahead(logits(), options.threads):
        code_steps(model, coder, part.shape[1], part)
        yield


def _followed(
    model: ByteModel, coder: bits.BitCoder, guide: "Guide", counts: list[int], options: Options
) -> Iterator[None]:
    """Decode with the net one byte behind."""
    from neuralzip.codecs.bytes_follow import Follower

    with ThreadPoolExecutor(1) as pool:
        follow = Follower(model, guide.net.tiles, guide.net.at, guide.next[:, None], options.threads, pool)
        for count in counts:
            if guide.net.plain is None:
                follow(coder, count)
            else:
                _follow_plainly(model, coder, guide, count)
            yield


def _follow_plainly(model: ByteModel, coder: bits.BitCoder, guide: "Guide", steps: int) -> None:
    """Do what `follow` does with a net that is not compiled, as on a GPU."""
    for _ in range(steps):
        places = model.lanes.state[:, POSITION].copy()
        code_steps(model, coder, 1, guide.next[:, None])
        guide.reveal(model.text[np.minimum(places, len(model.text) - 1)])
