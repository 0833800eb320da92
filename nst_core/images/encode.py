"""From a picture to the bytes of a file: format, profile, depth, alpha and the settings.

A :class:`Picture` comes in, bytes go out; nothing is written here. The same picture gives the same bytes:
no times, no counters.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from PIL import Image

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.images import icc, libvips
from nst_core.images.colour import luminance
from nst_core.images.metadata import KEYWORD, to_exif, to_line
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture
from nst_core.images.raster import Samples, Space

LONGEST_EXIF = 65_000
"""Bytes: a JPEG segment holds 65,533 with its own overhead."""

ROWS_AT_A_TIME = 256


@dataclass(frozen=True)
class FileFormat:
    """What a file format, or Pillow's writer of it, can hold; ``longest`` is the largest side in pixels."""

    name: str
    grey: bool = True
    grey_alpha: bool = False
    alpha: bool = True
    sixteen_bits: bool = False
    profile: bool = False
    exif: bool = False
    longest: int = 65_535
    options: Mapping[str, Any] = field(default_factory=dict)


PNG = FileFormat("PNG", sixteen_bits=True, profile=True, longest=2**31 - 1)
TIFF = FileFormat("TIFF", sixteen_bits=True, profile=True, longest=2**31 - 1)
JPEG = FileFormat(
    "JPEG",
    alpha=False,
    profile=True,
    exif=True,
    longest=65_500,
    # 4:4:4: strokes are edges of colour, which halved chroma smears.
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
    ".bmp": FileFormat("BMP", alpha=False),
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
"""What is written, by suffix: of Pillow's formats those that keep a picture's size and its colours. (GIF
keeps 256 of them, but people ask for it.)"""


def format_of(path: PurePath) -> FileFormat:
    """Return the format that the suffix of ``path`` stands for.

    Raises:
        NstError: ``unwritable-output``, with the suffixes that can be written.
    """
    suffix = path.suffix.lower()
    Image.init()
    writable = {known: kind for known, kind in FORMATS.items() if kind.name in (*Image.SAVE, "PNG", "TIFF")}
    if suffix in writable:
        return writable[suffix]
    wrong = (
        f"ends in {display_name(suffix)}, which cannot be written"
        if suffix
        else "has no suffix to tell its format"
    )
    raise NstError(
        ErrorCode.UNWRITABLE_OUTPUT,
        f"{display_name(path)} {wrong}.",
        f"Use .png, .tif, .jpg or .webp (or {', '.join(sorted(writable))}).",
    )


def check_fits(kind: FileFormat, height: int, width: int) -> None:
    """Refuse a picture larger than the format can hold.

    Raises:
        NstError: ``too-large``.
    """
    if max(height, width) > kind.longest:
        raise NstError(
            ErrorCode.TOO_LARGE,
            f"A picture of {width} x {height} does not fit into {kind.name}, which ends at {kind.longest}.",
            "Write it as PNG or TIFF.",
        )


def encode(
    picture: Picture, kind: FileFormat, metadata: Mapping[str, str], on_notice: Callable[[Notice], None]
) -> bytes:
    """Encode ``picture`` as a file of format ``kind``, with ``metadata`` in it where the format has a place.

    Pixels are converted from sRGB to the picture's profile, which is embedded; in formats without profiles
    they stay sRGB. Where the format has no alpha the picture is laid on white. Notices: ``no-alpha``,
    ``no-metadata``.

    Raises:
        NstError: ``too-large``, or ``internal`` for pixels that are not numbers.
    """
    check_fits(kind, picture.height, picture.width)
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and not kind.alpha:
        pixels, alpha = on_white(pixels, alpha), None
        on_notice(Notice("no-alpha", f"{kind.name} has no transparency; the picture is laid on white."))
    space: Space = "grey" if picture.grey else "rgb"
    values = _grey(pixels)[:, :, None] if picture.grey else pixels
    profile = _usable_profile(picture, space) if kind.profile else None
    if profile is not None and picture.profile and not icc.is_srgb(profile):
        values = icc.from_srgb(profile, values)
    samples = _quantised(values, alpha, picture.bits if kind.sixteen_bits else 8)
    embedded = picture.profile if profile is not None else None
    line = to_line(metadata)
    if kind is PNG:
        return libvips.encode_png(samples, space, embedded, {KEYWORD: line} if line else {})
    if kind is TIFF:
        return libvips.encode_tiff(samples, space, embedded, line)
    return _encode_with_pillow(samples, kind, embedded, line, on_notice)


def on_white(pixels: Array, alpha: Array) -> Array:
    """Lay pixels over white, in sRGB's own encoding, as browsers and editors do."""
    cover = alpha[:, :, None]
    return pixels * cover + (1 - cover)


def _grey(pixels: Array) -> Array:
    """Return ``(height, width)``: the channel that all three are, or the luminance of colours."""
    first = pixels[:, :, 0]
    same = np.array_equal(first, pixels[:, :, 1]) and np.array_equal(first, pixels[:, :, 2])
    return first if same else luminance(pixels)


def _usable_profile(picture: Picture, space: Space) -> icc.Profile | None:
    """Return the picture's profile, if it is one for ``space`` and can be converted to."""
    if not picture.profile:
        return None
    try:
        profile = icc.parse_profile(picture.profile)
    except icc.CorruptProfileError:
        return None
    return profile if profile is not None and profile.space == space else None


def _quantised(values: Array, alpha: Array | None, bits: Literal[8, 16]) -> Samples:
    """Round 0..1 to whole numbers over the full range, clipping what is outside; alpha comes last."""
    height, width, channels = values.shape
    kind, full = (np.uint8, 255.0) if bits == 8 else (np.uint16, 65535.0)
    samples = np.empty((height, width, channels + (alpha is not None)), kind)
    for top in range(0, height, ROWS_AT_A_TIME):
        part = slice(top, top + ROWS_AT_A_TIME)
        block = values[part]
        if not np.isfinite(block).all():
            raise NstError(ErrorCode.INTERNAL, "The picture holds pixels that are not numbers.")
        samples[part, :, :channels] = np.rint(np.clip(block, 0, 1) * np.float32(full))
        if alpha is not None:
            samples[part, :, channels] = np.rint(np.clip(alpha[part], 0, 1) * np.float32(full))
    return samples


def _encode_with_pillow(
    samples: Samples, kind: FileFormat, profile: bytes | None, line: str, on_notice: Callable[[Notice], None]
) -> bytes:
    options = dict(kind.options)
    if profile is not None:
        options["icc_profile"] = profile
    exif = to_exif(line) if kind.exif else b""
    if 0 < len(exif) <= LONGEST_EXIF:
        options["exif"] = exif
    elif line:
        on_notice(Notice("no-metadata", f"The settings do not fit into a {kind.name} file."))
    image = Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)
    if (image.mode == "L" and not kind.grey) or (image.mode == "LA" and not kind.grey_alpha):
        image = image.convert(image.mode.replace("L", "RGB"))
    buffer = io.BytesIO()
    image.save(buffer, kind.name, **options)
    return buffer.getvalue()
