"""Decoding an open file to a raster: choosing the decoder and refusing files that are too large.

Pillow reads the header of every file and decodes most of them. libvips decodes PNG and TIFF files with more
than 8 bits, which Pillow would reduce to 8. The decoder that is about to run checks the size in pixels from
the header.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Literal

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from nst_core.errors import ErrorCode, NstError
from nst_core.images import file_kind, heif, jpeg_xl, libvips, pillow
from nst_core.images.jpeg_scans import check_scans
from nst_core.images.plug_ins import open_plug_ins
from nst_core.images.raster import Raster, spread_bits
from nst_core.images.read_info import read_info
from nst_core.system.resource_errors import is_out_of_memory

MAX_PIXELS = 1 << 28
"""268 megapixels, 16384 x 16384: larger than any camera's photograph, 3 GiB as floats."""

_max_pixels: ContextVar[int] = ContextVar("max_pixels", default=MAX_PIXELS)

REFUSED_FORMATS = ("EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5")
"""EPS starts Ghostscript, WMF calls into the system; Pillow can identify the others but not decode them."""

RAW_SUFFIXES = (
    *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".pef", ".raf"),
    *(".raw", ".iiq", ".3fr", ".erf", ".kdc", ".mrw"),
)
"""Raw photographs: many are TIFF files whose first picture is a thumbnail, not the photograph."""

PLUG_INS: Mapping[file_kind.FileKind | None, str] = {
    file_kind.HEIC: "HEIF",
    file_kind.JPEG_XL: "JXL",
    file_kind.AVIF: "AVIF",
}
"""Kinds that Pillow reads if it has the plug-in of this name."""

# Tags of TIFF 6.0 and DNG 1.6.
BITS_PER_SAMPLE, SAMPLES_PER_PIXEL, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 277, 284, 338, 339
DNG_VERSION = 50706

# Printer profiles are often larger than 1 MiB, to which Pillow limits an unpacked PNG chunk.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 1024 * 1024

_pillow_limit = threading.Lock()


def pixel_limit() -> int:
    """Return the largest number of pixels that is read where a caller gives no other limit."""
    return _max_pixels.get()


@contextmanager
def allow_pixels(max_pixels: int) -> Iterator[None]:
    """Read pictures of up to ``max_pixels`` while the block runs: the user trusts the files."""
    token = _max_pixels.set(max_pixels)
    try:
        yield
    finally:
        _max_pixels.reset(token)


def decode_file(file: io.BufferedReader, path: PurePath, name: str, max_pixels: int) -> Raster:
    """Decode the first picture in ``file``. The suffix of ``path`` is a hint; ``name`` is used in messages.

    Raises:
        NstError: ``bad-image`` or ``too-large``.
        MemoryError: the picture does not fit into memory.
    """
    head = file_kind.read_head(file)
    # Some programs name the JPEG preview of a raw photograph like the photograph.
    if file_kind.is_raw(head) or (path.suffix.lower() in RAW_SUFFIXES and not file_kind.is_jpeg(head)):
        raise _raw_photograph_error(name)
    with guard_decoding(name, max_pixels):
        image = open_with_pillow(file, path, name)
        if image is None:
            return _decode_tiff(file, pillow.tiff_tags(file), name, max_pixels)
        with image:
            check_pixel_count(name, *image.size, max_pixels)
            raster = _decode(file, image, name, max_pixels)
            raster = replace(raster, info=read_info(image))
            return replace(raster, frames=pillow.count_frames(image))


