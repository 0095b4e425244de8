"""One zlib stream (RFC 1950), coded as what its data does not tell."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media.bitcoder import NUMBER_CONTEXTS, POSITION, BitCoder, code_bit, code_bits, code_number
from neuralzip.media.deflate.deflate import deflate
from neuralzip.media.deflate.guess import Guess, full_block, guess_rules
from neuralzip.media.deflate.inflate import inflate
from neuralzip.media.deflate.optimal import MAX_DATA, OPTIMAL_CONTEXTS, STYLES, code_cheapest
from neuralzip.media.deflate.replay import ENCODERS, find_encoder, replay
from neuralzip.media.deflate.stream import COUNT, DYNAMIC, FIXED, PADDING, STORED, TYPE, DeflateStream
from neuralzip.media.deflate.tokens import CODE, KINDS, TOKEN_CONTEXTS, TRUST, code_blocks, walk
from neuralzip.media.deflate.trees import HEADER_CONTEXTS, code_header, has_fixed_codes
from neuralzip.media.deflate.zlib_rules import GIVEN_PIECES, PRESETS, Rules, matcher, zlib_rules
from neuralzip.media.deflate.zlib_rules import KINDS as RULE_KINDS
from neuralzip.media.deflate.zopfli_stream import PARSE_CONTEXTS, code_zopfli, find_parses

Bytes = npt.NDArray[np.uint8]

_BYTES = 0
_START = _BYTES + 256
_FLAGS = _START + 14
_NUMBERS = _FLAGS + 4
_HEADERS = _NUMBERS + 17 * NUMBER_CONTEXTS
_TOKENS = _HEADERS + HEADER_CONTEXTS
_SIZES = _TOKENS + TOKEN_CONTEXTS
_OPTIMAL = _SIZES + NUMBER_CONTEXTS + TOKEN_CONTEXTS
_PARSES = _OPTIMAL + OPTIMAL_CONTEXTS
_STORED = _PARSES + PARSE_CONTEXTS
_FIXED = _STORED + KINDS
STREAM_CONTEXTS = _FIXED + 4
MAX_EXCESS = 1 << 16
_SAMPLE = 1 << 16
_WORTH_REPLAYING = 64
_UNLIMITED = 1 << 60
_TOLD = 10
"""In the place of a level: five numbers follow."""
_KNOWN = (*map(zlib_rules, range(10)), zlib_rules(6), *PRESETS)
_REPLAYED = len(_KNOWN)
"""From here on, encoders whose streams follow from the data."""
_MAX_RULE = 1 << 24


@dataclass(frozen=True, slots=True)
class ZlibStream:
    """A decoded zlib stream.

    Attributes:
        header: its two bytes.
        deflated: structure of the deflate stream.
        data: [size + PADDING] uint8 that it decodes to.
        size: bytes of it.
        trailer: what follows the deflate stream: the Adler checksum, and anything else.
        packed: bytes of the deflate stream.
    """

    header: bytes
    deflated: DeflateStream
    data: Bytes
    size: int
    trailer: bytes
    packed: int = 0


def read(stream: bytes, expected: int, excess: int = MAX_EXCESS) -> ZlibStream:
    """Decode a zlib stream of at least the expected bytes and not many more.

    Raises:
        UnsupportedError: it has fewer or more, or is damaged.
    """
    if len(stream) < 3 or stream[0] & 15 != 8 or int.from_bytes(stream[:2], "big") % 31 or stream[1] & 32:
        raise UnsupportedError("not a zlib stream without dictionary")
    if expected > 1032 * len(stream):
        raise UnsupportedError("zlib stream of far fewer bytes than expected")
    deflated, data, used = inflate(memoryview(stream)[2:], expected + excess)
    size = len(data) - PADDING
    if size < expected:
        raise UnsupportedError(f"zlib stream ends {expected - size} bytes too early")
    return ZlibStream(stream[:2], deflated, data, size, stream[2 + used :], used)


def encode(coder: BitCoder, base: int, stream: ZlibStream, piece: int = 0) -> None:
    """Code everything but `data`, of which the encoder was likely given `piece` bytes at a time (0 for all).

    Raises:
        UnsupportedError: the stream has more blocks than its data justifies.
    """
    if len(stream.deflated.blocks) > _most_blocks(stream.size):
        raise UnsupportedError("deflate stream has too many small blocks")
    _code_header(coder, base, stream.header, stream.size)
    guess = guess_rules(stream.deflated, stream.data, stream.size, stream.header, piece)
    best = coder.copy()
    _encode_by_rules(best, base, stream, guess, piece)
    spent = int(best[POSITION] - coder[POSITION])
    if spent > min(stream.packed // 100, _WORTH_REPLAYING) and stream.size <= MAX_DATA:
        found = _encode_replayed(coder, base, stream)
        if not found and spent > stream.packed // 100:
            found = list(_encode_searched(coder, base, stream, guess.doubtful))
        best = min([best, *found], key=lambda tried: int(tried[POSITION]))
    coder[:] = best
    _code_trailer(coder, base, stream.data[: stream.size], stream.trailer)


def _encode_replayed(coder: BitCoder, base: int, stream: ZlibStream) -> list[BitCoder]:
    """Return a copy of the coder that coded which encoder makes all of the stream, if one does."""
    hint = stream.header[1] >> 6
    encoder = find_encoder(stream.deflated, stream.data, stream.size, hint)
    if encoder is None:
        return []
    tried = coder.copy()
    code_bit(tried, base + _FLAGS + 2, 0)
    _code_level(tried, base, hint, _REPLAYED + encoder)
    return [tried]


def _encode_searched(coder: BitCoder, base: int, stream: ZlibStream, doubtful: bool) -> Iterator[BitCoder]:
    """Yield copies of the coder that coded blocks, headers and tokens as the choice of a search for few bits.

    `doubtful` says that zlib's rules miss many tokens.
    """
    parses = find_parses(stream.data, stream.deflated)
    if parses is not None:
        tried = coder.copy()
        code_bit(tried, base + _FLAGS + 2, 1)
        code_bit(tried, base + _FLAGS + 3, 1)
        code_zopfli(tried, (base + _SIZES, base + _PARSES), stream.data, stream.size, (stream.deflated, parses))
        yield tried
    if parses is not None or not doubtful:
        return
    sample = _sample(stream)
    sizes = [_encode_cheapest(coder.copy(), base, sample, style)[POSITION] for style in range(len(STYLES))]
    yield _encode_cheapest(coder.copy(), base, stream, int(np.argmin(sizes)))


def _sample(stream: ZlibStream) -> ZlibStream:
    """Return the first blocks of a stream, as many as suffice to tell styles from each other."""
    parts, blocks, tokens, headers, size = stream.deflated, 0, 0, 0, 0
    ends = np.concatenate([[0], np.cumsum(np.maximum(parts.tokens >> 16, 1), dtype=np.int64)])
    for kind, _, count in parts.blocks.tolist():
        if size >= _SAMPLE:
            break
        blocks, headers = blocks + 1, headers + (kind == DYNAMIC)
        size += count if kind == STORED else int(ends[tokens + count] - ends[tokens])
        tokens += 0 if kind == STORED else count
    shorter = DeflateStream(parts.tokens[:tokens], parts.blocks[:blocks], parts.headers[:headers])
    return ZlibStream(stream.header, shorter, stream.data, size, b"")


def _encode_cheapest(coder: BitCoder, base: int, stream: ZlibStream, style: int) -> BitCoder:
    """Code blocks, headers and tokens by their costs; return the coder."""
    code_bit(coder, base + _FLAGS + 2, 1)
    code_bit(coder, base + _FLAGS + 3, 0)
    code_cheapest(coder, _bases(base), stream.data, stream.size, stream.deflated, style)
    return coder


def _bases(base: int) -> tuple[int, int, int]:
    """Return the contexts of the cheapest parse: blocks, headers, tokens."""
    return base + _SIZES, base + _HEADERS, base + _OPTIMAL


def _encode_by_rules(coder: BitCoder, base: int, stream: ZlibStream, guess: Guess, piece: int) -> None:
    """Code blocks, tokens and headers under zlib's rules."""
    code_bit(coder, base + _FLAGS + 2, 0)
    level = next((each for each, other in enumerate(_KNOWN) if other[:5] == guess.rules[:5]), _TOLD)
    _code_level(coder, base, stream.header[1] >> 6, level)
    _code_rules(coder, base, level, guess.rules, piece)
    _code_number(coder, base, 11, len(stream.deflated.blocks))
    blocks = stream.deflated.blocks.copy()
    code_blocks(coder, base + _TOKENS, blocks, full_block(guess.rules), stream.size, base + _STORED)
    code_bit(coder, base + _FLAGS, int(guess.exact))
    if not guess.exact:
        _walk(coder, base, stream, guess.rules, CODE)
    _code_headers(coder, base, stream.deflated, False)


