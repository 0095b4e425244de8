"""Tables: text and arrays come back byte for byte, columns teach each other, odd cells do no harm."""

import hashlib
import io
import lzma
import random

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralzip.codecs.base import Block, Options
from neuralzip.codecs.table import TableCodec
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.experts import decimals, regression
from neuralzip.experts.decimals import NOT_A_NUMBER
from neuralzip.media import csv, npy

CODEC = TableCodec()


@numba.njit
def parse_number(text, start, end):
    return decimals.parse_number(text, start, end)


@numba.njit
def write_number(value, layout, out):
    return decimals.write_number(value, layout, out)


@numba.njit
def parse_hex(text, start, end, bits):
    return decimals.parse_hex(text, start, end, bits)


@numba.njit
def write_hex(value, bits, out):
    return decimals.write_hex(value, bits, out)


@numba.njit
def fit_row(fit, values, column, wanted):
    guess = regression.predict(fit, values, column)
    regression.learn(fit, column, wanted)
    return guess


def encode(data: bytes) -> list[Block]:
    return list(CODEC.encode(io.BytesIO(data), Options()))


def check_roundtrip(data: bytes) -> int:
    """Return the bytes that the coded blocks take."""
    blocks = encode(data)
    assert b"".join(CODEC.decode(block, Options()) for block in blocks) == data
    return sum(len(block.payload) + len(block.params) for block in blocks)


def npy_bytes(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def stations(rows: int) -> bytes:
    rng = random.Random(4)
    lines, level = ['"day",place,temp,wind,sum'], 15.0
    for day in range(rows):
        level += rng.gauss(0, 0.8)
        wind = round(rng.expovariate(0.2), 1)
        temp = round(level, 2)
        place = rng.choice(["north", "south", "NA"])
        lines.append(f"{day},{place},{temp:.2f},{wind:.1f},{temp + wind:.2f}")
    return ("\r\n".join(lines) + "\r\n").encode()


def test_csv_is_restored_and_beats_xz() -> None:
    data = stations(700)
    assert CODEC.claims(data[:4096], Options())
    assert check_roundtrip(data) < 0.6 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def test_the_stream_never_changes() -> None:
    """Golden payload: a change here breaks the files of every release."""
    (block,) = encode(stations(150))
    digest = hashlib.sha256(block.params + block.payload).hexdigest()
    assert digest[:16] == "29b01494e4a84f1b"


def test_ideal_code_length_is_reached() -> None:
    (block,) = encode(stations(400))
    assert block.nll_bits is not None
    assert 0 <= 8 * len(block.payload) - block.nll_bits < 160


def test_sums_of_columns_are_found() -> None:
    """The last column follows from the others: leaving it out saves next to nothing."""
    lines = stations(600).decode().split("\r\n")
    without = "\r\n".join(line.rpartition(",")[0] for line in lines).encode()
    assert check_roundtrip("\r\n".join(lines).encode()) < 1.1 * check_roundtrip(without)


def test_printed_binary_numbers_are_kept_short() -> None:
    rng = random.Random(1)
    short = [[f"{rng.gauss(0, 3):.4f}" for _ in range(3)] for _ in range(200)]
    rows = [f"{float(a):.18e},{np.float32(b):.9f},{float(c):.17g}" for a, b, c in short]
    data = ("a,b,c\n" + "\n".join(rows) + "\n1e5,,nan\n").encode()
    table = csv.parse(data, ord(","))
    assert csv.rebuild(table) == data
    assert [style.conversion for style in table.styles] == ["e", "f", "g"]
    assert len(table.text) < 0.5 * len(data)
    assert csv.unpack_styles(csv.pack_styles(table.styles)) == table.styles
    assert check_roundtrip(data) < 0.6 * len(lzma.compress(data))


@pytest.mark.parametrize(
    "array",
    [
        np.cumsum(np.random.default_rng(1).integers(-5, 6, (400, 3)), 0).astype("<i4"),
        np.random.default_rng(2).integers(0, 255, (7, 6, 5), np.uint8),
        np.array([0, -1, 2**63 - 1, -(2**63)], np.int64),
        np.array([2**64 - 1, 0, 5], ">u8"),
        np.random.default_rng(3).normal(size=(50, 4)),
        np.random.default_rng(3).normal(size=(50, 4)).astype(">f4").T,
        np.round(np.random.default_rng(4).normal(size=(60, 2)), 2),
        np.round(np.random.default_rng(4).normal(size=60), 1).astype(np.float32),
        np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, 1.5e308]),
        np.array([1.5, np.nan, np.inf, -0.0, 6e-8], np.float16),
        np.float64(3.25),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_arrays_are_restored(array: np.ndarray) -> None:
    check_roundtrip(npy_bytes(array))
    check_roundtrip(npy_bytes(np.asfortranarray(array)) + b"tail")


def test_walks_of_integers_beat_xz() -> None:
    walk = np.cumsum(np.random.default_rng(1).integers(-3, 4, (1500, 2)), 0).astype("<i4")
    data = npy_bytes(walk)
    assert check_roundtrip(data) < 0.8 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


@pytest.mark.parametrize(
    "data",
    [
        npy_bytes(np.array(["text"])),
        npy_bytes(np.zeros((0, 3))),
        npy_bytes(np.arange(9))[:-1],
        npy.MAGIC + b"\x01\0\xff\xff{",
        npy.MAGIC + b"\x01\0\x10\0{'descr': 'what'}",
        b"not a table\nat all\nof numbers\nbut words\n",
    ],
)
def test_what_is_no_table_is_left_to_others(data: bytes) -> None:
    with pytest.raises(UnsupportedError):
        encode(data)


def test_the_general_compressors_are_kept_where_they_win() -> None:
    (block,) = encode(b"1,2,3\n" * 4000)
    assert len(block.payload) < 80
    assert CODEC.decode(block, Options()) == b"1,2,3\n" * 4000


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.text("0123456789.-+eE \"'x\r\x01", max_size=9), min_size=1, max_size=5), max_size=30))
def test_odd_cells_are_restored(rows: list[list[str]]) -> None:
    data = b"1,2\n3.5,4\n5,6\n7,8\n9,1\n9,1\n9,1\n9,1\n9,1\n9,1\n9,1\n9,1\n"
    data += "\n".join(",".join(row) for row in rows).encode("latin-1")
    table = csv.parse(data, ord(","))
    assert csv.rebuild(table) == data
    if csv.find_delimiter(data[:4096]) is not None:
        check_roundtrip(data)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 7, 11, 20, -1, -9])
