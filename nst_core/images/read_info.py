"""Reading the information about a photograph from its file: EXIF, XMP, IPTC, PNG texts and resolution.

Takes an image that Pillow opened and returns a :class:`PhotoInfo`. Metadata is not needed for painting, so
whatever is malformed, too long or too deep is left out, and nothing is raised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from xml.etree import ElementTree

from PIL import ExifTags, Image, IptcImagePlugin
from PIL.TiffImagePlugin import IFDRational

from nst_core.images.photo_info import (
    CAMERA_TAGS,
    IMAGE_TAGS,
    RDF,
    TEXT_FIELDS,
    XMP_NAMESPACES,
    PhotoInfo,
    Tags,
    TextField,
    Texts,
)

LONGEST_TEXT = 2000
"""Characters of one text, the limit of an IPTC caption."""

MOST_TEXTS, LONGEST_ITEM = 100, 200
"""Texts in a list, such as keywords, and the characters of each."""

LONGEST_XMP = 1 << 20
"""Bytes of XMP that are parsed: the rest of larger packets is editing history."""

RESOLUTIONS = (1.0, 30_000.0)
"""Resolutions outside this range, in pixels per inch, are errors."""

CENTIMETRES_PER_INCH = 2.54
NO_UNIT, PER_CENTIMETRE = 1, 3
OWN_MARK = "nst settings: "
DATE = re.compile(r"(\d{4})[:-]?(\d\d)[:-]?(\d\d)(?:[T ](\d\d:\d\d:\d\d))?")

Base = ExifTags.Base
Value = TypeVar("Value")


def read_info(image: Image.Image) -> PhotoInfo:
    """Return what the file of ``image`` says about the photograph."""
    exif: Tags = _attempt(lambda: dict(image.getexif()), {})
    exposure: Tags = _attempt(lambda: dict(image.getexif().get_ifd(ExifTags.IFD.Exif)), {})
    gps: Tags = _attempt(lambda: dict(image.getexif().get_ifd(ExifTags.IFD.GPSInfo)), {})
    tags = {**exif, **exposure}  # some programs write all tags into one directory
    sources: tuple[Texts, ...] = (
        _attempt(lambda: _xmp_texts(image.info.get("xmp")), {}),
        _attempt(lambda: _exif_texts(tags), {}),
        _attempt(lambda: _iptc_texts(image), {}),
        _attempt(lambda: _png_texts(image), {}),
    )
    texts = {name: found for name in TEXT_FIELDS for found in _first(source.get(name) for source in sources)}
    return PhotoInfo(
        dpi=_attempt(lambda: _resolution(image, exif), None),
        texts=texts,
        image_tags=_usable_tags(tags, IMAGE_TAGS),
        camera_tags=_usable_tags(tags, CAMERA_TAGS),
        gps_tags=_usable_tags(gps, tuple(ExifTags.GPS)),
    )


def _attempt(read: Callable[[], Value], otherwise: Value) -> Value:
    """Return ``read()``, or ``otherwise`` if the metadata is malformed: decoders then raise anything."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception:
        return otherwise


def _first(found: Iterator[tuple[str, ...] | None]) -> Iterator[tuple[str, ...]]:
    """Yield the first value that is not empty, if there is one."""
    first = next((texts for texts in found if texts), None)
    if first:
        yield first


def _clean(texts: Iterator[str] | list[str]) -> tuple[str, ...]:
    """Return the texts that say something, printable and bounded."""
    cleaned = (
        "".join(character for character in text if character.isprintable() or character == "\n").strip()
        for text in texts
    )
    said = [text for text in cleaned if text][:MOST_TEXTS]
    return tuple(text[: LONGEST_TEXT if len(said) == 1 else LONGEST_ITEM] for text in said)


def _usable_tags(tags: Tags, wanted: tuple[int, ...]) -> Tags:
    found = {int(tag): tags[tag] for tag in wanted if tag in tags and _is_usable(tags[tag])}
    return {tag: value for tag, value in found.items() if _attempt(partial(_is_writable, tag, value), False)}


def _is_writable(tag: int, value: Any) -> bool:
    """Return whether Pillow writes the tag; it raises anything for a value of another type than the tag's."""
    exif = Image.Exif()
    exif[tag] = value
    return bool(exif.tobytes())


