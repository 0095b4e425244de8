"""Files that hold others come back byte for byte: gzip, ZIP, PDF, several blocks, what is damaged."""

import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

import neuralzip
from neuralzip.codecs import archive as archive_codec
from neuralzip.codecs import registry, select
from neuralzip.codecs.archive import ArchiveCodec
from neuralzip.codecs.base import Block, Options
from neuralzip.container.fields import FieldReader
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import archive, tar
from tests.golden import samples
from tests.roundtrip.check import check_roundtrip

MOST = 1 << 20
FAST = Options(model="fast")
TEXT = Path(archive.__file__).read_bytes() + samples.prose(9000)


def member(data: bytes, level: int = 6, flags: int = 0, fields: bytes = b"", effort: int = 0) -> bytes:
    """Return a gzip member with a header of our choice."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    head = archive.MAGICS[0] + struct.pack("<BIBB", flags, 1234567890, effort, 3) + fields
    body = deflate.compress(data) + deflate.flush()
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))


def zipped(seekable: bool = True) -> bytes:
    """Return a ZIP archive of deflated members and a stored one; with sizes behind the data if not seekable."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return seekable

    file = Pipe()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for k, level in enumerate((1, 6, 9)):
            info = zipfile.ZipInfo(f"folder/part{k}.xml")
            made.writestr(info, TEXT[1000 * k : 5000 + 2000 * k], zipfile.ZIP_DEFLATED, level)
        made.writestr(zipfile.ZipInfo("stored"), TEXT[:500], zipfile.ZIP_STORED)
    return file.getvalue()


def restored(parts: archive.Parts) -> bytes:
    return archive.rebuild(parts.content, parts.choices, parts.size)


@pytest.mark.parametrize("level", range(10))
def test_every_level_takes_a_few_bytes(level: int) -> None:
    packed = member(TEXT, level, effort={1: 4, 9: 2}.get(level, 0))
    parts = archive.parse(packed, MOST)
    assert parts.content == packed[:10] + TEXT
    assert (parts.size, parts.spans) == (len(packed), [(10, 10 + len(TEXT))])
    assert len(parts.choices) < 20
    assert restored(parts) == packed


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (8, b"notes.txt\0"),
        (16, b"a comment\0"),
        (4, b"\5\0extra"),
        (2, b"\xab\xcd"),
        (31, b"\2\0\0\0name\0comment\0\1\2"),
    ],
)
def test_every_field_of_a_gzip_header(flags: int, fields: bytes) -> None:
    data = b"some text, some text\n" * 30
    packed = member(data, flags=flags, fields=fields)
    parts = archive.parse(packed + b"what follows", MOST)
    assert parts.content == packed[: 10 + len(fields)] + data + b"what follows"
    assert restored(parts) == packed + b"what follows"


@pytest.mark.parametrize("seekable", [True, False])
def test_members_of_an_archive(seekable: bool) -> None:
    data = zipped(seekable)
    parts = archive.parse(data, MOST)
    for k in range(3):
        assert TEXT[1000 * k : 5000 + 2000 * k] in parts.content
    assert TEXT[:500] in parts.content
    assert len(parts.choices) < 40
    assert restored(parts) == data


def test_streams_of_a_pdf() -> None:
    data = samples.pdf()
    parts = archive.parse(data, MOST)
    assert all(samples.prose(600 + 100 * k) + b"\nendstream" in parts.content for k in range(3))
    assert restored(parts) == data


def test_an_encoder_with_flushes_is_told_token_by_token() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_HUFFMAN_ONLY)
    body = deflate.compress(TEXT) + deflate.flush(zlib.Z_SYNC_FLUSH) + deflate.compress(TEXT) + deflate.flush()
    packed = archive.MAGICS[0] + bytes(7) + body + struct.pack("<II", zlib.crc32(2 * TEXT), 2 * len(TEXT))
    assert restored(archive.parse(packed, MOST)) == packed


def test_a_wrong_checksum_stays_as_it_is() -> None:
    good = member(TEXT)
    bad = good[:-8] + bytes([good[-8] ^ 1]) + good[-7:]
    parts = archive.parse(bad, MOST)
    assert parts.content == bad[:10] + TEXT + bad[-8:]
    assert restored(parts) == bad


def refused() -> dict[str, bytes]:
    good = member(TEXT)
    return {
        "nothing": b"",
        "magic only": archive.MAGICS[0],
        "reserved flags": good[:3] + b"\x20" + good[4:],
        "no end of the name": member(b"", flags=8)[:12].replace(b"\0", b"x"),
        "cut": good[:-12],
        "holds nothing": member(b""),
        "encrypted members": zipped().replace(b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0"),
        "another method": zipped()[:900].replace(b"PK\3\4\x14\0\0\0\x08", b"PK\3\4\x14\0\0\0\x09"),
        "no zlib header": b"%PDF-1.4\nstream\n\x78\x9dabcdefgh",
    }


@pytest.mark.parametrize("name", refused())
def test_files_without_a_stream_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedError):
        archive.parse(refused()[name], MOST)


