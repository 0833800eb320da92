"""Adding metadata to the bytes of PNG and TIFF files that libvips wrote.

libvips keeps the pixels and the profile; its own metadata would have tags of its own and a resolution that
nobody asked for. Takes and returns bytes of whole files, and does not touch pixels.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from PIL import TiffImagePlugin, TiffTags

from nst_core.images.photo_info import PhotoInfo
from nst_core.images.write_info import PER_INCH, tags_of_tiff, to_exif, to_xmp

METRES_PER_INCH = 0.0254
PNG_SIGNATURE_BYTES = 8
HEADER_BYTES = 8
STRIP_OFFSETS = 273
TAG_TYPES = {700: TiffTags.BYTE, 33723: TiffTags.UNDEFINED}

LARGEST_TIFF = (1 << 32) - (1 << 20)
"""Bytes that a TIFF's offsets reach, apart from the directory; libvips writes larger files as BigTIFF."""


def add_to_png(data: bytes, info: PhotoInfo) -> bytes:
    """Return the PNG with EXIF, XMP and resolution, before its pixels; other resolutions are dropped."""
    added = b""
    if info.dpi:
        horizontal, vertical = (round(value / METRES_PER_INCH) for value in info.dpi)
        added += _chunk(b"pHYs", struct.pack(">IIB", horizontal, vertical, 1))
    if exif := to_exif(info, "").removeprefix(b"Exif\0\0"):
        added += _chunk(b"eXIf", exif)
    if xmp := to_xmp(info):
        added += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    kept, start = [data[:PNG_SIGNATURE_BYTES]], PNG_SIGNATURE_BYTES
    while data[start + 4 : start + 8] != b"IDAT":
        end = start + 12 + struct.unpack_from(">I", data, start)[0]
        if data[start + 4 : start + 8] != b"pHYs":
            kept.append(data[start:end])
        start = end
    return b"".join([*kept, added, data[start:]])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def add_to_tiff(data: bytes, info: PhotoInfo) -> bytes:
    """Return the TIFF with the information and its resolution in its directory, which now comes first."""
    if len(data) >= LARGEST_TIFF:
        return data
    written = TiffImagePlugin.ImageFileDirectory_v2(data[:HEADER_BYTES])
    end_of_strips = written.next
    file = io.BytesIO(data)
    file.seek(end_of_strips)
    written.load(file)
    directory = TiffImagePlugin.ImageFileDirectory_v2(data[:HEADER_BYTES])
    directory.tagtype.update(written.tagtype)
    tags = {**written, **tags_of_tiff(info), **_resolution_tags(info)}
    for tag, value in tags.items():
        if isinstance(value, bytes) and tag not in written:
            directory.tagtype[tag] = TAG_TYPES.get(tag, TiffTags.ASCII)
        directory[tag] = value
    # Pillow counts the offsets of strips from the end of the directory.
    directory[STRIP_OFFSETS] = tuple(offset - HEADER_BYTES for offset in directory[STRIP_OFFSETS])
    new_directory = directory.tobytes(HEADER_BYTES)
    order = "<" if data[:2] == b"II" else ">"
    header = data[:4] + struct.pack(order + "I", HEADER_BYTES)
    return b"".join([header, new_directory, data[HEADER_BYTES:end_of_strips]])


def _resolution_tags(info: PhotoInfo) -> Mapping[int, Any]:
    if info.dpi is None:
        return {282: 1.0, 283: 1.0, 296: 1}
    return {282: info.dpi[0], 283: info.dpi[1], 296: PER_INCH}
