"""Other compressors on the same bytes, in this process: sizes, seconds, and whether the data came back.

Peers come from the standard library and the extra `bench`; one that is not installed, or does not take a file, is
reported as absent with the reason, never left out. Media peers code the decoded samples, as their users would.
"""

import bz2
import importlib
import io
import lzma
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Result:
    """One peer on one file.

    Attributes:
        peer: name and setting.
        size_bytes: compressed size, None when absent.
        compress_s: seconds to compress.
        decompress_s: seconds to decompress.
        absent: why there is no size, else "".
    """

    peer: str
    size_bytes: int | None
    compress_s: float = 0.0
    decompress_s: float = 0.0
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """A compressor and its inverse, for bytes, pixels [H, W, C] or samples [T, C]."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def _zstd(level: int) -> Peer:
    def encode(data: bytes) -> bytes:
        module = importlib.import_module("zstandard")
        parameters = module.ZstdCompressionParameters.from_level(level, window_log=27, enable_ldm=True)
        return bytes(module.ZstdCompressor(compression_params=parameters).compress(data))

    def decode(packed: bytes) -> bytes:
        module = importlib.import_module("zstandard")
        return bytes(module.ZstdDecompressor(max_window_size=1 << 27).decompress(packed))

    return Peer(encode, decode)


def _brotli() -> Peer:
    return Peer(
        lambda data: bytes(importlib.import_module("brotli").compress(data, quality=11, lgwin=24)),
        lambda packed: bytes(importlib.import_module("brotli").decompress(packed)),
    )


def _ppmd(order: int, memory_bytes: int) -> Peer:
    def encode(data: bytes) -> bytes:
        coder = importlib.import_module("pyppmd").Ppmd7Encoder(order, memory_bytes)
        return len(data).to_bytes(4, "little") + bytes(coder.encode(data) + coder.flush())

    def decode(packed: bytes) -> bytes:
        coder = importlib.import_module("pyppmd").Ppmd7Decoder(order, memory_bytes)
        return bytes(coder.decode(packed[4:], int.from_bytes(packed[:4], "little")))

    return Peer(encode, decode)


def _imagecodecs(form: str, **settings: object) -> Peer:
    def encode(pixels: npt.NDArray[Any]) -> bytes:
        module = importlib.import_module("imagecodecs")
        return bytes(getattr(module, f"{form}_encode")(pixels.squeeze(), **settings))

    def decode(packed: bytes) -> npt.NDArray[Any]:
        return np.asarray(getattr(importlib.import_module("imagecodecs"), f"{form}_decode")(packed))

    return Peer(encode, decode)


def _flac(level: float) -> Peer:
    def encode(samples: npt.NDArray[Any]) -> bytes:
        out = io.BytesIO()
        importlib.import_module("soundfile").write(
            out, samples, 44100, format="FLAC", subtype="PCM_16", compression_level=level
        )
        return out.getvalue()

    def decode(packed: bytes) -> npt.NDArray[Any]:
        found, _ = importlib.import_module("soundfile").read(io.BytesIO(packed), dtype="int16", always_2d=True)
        return np.asarray(found)

    return Peer(encode, decode)


BYTES: Mapping[str, Peer] = MappingProxyType(
    {
        "gzip -9": Peer(lambda data: zlib.compress(data, 9, 31), lambda packed: zlib.decompress(packed, 31)),
        "bzip2 -9": Peer(bz2.compress, bz2.decompress),
        "xz -9e": Peer(lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
        "zstd -22 --long": _zstd(22),
        "brotli -11": _brotli(),
        "ppmd -o6": _ppmd(6, 256 << 20),
        "ppmd -o16": _ppmd(16, 256 << 20),
    }
)
"""Peers for any bytes."""
PIXELS: Mapping[str, Peer] = MappingProxyType(
    {
        "png -9": _imagecodecs("png", level=9),
        "webp lossless": _imagecodecs("webp", lossless=True, method=6, level=100),
        "jpeg xl -e 7": _imagecodecs("jpegxl", lossless=True, effort=7),
        "jpeg xl -e 9": _imagecodecs("jpegxl", lossless=True, effort=9),
        "jpeg-ls": _imagecodecs("jpegls"),
        "jpeg 2000": _imagecodecs("jpeg2k", level=0, reversible=True),
    }
)
"""Peers for pixels [H, W, C] uint8 or uint16."""
SAMPLES: Mapping[str, Peer] = MappingProxyType({"flac -8": _flac(1.0)})
"""Peers for samples [T, C] int16."""


def run(peers: Mapping[str, Peer], data: Any, names: Sequence[str] | None = None) -> list[Result]:
    """Return the results of some peers, all by default, in their order.

    Args:
        peers: BYTES, PIXELS or SAMPLES.
        data: bytes or an array, as the peers take it.
        names: which of them.
    """
    return [_run_one(name, peer, data) for name, peer in peers.items() if names is None or name in names]


def _run_one(name: str, peer: Peer, data: Any) -> Result:
    try:
        start = time.perf_counter()
        packed = peer.encode(data)
        middle = time.perf_counter()
        restored = peer.decode(packed)
        end = time.perf_counter()
    except ImportError as error:
        return Result(name, None, absent=f"not installed ({error.name or error})")
    except Exception as error:  # whatever a foreign library raises on data that it does not take
        return Result(name, None, absent=f"{type(error).__name__}: {error}")
    if not _same(restored, data):
        return Result(name, None, absent="did not give the same data back")
    return Result(name, len(packed), middle - start, end - middle)


def _same(restored: Any, data: Any) -> bool:
    if isinstance(data, bytes):
        return bool(restored == data)
    return bool(np.array_equal(np.asarray(restored).squeeze(), data.squeeze()))


def pixels_of(data: bytes) -> npt.NDArray[Any]:
    """Return the pixels [H, W, C] of an image file, for the peers of PIXELS.

    Raises:
        UnidentifiedImageError: not an image that Pillow knows.
    """
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    return pixels.reshape(*pixels.shape[:2], -1)


def samples_of(data: bytes) -> npt.NDArray[np.int16]:
    """Return the samples [T, C] of a recording of at most 16 bits, for the peers of SAMPLES."""
    found, _ = importlib.import_module("soundfile").read(io.BytesIO(data), dtype="int16", always_2d=True)
    return np.asarray(found, np.int16)


def render(results: Sequence[Result]) -> str:
    """Return a table, one line a peer."""
    width = max((len(result.peer) for result in results), default=0)
    lines = []
    for result in results:
        figures = f"absent: {result.absent}"
        if result.size_bytes is not None:
            figures = f"{result.size_bytes:>12}  {result.compress_s:9.3f} s  {result.decompress_s:9.3f} s"
        lines.append(f"{result.peer:<{width}}  {figures}\n")
    return "".join(lines)
