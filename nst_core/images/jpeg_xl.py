"""The header of a JPEG XL file: its size and whether it is animated, which Pillow's plug-in does not tell.

The plug-in decodes a file as soon as it opens it, and an animation to its last frame. So both are looked up
before it is asked. The layout is that of ISO 18181-1 (codestream) and 18181-2 (boxes).
"""

from __future__ import annotations

import io
from dataclasses import dataclass

CODESTREAM = b"\xff\x0a"
HEADER_BYTES = 64
"""More than the part of the codestream that is read here can have."""

RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Widths that are a multiple of the height."""


@dataclass(frozen=True)
class JpegXlHeader:
    """The size of a picture in pixels, and whether it moves."""

    width: int
    height: int
    animated: bool


def read_header(file: io.BufferedReader) -> JpegXlHeader:
    """Read the header of a JPEG XL file, and leave the file at its beginning.

    Raises:
        ValueError: the file has no codestream.
    """
    file.seek(0)
    bits = _Bits(_find_codestream(file))
    file.seek(0)
    width, height = _read_size(bits)
    animated = False
    if not bits.read(1) and bits.read(1):  # not all defaults, extra fields
        bits.read(3)  # the orientation, which the decoder applies
        if bits.read(1):
            _read_size(bits)  # the size that is shown
        animated = not bits.read(1) and bool(bits.read(1))  # no preview, animation
    return JpegXlHeader(width, height, animated)


class _Bits:
    """Reads numbers bit by bit, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self.rest = int.from_bytes(data, "little")

    def read(self, count: int) -> int:
        number = self.rest & ((1 << count) - 1)
        self.rest >>= count
        return number


def _find_codestream(file: io.BufferedReader) -> bytes:
    """Return the first bytes of the codestream, without its signature."""
    data = file.read(HEADER_BYTES)
    file.seek(0)
    while not data.startswith(CODESTREAM):
        box = file.read(8)
        if len(box) < 8:
            raise ValueError("no codestream")
        length, kind = int.from_bytes(box[:4], "big"), box[4:]
        before = 8
        if length == 1:
            length, before = int.from_bytes(file.read(8), "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            file.read(4 if kind == b"jxlp" else 0)  # the number of the part
            data = file.read(HEADER_BYTES)
            if not data.startswith(CODESTREAM):
                raise ValueError("no codestream")
        elif length < before:
            raise ValueError("a box without an end")
        else:
            file.seek(length - before, io.SEEK_CUR)
    return data[len(CODESTREAM) :]


def _read_size(bits: _Bits) -> tuple[int, int]:
    """Return width and height."""
    small = bits.read(1)

    def read_side() -> int:
        return 8 * (1 + bits.read(5)) if small else 1 + bits.read((9, 13, 18, 30)[bits.read(2)])

    height = read_side()
    ratio = bits.read(3)
    if not ratio:
        return read_side(), height
    numerator, denominator = RATIOS[ratio]
    return height * numerator // denominator, height