@contextmanager
def guard_decoding(name: str, max_pixels: int) -> Iterator[None]:
    """Set Pillow's size limit to ``max_pixels`` and translate what decoders raise to errors about ``name``.

    Pillow's limit also covers pictures inside pictures, such as icons. The limit is a module variable and
    warning filters belong to the whole process, so only one reader runs at a time.
    """
    with _pillow_limit, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        previous_limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        except (NstError, MemoryError):
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_large_error(f"{name} has too many pixels", max_pixels) from None
        # On damaged files decoders raise anything, from struct.error to AttributeError.
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError from error
            raise NstError(
                ErrorCode.BAD_IMAGE,
                f"{name} is damaged, incomplete or of a rare kind.",
                "Copy it again, or export it as PNG.",
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = previous_limit


def open_with_pillow(file: io.BufferedReader, path: PurePath, name: str) -> Image.Image | None:
    """Open ``file`` with Pillow, which reads the header; return None for a TIFF that Pillow does not know.

    Raises:
        NstError: ``bad-image`` for a file of another unknown kind.
    """
    open_plug_ins()
    head = file_kind.read_head(file)
    try:
        if file_kind.kind_of(head) is file_kind.JPEG_XL:
            return _open_jpeg_xl(file, name)
        return Image.open(file, formats=[kind for kind in Image.OPEN if kind not in REFUSED_FORMATS])
    except UnidentifiedImageError:
        if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return None
        readable = PLUG_INS.get(file_kind.kind_of(head)) in Image.OPEN
        raise file_kind.unreadable_error(name, path, head, readable=readable) from None


def _open_jpeg_xl(file: io.BufferedReader, name: str) -> Image.Image:
    """Open a JPEG XL, but not what Pillow's plug-in would decode at once: a large picture, an animation.

    Raises:
        NstError: ``bad-image`` or ``too-large``.
        UnidentifiedImageError: the file is damaged, or there is no plug-in.
    """
    try:
        header = jpeg_xl.read_header(file)
    except ValueError as error:
        raise UnidentifiedImageError from error
    check_pixel_count(name, header.width, header.height, Image.MAX_IMAGE_PIXELS or MAX_PIXELS)
    if header.animated:
        raise NstError(
            ErrorCode.BAD_IMAGE, f"{name} is a JPEG XL animation.", "Export the frame that you want as PNG."
        )
    try:
        return Image.open(file, formats=["JXL"])
    except MemoryError:
        raise
    except Exception as error:  # anything that the plug-in raises on damaged data
        raise UnidentifiedImageError from error


def _raw_photograph_error(name: str) -> NstError:
    return NstError(ErrorCode.BAD_IMAGE, f"{name} is a raw photograph.", file_kind.RAW.hint)


def check_pixel_count(name: str, width: int, height: int, max_pixels: int) -> None:
    """Check, before decoding, that a picture has at least one pixel and no more than ``max_pixels``.

    Raises:
        NstError: ``too-large``, or ``bad-image`` for an empty picture.
    """
    if width * height > max_pixels:
        raise _too_large_error(f"{name} is {width} x {height} pixels", max_pixels)
    if width < 1 or height < 1:
        raise NstError(ErrorCode.BAD_IMAGE, f"{name} has no pixels.", "Export it again.")


def _too_large_error(statement: str, max_pixels: int) -> NstError:
    return NstError(
        ErrorCode.TOO_LARGE,
        f"{statement}; the limit is {max_pixels / 1e6:.4g} megapixels.",
        "Make the picture smaller, or raise the limit with --max-megapixels if you trust the file.",
    )


def _decode(file: io.BufferedReader, image: Image.Image, name: str, max_pixels: int) -> Raster:
    """Decode an image that Pillow opened, with another decoder if Pillow would lose bits."""
    if image.format in ("JPEG", "MPO"):
        position = file.tell()
        file.seek(0)
        check_scans(file.read(), image.width * image.height, name)
        file.seek(position)
    # The last argument of Pillow's decoder names the samples in the file: "RGB;16B".
    if image.format == "PNG" and any("16" in str(tile[3]) for tile in image.tile):  # type: ignore[attr-defined]
        raster = _decode_with_libvips(file, "png", extra_is_alpha=True, name=name, max_pixels=max_pixels)
        return replace(raster, gamma=pillow.png_gamma(image))
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        depths, sample_formats = tags.get(BITS_PER_SAMPLE, (1,)), tags.get(SAMPLE_FORMAT, (1,))
        if max(depths) > 8 or any(sample_format != 1 for sample_format in sample_formats):
            try:
                return _decode_tiff(file, tags, name, max_pixels)
            except libvips.LibvipsError:
                # TIFF has more variants than libvips reads, and Pillow's 8 bits are better than nothing.
                # In a damaged file, Pillow fails too.
                file.seek(0)
        elif DNG_VERSION in tags:
            raise _raw_photograph_error(name)
    if image.format == "HEIF" and (bits := heif.bits_per_sample(image)) > 8:
        return heif.decode(file, bits)
    if image.format == "AVIF":
        deep = _decode_deep_avif(file, name, max_pixels)
        return deep or pillow.decode(image)
    return pillow.decode(image)


def _decode_deep_avif(file: io.BufferedReader, name: str, max_pixels: int) -> Raster | None:
    """Decode an AVIF with more than 8 bits; return None for the others, and those that only Pillow reads."""
    try:
        image = libvips.open_header(_read_all(file), "avif")
        if image.format != "ushort":
            return None
        check_pixel_count(name, image.width, image.height, max_pixels)
        raster = libvips.decode(image, extra_is_alpha=True)
        bits = int(image.get("bits-per-sample"))
    except libvips.LibvipsError:
        return None
    alpha = None if raster.alpha is None else spread_bits(raster.alpha, bits)
    return replace(raster, samples=spread_bits(raster.samples, bits), alpha=alpha)


def _read_all(file: io.BufferedReader) -> bytes:
    file.seek(0)
    data = file.read()
    file.seek(0)
    return data


def _decode_tiff(file: io.BufferedReader, tags: Mapping[int, Any], name: str, max_pixels: int) -> Raster:
    if DNG_VERSION in tags:
        raise _raw_photograph_error(name)
    if tags.get(PLANAR) == 2 and tags.get(SAMPLES_PER_PIXEL) == 2:
        # libvips 8.18 mixes up the rows of the two planes.
        raise ValueError("grey and alpha in separate planes")
    extra = tags.get(EXTRA_SAMPLES, ())
    # 0 is a channel of unknown meaning, 1 and 2 are alpha; a missing tag usually means alpha.
    extra_is_alpha = not extra or extra[0] in (1, 2)
    return _decode_with_libvips(file, "tiff", extra_is_alpha=extra_is_alpha, name=name, max_pixels=max_pixels)


def _decode_with_libvips(
    file: io.BufferedReader,
    file_type: Literal["png", "tiff"],
    *,
    extra_is_alpha: bool,
    name: str,
    max_pixels: int,
) -> Raster:
    file.seek(0)
    image = libvips.open_header(file.read(), file_type)
    check_pixel_count(name, image.width, image.height, max_pixels)
    return libvips.decode(image, extra_is_alpha=extra_is_alpha)
