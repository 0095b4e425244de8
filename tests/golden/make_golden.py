"""Write the golden files of a format version, once: `python -m tests.golden.make_golden`.

Files that exist are never written again: they stand for what a release wrote. The bad and unsupported ones are
put together field by field, with right checksums wherever the checksum is not the point, so that the check behind
it is what refuses them.
"""

import bz2
import hashlib
import io
import json
import lzma
import random
import struct
import zlib
from pathlib import Path

from neuralzip import compress
from neuralzip.codecs import bytes as byte_codec
from neuralzip.codecs import registry
from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.raw import stored
from neuralzip.container import Writer
from neuralzip.container.fields import varint
from tests.golden import samples

HERE = Path(__file__).parent
MAGIC = b"\x8eNZ\r\n\n"
TEXT = b"She sells sea shells on the sea shore; the shells she sells are sea shells, I am sure.\n" * 4


def u32(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)


def header(
    magic: bytes = MAGIC, version: int = 1, size: bytes = b"\0", fields: bytes = b"", crc: int = 0
) -> bytes:
    head = magic + bytes([version]) + size + fields
    return head + u32(zlib.crc32(head) ^ crc)


def block(
    content: bytes = b"abc",
    *,
    codec: int = 0,
    models: bytes = b"\0",
    identities: bytes = b"",
    params: bytes = b"",
    params_size: bytes | None = None,
    raw_size: bytes | None = None,
    payload: bytes | None = None,
    payload_size: bytes | None = None,
    place: int = 0,
    crcs: tuple[int, int, int] = (0, 0, 0),
) -> bytes:
    """A block record; `crcs` are flipped into the payload's, the content's and the header's checksum."""
    payload = content if payload is None else payload
    head = bytes([codec]) + models + (varint(len(params)) if params_size is None else params_size)
    head += varint(len(content)) if raw_size is None else raw_size
    head += varint(len(payload)) if payload_size is None else payload_size
    head += identities + params
    head += u32(zlib.crc32(payload) ^ crcs[0]) + u32(zlib.crc32(content) ^ crcs[1])
    return head + u32(zlib.crc32(struct.pack("<Q", place) + head) ^ crcs[2]) + payload


def end(
    lines: list[tuple[int, int]],
    original: bytes,
    *,
    count: bytes | None = None,
    digest: bytes | None = None,
    extra: bytes = b"",
    size_error: int = 0,
    crc: int = 0,
) -> bytes:
    index = b"\xff" + (varint(len(lines)) if count is None else count)
    index += b"".join(varint(size) + varint(raw_size) for size, raw_size in lines) + extra
    tail = (hashlib.sha256(original).digest() if digest is None else digest)[:16] + u32(len(index) + size_error)
    return index + tail + u32(zlib.crc32(index + tail) ^ crc)


def whole(record: bytes, content: bytes = b"abc") -> bytes:
    """A file around one record, right but for what is wrong with the record."""
    return header() + record + end([(len(record), len(content))], content)


def stdlib(payload: bytes, params: bytes, content: bytes = b"abc") -> bytes:
    return whole(block(content, codec=1, params=params, payload=payload), content)


def deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def lzma2(data: bytes, log2: int) -> bytes:
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << log2}])


def many(*contents: bytes) -> tuple[list[bytes], list[tuple[int, int]], bytes]:
    """Records of stored blocks in their places, their index lines, and the original."""
    records, place = [], 0
    for content in contents:
        records.append(block(content, place=place))
        place += len(content)
    return records, [(len(r), len(c)) for r, c in zip(records, contents, strict=True)], b"".join(contents)


def bad_headers() -> dict[str, bytes]:
    rest = block() + end([(len(block()), 3)], b"abc")
    return {
        "empty": b"",
        "magic-only": MAGIC,
        "magic-cut": MAGIC[:3],
        "magic-first-byte": header(b"\x0eNZ\r\n\n") + rest,
        "magic-line-ends-lf": header(b"\x8eNZ\n\n") + rest,
        "magic-line-ends-crlf": header(b"\x8eNZ\r\r\n\r\n") + rest,
        "magic-gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\3" + rest,
        "magic-png": b"\x89PNG\r\n\x1a\n" + rest,
        "version-0": header(version=0) + rest,
        "header-checksum": header(crc=1) + rest,
        "header-size-2-32": header(size=varint(2**32 - 1)) + rest,
        "header-size-65537": header(size=varint(65537), fields=bytes(65537)) + rest,
        "header-size-not-shortest": header(size=b"\x80\0") + rest,
        "header-size-endless": header(size=b"\xff" * 12) + rest,
        "header-fields-cut": MAGIC + b"\1" + varint(100) + bytes(20),
        "header-only": header(),
        "header-twice": header() + header() + rest,
    }


