"""Tables: numeric CSV and .npy arrays, by what columns, rows and neighbouring cells say of a cell.

    file -> media.csv / media.npy -> text with short numbers -> experts.table_model -> rANS

The model learns from the table itself and needs no weights. Where the general compressors of the standard library
are better, their result is kept instead, so that no table gets much larger than xz makes it. With `--model made` a
net is fitted to tables whose rows share one format (`codecs.table_fit`), and kept where it is better still; with
the id of a net that was trained on tables of the same kind (`neuralzip train table`), that one is.

Parameters of a block: kind, delimiter, base of the numbers, bytes of the text, bytes of the side information.
Payload: packed side information, then the words of the coder, or what `codecs.table_fit` returned.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from neuralzip import zoo
from neuralzip.codecs import side
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import CorruptError, UnsupportedError
from neuralzip.media import csv, matrix, npy

PACKED, CSV, NPY, FITTED, TRAINED = range(5)
FIT = "made"
BLOCK_BYTES = 1 << 23
_MAX_TEXT_GROWTH = 32  # an array's byte becomes at most four characters, and a CSV's text only gets shorter
_PROGRESS_BYTES = 1 << 16
_BASES = (10, 16, 32, 64)
_PARAMS = struct.Struct("<BBBII")


class TableCodec:
    """Codes numeric tables."""

    name = "table"
    id = 9

    def claims(self, head: bytes, options: Options) -> bool:
        """Take .npy files and what looks like a table of numbers."""
        if options.model not in (None, self.name, FIT) and not _is_trained(options.model):
            return False
        return head.startswith(npy.MAGIC) or csv.find_delimiter(head) is not None

    def encode(self, file: BinaryIO, options: Options) -> Iterator[Block]:
        """Yield one block for an array, blocks of whole lines for a text.

        Raises:
            UnsupportedError: not a table after all, or an array of a kind that is not numeric.
        """
        head = file.read(4096)
        file.seek(0)
        if head.startswith(npy.MAGIC):
            data = file.read(npy.MAX_BYTES + 1)
            array = npy.parse(data)
            yield _block(NPY, (npy.DELIMITER, array.base), array.text, array.side, data, options)
            return
        delimiter = csv.find_delimiter(head)
        if delimiter is None:
            raise UnsupportedError("not a table of numbers")
        while data := file.read(BLOCK_BYTES) + file.readline(BLOCK_BYTES):
            table = csv.parse(data, delimiter)
            block = _block(CSV, (delimiter, 10), table.text, csv.pack_styles(table.styles), data, options)
            yield block if options.model in (None, self.name) else _by_net(block, data, delimiter, options)

    def decode(self, block: Block, options: Options) -> bytes:
        """Return the bytes of the table."""
        trained = len(block.params) == _PARAMS.size and block.params[0] == TRAINED
        if len(block.params) != _PARAMS.size or len(block.models) != trained:
            raise CorruptError("damaged: impossible parameters of a table block")
        kind, delimiter, base, text_size, side_size = _PARAMS.unpack(block.params)
        too_large = text_size > _MAX_TEXT_GROWTH * block.raw_size or side_size > len(block.payload)
        if too_large or kind > TRAINED or base not in _BASES:
            raise CorruptError("damaged: impossible parameters of a table block")
        extra = side.unpack(block.payload[:side_size])
        if kind == PACKED:
            return extra
        if kind in (FITTED, TRAINED):
            return _decode_by_net(block, side_size, extra)
        text = _decode_text(block.payload[side_size:], (delimiter, base), text_size, options)
        if kind == NPY:
            return npy.rebuild(npy.ArrayFile(text, base, extra))
        return csv.rebuild(csv.Table(text, delimiter, csv.unpack_styles(extra)))


def _block(
    kind: int, layout: tuple[int, int], text: bytes, extra: bytes, original: bytes, options: Options
) -> Block:
    """Return the block of a table's text, or that of its packed original where this is smaller."""
    packed_side, packed = side.pack(extra), side.pack(original)
    words, nll_bits = _encode_text(text, layout, options)
    if len(packed) <= len(packed_side) + len(words):
        return Block(TableCodec.name, _PARAMS.pack(PACKED, 0, 10, 0, len(packed)), packed, len(original))
    params = _PARAMS.pack(kind, *layout, len(text), len(packed_side))
    return Block(TableCodec.name, params, packed_side + words, len(original), (), nll_bits, len(packed_side))


def _is_trained(name: str | None) -> bool:
    """Say whether an installed model of this id is one for tables."""
    return any(found == name for found, _ in zoo.model_files()) and (
        zoo.load(str(name)).meta.get("architecture") == "made"
    )


def _by_net(block: Block, data: bytes, delimiter: int, options: Options) -> Block:
    """Return the block of a text under the net that was asked for, or the given one where it is smaller."""
    from neuralzip.codecs import table_fit  # torch: only when asked for

    trained = None if options.model == FIT else zoo.load(str(options.model))
    try:
        table = matrix.parse(data, delimiter)
        if trained is None:
            payload, nll_bits = table_fit.encode(table.values, table_fit.fit(table.values, options))
        else:
            payload, nll_bits = table_fit.encode_under(table.values, trained)
    except UnsupportedError:
        return block
    packed_side = side.pack(table.side)
    if len(packed_side) + len(payload) >= len(block.payload):
        return block
    params = _PARAMS.pack(FITTED if trained is None else TRAINED, delimiter, 10, 0, len(packed_side))
    models = () if trained is None else (trained.identity,)
    return Block(TableCodec.name, params, packed_side + payload, len(data), models, nll_bits, len(packed_side))


def _decode_by_net(block: Block, side_size: int, extra: bytes) -> bytes:
    from neuralzip.codecs import table_fit  # torch: only when such a block is met

    payload, most = block.payload[side_size:], block.raw_size
    if block.models:
        values = table_fit.decode_under(payload, most, zoo.load_identity(block.models[0]))
    else:
        values = table_fit.decode(payload, most)
    return matrix.rebuild(matrix.Matrix(values, extra))


def _encode_text(text: bytes, layout: tuple[int, int], options: Options) -> tuple[bytes, float]:
    """Return the coder's words and the ideal code length in bits; layout is (delimiter, base)."""
    from neuralzip.experts import bits, table_model  # compiled code: only when a table is met

    model = table_model.new_model(np.frombuffer(text, np.uint8).copy(), *layout)
    coder = bits.encoder(8 * len(text))
    for start in range(0, len(text), _PROGRESS_BYTES):
        table_model.code_table(model, coder, start, min(start + _PROGRESS_BYTES, len(text)))
        if options.progress:
            options.progress(start, len(text))
    nll_bits = bits.logged_bits(coder)
    return bits.finish(coder), nll_bits


def _decode_text(words: bytes, layout: tuple[int, int], size: int, options: Options) -> bytes:
    from neuralzip.experts import bits, table_model  # compiled code: only when a table is met

    model = table_model.new_model(np.zeros(size, np.uint8), *layout)
    coder = bits.decoder(words)
    for start in range(0, size, _PROGRESS_BYTES):
        table_model.code_table(model, coder, start, min(start + _PROGRESS_BYTES, size))
        if options.progress:
            options.progress(start, size)
    if not bits.is_exhausted(coder):
        raise CorruptError("damaged: the table's coded text does not end where it should")
    return model.text.tobytes()
