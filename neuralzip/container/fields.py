"""Fields of a payload or of side information: variable-length numbers, and bytes of a known length."""

from collections.abc import Callable

from neuralzip.errors import CorruptError


def varint(value: int) -> bytes:
    """Return the LEB128 form of 0 <= value < 2**63: seven bits a byte, least significant first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(read: Callable[[int], bytes], what: str) -> int:
    """Return the LEB128 number below 2**63 that `read(1)` gives byte by byte; only its shortest form is valid.

    Raises:
        CorruptError: there is none; it names `what` it was to be found in.
    """
    value = 0
    for shift in range(0, 63, 7):
        byte = read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                break
            return value
    raise CorruptError(f"damaged: impossible number in {what}")


class FieldWriter:
    """Collects fields; `bytes(writer)` is what a FieldReader reads."""

    def __init__(self) -> None:
        self._parts = bytearray()

    def __bytes__(self) -> bytes:
        return bytes(self._parts)

    def number(self, value: int) -> None:
        """Append a number >= 0."""
        self._parts += varint(value)

    def raw(self, data: bytes) -> None:
        """Append bytes whose length the reader knows."""
        self._parts += data

    def string(self, data: bytes) -> None:
        """Append bytes behind their length."""
        self.number(len(data))
        self.raw(data)


class FieldReader:
    """Reads fields in the order they were written.

    Args:
        data: the fields.
        what: what they are, for errors.
        place: where the first one begins.

    Raises:
        CorruptError: from every method, where the bytes end too early or a number is impossible.
    """

    def __init__(self, data: bytes, what: str = "side information", place: int = 0) -> None:
        self._data = data
        self._what = what
        self._place = place

    def number(self, limit: int = (1 << 63) - 1) -> int:
        """Return the next number, which is at most `limit`."""
        value = read_varint(self.raw, self._what)
        if value > limit:
            raise CorruptError(f"damaged: {value} in {self._what}, at most {limit} is possible")
        return value

    def raw(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        part = self._data[self._place : self._place + size]
        if len(part) != size:
            raise CorruptError(f"damaged: {self._what} ends {size - len(part)} bytes too early")
        self._place += size
        return part

    def string(self) -> bytes:
        """Return the next length-prefixed bytes."""
        return self.raw(self.number())

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.raw(len(self._data) - self._place)

    def finish(self) -> None:
        """See that nothing is left."""
        if self._place != len(self._data):
            raise CorruptError(f"damaged: {self._what} goes on after its last field")
