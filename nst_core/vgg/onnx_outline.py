"""The size of an ONNX file's structure, before the file is parsed.

Takes the bytes of a file. Raises if anything but the numbers of its tensors is large, because parsed nodes
and attributes take a hundred times as much memory as in the file: 40 MB become 4 GB. Hops from record to
record of the wire format (https://protobuf.dev/programming-guides/encoding), whose field numbers are in
``onnx.proto``. Does not know what the model computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_STRUCTURE_BYTES = 1024**2
"""Most bytes outside the numbers of tensors. The store's files have 5 kB, exporters' up to some 100 kB."""

MAX_RECORDS = 50_000

GRAPH = 7
"""Field of ``ModelProto``."""

INITIALIZER = 5
"""Field of ``GraphProto``."""

NUMBERS = (4, 5, 9)
"""Fields ``float_data``, ``int32_data`` and ``raw_data`` of ``TensorProto``."""

VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Wire types; the other two are obsolete."""


class Record(NamedTuple):
    """A field's number, the first byte of the record, and the first and the last byte + 1 of its value."""

    field: int
    start: int
    value: int
    end: int


class OutlineTooLarge(Exception):  # noqa: N818 - a property of the file, not an error of this program
    """The structure is larger than that of any VGG."""


class OutlineReader:
    """Hops through the records of a file and counts them."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.records_left = MAX_RECORDS

    def structure_bytes(self) -> Iterator[int]:
        """Yield the sizes of everything except the numbers of tensors."""
        for part in self.records(0, len(self.content)):
            if part.field != GRAPH:
                yield part.end - part.start
                continue
            for element in self.records(part.value, part.end):
                if element.field != INITIALIZER:
                    yield element.end - element.start
                    continue
                for entry in self.records(element.value, element.end):
                    if entry.field not in NUMBERS:
                        yield entry.end - entry.start

    def records(self, position: int, end: int) -> Iterator[Record]:
        """Yield the records of the message between two positions."""
        while position < end:
            self.records_left -= 1
            if self.records_left < 0:
                raise OutlineTooLarge
            start = position
            tag, position = self.varint(position)
            value, length = position, 0
            if tag & 7 == DELIMITED:
                length, value = self.varint(position)
            elif tag & 7 == VARINT:
                _, value = self.varint(position)
            elif tag & 7 in (EIGHT_BYTES, FOUR_BYTES):
                length = 8 if tag & 7 == EIGHT_BYTES else 4
            else:
                raise ValueError
            position = value + length
            if position > end:
                raise ValueError
            yield Record(tag >> 3, start, value, position)

    def varint(self, position: int) -> tuple[int, int]:
        """Return the number at ``position``, and the position after it."""
        number = 0
        for shift in range(0, 70, 7):
            byte = self.content[position]
            position += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number, position
        raise ValueError


def check_outline(content: bytes) -> None:
    """Check that the structure of an ONNX file is small.

    Raises:
        OutlineTooLarge: it is not.
        ValueError: the file is damaged, or is not ONNX.
    """
    total = 0
    try:
        for size in OutlineReader(content).structure_bytes():
            total += size
            if total > MAX_STRUCTURE_BYTES:
                raise OutlineTooLarge
    except IndexError:
        raise ValueError("the file is incomplete") from None
