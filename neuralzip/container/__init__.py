"""The .nz layout: header, block records, end record; docs/format.md is its specification.

    file   = header block* end
    header = magic[6] version:u8 varint(fields size) fields crc32:u32
    block  = codec:u8 varint(models) varint(params size) varint(raw size) varint(payload size)
             identity[8]* params payload_crc32:u32 content_crc32:u32 crc32(place, header):u32 payload
    end    = 0xFF varint(blocks) { varint(record size) varint(raw size) }* sha256[:16] index_size:u32 crc32:u32

Writing never seeks; reading works from a pipe, and the index in the end record gives random access to a seekable
file. Every byte is covered by a checksum, and every size is checked before memory or time is spent on it. This
module knows nothing of codecs: it carries payloads and the checksums of what they decode to.
"""

from neuralzip.container.index import Entry, Index, read_index, read_record
from neuralzip.container.layout import (
    DEFAULT_MEMORY_BYTES,
    MAX_EXPANSION,
    MAX_MODELS,
    MAX_PARAMS_BYTES,
    MAX_SIZE,
    VERSION,
    Buffer,
    Limits,
    Record,
    check_content,
    fits_expansion,
)
from neuralzip.container.stream import Reader, Writer

__all__ = [
    "DEFAULT_MEMORY_BYTES",
    "MAX_EXPANSION",
    "MAX_MODELS",
    "MAX_PARAMS_BYTES",
    "MAX_SIZE",
    "VERSION",
    "Buffer",
    "Entry",
    "Index",
    "Limits",
    "Reader",
    "Record",
    "Writer",
    "check_content",
    "fits_expansion",
    "read_index",
    "read_record",
]
