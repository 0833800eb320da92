"""The information about a photograph as blocks of a file: EXIF, XMP and IPTC.

Takes a :class:`PhotoInfo` and returns bytes; an empty block means that there is nothing to write. The same
information gives the same bytes. Pixels are upright when they are written, so no orientation is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from PIL import ExifTags, Image

from nst_core.images.photo_info import RDF, TEXT_FIELDS, XMP_META, XMP_NAMESPACES, PhotoInfo, Tags, TextField

Base = ExifTags.Base

ASCII_COMMENT = b"ASCII\0\0\0"
"""The prefix of an ASCII EXIF UserComment (EXIF 2.32, tag 0x9286)."""

PER_INCH = 2
"""EXIF's and TIFF's resolution unit."""

IPTC_UTF8 = b"\x1c\x01\x5a\x00\x03\x1b%G"
"""The record that says that the others are UTF-8 (IPTC IIM 4.2, 1:90)."""

LONGEST_IPTC_TEXT = 2000


def exif_tags(info: PhotoInfo) -> dict[int, Any]:
    """Return the tags of the main EXIF directory, without the resolution; other directories are mappings."""
    tags: dict[int, Any] = dict(info.image_tags)
    for name, field in TEXT_FIELDS.items():
        if field.exif and info.texts.get(name):
            tags[field.exif] = "; ".join(info.texts[name]).encode()
    camera = dict(info.camera_tags)
    if (taken := info.texts.get("created")) and Base.DateTimeOriginal not in camera:
        day, _, time = taken[0].partition("T")
        camera[Base.DateTimeOriginal] = f"{day.replace('-', ':')} {time or '00:00:00'}"
    if camera:
        tags[ExifTags.IFD.Exif] = camera
    if info.gps_tags:
        tags[ExifTags.IFD.GPSInfo] = dict(info.gps_tags)
    return tags


def to_exif(info: PhotoInfo, comment: str) -> bytes:
    """Return an EXIF block, beginning with ``Exif``; ``comment`` becomes the UserComment, in ASCII."""
    tags = exif_tags(info)
    if comment:
        exposure = tags.get(ExifTags.IFD.Exif, {})
        tags[ExifTags.IFD.Exif] = {**exposure, Base.UserComment: ASCII_COMMENT + comment.encode("ascii")}
    if not tags:
        return b""
    if info.dpi:
        tags |= {Base.XResolution: info.dpi[0], Base.YResolution: info.dpi[1], Base.ResolutionUnit: PER_INCH}
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return exif.tobytes()


def to_xmp(info: PhotoInfo) -> bytes:
    """Return an XMP packet (ISO 16684-1)."""
    properties = [_xmp_property(TEXT_FIELDS[name], texts) for name, texts in info.texts.items() if texts]
    if not properties:
        return b""
    namespaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in XMP_NAMESPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="{XMP_META}"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about=""{namespaces}>{"".join(properties)}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _xmp_property(field: TextField, texts: tuple[str, ...]) -> str:
    if field.form == "text":
        return f"<{field.xmp}>{escape(texts[0])}</{field.xmp}>"
    language = ' xml:lang="x-default"' if field.form == "Alt" else ""
    items = "".join(f"<rdf:li{language}>{escape(text)}</rdf:li>" for text in texts)
    return f"<{field.xmp}><rdf:{field.form}>{items}</rdf:{field.form}></{field.xmp}>"


def to_iptc(info: PhotoInfo) -> bytes:
    """Return IPTC records (IIM 4.2)."""
    records = b"".join(
        _iptc_record(field.iptc, text)
        for name, field in TEXT_FIELDS.items()
        if field.iptc
        for text in info.texts.get(name, ())
    )
    return IPTC_UTF8 + records if records else b""


def _iptc_record(number: int, text: str) -> bytes:
    if number == TEXT_FIELDS["created"].iptc:
        text = text[:10].replace("-", "")
    data = text.encode()[:LONGEST_IPTC_TEXT].decode("utf-8", "ignore").encode()
    return struct.pack(">BBBH", 0x1C, 2, number, len(data)) + data


def to_photoshop_segment(iptc: bytes) -> bytes:
    """Return a JPEG's APP13 segment with IPTC records, or nothing if they are too long for one."""
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    payload = b"Photoshop 3.0\0" + resource
    return (
        b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload if iptc and len(payload) < 65_534 else b""
    )


def tags_of_tiff(info: PhotoInfo) -> Mapping[int, Any]:
    """Return the tags of a TIFF file's directory, without the description and the resolution."""
    tags: dict[int, Any] = exif_tags(info)
    tags.pop(Base.ImageDescription, None)
    blocks: Tags = {700: to_xmp(info), 33723: to_iptc(info)}
    return {**tags, **{tag: block for tag, block in blocks.items() if block}}