def test_every_flip_is_restored_or_refused() -> None:
    data = member(samples.prose(900), flags=8, fields=b"a\0") + zipped()[:900]
    for at in range(0, len(data), 7):
        other = data[:at] + bytes([data[at] ^ 0x14]) + data[at + 1 :]
        try:
            parts = archive.parse(other, MOST)
        except UnsupportedError:
            continue
        assert restored(parts) == other


@pytest.mark.parametrize("most", [300, 6000, 9000, 20000, 40000])
@pytest.mark.parametrize("window", [4000, 1 << 20])
def test_contents_are_cut_to_the_limit(most: int, window: int) -> None:
    """What is cut in one place comes back from all parts; streams that no part can hold stay as they are."""
    data = member(TEXT[:5000]) + b"between" * 99 + zipped() + member(TEXT)
    done = 0
    while done < len(data):
        part = data[done : done + window]
        try:
            parts = archive.parse(part, most, len(data) - done - len(part))
        except UnsupportedError:
            break
        assert 0 < len(parts.content) <= most and parts.size
        assert restored(parts) == part[: parts.size]
        done += parts.size
    assert most < 6000 or done > 4000


def test_the_codec_shares_what_is_learnt() -> None:
    data = member(TEXT) + gzip.compress(TEXT, 9, mtime=0)
    (block,) = check_roundtrip(ArchiveCodec(), data, FAST)
    assert len(block.payload) < 0.5 * len(data)