def bad_sizes() -> dict[str, bytes]:
    huge = 10**12
    return {
        "raw-size-0": whole(block(raw_size=b"\0")),
        "raw-size-2-more": whole(block(raw_size=varint(5))),
        "raw-size-less": whole(block(raw_size=varint(2))),
        "raw-size-over-expansion": whole(block(raw_size=varint((3 + 1) * 2**20 + 1))),
        "raw-size-not-shortest": whole(block(raw_size=b"\x83\0")),
        "raw-size-over-2-63": whole(block(raw_size=b"\xff" * 9 + b"\1")),
        "limit-raw-size-10-12": whole(block(raw_size=varint(huge))),
        "limit-raw-size-2-63": whole(block(raw_size=varint(2**63 - 1))),
        "limit-both-sizes-10-12": whole(block(raw_size=varint(huge), payload_size=varint(huge))),
        "limit-payload-size-10-12": whole(block(payload_size=varint(huge))),
        "payload-size-more": whole(block(payload_size=varint(4))),
        "payload-size-10-9": whole(block(payload_size=varint(10**9))),
        "payload-size-not-shortest": whole(block(payload_size=b"\x83\0")),
        "payload-size-endless": whole(block(payload_size=b"\x80" * 11)),
        "models-17": whole(block(models=varint(17), identities=bytes(17 * 8))),
        "models-2-40": whole(block(models=varint(2**40))),
        "models-cut": header() + b"\0\x10\0\3\3" + bytes(20),
        "models-not-shortest": whole(block(models=b"\x80\0")),
        "params-4097": whole(block(params=bytes(4097))),
        "params-2-62": whole(block(params_size=varint(2**62))),
        "params-not-shortest": whole(block(params_size=b"\x80\0")),
    }


def bad_checksums() -> dict[str, bytes]:
    return {
        "payload-checksum": whole(block(crcs=(1, 0, 0))),
        "content-checksum": whole(block(crcs=(0, 1, 0))),
        "block-checksum": whole(block(crcs=(0, 0, 1 << 31))),
        "block-place": whole(block(place=1)),
        "digest": header() + block() + end([(len(block()), 3)], b"abd"),
        "digest-empty": header() + end([], b"x"),
        "end-checksum": header() + block() + end([(len(block()), 3)], b"abc", crc=1),
    }


def bad_codecs() -> dict[str, bytes]:
    return {
        "raw-with-params": whole(block(params=b"x")),
        "raw-with-model": whole(block(models=b"\1", identities=bytes(8))),
        "raw-payload-longer": whole(block(payload=b"abcd")),
        "raw-payload-shorter": whole(block(payload=b"ab")),
        "stdlib-no-params": stdlib(deflate(b"abc"), b""),
        "stdlib-params-3": stdlib(deflate(b"abc"), b"\0\0\0"),
        "stdlib-method-3": stdlib(deflate(b"abc"), b"\3\0"),
        "stdlib-deflate-second-byte": stdlib(deflate(b"abc"), b"\0\1"),
        "stdlib-deflate-garbage": stdlib(b"\xff\xff\xff", b"\0\0"),
        "stdlib-deflate-cut": stdlib(deflate(b"abc")[:-1], b"\0\0"),
        "stdlib-deflate-more": stdlib(deflate(b"abc") + b"x", b"\0\0"),
        "stdlib-deflate-bomb": stdlib(deflate(bytes(10**6)), b"\0\0"),
        "stdlib-deflate-short": stdlib(deflate(b"ab"), b"\0\0"),
        "stdlib-deflate-empty": stdlib(b"", b"\0\0"),
        "stdlib-bzip2-garbage": stdlib(b"BZh9garbage", b"\1\0"),
        "stdlib-bzip2-cut": stdlib(bz2.compress(b"abc")[:-4], b"\1\0"),
        "stdlib-bzip2-bomb": stdlib(bz2.compress(bytes(10**7)), b"\1\0"),
        "stdlib-bzip2-twice": stdlib(bz2.compress(b"abc") * 2, b"\1\0"),
        "stdlib-lzma-garbage": stdlib(b"\x99" * 20, b"\2\x0c"),
        "stdlib-lzma-cut": stdlib(lzma2(b"abc", 12)[:-1], b"\2\x0c"),
        "stdlib-lzma-dictionary-4-gib": stdlib(lzma2(b"abc", 12), b"\2\x20"),
        "stdlib-lzma-dictionary-small": stdlib(lzma2(b"abc", 12), b"\2\x0b"),
        "stdlib-with-model": whole(
            block(codec=1, params=b"\0\0", payload=deflate(b"abc"), models=b"\1", identities=bytes(8))
        ),
    }


