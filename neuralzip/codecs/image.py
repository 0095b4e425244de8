"""The image codec: raster files -> side information and stacks of planes -> the chosen model -> one block.

A picture's planes are coded in stacks, each by one method: all of them together by the mixing model, or, where the
user chose the fast one, G, R, B together and every other channel alone by the net.

    params  = version (1), format (1), packed side information's size (4)
    payload = packed side, pictures (varint), { kind (1), depth (1), channels, height, width (varints), stack* }*
    stack   = method (1), planes (1), size (varint), body

H rows, W columns, C channels of a picture, P planes of a stack.
"""

import importlib
import math
import struct
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol, cast, get_args

import numpy as np

from neuralzip.codecs import side
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.image_stacks import BAND_SAMPLES, Coder, Samples, rows_at_once
from neuralzip.codecs.registry import IMAGE_MAGICS
from neuralzip.container import DEFAULT_MEMORY_BYTES
from neuralzip.container.fields import FieldReader, varint
from neuralzip.errors import CorruptError, LimitError, UnsupportedError
from neuralzip.media import raster
from neuralzip.media.types import ColourKind, ImageFile, Picture

VERSION = 1
FORMATS = ("png", "bmp", "pnm", "tiff")
PRESETS = (None, "fast")
KINDS: tuple[str, ...] = get_args(ColourKind)
_PNG = b"\x89PNG\r\n\x1a\n"

_PARAMS = struct.Struct("<BBI")
_MAX_PICTURES, _MAX_CHANNELS, _MAX_PIXELS = 1 << 16, 16, 1 << 30
_DEFLATE_EXPANSION = 1100
"""No file holds more bytes of pixels for each of its own; deflate reaches 1032."""
_MCU_ROWS = 16
_BYTES_A_SAMPLE, _BYTES_A_BAND_SAMPLE = 10, 90
"""Memory that coding takes, about: for every sample, and more for those of the band at work."""


class Parser(Protocol):
    """A module of `media`."""

    def parse(self, data: bytes) -> ImageFile:
        """Take a file apart."""
        ...

    def rebuild(self, file: ImageFile) -> bytes:
        """Put it together again."""
        ...


def parser(png: bool) -> Parser:
    """Return the parser of PNG, or of the plain rasters."""
    module = importlib.import_module("neuralzip.media.png" if png else "neuralzip.media.raster")
    return cast(Parser, module)


class ImageCodec:
    """Pictures in PNG, BMP, PNM and TIFF files."""

    name = "image"
    id = 3

    def claims(self, head: bytes, options: Options) -> bool:
        """Take what starts like a raster file, unless the user chose the model of another codec."""
        return options.model in PRESETS and head.startswith(IMAGE_MAGICS)

    def coder(self, options: Options, models: tuple[bytes, ...] | None = None) -> Coder:
        """Return what codes stacks of planes; codecs of other models for pictures have their own."""
        return Coder(options, models)

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield one block for the whole file, or several for a large raster that is not packed.

        Raises:
            UnsupportedError: the file cannot be restored exactly.
        """
        data = file.read()
        if data.startswith(_PNG):
            yield self._encode(len(data), parser(png=True).parse(data), options)
            return
        workers = self.coder(options).beside
        if workers == 1:
            done = 0
            for size, piece in raster.stripes(data, _stripe_rows):
                yield self._encode(size, piece, part_of(options, done, len(data)))
                done += size
            return
        silent = replace(options, progress=None)
        with ThreadPoolExecutor(workers) as pool:
            ahead: deque[Future[Block]] = deque()
            for size, piece in raster.stripes(data, _stripe_rows):
                ahead.append(pool.submit(self._encode, size, piece, silent))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _encode(self, size: int, image: ImageFile, options: Options) -> Block:
        """Return the block of some bytes."""
        meter = Meter(options, size, sum(picture.pixels.size for picture in image.pictures))
        check_memory(meter.samples, options)
        coder = self.coder(options)
        packed = side.pack(image.side)
        payload = bytearray(packed + varint(len(image.pictures)))
        for picture in image.pictures:
            payload += encode_picture(picture, coder, meter)
        params = _PARAMS.pack(VERSION, FORMATS.index(image.format), len(packed))
        nll_bits = None if math.isnan(coder.nll_bits) else coder.nll_bits
        return Block(self.name, params, bytes(payload), size, coder.models, nll_bits, len(packed))

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the bytes of the file."""
        version, form, side_size = unpack_params(block)
        if version != VERSION or form >= len(FORMATS) or side_size > len(block.payload):
            raise CorruptError("damaged: impossible parameters of an image block")
        reader = FieldReader(block.payload, "an image block", side_size)
        coder = self.coder(options, block.models)
        count = reader.number(_MAX_PICTURES)
        meter = Meter(options, block.raw_size, 0)
        pictures = tuple(decode_picture(reader, coder, meter, options) for _ in range(count))
        reader.finish()
        image = ImageFile(FORMATS[form], pictures, side.unpack(block.payload[:side_size]))
        try:
            data = parser(image.format == "png").rebuild(image)
        except UnsupportedError as error:
            raise CorruptError(f"damaged: an image block describes an impossible file: {error}") from error
        if len(data) != block.raw_size:
            raise CorruptError(f"damaged: image of {len(data)} bytes, expected {block.raw_size}")
        return data


