"""Encoding a picture as the bytes of a file: format, profile, depth, alpha and settings.

Takes a :class:`Picture` and returns bytes; does not write files. The same picture gives the same bytes: there
are no times or counters in them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from PIL import Image

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, OnNotice
from nst_core.images import embed, icc, libvips
from nst_core.images.colour import luminance
from nst_core.images.display_name import display_name
from nst_core.images.metadata import KEYWORD, to_line
from nst_core.images.photo_info import NO_INFO, PhotoInfo
from nst_core.images.picture import Picture
from nst_core.images.raster import Samples, Space
from nst_core.images.write_info import to_exif, to_iptc, to_photoshop_segment, to_xmp

LONGEST_BLOCK = 65_000
"""Bytes of EXIF or XMP: a JPEG segment holds 65,533, including its overhead."""

ROWS_AT_A_TIME = 256


@dataclass(frozen=True)
class FileFormat:
    """The capabilities of a file format, or of Pillow's writer for it.

    ``longest`` is the longest side in pixels, ``options`` are keyword arguments of Pillow's ``Image.save``.
    """

    name: str
    _: KW_ONLY
    grey: bool = True
    grey_alpha: bool = False
    alpha: bool = True
    sixteen_bits: bool = False
    profile: bool = False
    exif: bool = False
    dpi: bool = False
    longest: int = 65_535
    options: Mapping[str, Any] = field(default_factory=dict)


PNG = FileFormat("PNG", sixteen_bits=True, profile=True, longest=2**31 - 1)
TIFF = FileFormat("TIFF", sixteen_bits=True, profile=True, longest=2**31 - 1)
JPEG = FileFormat(
    "JPEG",
    alpha=False,
    profile=True,
    exif=True,
    dpi=True,
    longest=65_500,
    # 4:4:4, because strokes are edges of colour, which halved chroma would smear.
    options={"quality": 95, "subsampling": 0},
)
WEBP = FileFormat("WEBP", profile=True, exif=True, longest=16_383, options={"quality": 95, "method": 4})
AVIF = FileFormat("AVIF", profile=True, exif=True, options={"quality": 90, "subsampling": "4:4:4"})
PPM = FileFormat("PPM", alpha=False, longest=2**31 - 1)

FORMATS: dict[str, FileFormat] = {
    ".png": PNG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".jpe": JPEG,
    ".jfif": JPEG,
    ".webp": WEBP,
    ".avif": AVIF,
    ".jp2": FileFormat("JPEG2000", grey_alpha=True),
    ".bmp": FileFormat("BMP", alpha=False, dpi=True),
    ".gif": FileFormat("GIF"),
    ".ppm": PPM,
    ".pgm": PPM,
    ".pnm": PPM,
    ".tga": FileFormat("TGA", grey_alpha=True),
    ".pcx": FileFormat("PCX", alpha=False),
    ".sgi": FileFormat("SGI"),
    ".qoi": FileFormat("QOI", grey=False, longest=2**31 - 1),
    ".dds": FileFormat("DDS"),
}
"""The formats that can be written, by suffix: those of Pillow's formats that keep a picture's size and
colours. (GIF keeps 256 colours, but people ask for it.)"""


def format_of(path: PurePath) -> FileFormat:
    """Return the format for the suffix of ``path``.

    Raises:
        NstError: ``unwritable-output``, naming the suffixes that can be written.
    """
    suffix = path.suffix.lower()
    Image.init()
    writable = {
        known_suffix: file_format
        for known_suffix, file_format in FORMATS.items()
        if file_format.name in (*Image.SAVE, "PNG", "TIFF")
    }
    if suffix in writable:
        return writable[suffix]
    problem = (
        f"ends in {display_name(suffix)}, a format that cannot be written"
        if suffix
        else "has no suffix, so its format is unknown"
    )
    raise NstError(
        ErrorCode.UNWRITABLE_OUTPUT,
        f"{display_name(path)} {problem}.",
        f"Use .png, .tif, .jpg or .webp (or {', '.join(sorted(writable))}).",
    )


def check_fits(file_format: FileFormat, height: int, width: int) -> None:
    """Check that the format can hold a picture of this size.

    Raises:
        NstError: ``too-large``.
    """
    if max(height, width) > file_format.longest:
        raise NstError(
            ErrorCode.TOO_LARGE,
            f"A picture of {width} x {height} pixels is too large for {file_format.name}, "
            f"which allows {file_format.longest} pixels a side.",
            "Save it as PNG or TIFF.",
        )


def encode(
    picture: Picture,
    file_format: FileFormat,
    metadata: Mapping[str, str],
    on_notice: OnNotice,
) -> bytes:
    """Encode ``picture`` in ``file_format``, with ``metadata`` if the format can hold it.

    Pixels are converted from sRGB to the picture's profile, which is embedded; in formats without profiles
    they stay sRGB. If the format has no alpha, the picture is put on white. The information about the
    photograph goes into EXIF, XMP and IPTC, as far as the format has them. Notices: ``no-alpha``,
    ``no-metadata``.

    Raises:
        NstError: ``too-large``, or ``internal`` for pixels that are not finite.
    """
    check_fits(file_format, picture.height, picture.width)
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and not file_format.alpha:
        pixels, alpha = on_white(pixels, alpha), None
        on_notice(Notice("no-alpha", f"{file_format.name} has no transparency; the picture is put on white."))
    space: Space = "grey" if picture.grey else "rgb"
    values = _grey(pixels)[:, :, None] if picture.grey else pixels
    profile = _usable_profile(picture, space) if file_format.profile else None
    if profile is not None and picture.profile and not icc.is_srgb(profile):
        values = icc.from_srgb(profile, values)
    samples = _quantise(values, alpha, picture.bits if file_format.sixteen_bits else 8)
    embedded_profile = picture.profile if profile is not None else None
    line = to_line(metadata)
    if file_format is PNG:
        png = libvips.encode_png(samples, space, embedded_profile, {KEYWORD: line} if line else {})
        return embed.add_to_png(png, picture.info)
    if file_format is TIFF:
        tiff = libvips.encode_tiff(samples, space, embedded_profile, line)
        return embed.add_to_tiff(tiff, picture.info)
    options = _profile_option(embedded_profile) | _info_options(file_format, picture.info, line, on_notice)
    return _encode_with_pillow(samples, file_format, options)


def on_white(pixels: Array, alpha: Array) -> Array:
    """Put pixels over white, in sRGB encoding, as browsers and editors do."""
    cover = alpha[:, :, None]
    return pixels * cover + (1 - cover)


def _grey(pixels: Array) -> Array:
    """Return ``(height, width)``: the common value of three equal channels, or the luminance of colours."""
    red = pixels[:, :, 0]
    is_grey = np.array_equal(red, pixels[:, :, 1]) and np.array_equal(red, pixels[:, :, 2])
    return red if is_grey else luminance(pixels)


def _usable_profile(picture: Picture, space: Space) -> icc.IccProfile | None:
    """Return the picture's profile if it is for ``space`` and pixels can be converted to it, or None."""
    if not picture.profile:
        return None
    try:
        profile = icc.parse_profile(picture.profile)
    except icc.CorruptProfileError:
        return None
    return profile if profile is not None and profile.space == space else None


