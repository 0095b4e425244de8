"""Colour profiles that very many files hold, byte for byte the same, so that a number says it all.

    1   sRGB IEC61966-2.1, made by Hewlett-Packard in 1998, who let anyone use, copy and distribute it for any
        purpose, as long as it is not changed, its copyright notice included, nor their name used in advertising

Numbers are part of the format, only ever added to.
"""

import functools
import struct

from neuralzip.errors import CorruptError

SRGB = 1
_CURVE_POINTS = 1024


def number_of(data: bytes) -> int:
    """Return the number of a profile, 0 for one that is not known."""
    return SRGB if data.startswith(profile(SRGB)[:40]) and data == profile(SRGB) else 0


@functools.cache
def profile(number: int) -> bytes:
    """Return a profile; raise CorruptError for a number that has none."""
    if number != SRGB:
        raise CorruptError(f"PNG: colour profile {number} is unknown to this release")
    tags = _srgb_tags()
    bodies, table = b"", b""
    for name, body in tags:
        padded = body + bytes(-len(body) % 4)
        if padded not in bodies:
            bodies += padded
        table += name + struct.pack(">II", 132 + 12 * len(tags) + bodies.index(padded), len(body))
    dates = struct.pack(">6H", 1998, 2, 9, 6, 49, 0)
    head = _numbers(132 + len(table + bodies)) + b"Lino\2\x10\0\0mntrRGB XYZ "
    head += dates + b"acspMSFT" + bytes(4) + b"IEC sRGB" + bytes(12) + _numbers(0xF6D6, 0x10000, 0xD32D) + b"HP  "
    return head + bytes(44) + _numbers(len(tags)) + table + bodies


def _srgb_tags() -> list[tuple[bytes, bytes]]:
    """Return the names and bodies of the tags of sRGB, in their order."""
    curve = b"curv" + bytes(4) + _numbers(_CURVE_POINTS) + struct.pack(f">{_CURVE_POINTS}H", *_srgb_curve())
    view = (0x13A4FE, 0x145F2E, 0x10CF14, 0x3EDCC, 0x4130B, 0x35C9E, 1)
    tags = {
        b"cprt": b"text" + bytes(4) + b"Copyright (c) 1998 Hewlett-Packard Company\0",
        b"desc": _description(b"sRGB IEC61966-2.1"),
        b"wtpt": _colour(0xF351, 0x10000, 0x116CC),
        b"bkpt": _colour(0, 0, 0),
        b"rXYZ": _colour(0x6FA2, 0x38F5, 0x390),
        b"gXYZ": _colour(0x6299, 0xB785, 0x18DA),
        b"bXYZ": _colour(0x24A0, 0xF84, 0xB6CF),
        b"dmnd": _description(b"IEC http://www.iec.ch"),
        b"dmdd": _description(b"IEC 61966-2.1 Default RGB colour space - sRGB"),
        b"vued": _description(b"Reference Viewing Condition in IEC61966-2.1"),
        b"view": b"view" + bytes(4) + _numbers(*view),
        b"lumi": _colour(0x4C0956, 0x500000, 0x571FE7),
        b"meas": b"meas" + bytes(4) + _numbers(1, 0, 0, 0, 0, 0x28F, 2),
        b"tech": b"sig " + bytes(4) + b"CRT ",
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return list(tags.items())


def _srgb_curve() -> list[int]:
    """Return the transfer curve of sRGB, 16 bits a point; no value lies near a half."""
    levels = [point / (_CURVE_POINTS - 1) for point in range(_CURVE_POINTS)]
    return [round(65535 * (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4)) for x in levels]


def _numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _colour(*values: int) -> bytes:
    return b"XYZ " + bytes(4) + _numbers(*values)


def _description(text: bytes) -> bytes:
    """Return a description tag (ICC.1:1998-09, 6.5.16), once for all and once for the Macintosh."""
    size = len(text) + 1
    return b"desc" + bytes(4) + _numbers(size) + text + bytes(11) + bytes((size,)) + text.ljust(67, b"\0")
