"""Which codecs there are, by name and by number; a codec's module is imported when it is first needed.

A codec lands by one line in ROWS. Numbers are part of the format and never used again: 2 bytes, 3 image, 4 audio,
5 flow, 6 idf, 7 vae, 8 parallel, 9 table, 10 jpeg, 11 archive.
"""

import functools
import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from neuralzip.codecs.base import Codec, Options
from neuralzip.errors import FormatError


@dataclass(frozen=True, slots=True)
class Row:
    """One codec.

    Attributes:
        name: as in `Codec.name`.
        id: as in `Codec.id`.
        module: where its class is.
        class_name: the class, built without arguments.
        media: tried on whole files, before the codecs for any bytes.
        magics: a media file starts with one of these, or the module is not even imported.
        inside: or it has some bytes at a place: (place, bytes).
        text: files without a NUL byte in their head are shown to it as well.
        rate: rough speed of encoding on two cores, in bytes of the original a second; for estimates only.
    """

    name: str
    id: int
    module: str
    class_name: str
    media: bool = False
    magics: tuple[bytes, ...] = ()
    inside: tuple[tuple[int, bytes], ...] = ()
    text: bool = False
    rate: float = 3e6


IMAGE_MAGICS = (b"\x89PNG\r\n\x1a\n", b"BM", b"P4", b"P5", b"P6", b"P7", b"II*\0", b"MM\0*")
"""How the raster files start that the image codec takes."""

AUDIO_MAGICS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff", b"riff", b"fLaC", b"ID3")
JPEG_MAGICS = (b"\xff\xd8\xff",)
NPY_MAGICS = (b"\x93NUMPY",)
ARCHIVE_MAGICS = (b"\x1f\x8b\x08", b"PK\3\4", b"%PDF-")
TAR_MAGICS = ((257, b"ustar"),)

ROWS = (
    Row("image", 3, "neuralzip.codecs.image", "ImageCodec", media=True, magics=IMAGE_MAGICS, rate=4e5),
    Row("idf", 6, "neuralzip.codecs.idf", "IdfCodec", media=True, magics=IMAGE_MAGICS, rate=1e6),
    Row("flow", 5, "neuralzip.codecs.flow", "FlowCodec", media=True, magics=IMAGE_MAGICS, rate=5e5),
    Row("audio", 4, "neuralzip.codecs.audio", "Audio", media=True, magics=AUDIO_MAGICS, rate=1e5),
    Row("vae", 7, "neuralzip.codecs.vae", "VaeCodec", media=True, magics=IMAGE_MAGICS, rate=3e5),
    Row("parallel", 8, "neuralzip.codecs.parallel", "ParallelCodec", media=True, magics=IMAGE_MAGICS, rate=5e5),
    Row("jpeg", 10, "neuralzip.codecs.jpeg", "JpegCodec", media=True, magics=JPEG_MAGICS, rate=2e5),
    Row("archive", 11, "neuralzip.codecs.archive", "ArchiveCodec", True, ARCHIVE_MAGICS, TAR_MAGICS, rate=1e4),
    Row("table", 9, "neuralzip.codecs.table", "TableCodec", media=True, magics=NPY_MAGICS, text=True, rate=1e5),
    Row("bytes", 2, "neuralzip.codecs.bytes", "Bytes", rate=5e4),
    Row("stdlib", 1, "neuralzip.codecs.stdlib", "Stdlib"),
    Row("raw", 0, "neuralzip.codecs.raw", "Raw", rate=3e8),
)
"""In the order of trying: media codecs, then those for any bytes, the best first, the stored block last."""


@functools.cache
def _load(row: Row) -> Codec:
    codec: Codec = getattr(importlib.import_module(row.module), row.class_name)()
    return codec


def by_name(name: str) -> Codec:
    """Return the codec of this name; KeyError where there is none."""
    return _load({row.name: row for row in ROWS}[name])


def by_id(number: int) -> Codec:
    """Return the codec of this number.

    Raises:
        FormatError: this release knows none.
    """
    for row in ROWS:
        if row.id == number:
            return _load(row)
    raise FormatError(f"codec {number} is unknown to this release; install a newer one")


def name_of(number: int) -> str:
    """Return a codec's name without importing it."""
    return next((row.name for row in ROWS if row.id == number), f"unknown {number}")


def rate_of(name: str) -> float:
    """Return a codec's rough encoding speed in bytes of the original a second."""
    return next(row.rate for row in ROWS if row.name == name)


def _wants(row: Row, head: bytes) -> bool:
    known = head.startswith(row.magics) or any(head.startswith(magic, at) for at, magic in row.inside)
    return known or (row.text and b"\0" not in head)


def media(head: bytes, options: Options) -> Iterator[Codec]:
    """Yield the media codecs that want a file with this head, in the order of trying."""
    if options.raw_pcm is not None:
        yield by_name("audio")
        return
    for row in ROWS:
        if row.media and _wants(row, head):
            codec = _load(row)
            if codec.claims(head, options):
                yield codec


def general(head: bytes, options: Options) -> Iterator[Codec]:
    """Yield the codecs for any bytes, in the order of trying; the last one takes everything."""
    for row in ROWS:
        if not row.media and _load(row).claims(head, options):
            yield _load(row)
