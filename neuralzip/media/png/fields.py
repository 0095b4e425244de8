"""Side information as a string of variable-length numbers and byte strings."""

from neuralzip.errors import CorruptError


class FieldWriter:
    """Collects fields; `bytes(writer)` is what a FieldReader reads."""

    def __init__(self) -> None:
        self._parts = bytearray()

    def __bytes__(self) -> bytes:
        return bytes(self._parts)

    def number(self, value: int) -> None:
        """Append a number >= 0, seven bits a byte, least significant first."""
        while value > 127:
            self._parts.append(value & 127 | 128)
            value >>= 7
        self._parts.append(value)

    def raw(self, data: bytes) -> None:
        """Append bytes whose length the reader knows."""
        self._parts += data

    def string(self, data: bytes) -> None:
        """Append bytes behind their length."""
        self.number(len(data))
        self.raw(data)


class FieldReader:
    """Reads fields in the order they were written; raises CorruptError where the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def number(self) -> int:
        """Return the next number."""
        value = 0
        for shift in range(0, 63, 7):
            byte = self.raw(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise CorruptError("side information: a number of over 63 bits")

    def raw(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        part = self._data[self._position : self._position + size]
        if len(part) != size:
            raise CorruptError(f"side information: ends {size - len(part)} bytes too early")
        self._position += size
        return part

    def string(self) -> bytes:
        """Return the next length-prefixed bytes."""
        return self.raw(self.number())

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.raw(len(self._data) - self._position)
