"""From an open file to a raster: which decoder, and nothing decoded that is too large.

Pillow reads the header of every file and decodes most; libvips decodes PNG and TIFF files of more than
8 bits, of which Pillow would drop the lower ones. The size in pixels is checked from the header by
whichever decoder is about to run.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Literal

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from nst_core.errors import ErrorCode, NstError
from nst_core.images import libvips, pillow
from nst_core.images.raster import Raster

MAX_PIXELS = 1 << 28
"""268 megapixels, 16384 x 16384: beyond any camera's frame, 3 GiB as floats."""

REFUSED_FORMATS = ("EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5")
"""EPS starts Ghostscript, WMF calls into the system; the others Pillow can only name."""

RAW_SUFFIXES = (
    *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".pef", ".raf"),
    *(".raw", ".iiq", ".3fr", ".erf", ".kdc", ".mrw"),
)
"""Raw photographs: many are TIFF files whose first picture is a thumbnail, which nobody means."""

EXPORT = {
    ".xcf": "Export it as PNG or TIFF from GIMP.",
    ".heic": "Export it as JPEG from the phone or a photo program.",
    ".heif": "Export it as JPEG from the phone or a photo program.",
    ".svg": "Export it as PNG from a drawing program.",
    ".pdf": "Export the page as PNG or TIFF.",
}

# Tags of TIFF 6.0 and of DNG 1.6.
BITS_PER_SAMPLE, SAMPLES_PER_PIXEL, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 277, 284, 338, 339
DNG_VERSION = 50706

# Profiles for printing are often larger than what Pillow lets a PNG chunk unpack to, 1 MiB.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 1024 * 1024

_pillow_limit = threading.Lock()


def decode_file(file: io.BufferedReader, path: PurePath, name: str, max_pixels: int) -> Raster:
    """Decode the first picture in ``file``; ``path`` lends its suffix, ``name`` is used in messages.

    Raises:
        NstError: ``bad-image`` or ``too-large``.
        MemoryError: it does not fit.
    """
    if path.suffix.lower() in RAW_SUFFIXES:
        raise raw_photograph(name)
    with guarded(name, max_pixels):
        image = identify(file, path, name)
        if image is None:
            return _decode_tiff(file, pillow.tiff_tags(file), name, max_pixels)
        with image:
            check_size(name, *image.size, max_pixels)
            return _decode(file, image, name, max_pixels)


@contextmanager
def guarded(name: str, max_pixels: int) -> Iterator[None]:
    """Run decoders: Pillow's own guard gets our limit, and what they raise becomes a sentence about ``name``.

    Pillow's guard also sees pictures inside of pictures. Its limit is a variable of the module, and
    warnings are the whole process's, so one reader runs at a time.
    """
    with _pillow_limit, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        except (NstError, MemoryError):
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_large(f"{name} has too many pixels", max_pixels) from None
        # Decoders raise anything at all on damaged files, from struct.error to AttributeError.
        except Exception as error:
            raise NstError(
                ErrorCode.BAD_IMAGE,
                f"{name} is damaged, cut short or of a rare kind.",
                "Copy it again, or export it as PNG.",
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = before


def identify(file: io.BufferedReader, path: PurePath, name: str) -> Image.Image | None:
    """Open with Pillow, which reads the header; None for a TIFF file of a kind that Pillow does not know."""
    Image.init()
    is_tiff = file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    file.seek(0)
    try:
        return Image.open(file, formats=[kind for kind in Image.OPEN if kind not in REFUSED_FORMATS])
    except UnidentifiedImageError:
        if is_tiff:
            return None
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"{name} is not a picture of a kind that can be read.",
            EXPORT.get(path.suffix.lower(), "Use PNG, TIFF, JPEG, WebP or another common format."),
        ) from None


def raw_photograph(name: str) -> NstError:
    """Say that raw photographs are not read."""
    return NstError(ErrorCode.BAD_IMAGE, f"{name} is a raw photograph.", "Develop it to TIFF or JPEG first.")


def check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    """Refuse what is too large, or empty, before it is decoded."""
    if width * height > max_pixels:
        raise _too_large(f"{name} is {width} x {height}", max_pixels)
    if width < 1 or height < 1:
        raise NstError(ErrorCode.BAD_IMAGE, f"{name} has no pixels.", "Export it again.")


def _too_large(what: str, max_pixels: int) -> NstError:
    return NstError(
        ErrorCode.TOO_LARGE,
        f"{what}; the limit is {max_pixels / 1e6:.4g} megapixels.",
        "Make the picture smaller, or raise the limit if you trust the file.",
    )


def _decode(file: io.BufferedReader, image: Image.Image, name: str, max_pixels: int) -> Raster:
    """Decode what Pillow opened, by libvips where Pillow would lose bits."""
    # Pillow's name for the samples in the file is the last of its decoder's arguments: "RGB;16B".
    if image.format == "PNG" and any("16" in str(tile[3]) for tile in image.tile):  # type: ignore[attr-defined]
        raster = _decode_with_libvips(file, "png", True, name, max_pixels)
        return replace(raster, gamma=pillow.png_gamma(image))
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        depths, kinds = tags.get(BITS_PER_SAMPLE, (1,)), tags.get(SAMPLE_FORMAT, (1,))
        if max(depths) > 8 or any(kind != 1 for kind in kinds):
            try:
                return _decode_tiff(file, tags, name, max_pixels)
            except libvips.LibvipsError:
                # TIFF has more variants than libvips reads, and Pillow's 8 bits are better than nothing;
                # in a damaged file Pillow finds the damage again.
                file.seek(0)
        elif DNG_VERSION in tags:
            raise raw_photograph(name)
    return pillow.decode(image)


def _decode_tiff(file: io.BufferedReader, tags: Mapping[int, Any], name: str, max_pixels: int) -> Raster:
    if DNG_VERSION in tags:
        raise raw_photograph(name)
    if tags.get(PLANAR) == 2 and tags.get(SAMPLES_PER_PIXEL) == 2:
        # libvips 8.18 mixes the rows of the two planes.
        raise ValueError("grey and alpha in separate planes")
    extra = tags.get(EXTRA_SAMPLES, ())
    # 0 is a channel of any meaning, 1 and 2 are alpha; files that say nothing mean alpha.
    return _decode_with_libvips(file, "tiff", not extra or extra[0] in (1, 2), name, max_pixels)


def _decode_with_libvips(
    file: io.BufferedReader,
    kind: Literal["png", "tiff"],
    extra_is_alpha: bool,
    name: str,
    max_pixels: int,
) -> Raster:
    file.seek(0)
    image = libvips.open_header(file.read(), kind)
    check_size(name, image.width, image.height, max_pixels)
    return libvips.decode(image, extra_is_alpha)
