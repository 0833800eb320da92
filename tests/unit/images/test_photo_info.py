"""Author, date, camera, place and resolution: from the photograph's file to the result's."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, IptcImagePlugin, PngImagePlugin

from nst_core.images.photo_info import NO_INFO, PhotoInfo
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.resize import resize_picture
from nst_core.images.write import write_picture
from nst_core.images.write_info import to_photoshop_segment

PIXELS = np.random.default_rng(3).integers(0, 256, (24, 36, 3), dtype=np.uint8)

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 photoshop:Credit="Studio &amp; Co" photoshop:City="Bern" exif:GPSLatitude="46,57N">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Brücke</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>river</rdf:li><rdf:li>stone</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    for tag, value in {
        ExifTags.Base.Artist: "Zoë Möller".encode(),
        ExifTags.Base.Copyright: b"(c) Z. M.",
        ExifTags.Base.ImageDescription: b"A bridge",
        ExifTags.Base.Make: "Camera works",
        ExifTags.Base.Model: "Model 1",
        ExifTags.Base.Orientation: orientation,
        ExifTags.IFD.Exif: {
            ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09",
            ExifTags.Base.ExposureTime: 0.004,
            ExifTags.Base.ISOSpeedRatings: 200,
            ExifTags.Base.LensModel: "35 mm",
            ExifTags.Base.BodySerialNumber: "SECRET-1",
            ExifTags.Base.MakerNote: b"SECRET-2",
        },
        ExifTags.IFD.GPSInfo: {1: "N", 2: (46.0, 57.0, 0.0), 3: "E", 4: (7.0, 26.0, 0.0)},
    }.items():
        block[tag] = value
    return block


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A photograph in portrait format, as a camera stores it, with 300 x 150 pixels per inch as it lies."""
    path = tmp_path / "photo.jpg"
    iptc = b"\x1c\x02\x69\x00\x08Headline"
    Image.fromarray(PIXELS).save(
        path, exif=exif(6), xmp=XMP, dpi=(300, 150), extra=to_photoshop_segment(iptc)
    )
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "avif"])
def test_author_date_and_camera_are_carried_to_the_result(photograph: Path, suffix: str) -> None:
    """Not the place, the serial number or the maker's notes; and the result is upright."""
    result = photograph.with_name(f"result.{suffix}")
    write_picture(read_picture(photograph), result, metadata={"settings": "{}"})
    with Image.open(result) as image:
        tags, exposure = image.getexif(), image.getexif().get_ifd(ExifTags.IFD.Exif)
        assert image.size == (24, 36)
        assert tags[ExifTags.Base.Artist].encode("latin-1").decode() == "Zoë Möller"
        assert tags[ExifTags.Base.Copyright] == "(c) Z. M."
        assert (tags[ExifTags.Base.Make], tags[ExifTags.Base.Model]) == ("Camera works", "Model 1")
        assert tags.get(ExifTags.Base.Orientation, 1) == 1
        assert exposure[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
        assert float(exposure[ExifTags.Base.ExposureTime]) == pytest.approx(0.004)
        assert not tags.get_ifd(ExifTags.IFD.GPSInfo)
        for text in ("Zoë Möller", "A bridge", "Brücke", "river", "stone", "Studio &amp; Co", "Headline"):
            assert text.encode() in image.info["xmp"]
        if suffix in ("jpg", "tif"):
            records = IptcImagePlugin.getiptcinfo(image) or {}
            assert (records[2, 80], records[2, 25]) == ("Zoë Möller".encode(), [b"river", b"stone"])
            assert records[2, 55] == b"20240506"
    content = result.read_bytes()
    for private in (b"SECRET", b"Bern", b"GPSLatitude"):
        assert private not in content


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_place_is_kept_on_request(photograph: Path, suffix: str) -> None:
    result = photograph.with_name(f"result.{suffix}")
    write_picture(read_picture(photograph), result, keep_location=True)
    with Image.open(result) as image:
        assert tuple(map(float, image.getexif().get_ifd(ExifTags.IFD.GPSInfo)[2])) == (46.0, 57.0, 0.0)
        assert b"Bern" in image.info["xmp"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp"])
def test_resolution_is_kept_with_the_size_and_scaled_with_it(photograph: Path, suffix: str) -> None:
    picture, result = read_picture(photograph), photograph.with_name(f"result.{suffix}")
    for height, width, expected in ((36, 24, (150, 300)), (18, 12, (75, 150))):
        write_picture(resize_picture(picture, height, width), result, force=True)
        assert read_picture(result).info.dpi == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_result_of_a_file_without_a_resolution_has_none(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(PIXELS).save(tmp_path / f"photo.{suffix}")
    picture, result = read_picture(tmp_path / f"photo.{suffix}"), tmp_path / f"result.{suffix}"
    write_picture(picture, result)
    assert picture.info.dpi is read_picture(result).info.dpi is None


def test_texts_of_a_png_are_read(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Zoë")
    texts.add_itxt("Copyright", "(c) Zoë")
    Image.fromarray(PIXELS).save(tmp_path / "photo.png", pnginfo=texts)
    assert read_picture(tmp_path / "photo.png").info.texts == {"author": ("Zoë",), "copyright": ("(c) Zoë",)}


def test_settings_of_a_painted_picture_are_no_description(tmp_path: Path) -> None:
    write_picture(Picture(PIXELS / np.float32(255)), tmp_path / "a.tif", metadata={"settings": "{}"})
    assert read_picture(tmp_path / "a.tif").info == NO_INFO


def deep_xmp() -> bytes:
    return b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>" + b"<a>" * 8000


def expanding_xmp() -> bytes:
    return XMP.replace(b"<x:xmpmeta", b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x:xmpmeta")


def looping_exif() -> bytes:
    """Return EXIF whose directories of exposure and place are the main directory itself."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825))
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + b"\x08\0\0\0"


MALFORMED: dict[str, dict[str, Any]] = {
    "deep xmp": {"xmp": deep_xmp()},
    "closed deep xmp": {"xmp": deep_xmp() + b"</a>" * 8000 + b"</rdf:RDF>"},
    "expanding xmp": {"xmp": expanding_xmp()},
    "xmp in no encoding": {"xmp": b"\xff\xfe\x00<x"},
    "cut exif": {"exif": exif().tobytes()[:90]},
    "looping exif": {"exif": looping_exif()},
    "exif of noise": {"exif": b"Exif\0\0II*\0" + bytes(range(250))},
    "cut iptc": {"extra": to_photoshop_segment(b"\x1c\x02\x69\xff\xff\xff")},
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_metadata_does_not_stop_reading_or_writing(tmp_path: Path, kind: str) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "photo.jpg", **MALFORMED[kind])
    picture = read_picture(tmp_path / "photo.jpg")
    assert picture.info.texts.keys() <= {"author", "copyright", "description"}
    for suffix in ("png", "tif", "jpg"):
        notices: list[Any] = []
        write_picture(picture, tmp_path / f"result.{suffix}", on_notice=notices.append)
        assert not notices


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_information_that_cannot_be_written_does_not_cost_the_painting(tmp_path: Path, suffix: str) -> None:
    info = PhotoInfo(texts={"title": ("\ud800",)}, image_tags={ExifTags.Base.Make: object()})
    picture, notices = Picture(PIXELS / np.float32(255), info=info), []
    write_picture(picture, tmp_path / f"a.{suffix}", metadata={"settings": "{}"}, on_notice=notices.append)
    assert [notice.code for notice in notices] == ["no-metadata"]
    assert read_picture(tmp_path / f"a.{suffix}").width == picture.width


def test_information_too_long_for_a_jpeg_is_left_out_with_a_notice(tmp_path: Path) -> None:
    keywords = tuple(f"{'ö' * 190} {number}" for number in range(400))
    picture, notices = Picture(PIXELS / np.float32(255), info=PhotoInfo(texts={"keywords": keywords})), []
    write_picture(picture, tmp_path / "a.jpg", metadata={"settings": "{}"}, on_notice=notices.append)
    assert [notice.code for notice in notices] == ["no-metadata"]


def test_same_picture_gives_the_same_bytes_with_its_information(photograph: Path) -> None:
    for suffix in ("png", "tif", "jpg"):
        files = [photograph.with_name(f"{name}.{suffix}") for name in "ab"]
        for file in files:
            write_picture(read_picture(photograph), file)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_pixels_of_a_tiff_in_many_strips_are_where_its_directory_says(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).random((700, 30, 3), dtype=np.float32)
    picture = replace(
        Picture(pixels, bits=16), info=PhotoInfo(dpi=(300.0, 300.0), texts={"author": ("Zoë",)})
    )
    write_picture(picture, tmp_path / "a.tif")
    read = read_picture(tmp_path / "a.tif")
    assert np.abs(read.pixels - pixels).max() < 1e-5
    with Image.open(io.BytesIO((tmp_path / "a.tif").read_bytes())) as image:
        assert len(image.tag_v2[273]) > 1
