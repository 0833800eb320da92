"""Decoding with Pillow: every mode it opens becomes a raster of grey, RGB or CMYK samples.

Takes an opened Pillow image and returns a :class:`Raster`. Pillow's exceptions on damaged files pass through;
:func:`nst_core.images.decode.guard_decoding` translates them.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from nst_core.images.raster import Raster, Samples, Space

SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")

# Pillow mode -> the mode to convert it to first. Other modes are used as they are or handled in _samples.
MODE_CONVERSIONS = {"La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB", "PA": "RGBA"}

FRAME_WORDS = {
    **dict.fromkeys(("GIF", "WEBP", "PNG", "AVIF", "FLI"), "frames"),
    "TIFF": "pages",
    "HEIF": "pictures",
}
"""What the pictures in a file are called, for the formats in which they are equals."""

MOST_PAGES = 1000
"""Pages of a TIFF that are looked at."""


def decode(image: Image.Image) -> Raster:
    """Decode the first frame of ``image``.

    Raises:
        Exception: anything that Pillow's decoder of the format raises on damaged data.
    """
    image.load()
    # Some decoders (TIFF's) turn the picture upright and remove the tag, so read the tag after loading.
    exif = _exif(image)
    profile = image.info.get("icc_profile") or None
    samples, space, alpha = _samples(image)
    if image.mode == "LAB":
        profile = None
    return Raster(
        samples=samples,
        space=space,
        alpha=alpha,
        profile=profile,
        orientation=1 if is_upright(image) else _orientation(exif),
        gamma=png_gamma(image),
        adobe_rgb=_is_adobe_rgb(exif),
    )


def is_upright(image: Image.Image) -> bool:
    """Return whether the decoder has turned the picture, so that its EXIF orientation is over.

    JPEG XL has an orientation of its own; only a JPEG that was packed into it keeps that of EXIF.
    """
    return image.format == "JXL" and not getattr(image, "jpeg", False)


def count_frames(image: Image.Image) -> str:
    """Return of what the picture is the first, "12 frames" or "3 pages"; nothing if it stands alone.

    Thumbnails of a TIFF and the second picture in a camera's JPEG do not count.
    """
    word = FRAME_WORDS.get(image.format or "")
    try:
        count = getattr(image, "n_frames", 1) if word else 1
        if image.format == "TIFF" and count > 1:
            count = sum(not _is_thumbnail(image, page) for page in range(min(count, MOST_PAGES)))
    except Exception:  # the rest of the file is damaged, in any way; the first picture is not
        return ""
    return f"{count} {word}" if count > 1 else ""


def _is_thumbnail(image: Image.Image, page: int) -> bool:
    """Return whether a page of a TIFF is a smaller copy of another one (TIFF 6.0, tag 254)."""
    image.seek(page)
    return bool(image.tag_v2.get(254, 0) & 1)  # type: ignore[attr-defined]


def _samples(image: Image.Image) -> tuple[Samples, Space, Samples | None]:
    """Return colour samples ``(height, width, channels)``, their space and alpha."""
    mode = image.mode
    if mode in SIXTEEN_BIT_MODES or mode == "I":
        return _integer_samples(image)[:, :, None], "grey", None
    if mode == "F":
        return np.asarray(image)[:, :, None], "grey", None
    if mode == "CMYK":
        return np.asarray(image), "cmyk", None
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return np.asarray(converted), "rgb", None
    grey = mode in ("1", "L", "LA", "La") or _has_grey_palette(image)
    if image.has_transparency_data:
        # Pillow cannot convert some modes with a transparent colour to LA, but all of them to RGBA.
        rgba = np.asarray(image.convert("RGBA"))
        return (rgba[:, :, :1], "grey", rgba[:, :, 3]) if grey else (rgba[:, :, :3], "rgb", rgba[:, :, 3])
    array = np.asarray(image.convert("L" if grey else MODE_CONVERSIONS.get(mode, "RGB")))
    return (array[:, :, None], "grey", None) if grey else (array[:, :, :3], "rgb", None)


def _has_grey_palette(image: Image.Image) -> bool:
    palette = image.getpalette("RGB") if image.mode in ("P", "PA") else None
    if not palette:
        return False
    colours = np.array(palette).reshape(-1, 3)
    return bool(np.all(colours == colours[:, :1]))


def _integer_samples(image: Image.Image) -> Samples:
    """Return the samples of Pillow's 16- and 32-bit grey modes as uint16 over its full range.

    In both modes Pillow returns 16-bit numbers, except for files marked as 12-bit.
    """
    samples = np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
    depth = getattr(image, "tag_v2", {}).get(258, (16,))[0]
    scaled: Samples = np.rint(samples * (65535.0 / 4095.0)).astype(np.uint16) if depth == 12 else samples
    return scaled


def _exif(image: Image.Image) -> Any:
    """Return the EXIF data, or an empty mapping if it is damaged: the pixels are still usable."""
    try:
        return image.getexif()
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error):
        return Image.Exif()


def _orientation(exif: Any) -> int:
    value = exif.get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _is_adobe_rgb(exif: Any) -> bool:
    """Return whether a camera marked the file as Adobe RGB (interoperability index R03 of DCF 2.0)."""
    try:
        colour_space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error):
        return False
    return colour_space == 0xFFFF and str(index).strip("\0 ") == "R03"


def tiff_tags(file: io.BufferedReader) -> Mapping[int, Any]:
    """Read the tags of the first picture of a TIFF file that Pillow cannot open."""
    file.seek(0)
    header = file.read(8)
    # The version is 42 in TIFF and 43 in BigTIFF, whose header has 16 bytes.
    if 43 in header[2:4]:
        header += file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    return tags


def png_gamma(image: Image.Image) -> float | None:
    """Return the exponent from a PNG's gAMA chunk to light; None without a chunk or near 1/2.2, i.e. sRGB."""
    gamma = image.info.get("gamma")
    if "srgb" in image.info or not isinstance(gamma, (int, float)) or not 0.1 <= gamma <= 2.0:
        return None
    return None if abs(gamma * 2.2 - 1) < 0.1 else 1.0 / gamma
