"""The .nz layout: exact bytes, bounds on overhead, limits, random access, damage."""

import hashlib
import io
import random
import zlib
from typing import BinaryIO, cast

import pytest

from neuralzip import container
from neuralzip.container import Limits, Reader, Writer, layout
from neuralzip.errors import CorruptError, FormatError, LimitError


def write(*contents: bytes, params: bytes = b"", models: tuple[bytes, ...] = ()) -> bytes:
    file = io.BytesIO()
    writer = Writer(file)
    for content in contents:
        writer.add(0, params, content, content, models)
    assert writer.close() == len(file.getvalue())
    return file.getvalue()


def read(data: bytes, limits: Limits | None = None) -> bytes:
    reader = Reader(io.BytesIO(data), limits)
    contents = []
    for record in reader.records():
        reader.accept(record, record.payload)
        contents.append(record.payload)
    reader.finish()
    return b"".join(contents)


def test_exact_bytes() -> None:
    expected = (
        "8e4e5a0d0a0a" "01" "00" "76fd1319"  # magic, version, fields, checksum
        "00" "01" "02" "02" "02" "0102030405060708" "7071"  # codec, models, params, raw, payload, identity, params
        "ac2a93d8" "ac2a93d8" "63879213" "6869"  # payload, content and header checksums, payload
        "ff" "01" "1d" "02"  # end, one block: 29 bytes -> 2
        "8f434346648f6b96df89dda901c5176b" "04000000" "8ac26db0"
    )  # fmt: skip
    data = write(b"hi", params=b"pq", models=(bytes(range(1, 9)),))
    assert hashlib.sha256(b"hi").hexdigest().startswith("8f434346648f6b96df89dda901c5176b")
    assert data.hex() == expected


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 16383, 16384, 2**32, 2**63 - 1])
def test_varint(value: int) -> None:
    coded = layout.varint(value)
    assert layout.Source(io.BytesIO(coded)).varint("a test") == value
    assert len(coded) == max(1, (value.bit_length() + 6) // 7)


@pytest.mark.parametrize("coded", [b"\x80\0", b"\xff" * 9 + b"\1", b"\x80" * 20, b""])
def test_impossible_varints(coded: bytes) -> None:
    with pytest.raises(CorruptError):
        layout.Source(io.BytesIO(coded)).varint("a test")


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_319, 16_320, 16_383, 16_384, 65_535, 2**20, 2**21 + 1])
def test_overhead(size: int) -> None:
    content = bytes(size)
    pieces = [content[i : i + 2**20] for i in range(0, size, 2**20)]
    data = write(*pieces)
    assert read(data) == content
    assert len(data) <= size + size / 2**14 + 64


def test_random_access() -> None:
    contents = [b"one", b"two and a half", b"3" * 1000]
    data = io.BytesIO(write(*contents))
    index = container.read_index(data)
    assert index.raw_size == sum(map(len, contents))
    for i in (2, 0, 1):
        record = container.read_record(data, index.entries[i], Limits())
        container.check_content(record, record.payload)
        assert record.payload == contents[i]
    assert [index.entry_at(p).raw_offset for p in (0, 2, 3, 16, 17, 1016)] == [0, 0, 3, 3, 17, 17]


def test_reads_from_a_pipe() -> None:
    class Pipe(io.RawIOBase):
        """Gives three bytes at a time and cannot seek."""

        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self, size: int = -1) -> bytes:
            piece, self.data = self.data[: min(size, 3)], self.data[min(size, 3) :]
            return piece

    reader = Reader(cast(BinaryIO, Pipe(write(b"hello", b"world"))))
    for record in reader.records():
        reader.accept(record, record.payload)
    reader.finish()


def test_every_flip_and_cut_is_seen() -> None:
    data = write(b"first block", b"second block", params=b"par", models=(b"12345678",))
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            read(bytes(damaged))
    for size in range(len(data)):
        with pytest.raises(FormatError):
            read(data[:size])
        with pytest.raises(FormatError):
            container.read_index(io.BytesIO(data[:size]))


def test_content_is_checked() -> None:
    reader = Reader(io.BytesIO(write(b"hello")))
    record = next(reader.records())
    with pytest.raises(CorruptError, match="decodes to 4 bytes, expected 5"):
        reader.accept(record, b"hell")
    with pytest.raises(CorruptError, match="checksum"):
        reader.accept(record, b"hullo")


def test_digest_is_checked() -> None:
    reader = Reader(io.BytesIO(write(b"hello")))
    assert len(list(reader.records())) == 1
    with pytest.raises(CorruptError, match="digest"):
        reader.finish()  # nothing accepted


def test_limits() -> None:
    data = write(b"x" * 1000, b"y" * 1000)
    assert read(data, Limits(2000, 2000))
    with pytest.raises(LimitError, match="memory limit of 1999"):
        read(data, Limits(1999))
    with pytest.raises(LimitError, match="1999"):
        read(data, Limits(max_size=1999))


@pytest.mark.parametrize(
    "fields",
    [
        {"content": b""},
        {"params": bytes(4097)},
        {"models": (b"12345678",) * 17},
        {"codec": 255},
        {"content": bytes(2 * 2**20 + 1), "payload": b"x"},
    ],
)
def test_writer_refuses_what_does_not_fit(fields: dict[str, object]) -> None:
    block = {"codec": 0, "params": b"", "payload": b"abc", "content": b"abc"} | fields
    file = io.BytesIO()
    writer = Writer(file)
    with pytest.raises(LimitError):
        writer.add(**block)  # type: ignore[arg-type]
    writer.close()
    assert read(file.getvalue()) == b""


def test_random_edits() -> None:
    """Several bytes changed, removed or inserted at once: refused, or the file is as it was."""
    source = random.Random(5)
    data = write(b"first block", b"second" * 50, b"third")
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(source.randint(1, 6)):
            at = source.randrange(len(damaged))
            edit = source.choice(["change", "remove", "insert"])
            if edit == "change":
                damaged[at] = source.randrange(256)
            elif edit == "remove":
                del damaged[at]
            else:
                damaged.insert(at, source.randrange(256))
        if bytes(damaged) != data:
            with pytest.raises((FormatError, LimitError)):
                read(bytes(damaged))


def test_forged_checksums_do_not_get_past_the_digest() -> None:
    content, forged = b"pay 100", b"pay 999"
    data = write(content).replace(content, forged)
    data = data.replace(zlib.crc32(content).to_bytes(4, "little"), zlib.crc32(forged).to_bytes(4, "little"))
    start = len(data) - data[::-1].index(forged[::-1]) - len(forged)
    head = data[12 : start - 4]
    data = data[: start - 4] + zlib.crc32(bytes(8) + head).to_bytes(4, "little") + data[start:]
    with pytest.raises(CorruptError, match="digest"):
        read(data)
