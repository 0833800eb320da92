"""Information about a photograph that its file keeps beside the pixels: author, date, camera, resolution.

Plain data, and the table of the texts with their places in XMP, IPTC and EXIF. :mod:`read_info` reads it from
files, :mod:`write_info` writes it. Thumbnails, serial numbers, editing history and makers' notes are left
out: they would show the photograph or its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from PIL import ExifTags

Tags = Mapping[int, Any]
"""EXIF tags and their values, as Pillow reads and writes them."""

Texts = Mapping[str, tuple[str, ...]]
"""Names of :data:`TEXT_FIELDS` and one or more texts for each."""


@dataclass(frozen=True)
class TextField:
    """A text about a photograph, and its names in files.

    ``form`` is the XMP container: a list in order, a list, a text by language, or a plain text. ``place`` is
    true for texts that say where the photograph was taken.
    """

    xmp: str
    _: KW_ONLY
    form: Literal["Seq", "Bag", "Alt", "text"] = "text"
    iptc: int = 0
    exif: int = 0
    png: str = ""
    place: bool = False


Base = ExifTags.Base

TEXT_FIELDS: Mapping[str, TextField] = MappingProxyType(
    {
        "title": TextField("dc:title", form="Alt", iptc=5, png="Title"),
        "author": TextField("dc:creator", form="Seq", iptc=80, exif=Base.Artist, png="Author"),
        "copyright": TextField("dc:rights", form="Alt", iptc=116, exif=Base.Copyright, png="Copyright"),
        "description": TextField(
            "dc:description", form="Alt", iptc=120, exif=Base.ImageDescription, png="Description"
        ),
        "keywords": TextField("dc:subject", form="Bag", iptc=25),
        "headline": TextField("photoshop:Headline", iptc=105),
        "credit": TextField("photoshop:Credit", iptc=110),
        "source": TextField("photoshop:Source", iptc=115),
        "created": TextField("photoshop:DateCreated", iptc=55),
        "usage terms": TextField("xmpRights:UsageTerms", form="Alt"),
        "web statement": TextField("xmpRights:WebStatement"),
        "location": TextField("Iptc4xmpCore:Location", iptc=92, place=True),
        "city": TextField("photoshop:City", iptc=90, place=True),
        "state": TextField("photoshop:State", iptc=95, place=True),
        "country": TextField("photoshop:Country", iptc=101, place=True),
        "latitude": TextField("exif:GPSLatitude", place=True),
        "longitude": TextField("exif:GPSLongitude", place=True),
    }
)

XMP_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "exif": "http://ns.adobe.com/exif/1.0/",
}
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP_META = "adobe:ns:meta/"

IMAGE_TAGS = (Base.Make, Base.Model, Base.DateTime)
"""Tags of the main EXIF directory that are carried over as they are."""

CAMERA_TAGS = (
    *(Base.DateTimeOriginal, Base.DateTimeDigitized, Base.OffsetTime, Base.OffsetTimeOriginal),
    *(Base.OffsetTimeDigitized, Base.SubsecTime, Base.SubsecTimeOriginal, Base.SubsecTimeDigitized),
    *(Base.ExposureTime, Base.FNumber, Base.ExposureProgram, Base.ISOSpeedRatings, Base.SensitivityType),
    *(Base.ShutterSpeedValue, Base.ApertureValue, Base.BrightnessValue, Base.ExposureBiasValue),
    *(Base.MaxApertureValue, Base.SubjectDistance, Base.MeteringMode, Base.LightSource, Base.Flash),
    *(Base.FocalLength, Base.FocalLengthIn35mmFilm, Base.ExposureMode, Base.WhiteBalance),
    *(Base.DigitalZoomRatio, Base.SceneCaptureType),
    *(Base.LensSpecification, Base.LensMake, Base.LensModel),
)
"""Tags of the EXIF directory of the exposure that are carried over as they are."""


@dataclass(frozen=True, kw_only=True)
class PhotoInfo:
    """Information about a photograph.

    ``dpi`` is the horizontal and vertical resolution in pixels per inch, or None if the file says nothing.
    ``image_tags``, ``camera_tags`` and ``gps_tags`` are EXIF tags.
    """

    dpi: tuple[float, float] | None = None
    texts: Texts = field(default_factory=dict)
    image_tags: Tags = field(default_factory=dict)
    camera_tags: Tags = field(default_factory=dict)
    gps_tags: Tags = field(default_factory=dict)

    def turned(self) -> PhotoInfo:
        """Return the information about the picture turned by a quarter."""
        return replace(self, dpi=self.dpi[::-1]) if self.dpi else self

    def resized(self, horizontal: float, vertical: float) -> PhotoInfo:
        """Return the information about the picture with its sides scaled, printed at the same size."""
        return replace(self, dpi=(self.dpi[0] * horizontal, self.dpi[1] * vertical)) if self.dpi else self

    def without_place(self) -> PhotoInfo:
        """Return the information without the place where the photograph was taken."""
        texts = {name: text for name, text in self.texts.items() if not TEXT_FIELDS[name].place}
        return replace(self, texts=texts, gps_tags={})


NO_INFO = PhotoInfo()
