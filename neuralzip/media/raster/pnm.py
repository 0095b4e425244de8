"""PBM, PGM, PPM and PAM in their binary forms (P4, P5, P6, P7), 1, 8 and 16 bits a sample.

Source: the Netpbm manual, pages pbm, pgm, ppm and pam.
"""

import re

from neuralzip.errors import UnsupportedError
from neuralzip.media.raster.assembly import Found
from neuralzip.media.raster.layout import Layout
from neuralzip.media.types import ColourKind

_MAX_HEADER = 1 << 16
_TOKEN = re.compile(rb"(?:\s+|#[^\n\r]*[\n\r])*(\d{1,9})(?=[\s#])")
_PAM_LINE = re.compile(rb"(?:#[^\n]*|\s*|(HEIGHT|WIDTH|DEPTH|MAXVAL)\s+(\d{1,9})\s*|TUPLTYPE\s[^\n]*|(ENDHDR))\n")
_CHANNELS = {b"P4": 1, b"P5": 1, b"P6": 3}
_KINDS: dict[int, ColourKind] = {1: "grey", 2: "grey_alpha", 3: "rgb", 4: "rgba"}


def is_pnm(head: bytes) -> bool:
    """Say whether a file that starts with these bytes calls itself a binary PBM, PGM, PPM or PAM."""
    return head[:2] in (b"P4", b"P5", b"P6", b"P7") and head[2:3].isspace()


def find(data: bytes) -> list[Found]:
    """Return the first raster of a PNM file.

    Raises:
        UnsupportedError: damaged, or a PAM of over four channels.
    """
    head, magic = data[:_MAX_HEADER], data[:2]
    width, height, channels, largest, offset = _pam_header(head) if magic == b"P7" else _header(head, magic)
    if channels not in _KINDS or not 1 <= largest <= 65535:
        raise UnsupportedError(f"PNM: {channels} channels up to {largest}")
    bits = 1 if magic == b"P4" else 8 if largest < 256 else 16
    row_bytes = -(-width * channels * bits // 8)
    spans = ((offset, height * row_bytes),)
    return [Found(Layout(height, width, channels, bits, row_bytes, spans, big_endian=True), _KINDS[channels])]


def _header(head: bytes, magic: bytes) -> tuple[int, int, int, int, int]:
    """Return (width, height, channels, largest value, where samples start) of P4, P5, P6."""
    numbers, place = [], 2
    for _ in range(2 if magic == b"P4" else 3):
        token = _TOKEN.match(head, place)
        if not token:
            raise UnsupportedError("PNM: the header lacks a number")
        numbers.append(int(token[1]))
        place = token.end()
    width, height = numbers[:2]
    return width, height, _CHANNELS[magic], numbers[2] if len(numbers) > 2 else 1, place + 1


def _pam_header(head: bytes) -> tuple[int, int, int, int, int]:
    """Return (width, height, channels, largest value, where samples start) of P7."""
    fields, place = {}, 3
    while True:
        line = _PAM_LINE.match(head, place)
        if not line:
            raise UnsupportedError("PAM: the header has a line of an unknown kind")
        place = line.end()
        if line[3]:
            break
        if line[1]:
            fields[line[1]] = int(line[2])
    if len(fields) < 4:
        raise UnsupportedError("PAM: the header lacks a field")
    return fields[b"WIDTH"], fields[b"HEIGHT"], fields[b"DEPTH"], fields[b"MAXVAL"], place
