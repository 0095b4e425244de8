"""Marker segments of JPEG files: read as pillow wrote them."""

import io

import numpy as np
import pytest
from PIL import Image

from neuralzip.errors import UnsupportedError
from neuralzip.media.jpeg import markers, scans


def _jpeg(subsampling: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (37, 21)).save(file, "JPEG", subsampling=subsampling)
    return file.getvalue()


@pytest.mark.parametrize(("subsampling", "blocks"), [(0, 15 * 3), (1, 9 * 4), (2, 6 * 6)])
def test_headers_say_which_blocks_a_scan_holds(subsampling: int, blocks: int) -> None:
    found = {each.marker: each for each in markers.segments(_jpeg(subsampling), 0)}
    frame = markers.frame(found[markers.BASELINE])
    order, _ = scans.block_order(frame, markers.scan_header(found[markers.SOS].body, frame))
    assert (frame.width, frame.height) == (37, 21)
    assert np.array_equal(np.sort(order.ravel()), np.arange(blocks))


def test_a_header_cut_off_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        list(markers.segments(_jpeg(0)[:30], 0))
