"""JPEG files (ITU-T T.81): quantised DCT coefficients, and all else as it is, byte for byte.

What is not entropy-coded is kept verbatim; the entropy-coded bytes are written again from the coefficients, as
nearly every encoder would write them. Files of another encoder, or damaged ones, are none for this module.
"""

from neuralzip.media.jpeg.layout import Layout
from neuralzip.media.jpeg.reader import parse
from neuralzip.media.jpeg.writer import empty, rebuild

__all__ = ["Layout", "empty", "is_jpeg", "parse", "rebuild"]

MAGIC = b"\xff\xd8\xff"


def is_jpeg(head: bytes) -> bool:
    """Say whether a file that starts with these bytes calls itself a JPEG."""
    return head.startswith(MAGIC)