def _quantise(values: Array, alpha: Array | None, bits: Literal[8, 16]) -> Samples:
    """Round 0..1 to integers over the full range, clipping values outside it; alpha comes last."""
    height, width, channels = values.shape
    dtype, maximum = (np.uint8, 255.0) if bits == 8 else (np.uint16, 65535.0)
    samples = np.empty((height, width, channels + (alpha is not None)), dtype)
    for top in range(0, height, ROWS_AT_A_TIME):
        band = slice(top, top + ROWS_AT_A_TIME)
        block = values[band]
        if not np.isfinite(block).all():
            raise NstError(ErrorCode.INTERNAL, "The picture contains pixels that are not finite numbers.")
        samples[band, :, :channels] = np.rint(np.clip(block, 0, 1) * np.float32(maximum))
        if alpha is not None:
            samples[band, :, channels] = np.rint(np.clip(alpha[band], 0, 1) * np.float32(maximum))
    return samples


def _profile_option(profile: bytes | None) -> dict[str, Any]:
    return {} if profile is None else {"icc_profile": profile}


def _info_options(file_format: FileFormat, info: PhotoInfo, line: str, on_notice: OnNotice) -> dict[str, Any]:
    """Return Pillow's options for the resolution, EXIF with the settings, XMP and IPTC."""
    options: dict[str, Any] = {}
    if info.dpi and file_format.dpi:
        options["dpi"] = info.dpi
    if not file_format.exif:
        if line:
            on_notice(Notice("no-metadata", f"A {file_format.name} file cannot hold the settings."))
        return options
    exif, xmp = to_exif(info, line), to_xmp(info)
    if max(len(exif), len(xmp)) > LONGEST_BLOCK:
        exif, xmp = to_exif(NO_INFO, line), b""
        kept = len(exif) <= LONGEST_BLOCK
        missing = "everything that is known about the photo" if kept else "the settings"
        on_notice(Notice("no-metadata", f"A {file_format.name} file cannot hold {missing}."))
        exif = exif if kept else b""
    options |= {name: block for name, block in (("exif", exif), ("xmp", xmp)) if block}
    if file_format is JPEG and (segment := to_photoshop_segment(to_iptc(info))):
        options["extra"] = segment
    return options


def _encode_with_pillow(samples: Samples, file_format: FileFormat, options: Mapping[str, Any]) -> bytes:
    image = Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)
    if (image.mode == "L" and not file_format.grey) or (image.mode == "LA" and not file_format.grey_alpha):
        image = image.convert(image.mode.replace("L", "RGB"))
    buffer = io.BytesIO()
    image.save(buffer, file_format.name, **{**file_format.options, **options})
    return buffer.getvalue()
