"""What a JPEG file holds beside its coefficients, and its form as side information."""

from dataclasses import dataclass

from neuralzip.container.fields import FieldReader, FieldWriter
from neuralzip.errors import CorruptError
from neuralzip.media.jpeg.headers import MAX_SCANS

_VERSION = 1


@dataclass(frozen=True)
class Layout:
    """All but the coefficients.

    Attributes:
        parts: bytes before the entropy-coded bytes of each scan, 1..MAX_SCANS; each part ends with a scan header.
        tail: what comes after the last scan.
        padding: the bit that fills the last byte of a segment.
    """

    parts: tuple[bytes, ...]
    tail: bytes
    padding: int

    def __bytes__(self) -> bytes:
        """Return the fields that `read_layout` reads."""
        writer = FieldWriter()
        for number in (_VERSION, self.padding, len(self.parts)):
            writer.number(number)
        for part in self.parts:
            writer.string(part)
        writer.raw(self.tail)
        return bytes(writer)


def read_layout(data: bytes) -> Layout:
    """Return the layout of these fields; raise CorruptError where there is none."""
    reader = FieldReader(data)
    if reader.number() != _VERSION:
        raise CorruptError("JPEG: side information of an unknown version")
    padding = reader.number(1)
    parts = tuple(reader.string() for _ in range(reader.number(MAX_SCANS)))
    return Layout(parts, reader.rest(), padding)