def decode(coder: BitCoder, base: int, data: Bytes, size: int, kinds_told: bool = False, piece: int = 0) -> bytes:
    """Return the zlib stream of data [size + PADDING]; raise CorruptError where there can be none.

    `kinds_told` is for side information of version 1, where the kinds of blocks are told before the tokens;
    `piece` as in `encode`.
    """
    header = _code_header(coder, base, b"", size)
    if code_bit(coder, base + _FLAGS + 2, 0):
        if size > MAX_DATA:
            raise CorruptError("deflate: too much data for its encoder")
        if code_bit(coder, base + _FLAGS + 3, 0):
            deflated = code_zopfli(coder, (base + _SIZES, base + _PARSES), data, size, None)
        else:
            deflated = code_cheapest(coder, _bases(base), data, size, None)
    else:
        deflated = _decode_by_rules(coder, base, header[1] >> 6, data, size, kinds_told, piece)
    body = deflate(deflated, data[:size])
    return header + body + _code_trailer(coder, base, data[:size], b"")


def _decode_by_rules(
    coder: BitCoder, base: int, hint: int, data: Bytes, size: int, kinds_told: bool, piece: int
) -> DeflateStream:
    """Return what `_encode_by_rules` coded."""
    level = _code_level(coder, base, hint, 0)
    if level >= _REPLAYED:
        return replay(data, size, level - _REPLAYED)
    rules = _code_rules(coder, base, level, zlib_rules(0), piece)
    count = _code_number(coder, base, 11, 0)
    if count > _most_blocks(size):
        raise CorruptError("deflate: impossible number of blocks")
    blocks = np.zeros((count, 3), np.int64)
    code_blocks(coder, base + _TOKENS, blocks, full_block(rules), size, None if kinds_told else base + _STORED)
    stored = blocks[:, TYPE] == STORED
    excessive = blocks[:, COUNT].sum() > size or (blocks[stored, COUNT] >= 1 << 16).any()
    if excessive or (blocks[:, TYPE] > DYNAMIC).any():
        raise CorruptError("deflate: impossible blocks")
    # No more tokens than bytes; the last block has those that are left.
    deflated = DeflateStream(np.zeros(size, np.uint32), blocks, [])
    mode = TRUST if code_bit(coder, base + _FLAGS, 0) else CODE
    position, used = _walk(coder, base, ZlibStream(b"", deflated, data, size, b""), rules, mode)
    if position != size:
        raise CorruptError("deflate: tokens do not fit the data")
    if count and not stored[-1]:
        blocks[-1, COUNT] = used - blocks[~stored, COUNT].sum()
    deflated = deflated._replace(tokens=deflated.tokens[:used])
    _code_headers(coder, base, deflated, True, kinds_told)
    return deflated


