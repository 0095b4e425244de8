"""One block of a recording <-> its parameters and payload.

    params   version, encoding, width, channels, code, preset, frames, sizes of packed prefix and suffix, size of
             the rest where there is one
    payload  packed prefix | packed suffix | rest | for each group of channels: its head and its segments
    group    flags, shift, size of the packed value map, the map | where flags say so, size and packed numbers of
             zero bits | for each segment: size, rANS stream

The rest is what samples leave over: a gain, the low bits of floats, the choices of a FLAC encoder. Samples of a
group are divided by 2**shift; where few of the values in their range occur (scaled or requantised recordings),
they become ranks among those that do, and the map says which.
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neuralzip import zoo
from neuralzip.codecs import audio_loop, audio_prefix, audio_values, side
from neuralzip.codecs.audio_loop import Model
from neuralzip.codecs.base import Block
from neuralzip.errors import CorruptError, ModelError
from neuralzip.experts import audio_bank, audio_prior
from neuralzip.media.audio import pcm
from neuralzip.media.audio.flac import stream
from neuralzip.media.audio.layout import ENCODINGS, Layout, checked
from neuralzip.media.audio.pcm import Taken
from neuralzip.nets import wavenet_exact

Samples = npt.NDArray[np.int32]

VERSION = 1
BASE, FAST, PLAIN, JOINT = range(4)
"""What a block is coded with: PLAIN is BASE without weights; with JOINT, mixing hears the WaveNet too."""
PRIOR_ID, NET_ID = "audio-base", "audio-wavenet"
MODEL_IDS: dict[int, tuple[str, ...]] = {BASE: (PRIOR_ID,), FAST: (), PLAIN: (), JOINT: (NET_ID,)}
"""The weights of each preset. JOINT has no learnt start of mixing: beside the net it gained 0.01 %."""
_SETTINGS = (
    Model(audio_bank.BASE),
    Model(audio_bank.FAST, light=True),
    Model(audio_bank.BASE),
    Model(audio_bank.RICH),
)
_PARAMS = struct.Struct("<BBBBBBIII")
_GROUP = struct.Struct("<BBI")
_SIZE = struct.Struct("<I")
_SWAPPED, _MAPPED, _ZEROS = 1, 2, 4
_BIG_ENDIAN = 8
_EXCERPT_FRAMES = 1 << 13


@dataclass(frozen=True, slots=True)
class Piece:
    """What a block holds.

    Attributes:
        layout: how samples are written; for FLAC, its width is the bits of a sample.
        prefix: bytes before the samples.
        body: whole frames.
        suffix: bytes after them.
        taken: the frames taken apart, where that is done already.
    """

    layout: Layout
    prefix: bytes
    body: bytes
    suffix: bytes
    taken: Taken | None = None


def default_preset() -> int:
    """Return the best preset whose weights are installed: JOINT, BASE or PLAIN."""
    return next(preset for preset in (JOINT, BASE, PLAIN) if _installed(preset))


def preset_of(name: str | None) -> int:
    """Return the preset of a model's name; None, and names of no audio model, for the default."""
    chosen = {"fast": FAST, "base": BASE}.get(name or "")
    return default_preset() if chosen is None or not _installed(chosen) else chosen


def _installed(preset: int) -> bool:
    try:
        return all(zoo.load(name) for name in MODEL_IDS[preset])
    except ModelError:
        return False


def _model(preset: int, models: tuple[bytes, ...]) -> Model:
    """Return what a block is coded with.

    Raises:
        ModelError: weights are not installed.
    """
    model = _SETTINGS[preset]
    if preset == JOINT:
        return model._replace(net=wavenet_exact.gather(zoo.load_identity(models[0])))
    if preset == BASE:
        return model._replace(prior=audio_prior.unpack(zoo.load_identity(models[0]).arrays))
    return model


def taken(piece: Piece) -> Taken:
    """Return the samples of a piece and what they leave over."""
    return piece.taken or pcm.to_samples(piece.body, piece.layout)


def encode(piece: Piece, preset: int) -> Block:
    """Return the block of a piece under a preset."""
    layout = piece.layout
    samples, code, rest = taken(piece)
    prefix, suffix = audio_prefix.pack(piece.prefix, layout, len(piece.body)), side.pack(piece.suffix)
    models = tuple(zoo.load(name).identity for name in MODEL_IDS[preset])
    model = _model(preset, models)
    groups = [_encode_group(samples[c : c + 2], model) for c in range(0, layout.channels, 2)]
    kind = ENCODINGS.index(layout.encoding) | _BIG_ENDIAN * layout.big_endian
    params = _PARAMS.pack(
        VERSION, kind, layout.width, layout.channels, code, preset, samples.shape[1], len(prefix), len(suffix)
    )
    if rest:
        params += _SIZE.pack(len(rest))
    raw_size = len(piece.prefix) + len(piece.body) + len(piece.suffix)
    payload = b"".join([prefix, suffix, rest, *(data for data, _ in groups)])
    plain = 8 * (len(payload) - sum(len(data) for data, _ in groups))
    return Block("audio", params, payload, raw_size, models, plain + sum(nll_bits for _, nll_bits in groups))