def bad_order() -> dict[str, bytes]:
    (a, b, c), lines, original = many(b"one ", b"two ", b"six ")
    first, second = lines[0], lines[1]
    index = end(lines, original)
    foreign = block(b"six ", place=8, crcs=(0, 0, 0)).replace(b"six ", b"ten ")
    return {
        "blocks-swapped": header() + b + a + c + index,
        "blocks-swapped-index-too": header() + b + a + c + end(lines, b"two one six "),
        "blocks-dropped": header() + a + c + index,
        "blocks-dropped-index-too": header() + a + c + end(lines[:2], b"one six "),
        "blocks-last-dropped": header() + a + b + index,
        "blocks-repeated": header() + a + a + b + c + index,
        "blocks-repeated-index-too": header() + a + a + end(lines[:2], b"one one "),
        "blocks-payload-changed": header() + a + b + foreign + index,
        "end-missing": header() + a + b + c,
        "end-cut": header() + a + b + c + index[:-1],
        "end-twice": header() + a + b + c + index + index,
        "end-in-the-middle": header() + a + end(lines[:1], b"one ") + b + c + index,
        "end-of-an-empty-file": header() + a + end([], b""),
        "trailing-zero": header() + a + b + c + index + b"\0",
        "trailing-garbage": header() + a + b + c + index + b"garbage " * 8,
        "concatenated": (header() + a + b + c + index) * 2,
        "index-count-more": header() + a + b + c + end(lines, original, count=varint(4), extra=b"\x1c\4"),
        "index-count-less": header() + a + b + c + end(lines[:2], original),
        "index-count-2-60": header() + a + b + c + end(lines, original, count=varint(2**60)),
        "index-count-not-shortest": header() + a + b + c + end(lines, original, count=b"\x83\0"),
        "index-record-size": header() + a + b + c + end([first, (second[0] + 1, 4), lines[2]], original),
        "index-raw-size": header() + a + b + c + end([first, (second[0], 5), lines[2]], original),
        "index-raw-size-2-63": header() + a + b + c + end([first, (second[0], 2**63 - 1), lines[2]], original),
        "index-zero-sizes": header() + a + b + c + end([(0, 0)] * 3, original),
        "index-overlapping": header() + a + b + c + end([first, (second[0] * 2, 8), (0, 0)], original),
        "index-more-bytes": header() + a + b + c + end(lines, original, extra=b"\0"),
        "index-size-more": header() + a + b + c + end(lines, original, size_error=1),
        "index-size-less": header() + a + b + c + end(lines, original, size_error=-1),
        "index-size-2-31": header() + a + b + c + end(lines, original, size_error=2**31),
    }


def unsupported() -> dict[str, bytes]:
    rest = block() + end([(len(block()), 3)], b"abc")
    return {
        "version-2": header(version=2) + rest,
        "version-255": header(version=255) + rest,
        "header-fields": header(size=b"\4", fields=b"more") + rest,
        "codec-128": whole(block(codec=128)),
        "codec-254": whole(block(codec=254)),
        "codec-unknown-later": header()
        + block()
        + block(codec=200, place=3)
        + end([(len(block()), 3), (len(block(codec=200)), 3)], b"abcabc"),
    }


def packed(*blocks: tuple[Block, bytes]) -> bytes:
    file = io.BytesIO()
    writer = Writer(file)
    for coded, content in blocks:
        writer.add(registry.by_name(coded.codec).id, coded.params, coded.payload, content, coded.models)
    writer.close()
    return file.getvalue()


def good() -> dict[str, tuple[bytes, bytes]]:
    """Name -> (original, .nz file)."""
    noise = random.Random(1).randbytes(1000)
    zeros = bytes(100_000)
    made = {
        "empty": b"",
        "one-byte": b"\0",
        "two-bytes": b"\xff\0",
        "text": TEXT,
        "all-bytes": bytes(range(256)),
        "noise": noise,
        "zeros": zeros,
    }
    files = {name: (data, compress(data)) for name, data in made.items()}
    deflated = Block("stdlib", b"\0\0", deflate(TEXT), len(TEXT))
    bzipped = Block("stdlib", b"\1\0", bz2.compress(TEXT), len(TEXT))
    for log2 in (12, 24):
        coded = Block("stdlib", bytes([2, log2]), lzma2(TEXT, log2), len(TEXT))
        files[f"lzma-{log2}"] = (TEXT, packed((coded, TEXT)))
    files["deflate"] = (TEXT, packed((deflated, TEXT)))
    files["bzip2"] = (TEXT, packed((bzipped, TEXT)))
    mixed = [(stored(b"head"), b"head"), (deflated, TEXT), (stored(noise), noise), (bzipped, TEXT)]
    files["mixed-blocks"] = (b"".join(content for _, content in mixed), packed(*mixed))
    single = [(stored(bytes([i])), bytes([i])) for i in range(200)]
    files["one-byte-blocks"] = (bytes(range(200)), packed(*single))
    return files


