"""Whether a picture file is complete. Works without GIMP.

GIMP opens many files of which the end is missing, such as a copy that was broken off, and fills the rest of
the picture with grey or black. So the structure of a file is followed to its end here. Only the picture that
GIMP shows is looked at: the first frame of an animation, the first page of a TIFF. Kinds that GIMP itself
refuses when they are cut short count as complete, and so do kinds that do not say how long they are.
"""

from __future__ import annotations

import mmap
import struct

from nst_gimp.image.file_kinds import HEAD_BYTES, kind_of

TIFF_TYPE_BYTES = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8}
"""Type of a number in a TIFF -> bytes of one."""

TIFF_DATA_TAGS = ((273, 279), (324, 325))
"""Tags of the positions and lengths of strips, and of tiles."""


def is_cut_short(path: str) -> bool:
    """Return whether the end of the picture in the file at ``path`` is missing.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
        is_complete = CHECKS.get(_kind_by_suffix(path) or kind_of(head))
        if is_complete is None or not head:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return not is_complete(data)
            except (IndexError, struct.error):  # it ends within a header
                return True


def _kind_by_suffix(path: str) -> str:
    """Return the kind of a file whose first bytes do not show it."""
    return "tga" if path.lower().endswith((".tga", ".vda", ".icb", ".vst")) else ""


def _number(data, layout: str, position: int) -> int:
    return struct.unpack_from(layout, data, position)[0]


def _jpeg(data) -> bool:
    """Follow the segments to the end-of-image marker. A thumbnail, which has its own, is in a segment."""
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            return False
        marker = data[position + 1]
        if marker == 0xD9:
            return True
        if marker == 0xFF:  # padding
            position += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # without a length; 0 is a byte of the picture
            position += 2
        else:
            position += 2 + _number(data, ">H", position + 2)


def _png(data) -> bool:
    position = 8
    while position + 8 <= len(data):
        kind = data[position + 4 : position + 8]
        position += 12 + _number(data, ">I", position)
        if kind == b"IEND":
            return True
    return False


def _gif(data) -> bool:
    """Follow the blocks to the end of the first frame."""
    position = 13 + _gif_palette_bytes(data[10])
    while True:
        introducer = data[position]
        if introducer == 0x3B:
            return True
        if introducer == 0x2C:
            start = position + 10 + _gif_palette_bytes(data[position + 9]) + 1
            return _gif_blocks_end(data, start) <= len(data)
        position = _gif_blocks_end(data, position + 2)


def _gif_palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks_end(data, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1


def _webp(data) -> bool:
    # Some programs leave out the last byte, which only makes the length even.
    return len(data) + 1 >= 8 + _number(data, "<I", 4)


def _bmp(data) -> bool:
    offset, header = _number(data, "<I", 10), _number(data, "<I", 14)
    if header < 40:
        width, height, bits = (_number(data, "<H", at) for at in (18, 20, 24))
        compression, size = 0, 0
    else:
        width, height = abs(_number(data, "<i", 18)), abs(_number(data, "<i", 22))
        bits, compression, size = struct.unpack_from("<HII", data, 28)
    if compression in (0, 3):  # not compressed
        size = (width * bits + 31) // 32 * 4 * height
    return offset + size <= len(data)


def _tiff(data) -> bool:
    """Compare the positions of the first page's strips or tiles with the length of the file."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = _number(data, order + "H", 2) == 43
    position = _number(data, order + ("Q" if is_big else "I"), 8 if is_big else 4)
    count = _number(data, order + ("Q" if is_big else "H"), position)
    position += 8 if is_big else 2
    entry_bytes = 20 if is_big else 12
    if position + count * entry_bytes > len(data):
        return False
    tags = {}
    for entry in range(position, position + count * entry_bytes, entry_bytes):
        tag = _number(data, order + "H", entry)
        if any(tag in pair for pair in TIFF_DATA_TAGS):
            tags[tag] = _tiff_numbers(data, entry, order, is_big)
    return all(
        position + length <= len(data)
        for positions, lengths in TIFF_DATA_TAGS
        for position, length in zip(tags.get(positions, ()), tags.get(lengths, ()))  # noqa: B905 - not in 3.9
    )


def _tiff_numbers(data, entry: int, order: str, is_big: bool) -> tuple:
    size = TIFF_TYPE_BYTES.get(_number(data, order + "H", entry + 2), 0)
    if not size:
        return ()
    count = _number(data, order + ("Q" if is_big else "I"), entry + 4)
    at = entry + (12 if is_big else 8)
    if count * size > (8 if is_big else 4):
        at = _number(data, order + ("Q" if is_big else "I"), at)
    if at + count * size > len(data):
        raise IndexError(at)
    return struct.unpack_from(f"{order}{count}{'BBHBIBBBQ'[size]}", data, at)


def _psd(data) -> bool:
    """Add up the lengths of the sections before the visible picture, and that of its rows."""
    is_large = _number(data, ">H", 4) == 2
    channels, height, width, depth = struct.unpack_from(">HIIH", data, 12)
    position = 26
    for layout in (">I", ">I", ">Q" if is_large else ">I"):
        position += struct.calcsize(layout) + _number(data, layout, position)
    compression = _number(data, ">H", position)
    position += 2
    if compression == 0:
        return position + channels * height * ((width * depth + 7) // 8) <= len(data)
    if compression == 1:
        rows = struct.unpack_from(f">{channels * height}{'I' if is_large else 'H'}", data, position)
        return position + len(rows) * (4 if is_large else 2) + sum(rows) <= len(data)
    return position < len(data)


def _sgi(data) -> bool:
    packed, component_bytes, dimensions, *sizes = struct.unpack_from(">BBHHHH", data, 2)
    width = sizes[0]
    height = sizes[1] if dimensions > 1 else 1
    channels = sizes[2] if dimensions > 2 else 1
    if not packed:
        return 512 + width * height * channels * component_bytes <= len(data)
    rows = height * channels
    table = struct.unpack_from(f">{2 * rows}I", data, 512)
    ends = [start + length for start, length in zip(table[:rows], table[rows:])]  # noqa: B905 - not in 3.9
    return max(ends, default=0) <= len(data)


def _tga(data) -> bool:
    kind, palette_length, palette_bits = data[2], _number(data, "<H", 5), data[7]
    width, height, bits = _number(data, "<H", 12), _number(data, "<H", 14), data[16]
    size = width * height * ((bits + 7) // 8) if kind in (1, 2, 3) else 1  # 9 to 11 are compressed
    return 18 + data[0] + palette_length * ((palette_bits + 7) // 8) + size <= len(data)


def _qoi(data) -> bool:
    return data.rfind(b"\0\0\0\0\0\0\0\1") >= 14


CHECKS = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "bmp": _bmp,
    "tiff": _tiff,
    "psd": _psd,
    "sgi": _sgi,
    "tga": _tga,
    "qoi": _qoi,
}
"""Kind -> function from the bytes of a file to whether they are complete."""