def _is_usable(value: Any) -> bool:
    """Return whether an EXIF value is a short text, a number or a few numbers."""
    if isinstance(value, (str, bytes)):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, tuple):
        return 0 < len(value) <= 8 and all(_is_usable(number) for number in value)
    if isinstance(value, IFDRational):
        return bool(value.denominator) and math.isfinite(float(value))
    return isinstance(value, (int, float)) and math.isfinite(value)


def _exif_texts(tags: Tags) -> Texts:
    texts = {
        name: _clean([_text(tags[field.exif])]) for name, field in TEXT_FIELDS.items() if field.exif in tags
    }
    if texts.get("description", ("",))[0].startswith(OWN_MARK):
        del texts["description"]
    if "author" in texts:
        texts["author"] = _clean(texts["author"][0].split(";"))  # EXIF 2.32, tag 0x013B
    taken = _date(_text(tags.get(Base.DateTimeOriginal, "")))
    return {**texts, "created": taken}


def _text(value: Any) -> str:
    """Return an EXIF text: Pillow reads Latin-1, but many programs write UTF-8."""
    data = value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
    return _decode(data.split(b"\0")[0])


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _date(text: str) -> tuple[str, ...]:
    """Return a date as XMP writes it, such as 2024-05-06T07:08:09."""
    match = DATE.match(text)
    if match is None or match[1] == "0000":
        return ()
    day = f"{match[1]}-{match[2]}-{match[3]}"
    return (f"{day}T{match[4]}",) if match[4] else (day,)


def _xmp_texts(packet: Any) -> Texts:
    if not isinstance(packet, (bytes, str)) or len(packet) > LONGEST_XMP:
        return {}
    text = packet if isinstance(packet, str) else packet.decode("utf-8")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}  # entities could expand to any length
    root = ElementTree.fromstring(text.strip("\0 \t\r\n\ufeff"))  # noqa: S314 -- without entities it is safe
    rdf = root if root.tag == f"{{{RDF}}}RDF" else root.find(f"{{{RDF}}}RDF")
    texts: dict[str, tuple[str, ...]] = {}
    for description in rdf if rdf is not None else ():
        for name, field in TEXT_FIELDS.items():
            texts[name] = texts.get(name) or _clean(_xmp_values(description, field))
    return texts


def _xmp_values(description: ElementTree.Element, field: TextField) -> list[str]:
    prefix, _, local_name = field.xmp.partition(":")
    name = f"{{{XMP_NAMESPACES[prefix]}}}{local_name}"
    if name in description.attrib:
        return [description.attrib[name]]
    element = description.find(name)
    if element is None:
        return []
    items = element.findall(f"*/{{{RDF}}}li")
    if not items:
        return [element.text or ""]
    return [item.text or "" for item in (items[:1] if field.form == "Alt" else items[:MOST_TEXTS])]


def _iptc_texts(image: Image.Image) -> Texts:
    records = IptcImagePlugin.getiptcinfo(image) or {}  # type: ignore[arg-type]
    texts: dict[str, tuple[str, ...]] = {}
    for name, field in TEXT_FIELDS.items():
        values = records.get((2, field.iptc), [])
        texts[name] = _clean([_decode(value) for value in (values if isinstance(values, list) else [values])])
    return {**texts, "created": _date(" ".join(texts["created"]))}


def _png_texts(image: Image.Image) -> Texts:
    return {
        name: _clean([str(image.info[field.png])])
        for name, field in TEXT_FIELDS.items()
        if isinstance(image.info.get(field.png), str)
    }


def _resolution(image: Image.Image, exif: Tags) -> tuple[float, float] | None:
    """Return the pixels per inch, horizontal and vertical.

    Pillow makes up 72 for a JPEG that says nothing, and 1 for a TIFF.
    """
    info = image.info
    made_up = (
        info.get("jfif_unit") not in (1, 2) if image.format in ("JPEG", "MPO") else image.format == "TIFF"
    )
    if "dpi" in info and not made_up:
        resolution = tuple(map(float, info["dpi"]))
    elif Base.XResolution in exif and exif.get(Base.ResolutionUnit) != NO_UNIT:
        unit = CENTIMETRES_PER_INCH if exif.get(Base.ResolutionUnit) == PER_CENTIMETRE else 1.0
        horizontal = float(exif[Base.XResolution]) * unit
        resolution = horizontal, float(exif.get(Base.YResolution, exif[Base.XResolution])) * unit
    else:
        return None
    low, high = RESOLUTIONS
    horizontal, vertical = resolution
    return (horizontal, vertical) if low <= horizontal <= high and low <= vertical <= high else None
