"""Files that hold others: gzip (RFC 1952), ZIP with all that is one (docx, jar, epub), PDF, tar.

Such a file is its content, which has in the place of each deflate stream what it decodes to, and choices: where
the streams are, and what their data does not tell of them (`deflate.zlib_stream`), a few bytes each where the
encoder is known. A stream that takes much more stays as it is.
"""

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import bitcoder, tar
from neuralzip.media.bitcoder import NUMBER_CONTEXTS, POSITION, BitCoder, code_bit, code_bits, code_number
from neuralzip.media.deflate import zlib_stream
from neuralzip.media.deflate.inflate import inflate
from neuralzip.media.deflate.stream import PADDING
from neuralzip.media.deflate.zlib_stream import ZlibStream

_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b\x08", b"PK\3\4"
MAGICS = (_GZIP_MAGIC, _ZIP_MAGIC, b"%PDF-")
"""How a file starts that is worth a look, beside tar archives."""
MAX_EXPANSION = 1032
"""Deflate cannot make more bytes of one."""
RAW, ZLIB, GZIP, STORED = range(4)
"""A deflate stream alone; in a zlib header and checksum; before gzip's checksum and size; none, but the bytes."""
_GZIP_FIXED, _GZIP_FLAGS = 10, 3
_CHECKED, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0
_ZIP_FIXED = 30
_ZIP_KINDS = {8: RAW, 0: STORED}
_ENCRYPTED, _SIZES_FOLLOW = 1, 8
_JPEG, _END_OF_STREAM = b"\xff\xd8\xff", b"endstream"
_START = re.compile(b"|".join((*map(re.escape, (_GZIP_MAGIC, _ZIP_MAGIC, tar.MAGIC)), rb"stream\r?\n")))
_HEAD = b"\x78\x9c"
"""Stands for the zlib header of a stream that has none."""
_CHECKSUM_BYTES, _TRAILER_BYTES = 4, 8
_WORTH = 4
"""Choices that take more than the stream over this are not worth it."""
_LEAST_STREAM = 8
"""A stream with what announces it takes at least so many bytes."""
_MORE, _KIND = 0, 1
_GAP = _KIND + 4
_SIZE = _GAP + NUMBER_CONTEXTS
_STREAM = _SIZE + NUMBER_CONTEXTS
_CONTEXTS = _STREAM + zlib_stream.STREAM_CONTEXTS


class Parts(NamedTuple):
    """The start of a file, taken apart.

    Attributes:
        content: it, with the data of the streams in their place.
        choices: what `rebuild` needs beside.
        size: bytes of the file.
        spans: (start, end) in the content of what may be files, in order.
        large: bytes of a file right behind, which no part can hold; 0 for none.
    """

    content: bytes
    choices: bytes
    size: int
    spans: list[tuple[int, int]]
    large: int


class _Found(NamedTuple):
    """A file that something announces.

    Attributes:
        announced: place of what does.
        begin: place of the file, of its stream with the zlib header.
        kind: RAW, ZLIB, GZIP (if the checksum is right) or STORED.
        size: bytes of a stored one, 0 of others.
    """

    announced: int
    begin: int
    kind: int
    size: int = 0


def is_archive(head: bytes) -> bool:
    """Tell from its first 512 bytes whether a file is worth a look."""
    return head.startswith(MAGICS) or tar.is_tar(head)


