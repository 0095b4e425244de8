"""Streams of zopfli come out of its rules, token by token."""

import math
import zlib
from decimal import Decimal, localcontext

import numpy as np
import pytest

from neuralzip.errors import CorruptError
from neuralzip.media import bitcoder
from neuralzip.media.deflate import zlib_stream
from neuralzip.media.deflate.zopfli import natural_log
from neuralzip.media.deflate.zopfli_stream import find_parses
from neuralzip.media.deflate.zopfli_trees import limited_lengths
from neuralzip.media.png.profiles import SRGB, number_of, profile

MADE_BY_ZOPFLI = bytes.fromhex(
    "78da2ccec70dc4300c44515b592295b343ff6d2e17f0ccfde11fc771322eb58590db29ad2f87847c28df0436e987c9229c30"
    "5c77030ecf93ee5e54e015658f96f7048af51cc0487e8ede6aa1d5d6c7c9a521b13305a90b97c60786698b8ccc2f9cb88853"
    "d5ada84750231a56bd662d82e6a3e580ce2829f87f422ae390faa630983a37a1719ba68ed3a40d4d53e2a65f5164dd60a7cf"
    "5b05d5aac1ca451c1825f69aa3d3c65c5b288bb1f4ad5c6c5bfbba3f305fd84d91e98e57bc29cf0e7f17b7b3dd05d4cc4022"
    "155eb3e5e8c11aadfed3c6828fd47769887529c85361bd5cb9b1bd7101896f7ef25b7473333cf5f3ee1eed3d329a9bb80056"
    "3ff7f55b62523218a590c4000062c72a96"
)
"""What zopfli 1.0.3 makes of `known()` in 15 iterations."""


def known() -> bytes:
    numbers = np.arange(400)
    return ((numbers * numbers // 7) % 23 + numbers // 50).astype(np.uint8).tobytes() + b"abcabcabd" * 6


def coded(stream: bytes, size: int) -> bytes:
    """Return the corrections of a zlib stream, checked to restore it."""
    source = zlib_stream.read(stream, size)
    coder = bitcoder.encoder(len(stream) + 1000, zlib_stream.STREAM_CONTEXTS)
    zlib_stream.encode(coder, 0, source)
    code = bitcoder.finish(coder)
    decoder = bitcoder.decoder(code, zlib_stream.STREAM_CONTEXTS)
    assert zlib_stream.decode(decoder, 0, source.data, source.size) == stream
    return code


def test_a_known_stream_takes_a_few_bytes() -> None:
    assert zlib.decompress(MADE_BY_ZOPFLI) == known()
    source = zlib_stream.read(MADE_BY_ZOPFLI, len(known()))
    parses = find_parses(source.data, source.deflated)
    assert parses is not None and sum(size for size, _ in parses) == len(known())
    assert len(coded(MADE_BY_ZOPFLI, len(known()))) < 12


@pytest.mark.parametrize("seed", range(3))
def test_streams_of_several_blocks(seed: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    random = np.random.default_rng(seed)
    smooth = np.cumsum(random.integers(-2, 3, 6000)) % 256
    parts = [smooth, random.integers(0, 256, 3000), np.repeat(random.integers(0, 9, 60), 300), np.tile(smooth, 2)]
    data = np.concatenate(parts[seed:]).astype(np.uint8).tobytes()
    stream = bytes(imagecodecs.zopfli_encode(data, numiterations=5 + seed))
    assert len(coded(stream, len(data))) < 80


def test_streams_of_others_are_told_apart() -> None:
    source = zlib_stream.read(zlib.compress(known(), 9), len(known()))
    assert find_parses(source.data, source.deflated) is None


def test_logarithms_are_the_nearest_doubles() -> None:
    with localcontext() as context:
        context.prec = 40
        for value in [*range(1, 300), *(3**k for k in range(6, 16)), (1 << 26) - 1]:
            nearest = float(Decimal(value).ln())
            assert abs(natural_log(value) - nearest) <= math.ulp(nearest) / 2


@pytest.mark.parametrize("most", [4, 7, 15])
def test_limited_lengths_are_optimal(most: int) -> None:
    random = np.random.default_rng(most)
    for _ in range(20):
        counts = (1.7 ** random.uniform(0, 18, 12)).astype(np.int64) * (random.random(12) < 0.9)
        lengths = np.zeros(12, np.uint8)
        limited_lengths(counts, most, lengths)
        used = counts > 0
        assert lengths.max() <= most and (lengths[used] > 0).all() and not lengths[~used].any()
        assert int((lengths * counts).sum()) == least_bits(counts[used].tolist(), most)


def least_bits(counts: list[int], most: int) -> int:
    """Return the bits of an optimal code of at most `most` bits: package-merge by its definition."""
    if len(counts) < 2:
        return sum(counts)
    items = sorted((count, (1 << place,)) for place, count in enumerate(counts))
    row: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(most):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[::2], row[1::2], strict=False)]
        row = sorted(items + pairs)
    return sum(count for count, _ in row[: 2 * len(counts) - 2])


def test_the_profile_of_srgb_is_the_one_in_all_files() -> None:
    assert len(profile(SRGB)) == 3144 and zlib.crc32(profile(SRGB)) == 0x182EA552
    assert number_of(profile(SRGB)) == SRGB and number_of(profile(SRGB)[:-1]) == number_of(b"") == 0
    with pytest.raises(CorruptError):
        profile(2)
