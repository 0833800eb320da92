"""Writes a 16-bit PNG file with a colour profile, with only the standard library.

GIMP's own export is a plug-in with a progress bar, which raises the image's window.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Channels -> PNG's colour type: grey, grey + alpha, RGB, RGB + alpha."""


def write(path: str, width: int, height: int, channels: int, strips, profile: bytes = b"") -> None:
    """Write a picture from ``strips`` of whole rows, with 16 bits per value in the machine's byte order."""
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _chunk(file, b"IHDR", header)
        if profile:
            _chunk(file, b"iCCP", b"profile\0\0" + zlib.compress(profile))
        compressor = zlib.compressobj(1)
        for strip in strips:
            values = array("H", strip)
            if sys.byteorder == "little":
                values.byteswap()
            data, row = values.tobytes(), width * channels * 2
            rows = b"".join(b"\0" + data[start : start + row] for start in range(0, len(data), row))
            _chunk(file, b"IDAT", compressor.compress(rows))
        _chunk(file, b"IDAT", compressor.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