def _stripe_rows(planes: int, width: int) -> int:
    """Return how many rows of a large raster are a picture of its own: whole MCUs, if it was a JPEG file."""
    rows = rows_at_once(planes, width)
    return rows - rows % _MCU_ROWS if rows > _MCU_ROWS else rows


def part_of(options: Options, offset: int, total: int) -> Options:
    """Return the options for a part of a file that begins at `offset`, with progress counted in the whole file."""
    tell = options.progress
    return options if tell is None else replace(options, progress=lambda done, _: tell(offset + done, total))


def unpack_params(block: Block) -> tuple[int, int, int]:
    """Return (version, format, side size) of a block."""
    if len(block.params) != _PARAMS.size:
        raise CorruptError("damaged: impossible parameters of an image block")
    version, form, side_size = _PARAMS.unpack(block.params)
    return version, form, side_size


def check_memory(samples: int, options: Options) -> None:
    """Refuse work that is larger than the user allows.

    Raises:
        LimitError: coding so many samples takes more memory.
    """
    needed = samples * _BYTES_A_SAMPLE + min(samples, BAND_SAMPLES) * _BYTES_A_BAND_SAMPLE
    if needed > (options.memory_bytes or DEFAULT_MEMORY_BYTES):
        raise LimitError(f"pictures of {samples} samples take about {needed >> 20} MiB; allow more with --memory")


@dataclass(slots=True)
class Meter:
    """Progress over all pictures of a file, told to the user in bytes of the file.

    Attributes:
        options: with the function to call.
        size: bytes of the file.
        samples: samples of all its pictures; 0 where that is not known, then one picture counts as all.
        done: samples of the pictures that are finished.
    """

    options: Options
    size: int
    samples: int
    done: int = 0

    def report(self, count: int) -> Callable[[float], None] | None:
        """Return what the coder of the next `count` samples calls with its share, 0..1."""
        tell, base, total = self.options.progress, self.done, self.samples or count
        self.done += count
        if tell is None:
            return None
        return lambda share: tell(min(self.size, int(self.size * (base + share * count) / total)), self.size)


def encode_picture(picture: Picture, coder: Coder, meter: Meter) -> bytes:
    """Return a picture's header and stacks."""
    height, width, channels = picture.pixels.shape
    out = bytearray([KINDS.index(picture.kind), picture.depth])
    for number in (channels, height, width):
        out += varint(number)
    if not picture.pixels.size:
        return bytes(out)
    planes = np.ascontiguousarray(picture.pixels.transpose(2, 0, 1)[plane_order(channels)]).astype(np.uint16)
    start = 0
    for count in coder.stacks(picture):
        stack = planes[start : start + count]
        method, body = coder.encode(stack, picture, meter.report(stack.size))
        out += bytes([method, count]) + varint(len(body)) + body
        start += count
    return bytes(out)


def decode_picture(reader: FieldReader, coder: Coder, meter: Meter, options: Options) -> Picture:
    """Return the next picture of a payload."""
    kind, depth = reader.raw(2)
    channels, height, width = (reader.number(limit) for limit in (_MAX_CHANNELS, _MAX_PIXELS, _MAX_PIXELS))
    if kind >= len(KINDS) or not 1 <= depth <= 16 or height * width > _MAX_PIXELS:
        raise CorruptError("damaged: impossible picture in an image block")
    if channels * height * width * depth // 8 > meter.size * _DEFLATE_EXPANSION:
        raise CorruptError("damaged: an image block declares more pixels than its file can hold")
    check_memory(channels * height * width, options)
    planes: list[Samples] = []
    while height * width and len(planes) < channels:
        planes += _decode_stack(reader, coder, meter, channels - len(planes), (height, width))
    pixels = np.zeros((height, width, channels), np.uint8 if depth <= 8 else np.uint16)
    if planes:
        pixels[:, :, plane_order(channels)] = np.stack(planes, axis=2)
    return Picture(pixels, cast(ColourKind, KINDS[kind]), depth)


def _decode_stack(
    reader: FieldReader, coder: Coder, meter: Meter, most: int, size: tuple[int, int]
) -> list[Samples]:
    method, count = reader.raw(2)
    if not 1 <= count <= most:
        raise CorruptError("damaged: impossible number of planes in an image block")
    body = reader.string()
    return list(coder.decode(method, body, (count, *size), meter.report(count * size[0] * size[1])))


def plane_order(channels: int) -> list[int]:
    """Return the order in which channels are coded: G, R, B, then the others."""
    return [1, 0, 2, *range(3, channels)] if channels >= 3 else list(range(channels))