def neural() -> dict[str, tuple[str, str | None, bytes]]:
    """Name -> (codec, preset, original) of the files that trained models and experts write."""
    photo = samples.ppm(24, 36)
    return {
        "bytes-fast": ("bytes", "fast", samples.various()),
        "bytes-small": ("bytes", "small", samples.various()),
        "bytes-base": ("bytes", "base", samples.various()),
        "bytes-small-two-lanes": ("bytes", "small", samples.prose(161000)),
        "bytes-small-four-lanes": ("bytes", "small", samples.prose(251000)),
        "image-fast": ("image", "fast", photo),
        "image-fast-grey-12": ("image", "fast", samples.grey_12(20, 28)),
        "image-graphics": ("image", None, samples.interface()),
        "image-zopfli": ("image", None, samples.rings()),
        "image-ranks": ("image", None, samples.stretched(90, 120)),
        "image-photo": ("image", None, samples.ppm(24, 40)),
        "image-photo-grey-12": ("image", None, samples.grey_12(24, 40)),
        "image-photo-joint": ("image", None, samples.ppm(70, 72)),
        "image-photo-started": ("image", None, samples.ppm(66, 74)),
        "image-photo-grey": ("image", None, samples.grey(66, 74)),
        "image-jpeg": ("image", None, samples.jpeg_born(70, 90)),
        "image-opacity": ("image", None, samples.see_through(66, 74)),
        "audio-base": ("audio", "base", samples.wav(1500, 2, 2)),
        "audio-wavenet": ("audio", None, samples.wav(1500, 2, 2)),
        "audio-fast": ("audio", "fast", samples.wav(1500, 1, 3)),
        "audio-plain-header": ("audio", "fast", samples.wav(300, 1, 2)),
        "audio-loop": ("audio", None, samples.loop_wav(400, 4)),
        "audio-flac": ("audio", "fast", samples.flac(6000)),
        "audio-gain": ("audio", "fast", samples.float_wav(1000, "<f4", 0.7 / 32768)),
        "audio-split-32": ("audio", "fast", samples.float_wav(700, "<f4", 0)),
        "audio-split-64": ("audio", "fast", samples.float_wav(300, "<f8", 0)),
        "audio-zero-bits": ("audio", "fast", samples.zero_bits_wav(3000)),
        "jpeg": ("jpeg", None, samples.photo_jpeg(60, 90, restart_marker_blocks=5)),
        "jpeg-started": ("jpeg", None, samples.photo_jpeg(60, 90)),
        "jpeg-progressive": ("jpeg", None, samples.photo_jpeg(60, 90, progressive=1, subsampling=0)),
        "archive-gzip": ("archive", "fast", samples.gzipped()),
        "archive-pdf": ("archive", "jpeg", samples.pdf()),
        "archive-tar": ("archive", "fast", samples.tarred(samples.held())),
        "table-csv": ("table", None, samples.csv()),
        "table-npy-float32": ("table", None, samples.npy("<f4")),
        "table-npy-int16": ("table", None, samples.npy("<i2")),
        "idf": ("idf", "idf", photo),
        "parallel": ("parallel", "parallel", photo),
        "flow": ("flow", "flow", photo),
        "vae": ("vae", "vae", photo),
    }


def encoded(codec: str, model: str | None, original: bytes) -> bytes:
    """Return the .nz file that a codec makes, whether or not it wins."""
    options, place, blocks = Options(model), 0, []
    for part in registry.by_name(codec).encode(io.BytesIO(original), options):
        content = original[place : place + part.raw_size]
        if registry.by_name(codec).decode(part, options) != content:
            raise ValueError(f"{codec} does not restore its golden file")
        blocks.append((part, content))
        place += part.raw_size
    return packed(*blocks)


def write(folder: str, name: str, data: bytes) -> None:
    path = HERE / folder / f"{name}.nz"
    if not path.exists():
        path.write_bytes(data)


def main() -> None:
    byte_codec.WIDE_BYTES = 250_000  # four lanes in a small file
    for name, data in (bad_headers() | bad_sizes() | bad_checksums() | bad_codecs() | bad_order()).items():
        write("bad", name, data)
    for name, data in unsupported().items():
        write("unsupported", name, data)
    manifest_path = HERE / "good" / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    files = good()
    for name, (codec, model, original) in neural().items():
        if name not in manifest:
            files[name] = original, encoded(codec, model, original)
    for name, (original, data) in files.items():
        if name not in manifest:
            write("good", name, data)
            manifest[name] = {"size": len(original), "sha256": hashlib.sha256(original).hexdigest()}
    manifest_path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
