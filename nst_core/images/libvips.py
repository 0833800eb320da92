"""libvips: reading and writing 16-bit and float PNG and TIFF, and converting by look-up-table profiles.

Pillow reads and writes 16 bits in grey only. libvips is used only for these formats, by name, and never
detects a format itself. Takes and returns rasters and bytes, and does not depend on pictures. Its errors are
raised as :class:`LibvipsError` in its own words.
"""

from __future__ import annotations

import logging
from typing import Any, Literal

import numpy as np
import pyvips

from nst_core.images.raster import CHANNELS, Raster, Samples, Space, to_full_range

LibvipsError = pyvips.Error

# libvips caches operations by file name and address, but every call here has new data.
pyvips.cache_set_max(0)
# Its warnings about broken files belong in a log, if there is one, not on the user's terminal.
logging.getLogger("pyvips").addHandler(logging.NullHandler())

PROFILE = "icc-profile-data"
DESCRIPTION = "image-description"
RESOLUTION = 72 / 25.4
"""Dots per millimetre written to files: the conventional 72 per inch, which means "unknown"."""

KEEP_FLAGS = 8 | 16
"""libvips' flags to write the profile and the texts, but no EXIF data of its own."""

INTERPRETATIONS: dict[tuple[Space, int], str] = {
    ("grey", 8): "b-w",
    ("grey", 16): "grey16",
    ("rgb", 8): "srgb",
    ("rgb", 16): "rgb16",
    ("cmyk", 8): "cmyk",
    ("cmyk", 16): "cmyk",
}


def open_header(data: bytes, file_type: Literal["png", "tiff", "avif"]) -> Any:
    """Read only the header; the result has ``width``, ``height`` and ``format``, and decodes on demand."""
    load = {
        "png": pyvips.Image.pngload_buffer,
        "tiff": pyvips.Image.tiffload_buffer,
        "avif": pyvips.Image.heifload_buffer,
    }[file_type]
    return load(data, fail_on="error")


def decode(image: Any, *, extra_is_alpha: bool) -> Raster:
    """Decode an image from :func:`open_header`.

    A channel beyond the colour channels becomes alpha if ``extra_is_alpha``, and is dropped otherwise.
    """
    profile = image.get(PROFILE) if PROFILE in image.get_fields() else None
    orientation = image.get("orientation") if "orientation" in image.get_fields() else 1
    space: Space
    if image.interpretation in ("lab", "labs"):
        image = image.colourspace("rgb16")
        space, profile = "rgb", None
    elif image.interpretation == "cmyk":
        space = "cmyk"
    else:
        space = "rgb" if image.bands >= 3 else "grey"
    samples = image.numpy()
    samples = to_full_range(samples[:, :, None] if samples.ndim == 2 else samples)
    channels = CHANNELS[space]
    alpha = samples[:, :, channels] if samples.shape[2] > channels and extra_is_alpha else None
    return Raster(
        samples=samples[:, :, :channels], space=space, alpha=alpha, profile=profile, orientation=orientation
    )


def description(data: bytes) -> str:
    """Return a TIFF file's ImageDescription, or an empty string."""
    image = open_header(data, "tiff")
    return str(image.get(DESCRIPTION)) if DESCRIPTION in image.get_fields() else ""


def convert_to_srgb(samples: Samples, space: Space, profile: bytes | None) -> Samples:
    """Convert uint8 or uint16 samples to sRGB with Little CMS: ``(height, width, 3)`` uint16.

    Uses relative colorimetric intent with black point compensation, the default of photo editors. CMYK
    without a profile is converted by libvips' built-in CMYK profile. libvips silently does the same for CMYK
    with a damaged profile, so check the profile first.
    """
    image = _image(samples, space, profile)
    converted: Samples = image.icc_transform(
        "srgb",
        embedded=profile is not None,
        input_profile="cmyk" if space == "cmyk" else "srgb",
        intent="relative",
        black_point_compensation=True,
        depth=16,
    ).numpy()
    return converted


def encode_png(samples: Samples, space: Space, profile: bytes | None, texts: dict[str, str]) -> bytes:
    """Encode uint8 or uint16 ``(height, width, channels)``, alpha last; ``texts`` become tEXt chunks."""
    image = _image(samples, space, profile)
    for index, (keyword, text) in enumerate(texts.items()):
        image.set_type(pyvips.GValue.gstr_type, f"png-comment-{index}-{keyword}", text)
    # On a 24-megapixel photograph, level 3 with adaptive filters: 2.5 s, 21 MB; level 6: 4.9 s, 20 MB.
    encoded: bytes = image.pngsave_buffer(compression=3, filter="all", keep=KEEP_FLAGS)
    _check_profile(encoded, "png", profile)
    return encoded


def encode_tiff(samples: Samples, space: Space, profile: bytes | None, description: str) -> bytes:
    """Encode uint8 or uint16 ``(height, width, channels)``, straight alpha last, losslessly with deflate."""
    image = _image(samples, space, profile)
    if description:
        image.set_type(pyvips.GValue.gstr_type, DESCRIPTION, description)
    encoded: bytes = image.tiffsave_buffer(compression="deflate", predictor="horizontal", keep=KEEP_FLAGS)
    _check_profile(encoded, "tiff", profile)
    return encoded


def _check_profile(encoded: bytes, file_type: Literal["png", "tiff"], profile: bytes | None) -> None:
    """Check that the profile is in the file: libvips silently leaves out one that it finds unsuitable.

    Raises:
        LibvipsError: it is not, so the colours would be wrong.
    """
    if profile is not None and PROFILE not in open_header(encoded, file_type).get_fields():
        raise LibvipsError("the colour profile was not stored")


def _image(samples: Samples, space: Space, profile: bytes | None) -> Any:
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    data = np.ascontiguousarray(samples)
    image = pyvips.Image.new_from_memory(data, width, height, channels, "uchar" if bits == 8 else "ushort")
    image = image.copy(interpretation=INTERPRETATIONS[space, bits], xres=RESOLUTION, yres=RESOLUTION)
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, PROFILE, profile)
    return image
