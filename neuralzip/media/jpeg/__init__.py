"""JPEG files (ITU-T T.81): quantised DCT coefficients, and all else as it is, byte for byte.

What is not entropy-coded is kept verbatim; the entropy-coded bytes are written again from the coefficients, as
nearly every encoder would write them. Files of another encoder, or damaged ones, are none for this module.
"""

from neuralzip.media.jpeg.layout import Layout, read_layout
from neuralzip.media.jpeg.reader import BLOCKS_A_BYTE, VISITS_A_BYTE, parse
from neuralzip.media.jpeg.writer import empty_coefficients, read_headers, rebuild

__all__ = [
    "BLOCKS_A_BYTE",
    "VISITS_A_BYTE",
    "Layout",
    "empty_coefficients",
    "parse",
    "read_headers",
    "read_layout",
    "rebuild",
]