def test_large_contents_get_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the byte codec, and of this one."""
    monkeypatch.setattr(select, "SEGMENT_BYTES", 5000)
    monkeypatch.setattr(archive_codec, "CONTENT_BYTES", len(TEXT) + 4000)
    data = member(TEXT) + zipped() + member(TEXT)
    assert len(check_roundtrip(ArchiveCodec(), data, FAST)) > 1


def held(block: Block) -> list[str]:
    """Return the codecs of the blocks in a block, in order."""
    reader = FieldReader(block.payload)
    reader.string()
    counts = [(reader.number(), reader.number())[1] for _ in range(reader.number())]
    names = []
    for _ in range(sum(counts) + reader.number()):
        names.append(registry.name_of(reader.number()))
        reader.number()
        for _ in range(3):
            reader.string()
    reader.finish()
    return names


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_pictures_recordings_and_noise_are_coded_on_their_own(method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("notes.txt", TEXT[:4000])
        made.writestr("photo.jpg", samples.photo_jpeg(60, 90))
        made.writestr("more.txt", TEXT[2000:7000])
        made.writestr("sound.wav", samples.wav(1500, 2, 2))
        made.writestr("noise", random.Random(1).randbytes(70_000))
        made.writestr("table.csv", b"".join(b"%d,%d,%d\n" % (k, k * k % 997, k // 7) for k in range(2000)))
    data = file.getvalue()
    (block,) = check_roundtrip(ArchiveCodec(), data)
    assert held(block) == ["jpeg", "audio", "raw", "table", "bytes"]
    assert neuralzip.decompress(neuralzip.compress(data)) == data


def test_an_archive_in_an_archive_is_part_of_the_rest() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("inner.zip", zipped())
        made.writestr("inner.gz", member(TEXT))
    (block,) = check_roundtrip(ArchiveCodec(), file.getvalue(), FAST)
    assert held(block) == ["bytes"]
    assert len(block.payload) < 0.8 * len(file.getvalue())


@pytest.mark.parametrize("rest", [b"\0" * 512, b"no member", member(samples.prose(3000))[:-30], member(b"")])
def test_what_follows_comes_back(rest: bytes) -> None:
    data = member(TEXT) + rest
    packed = neuralzip.compress(data, options=FAST)
    assert neuralzip.info(io.BytesIO(packed)).codecs[0] == "archive"
    assert neuralzip.decompress(packed) == data


@pytest.mark.parametrize("data", [member(b""), member(TEXT)[:-30]])
def test_others_are_left_alone(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        next(ArchiveCodec().encode(io.BytesIO(data), FAST))
    assert neuralzip.decompress(neuralzip.compress(data, options=FAST)) == data


def test_damaged_blocks_are_refused() -> None:
    codec = ArchiveCodec()
    block = next(codec.encode(io.BytesIO(member(TEXT)), FAST))
    for other in (
        replace(block, params=bytes([archive_codec.VERSION + 1])),
        replace(block, payload=block.payload + b"\0"),
        replace(block, params=b""),
        replace(block, payload=block.payload[:-9]),
        replace(block, payload=b""),
        replace(block, raw_size=block.raw_size + 1),
        replace(block, raw_size=1),
    ):
        with pytest.raises(CorruptError):
            codec.decode(other, FAST)
    with pytest.raises(CorruptError, match="impossible block"):
        codec.decode(replace(block, models=()), FAST)


def test_an_archive_block_in_an_archive_block_is_refused() -> None:
    block = next(ArchiveCodec().encode(io.BytesIO(member(TEXT)), FAST))
    start = len(archive.parse(member(TEXT), MOST).choices) + 3
    assert block.payload[start] == registry.by_name("bytes").id
    forged = block.payload[:start] + bytes([ArchiveCodec.id]) + block.payload[start + 1 :]
    with pytest.raises(CorruptError, match="impossible block"):
        ArchiveCodec().decode(replace(block, payload=forged), FAST)


def test_progress_counts_bytes_of_the_file() -> None:
    data, told = zipped(), []
    options = replace(FAST, progress=lambda done, total: told.append((done, total)))
    for block in ArchiveCodec().encode(io.BytesIO(data), options):
        ArchiveCodec().decode(block, options)
    assert told and all(0 <= done <= total <= len(data) for done, total in told)
    assert max(done for done, _ in told) == len(data)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_a_tar(form: int) -> None:
    files = {"a.txt": TEXT[:700], "ä" * 40: TEXT[:1024], "empty": b"", "b" * 90: b"ustar" * 200}
    if form != tarfile.USTAR_FORMAT:
        files["c" * 300] = TEXT[:99]
    data = samples.tarred(files, form)
    found = [data[begin:end] for begin, end in tar.members(data)]
    assert found == [content for content in files.values() if content]
    assert [data[begin:end] for begin, end in archive.parse(data, MOST).spans] == found
    assert restored(archive.parse(data, MOST)) == data


def test_sizes_in_base_256_and_wrong_checksums() -> None:
    size = 70_000
    header = bytearray(samples.tarred({"a": bytes(size)})[1024:1536])
    assert tar.member_size(bytes(header)) == size
    header[124:136] = b"\x80" + size.to_bytes(11, "big")
    assert tar.member_size(bytes(header)) is None
    told = sum(header) - sum(header[148:156]) + 8 * 32
    header[148:156] = b"%06o\0 " % told
    assert tar.member_size(bytes(header)) == size
    header[148:156] = b"nothing "
    assert tar.member_size(bytes(header)) is None
    assert tar.member_size(bytes(header[:400])) is None


def mixed() -> dict[str, bytes]:
    return {
        "notes.txt": TEXT[:3000],
        "photo.jpg": samples.photo_jpeg(60, 90),
        "paper.pdf": samples.pdf(),
        "sound.wav": samples.wav(1500, 2, 2),
        "more.txt": TEXT[2000:5000],
    }


def test_a_tar_of_pictures_and_recordings() -> None:
    data = samples.tarred(mixed())
    (block,) = check_roundtrip(ArchiveCodec(), data)
    assert held(block) == ["jpeg", "jpeg", "audio", "bytes"]
    assert samples.prose(600) + b"\nendstream" in archive.parse(data, MOST).content
    assert neuralzip.decompress(neuralzip.compress(data)) == data


def test_a_compressed_tar() -> None:
    data = gzip.compress(samples.tarred(mixed()), 9, mtime=0)
    (block,) = check_roundtrip(ArchiveCodec(), data)
    assert held(block) == ["jpeg", "audio", "bytes"]  # what is in the PDF stays


@pytest.mark.parametrize("most", [2000, 4000, 8000, 1 << 24])
def test_files_that_no_part_can_hold_are_coded_as_such(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_codec, "TAR_BYTES", most)
    photo, sound = samples.photo_jpeg(180, 240), mixed()["sound.wav"]
    data = samples.tarred({**mixed(), "last.jpg": photo})
    packed = neuralzip.compress(data)
    names = neuralzip.info(io.BytesIO(packed)).codecs
    assert "archive" in names
    assert ("jpeg" in names, "audio" in names) == (most < len(photo) + 512, most < len(sound) + 512)
    assert neuralzip.decompress(packed) == data


@pytest.mark.parametrize("most", [2000, 3000, 5000, 20000])
def test_parts_of_a_tar_meet_its_headers(most: int) -> None:
    """No file is cut: each is in one part, or behind one; what announces too much is no file."""
    data = samples.tarred({str(k): TEXT[: 900 * k + 1] for k in range(6)}) + samples.tarred({"cut": TEXT})[:2000]
    done, found = 0, []
    while done < len(data):
        part = data[done : done + most + tar.BLOCK_BYTES]
        try:
            parts = archive.parse(part, most, len(data) - done - len(part))
        except UnsupportedError:
            break
        assert restored(parts) == part[: parts.size] and len(parts.content) <= most
        found += [parts.content[begin:end] for begin, end in parts.spans]
        done += parts.size
        if parts.large:
            found.append(data[done : done + parts.large])
            done += parts.large
    assert found == [TEXT[: 900 * k + 1] for k in range(6)]
