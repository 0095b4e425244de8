"""Samples without any header, described by the user: 44100,2,s16le is rate, channels, format."""

import re

from neuralzip.errors import UnsupportedError, UsageError
from neuralzip.media.audio.layout import Encoding, Layout, checked

_FORM = re.compile(r"(\d{1,10}),(\d{1,3}),([suf])(\d{1,2})(le|be)?")
_ENCODINGS: dict[str, Encoding] = {"s": "signed", "u": "unsigned", "f": "float"}


def describe(text: str, size: int) -> Layout:
    """Return the layout of a file of `size` bytes.

    Args:
        text: rate, channels and one of u8, s8, s16, s24, s32, f32, f64, the longer ones with le or be behind.
        size: bytes of the file.

    Raises:
        UsageError: it says something else.
    """
    found = _FORM.fullmatch(text)
    if found is None or (int(found[4]) > 8) != (found[5] is not None) or int(found[4]) % 8:
        raise UsageError(f"'{text}' describes no samples; expected rate,channels,format as 44100,2,s16le")
    bits = int(found[4])
    big = found[5] == "be"
    layout = Layout(0, size, int(found[2]), bits // 8, _ENCODINGS[found[3]], big, bits, int(found[1]))
    try:
        return checked(layout)
    except UnsupportedError as error:
        raise UsageError(f"'{text}' describes no samples that can be coded: {error}") from error
