"""The byte codec: any bytes, mixed from online experts and, where it is installed and wanted, a char-RNN.

A block is cut into lanes that are decoded side by side, so that the net sees a batch at each time step; the
experts see all lanes. The coder is flushed every FLUSH_BYTES bytes, which bounds the encoder's memory at four bytes' cost.

Parameters of a block: loop version, net flag, kind (the net's initial state), lanes (varint). Payload: for every
flush, the size of its words in bytes (varint), then the words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.codecs.base import Block, Options
from neuralzip.container.layout import varint
from neuralzip.errors import CorruptError, ModelError
from neuralzip.experts import bits
from neuralzip.experts.byte_contexts import POSITION, START
from neuralzip.experts.byte_model import ByteModel, Learned, code_steps, new_model

LOOP_VERSION = 1
FLUSH_BYTES = 1 << 18
MAX_BLOCK_BYTES = 1 << 24
MAX_LANES = 256
EXPERTS = "bytes-experts"
NETS = {"small": "text-small", "base": "text-base", "large": "text-large"}
DEFAULT = "base"
_STEP_BYTES = 1 << 14
"""Bytes in all lanes between two reports of progress, and at most so many rows of logits at once."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What both directions have to agree on.

    Attributes:
        kind: the net's initial state.
        lanes: number of lanes.
        models: identities of the experts' start and, with a net, of the net.
    """

    kind: int
    lanes: int
    models: tuple[bytes, ...]

    def to_params(self) -> bytes:
        """Return the block's parameters."""
        return bytes([LOOP_VERSION, len(self.models) - 1, self.kind]) + varint(self.lanes)


class Net(Protocol):
    """Logits of the next byte of every lane; state moves on by the bytes shown."""

    def first(self) -> npt.NDArray[np.int32]:
        """Return [L, 256] logits before any byte."""
        ...

    def step(self, symbols: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        """Return [L, 256] logits after one more byte of each lane."""
        ...


class Bytes:
    """Any bytes, by the byte model."""

    name = "bytes"
    id = 2

    def claims(self, head: bytes, options: Options) -> bool:
        """Take everything, unless the user chose the model of another codec."""
        return options.model in (None, "fast", *NETS)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield one block for every MAX_BLOCK_BYTES of the file."""
        while data := file.read(MAX_BLOCK_BYTES):
            yield encode(data, options)

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the block's bytes."""
        return decode(block, options)


def encode(data: bytes, options: Options) -> Block:
    """Return `data` (1 .. MAX_BLOCK_BYTES bytes) as one block."""
    setup = _setup(len(data), options)
    model = _model(np.frombuffer(data, np.uint8).copy(), setup)
    lanes = setup.lanes
    coder = bits.encoder(8 * (min(len(data), FLUSH_BYTES) + lanes))
    payload, nll = bytearray(), 0.0
    for steps in _flushes(len(data), lanes):
        _run(model, coder, steps, options)
        nll += bits.logged_bits(coder)
        words = bits.finish(coder)
        payload += varint(len(words)) + words
    return Block(Bytes.name, setup.to_params(), bytes(payload), len(data), setup.models, nll)


def decode(block: Block, options: Options) -> bytes:
    """Return the bytes of a block that `encode` made; raise CorruptError for any other."""
    setup = _parse(block)
    model = _model(np.zeros(block.raw_size, np.uint8), setup)
    place = 0
    for steps in _flushes(block.raw_size, setup.lanes):
        size, place = read_varint(block.payload, place)
        if size > len(block.payload) - place:
            raise CorruptError("damaged: a byte block's words run over its end")
        coder = bits.decoder(block.payload[place : place + size])
        place += size
        _run(model, coder, steps, options)
        if not bits.is_exhausted(coder):
            raise CorruptError("damaged: a byte block's words do not come out even")
    if place != len(block.payload):
        raise CorruptError("damaged: a byte block has bytes after its last words")
    return model.text.tobytes()


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Return (value, place after it) of a LEB128 number."""
    value = shift = 0
    while place < len(data) and shift < 63:
        value |= (data[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if data[place - 1] < 0x80:
            return value, place
    raise CorruptError("damaged: a number in a byte block has no end")


def _setup(size: int, options: Options) -> Setup:
    experts = zoo.load(EXPERTS)
    return Setup(0, 1, (experts.identity,))


def _parse(block: Block) -> Setup:
    if len(block.params) < 4 or block.params[0] != LOOP_VERSION or not 0 < block.raw_size <= MAX_BLOCK_BYTES:
        raise CorruptError("damaged: a byte block's parameters are unknown to this release")
    lanes, end = read_varint(block.params, 3)
    if end != len(block.params) or not 0 < lanes <= MAX_LANES or block.params[1] != len(block.models) - 1:
        raise CorruptError("damaged: a byte block's parameters do not fit together")
    return Setup(block.params[2], lanes, block.models)


def _model(text: npt.NDArray[np.uint8], setup: Setup) -> ByteModel:
    size, lanes = len(text), setup.lanes
    bounds = np.array([lane * size // lanes for lane in range(lanes + 1)], np.int64)
    arrays = zoo.load_identity(setup.models[0]).arrays
    try:
        start = Learned(**{name: arrays[name] for name in Learned._fields})
    except KeyError as error:
        raise ModelError(f"weights {setup.models[0].hex()} are not those of the byte experts") from error
    return new_model(text, bounds, start)


def _flushes(size: int, lanes: int) -> Iterator[int]:
    """Yield the numbers of time steps between flushes."""
    steps, each = -(-size // lanes), max(FLUSH_BYTES // lanes, 1)
    for start in range(0, steps, each):
        yield min(each, steps - start)


def _run(model: ByteModel, coder: bits.BitCoder, steps: int, options: Options) -> None:
    nothing = np.zeros((0, 1, 256), np.int32)
    size, each = len(model.text), max(_STEP_BYTES // len(model.lanes.state), 1)
    for start in range(0, steps, each):
        code_steps(model, coder, min(each, steps - start), nothing)
        if options.progress is not None:
            done = int((model.lanes.state[:, POSITION] - model.lanes.state[:, START]).sum())
            options.progress(min(done, size), size)