def parse(file: bytes, most: int, behind: int = 0) -> Parts:
    """Take a file apart, or as much of it as has a content of `most` bytes.

    Args:
        file: the file, or some of it.
        most: limit for the content.
        behind: so many bytes of the file come behind these.

    Raises:
        UnsupportedError: it holds no files, or `rebuild` would not restore it.
    """
    coder = bitcoder.encoder(len(file) // _WORTH + 64, _CONTEXTS)
    content, place, past, end, large = bytearray(), 0, 0, len(file), 0
    spans: list[tuple[int, int]] = []
    for found in _announced(file):
        if found.announced < past:
            continue
        start = len(content) + found.begin - place
        if found.kind == STORED:
            if found.begin + found.size > len(file) + behind:  # cut off, or nothing of the kind
                continue
            if found.begin - found.announced + found.size > most >= start:  # for no part
                end, large = found.begin, found.size
                break
            if found.begin + found.size > len(file) or start + found.size > most:
                if found.announced:  # into the next part
                    end = found.announced
                    break
                continue
            past = found.begin + found.size
            spans.append((start, start + found.size))
            continue
        try:
            stream, size, kind = _read(file, found, most)
        except UnsupportedError:
            if behind and found.announced > len(file) // 2:  # it may go on behind these bytes
                end = found.announced
                break
            continue
        if start + stream.size > most:
            if found.announced:  # into the next part
                end = found.announced
                break
            continue
        coded = _coded(coder, found.begin - place, kind, stream, size // _WORTH)
        if coded is None:
            continue
        coder = coded
        content += file[place : found.begin] + stream.data[: stream.size].tobytes()
        spans += _held(start, bytes(content[start:]))
        place = past = found.begin + size
    if not spans and not large and end == len(file):
        raise UnsupportedError("holds no files")
    end = min(end, place + most - len(content))
    content += file[place:end]
    code_bit(coder, _MORE, 0)
    parts = Parts(bytes(content), bitcoder.finish(coder), end, spans, large)
    try:
        if rebuild(parts.content, parts.choices, end) != file[:end]:
            raise UnsupportedError("deflate streams: not restored exactly")
    except CorruptError as error:
        raise UnsupportedError(f"deflate streams: not restorable ({error})") from error
    return parts


def rebuild(content: bytes, choices: bytes, size: int) -> bytes:
    """Return the `size` bytes that `parse` took apart; raise CorruptError where the parts do not fit together."""
    coder = bitcoder.decoder(choices, _CONTEXTS)
    file, at, left = bytearray(), 0, size // _LEAST_STREAM
    while code_bit(coder, _MORE, 0):
        gap, kind, held = _code_place(coder, 0, 0, 0)
        if kind > GZIP or at + gap + held > len(content) or not left:
            raise CorruptError("deflate streams do not fit the content")
        data, left = content[at + gap : at + gap + held], left - 1
        stream = zlib_stream.decode(coder, _STREAM, np.frombuffer(data + bytes(PADDING), np.uint8), held)
        file += content[at : at + gap]
        file += stream if kind == ZLIB else stream[len(_HEAD) : -_CHECKSUM_BYTES]
        file += _trailer(data) if kind == GZIP else b""
        at += gap + held
        if len(file) > size:
            break
    file += content[at:]
    if len(file) != size:
        raise CorruptError(f"deflate streams: {len(file)} bytes, expected {size}")
    return bytes(file)


def _coded(coder: BitCoder, gap: int, kind: int, stream: ZlibStream, most: int) -> BitCoder | None:
    """Return a copy of the coder that coded a stream in no more than so many bytes, None where it cannot."""
    coded = coder.copy()
    code_bit(coded, _MORE, 1)
    _code_place(coded, gap, kind, stream.size)
    try:
        zlib_stream.encode(coded, _STREAM, stream)
    except UnsupportedError:
        return None
    return None if coded[POSITION] - coder[POSITION] > most or bitcoder.overflowed(coded) else coded


def _code_place(coder: BitCoder, gap: int, kind: int, size: int) -> tuple[int, int, int]:
    """Code where the next stream begins, of what kind it is and how many bytes it holds."""
    return (
        int(code_number(coder, _GAP, gap)),
        int(code_bits(coder, _KIND, 2, kind)),
        int(code_number(coder, _SIZE, size)),
    )


def _read(file: bytes, found: _Found, most: int) -> tuple[ZlibStream, int, int]:
    """Return a stream, the bytes that it takes, and of what kind it is."""
    head = len(_HEAD) if found.kind == ZLIB else 0
    deflated, padded, used = inflate(memoryview(file)[found.begin + head :], most)
    size = len(padded) - PADDING
    if not size:
        raise UnsupportedError("deflate stream that holds nothing")
    data, end = padded[:size].tobytes(), found.begin + head + used
    if found.kind == ZLIB:
        header, trailer = file[found.begin : found.begin + head], file[end : end + _CHECKSUM_BYTES]
        return ZlibStream(header, deflated, padded, size, trailer, used), head + used + len(trailer), ZLIB
    checksum = zlib.adler32(data).to_bytes(_CHECKSUM_BYTES, "big")
    stream = ZlibStream(_HEAD, deflated, padded, size, checksum, used)
    if found.kind == GZIP and file[end : end + _TRAILER_BYTES] == _trailer(data):
        return stream, used + _TRAILER_BYTES, GZIP
    return stream, used, RAW


def _trailer(data: bytes) -> bytes:
    """Return what follows the deflate stream of a gzip member."""
    return zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")


def _held(start: int, data: bytes) -> list[tuple[int, int]]:
    """Return where the files are in the data of a deflate stream: the members of a tar archive, or all of it."""
    inside = list(tar.members(data)) if tar.is_tar(data) else []
    return [(start + begin, start + end) for begin, end in inside or [(0, len(data))]]


def _announced(file: bytes) -> Iterator[_Found]:
    """Yield what may be held files, by what stands before them."""
    for match in _START.finditer(file):
        if match[0] == _GZIP_MAGIC:
            found = _behind_gzip_header(file, match.start())
        elif match[0] == _ZIP_MAGIC:
            found = _behind_zip_header(file, match.start())
        elif match[0] == tar.MAGIC:
            found = _behind_tar_header(file, match.start() - tar.MAGIC_AT)
        else:
            found = _behind_keyword(file, match.start(), match.end())
        if found is not None:
            yield found


def _behind_gzip_header(file: bytes, at: int) -> _Found | None:
    """Return the stream of a gzip member, None where there is none."""
    header = file[at : at + _GZIP_FIXED]
    if len(header) < _GZIP_FIXED or header[_GZIP_FLAGS] & _RESERVED:
        return None
    flags, end = header[_GZIP_FLAGS], at + _GZIP_FIXED
    if flags & _EXTRA:
        end += 2 + int.from_bytes(file[end : end + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = file.find(b"\0", end) + 1
            if not end:
                return None
    return _Found(at, end + (2 if flags & _CHECKED else 0), GZIP)


def _behind_zip_header(file: bytes, at: int) -> _Found | None:
    """Return a deflated or stored member of a ZIP archive, None for others, and for those that are archives."""
    header = file[at : at + _ZIP_FIXED]
    flags, method, name, extra = (int.from_bytes(header[k : k + 2], "little") for k in (6, 8, 26, 28))
    begin, kind = at + _ZIP_FIXED + name + extra, _ZIP_KINDS.get(method)
    if flags & _ENCRYPTED or kind is None:
        return None
    if kind == RAW:
        return _Found(at, begin, RAW)
    size = 0 if flags & _SIZES_FOLLOW else int.from_bytes(header[18:22], "little")
    return _stored(file, at, begin, size)


def _behind_tar_header(file: bytes, at: int) -> _Found | None:
    """Return a member of a tar archive, None where there is none, and for those that are archives."""
    size = tar.member_size(file[at : at + tar.BLOCK_BYTES]) if at >= 0 else None
    return _stored(file, at, at + tar.BLOCK_BYTES, size or 0)


def _stored(file: bytes, at: int, begin: int, size: int) -> _Found | None:
    """Return a member that is stored, None where it holds nothing or is an archive, which is looked into."""
    if not size or is_archive(file[begin : begin + tar.BLOCK_BYTES]):
        return None
    return _Found(at, begin, STORED, size)


def _behind_keyword(file: bytes, at: int, begin: int) -> _Found | None:
    """Return the zlib stream or JPEG that a stream of a PDF is, None for others."""
    head = file[begin : begin + 3]
    if head == _JPEG:
        end = file.find(_END_OF_STREAM, begin)
        return _Found(at, begin, STORED, len(file[begin:end].rstrip(b"\r\n"))) if end > 0 else None
    is_zlib = len(head) == 3 and head[0] & 15 == 8 and not head[1] & 32
    return _Found(at, begin, ZLIB) if is_zlib and not int.from_bytes(head[:2], "big") % 31 else None