def _most_blocks(size: int) -> int:
    return 64 + size // 16


def _walk(coder: BitCoder, base: int, stream: ZlibStream, rules: Rules, mode: int) -> tuple[int, int]:
    """Go through all tokens; return the position reached and the number of tokens."""
    blocks, tokens = stream.deflated.blocks, stream.deflated.tokens
    plan = (blocks, tokens, mode, _UNLIMITED, _UNLIMITED)
    _, position, used = walk(coder, base + _TOKENS, stream.data, stream.size, *matcher(rules), *plan)
    return int(position), int(used)


def _code_number(coder: BitCoder, base: int, slot: int, value: int) -> int:
    return int(code_number(coder, base + _NUMBERS + slot * NUMBER_CONTEXTS, value))


def _header_of(window: int, hint: int) -> bytes:
    """Return the header for a window of 256 << window bytes and a hint at the level."""
    head = window << 12 | 8 << 8 | hint << 6
    return (head + 31 - head % 31).to_bytes(2, "big")


def _code_header(coder: BitCoder, base: int, header: bytes, size: int) -> bytes:
    """Code the two bytes of the header of a stream of `size` bytes; mostly with the window that libpng chooses."""
    usual = max(min((size - 1).bit_length() - 7, 7), 0) if size <= 1 << 14 else 7
    window, hint = (header[0] >> 4, header[1] >> 6) if header else (0, 0)
    if not code_bit(coder, base + _START, int(window <= 7 and header == _header_of(window, hint))):
        return _code_bytes(coder, base, header, 2)
    if code_bit(coder, base + _START + 1 + (usual == 7), int(window == usual)):
        window = usual
    else:
        window = code_bits(coder, base + _START + 2, 3, window)
    return _header_of(int(window), int(code_bits(coder, base + _START + 10, 2, hint)))


