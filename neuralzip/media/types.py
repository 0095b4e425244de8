"""What media parsers hand to codecs: symbol arrays, and everything else as side information.

Each parser is a pair `parse(data) -> Media` and `rebuild(media) -> data`, byte for byte inverse; `parse` raises
UnsupportedError where that cannot be promised. Axes: H rows, W columns, C channels.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

ColourKind = Literal["grey", "grey_alpha", "rgb", "rgba", "palette", "other"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One raster of samples.

    Attributes:
        pixels: [H, W, C] uint8 or uint16, channels in the file's colour order (RGB, RGBA ...).
        kind: what the channels mean; "palette" has one channel of indices.
        depth: significant bits a sample, 1..16 (samples are right-aligned: 0 .. 2**depth - 1).
        palette: [N, 3 or 4] uint8 colours of a "palette" picture, else None. Already part of `side`:
            codecs may look at it, and must not code it.
    """

    pixels: npt.NDArray[Any]
    kind: ColourKind
    depth: int
    palette: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A parsed raster file.

    Attributes:
        format: name of the parser that rebuilds it ("png", "bmp", "pnm", "tiff").
        pictures: its rasters in file order (frames, interlace passes merged into one raster).
        side: everything else, opaque to codecs; not yet compressed.
    """

    format: str
    pictures: tuple[Picture, ...]
    side: bytes