def test_damage_is_noticed_or_changes_the_bytes(at: int) -> None:
    data = stations(80)
    (block,) = encode(data)
    whole = bytearray(block.params + block.payload)
    whole[at] ^= 0x15
    size = len(block.params)
    damaged = Block("table", bytes(whole[:size]), bytes(whole[size:]), block.raw_size)
    try:
        assert CODEC.decode(damaged, Options()) != data
    except CorruptError:
        pass


def test_impossible_sizes_are_refused_at_once() -> None:
    (block,) = encode(stations(80))
    params = block.params[:3] + (1 << 29).to_bytes(4, "little") + block.params[7:]
    with pytest.raises(CorruptError):
        CODEC.decode(Block("table", params, block.payload, block.raw_size), Options())


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e15, 1e15), st.integers(0, 9), st.sampled_from([0, 32, 64, 96]))
def test_numbers_are_read_as_they_are_written(value: float, decimals: int, flags: int) -> None:
    value = value if abs(value) > 1e-190 else 0.0
    out = np.zeros(64, np.uint8)
    length = write_number(value, decimals + flags, out)
    if length == 0:
        assert abs(value) * 10**decimals > 9e17
        return
    layout, back = parse_number(out, 0, length)
    if "e" not in (text := out[:length].tobytes().decode()):
        assert layout & 31 == decimals
    assert abs(back - float(text)) <= 1e-14 * abs(back)
    unit = 10.0**-decimals * (abs(value) if flags & 32 else 1)
    assert abs(back - value) <= 0.51 * unit + 1e-13 * abs(value)


@settings(max_examples=100, deadline=None)
@given(st.floats(-(2.0**99), 2.0**99, width=32), st.sampled_from([32, 64]))
def test_hex_is_read_as_it_is_written(value: float, bits: int) -> None:
    out = np.zeros(64, np.uint8)
    assert parse_hex(out, 0, write_hex(value, bits, out), bits) == (0, value)


@pytest.mark.parametrize("text", [b"", b"-", b".", b"1.2.3", b"1e400", b"x", b"1 2", b"nan", b"--1"])
def test_what_is_not_a_number(text: bytes) -> None:
    assert parse_number(np.frombuffer(text, np.uint8), 0, len(text)) == (NOT_A_NUMBER, 0.0)


def test_regression_finds_an_exact_relation() -> None:
    rng = np.random.default_rng(1)
    fit, values = regression.new_regression(), np.zeros((3, 5))
    for _ in range(60):
        values[2], values[1] = values[1], values[0]
        values[0] = 0
        values[0, :3] = np.round(rng.normal(size=3) * 100, 3)
        wanted = values[0, 0] - values[0, 2] + 2.5
        guess = fit_row(fit, values, 3, wanted)
    assert guess == pytest.approx(wanted, abs=1e-9)
