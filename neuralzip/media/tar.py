"""tar archives (POSIX.1-2001 ustar and pax, GNU): where their members are.

Nothing in a tar archive is compressed, so that its members are pieces of it.
"""

from collections.abc import Iterator

BLOCK_BYTES = 512
MAGIC = b"ustar"
MAGIC_AT = 257
"""Where it stands in a header."""
_SIZE, _CHECKSUM, _KIND = slice(124, 136), slice(148, 156), 156
_REGULAR = (0, ord("0"), ord("7"))
_BASE_256 = 0x80


def is_tar(head: bytes) -> bool:
    """Tell from its first block whether a file looks like a tar archive."""
    return head.startswith(MAGIC, MAGIC_AT)


def member_size(header: bytes) -> int | None:
    """Return the bytes of the regular file that follows a header, None where it announces none."""
    header = header[:BLOCK_BYTES]
    if len(header) < BLOCK_BYTES or not is_tar(header) or header[_KIND] not in _REGULAR:
        return None
    told = sum(header) - sum(header[_CHECKSUM]) + len(header[_CHECKSUM]) * ord(" ")
    return _number(header[_SIZE]) if _number(header[_CHECKSUM]) == told else None


def members(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each regular file in a tar archive, or in one that is cut off, but empty ones."""
    at = data.find(MAGIC)
    while at >= 0:
        begin = at - MAGIC_AT + BLOCK_BYTES
        size = member_size(data[max(begin - BLOCK_BYTES, 0) : begin])
        if size and begin + size <= len(data):
            yield begin, begin + size
            at = begin + size
        at = data.find(MAGIC, at + 1)


def _number(field: bytes) -> int | None:
    """Return the number in a field, octal or GNU's base 256; None where it holds neither."""
    if field[0] == _BASE_256:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.rstrip(b"\0 "), 8)
    except ValueError:
        return None