def decode(block: Block) -> bytes:
    """Return the bytes of a block.

    Raises:
        CorruptError: impossible parameters or payload.
    """
    if len(block.params) not in (_PARAMS.size, _PARAMS.size + _SIZE.size) or block.params[0] != VERSION:
        raise CorruptError("damaged: parameters of an audio block of another version")
    head, rest_size = block.params[: _PARAMS.size], int.from_bytes(block.params[_PARAMS.size :], "little")
    _, kind, width, channels, code, preset, length, prefix_size, suffix_size = _PARAMS.unpack(head)
    big, number = divmod(kind, _BIG_ENDIAN)
    if number >= len(ENCODINGS) or big > 1 or code >= pcm.CODES or preset >= len(_SETTINGS):
        raise CorruptError("damaged: parameters of an audio block")
    if len(block.models) != len(MODEL_IDS[preset]):
        raise CorruptError("damaged: an audio block names the wrong number of weights")
    model = _model(preset, block.models)
    encoding = ENCODINGS[number]
    layout = checked(Layout(0, length * channels * width, channels, width, encoding, big == 1, 1, 0))
    reader = _Reader(block.payload)
    prefix = audio_prefix.unpack(reader.take(prefix_size), layout, layout.size)
    suffix = side.unpack(reader.take(suffix_size))
    size = block.raw_size - len(prefix) - len(suffix)
    if (channels * length > stream.MAX_SAMPLES or size < 0) if encoding == "flac" else size != layout.size:
        raise CorruptError("damaged: an audio block's parts do not add up to its size")
    rest = reader.take(rest_size)
    samples = np.empty((channels, length), np.int32)
    for c in range(0, channels, 2):
        samples[c : c + 2] = _decode_group(reader, len(samples[c : c + 2]), length, model)
    if encoding == "flac":
        return prefix + stream.restore(samples, rest, width, size) + suffix
    return prefix + pcm.from_samples(Taken(samples, code, rest), layout) + suffix


class _Reader:
    """Takes a payload apart from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        left = len(self.data) - self.at
        if size > left:
            raise CorruptError(f"damaged: an audio block needs {size} bytes where {left} are left")
        self.at += size
        return self.data[self.at - size : self.at]


def _encode_group(samples: Samples, model: Model) -> tuple[bytes, float]:
    """Return a group's bytes and the ideal length of its streams in bits."""
    plain, shift, table = audio_values.reduce(samples)
    plain, swapped = in_order(plain, model)
    zeros = None if table else audio_values.find_zeros(plain)
    noted = b"" if zeros is None else audio_values.pack_zeros(zeros)
    flags = (_MAPPED if table else 0) | (_SWAPPED if swapped else 0) | (_ZEROS if noted else 0)
    head = _GROUP.pack(flags, shift, len(table)) + table + (_SIZE.pack(len(noted)) + noted if noted else b"")
    streams = list(audio_loop.encode(plain, model, zeros))
    data = b"".join([head, *(_SIZE.pack(len(stream.data)) + stream.data for stream in streams)])
    return data, sum(stream.nll_bits for stream in streams)


def _decode_group(reader: _Reader, channels: int, length: int, model: Model) -> Samples:
    flags, shift, table_size = _GROUP.unpack(reader.take(_GROUP.size))
    expected = flags & (_SWAPPED | _ZEROS) | (_MAPPED if table_size else 0)
    if flags != expected or flags & _SWAPPED >= channels:
        raise CorruptError(f"damaged: an audio group has the impossible flags {flags}")
    table = reader.take(table_size)
    zeros = audio_values.unpack_zeros(_sized(reader), channels, length) if flags & _ZEROS else None
    streams = [_sized(reader) for _ in range(0, length, audio_loop.SEGMENT_FRAMES)]
    plain = audio_loop.decode(streams, channels, length, model, zeros)
    return audio_values.restore(plain[::-1] if flags & _SWAPPED else plain, shift, table)


def _sized(reader: _Reader) -> bytes:
    """Return bytes that lie behind their size."""
    return reader.take(*_SIZE.unpack(reader.take(_SIZE.size)))


def in_order(samples: Samples, model: Model) -> tuple[Samples, bool]:
    """Return the channels of a group in the order in which they are coded, and whether they were swapped."""
    swapped = _better_swapped(samples, model)
    return np.ascontiguousarray(samples[::-1]) if swapped else samples, swapped


def _better_swapped(samples: Samples, model: Model) -> bool:
    """Say whether the second channel of a pair had better go first, by coding an excerpt both ways."""
    channels, length = samples.shape
    if channels == 1 or length < 2 * _EXCERPT_FRAMES:
        return False
    start = (length - _EXCERPT_FRAMES) // 2
    excerpt = samples[:, start : start + _EXCERPT_FRAMES]
    sizes = [
        sum(stream.nll_bits for stream in audio_loop.encode(order, model)) for order in (excerpt, excerpt[::-1])
    ]
    return sizes[1] < sizes[0]
