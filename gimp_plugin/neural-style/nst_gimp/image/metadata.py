"""The metadata of images: turning photographs upright, and preparing metadata for a result.

Reads and writes Exif, XMP and IPTC as GIMP serialises them: XML with one element for each tag. (The library
that GIMP itself uses cannot be called from Python everywhere.)
"""

from __future__ import annotations

from xml.etree import ElementTree

from gi.repository import Gimp

ORIENTATION_TAGS = ("Exif.Image.Orientation", "Xmp.tiff.Orientation")

LOCATION = "gps"
"""The names of all tags contain this that say exactly where a photograph was taken, of whatever maker."""

PREVIEW_TAGS = ("Exif.Thumbnail.", "Xmp.xmp.Thumbnails", "Exif.SubImage", "Exif.Image.SubIFDs")
"""Beginnings of the tags of small copies of the photograph."""

ORIGINAL_DATE = "Exif.Photo.DateTimeOriginal"
OTHER_DATES = ("Exif.Photo.DateTimeDigitized", "Exif.Image.DateTimeOriginal", "Exif.Image.DateTime")

TURNS = {
    "2": (None, Gimp.OrientationType.HORIZONTAL),
    "3": (Gimp.RotationType.DEGREES180, None),
    "4": (None, Gimp.OrientationType.VERTICAL),
    "5": (Gimp.RotationType.DEGREES90, Gimp.OrientationType.HORIZONTAL),
    "6": (Gimp.RotationType.DEGREES90, None),
    "7": (Gimp.RotationType.DEGREES90, Gimp.OrientationType.VERTICAL),
    "8": (Gimp.RotationType.DEGREES270, None),
}
"""Exif orientation -> the rotation and then the flip that turn the picture upright."""


def turn_upright(image) -> None:
    """Turn a photograph as its orientation tag says, and reset the tag.

    GIMP's own call for this does nothing if its preferences say that the tag is to be ignored.
    """
    tags = _read(image)
    if tags is None:
        return
    texts = [_find(tags, name) for name in ORIENTATION_TAGS]
    turn = next((TURNS[text] for text in texts if text in TURNS), None)
    if turn is None:
        return
    rotation, flip = turn
    if rotation is not None:
        image.rotate(rotation)
    if flip is not None:
        image.flip(flip)
    for element in tags.iter("tag"):
        if element.get("name") in ORIENTATION_TAGS:
            _set_text(element, "1")
    _write(image, tags)


def prepare_for_result(image, *, keep_location: bool) -> None:
    """Remove from an image's metadata the previews and, unless it is kept, the location.

    A photograph whose date is only in a tag that GIMP sets to the time of saving gets the tag for the time at
    which it was taken.
    """
    tags = _read(image)
    if tags is None:
        return
    for element in list(tags):
        name = element.get("name") or ""
        if name.startswith(PREVIEW_TAGS) or (LOCATION in name.lower() and not keep_location):
            tags.remove(element)
    date = next((text for text in (_find(tags, name) for name in OTHER_DATES) if text), "")
    if date and not _find(tags, ORIGINAL_DATE):
        _set_text(ElementTree.SubElement(tags, "tag", name=ORIGINAL_DATE), date)
    _write(image, tags)


def _read(image):
    """Return the root element of an image's metadata, or None if there is none."""
    metadata = image.get_metadata()
    if metadata is None:
        return None
    try:
        return ElementTree.fromstring(metadata.serialize())  # noqa: S314 - GIMP has just written it
    except ElementTree.ParseError:  # a tag has characters that XML cannot hold
        return None


def _write(image, tags) -> None:
    text = ElementTree.tostring(tags, encoding="unicode")
    image.set_metadata(Gimp.Metadata.deserialize(text))


def _find(tags, name: str) -> str:
    return next(
        ((element.text or "").strip() for element in tags.iter("tag") if element.get("name") == name), ""
    )


def _set_text(element, text: str) -> None:
    element.text = text
    element.attrib.pop("encoding", None)