def _code_bytes(coder: BitCoder, base: int, data: bytes, size: int) -> bytes:
    """Code `size` bytes; `data` is empty when decoding."""
    values = data or bytes(size)
    return bytes(int(code_bits(coder, base + _BYTES, 8, values[index])) for index in range(size))


def _code_level(coder: BitCoder, base: int, hint: int, level: int) -> int:
    """Code the place of rules among those known, or of an encoder behind them, given the hint of the header."""
    level = _code_number(coder, base, 12 + hint if hint else 0, level)
    if level >= _REPLAYED + ENCODERS:
        raise CorruptError("deflate: impossible encoder rules")
    return level


def _code_rules(coder: BitCoder, base: int, level: int, rules: Rules, piece: int) -> Rules:
    """Code what their level leaves open of rules, given the likely pieces of the input."""
    usual = _KNOWN[level]
    plain: tuple[int, ...] = usual[:5]
    if level == _TOLD:
        plain = tuple(_code_number(coder, base, 1 + field, rules[field]) for field in range(5))
    elif level > _TOLD and usual.kind in GIVEN_PIECES:
        usual = usual._replace(too_far=piece)
    rest = tuple(_code_near(coder, base, 6 + field, rules[5 + field], usual[5 + field]) for field in range(5))
    found = Rules(*plain, *rest)
    windows = 9 <= found.window_bits <= 15 and 8 <= found.hash_bits <= 16 and 0 <= found.slack <= 511
    if not windows or plain[0] >= RULE_KINDS or max(found) > _MAX_RULE or min(found) < 0:
        raise CorruptError("deflate: impossible encoder rules")
    return found


def _code_near(coder: BitCoder, base: int, slot: int, value: int, usual: int) -> int:
    """Code a number >= 0 by its distance from the usual one."""
    change = _code_number(coder, base, slot, 2 * (value - usual) if value >= usual else 2 * (usual - value) - 1)
    return usual + (change + 1) // 2 * (-1 if change % 2 else 1)


def _code_headers(
    coder: BitCoder, base: int, stream: DeflateStream, decoding: bool, kinds_told: bool = False
) -> None:
    """Code which blocks have the fixed codes, and the headers of others; decoding, enter them in the stream."""
    token, known, missed = 0, iter(stream.headers[:]), 0
    for block in stream.blocks:
        if block[TYPE] == STORED:
            continue
        tokens = stream.tokens[token : token + block[COUNT]]
        token += len(tokens)
        if not kinds_told:
            expected = int(has_fixed_codes(tokens))
            fixed = code_bit(coder, base + _FIXED + 2 * missed + expected, int(block[TYPE] == FIXED))
            block[TYPE], missed = FIXED if fixed else DYNAMIC, int(fixed != expected)
        if block[TYPE] == DYNAMIC:
            header = code_header(coder, base + _HEADERS, tokens, None if decoding else next(known))
            if decoding:
                stream.headers.append(header)


def _code_trailer(coder: BitCoder, base: int, data: Any, trailer: bytes) -> bytes:
    """Code what follows the deflate stream; mostly the right checksum."""
    checksum = zlib.adler32(data).to_bytes(4, "big")
    if code_bit(coder, base + _FLAGS + 1, int(trailer[:4] == checksum)):
        rest = trailer[4:]
        start = checksum
    else:
        rest, start = trailer, b""
    size = _code_number(coder, base, 16, len(rest))
    if size > MAX_EXCESS:
        raise UnsupportedError("much data behind the zlib stream")
    return start + _code_bytes(coder, base, rest, size)
