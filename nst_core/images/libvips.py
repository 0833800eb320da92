"""What libvips does here: 16-bit and float PNG and TIFF, both ways, and profiles made of look-up tables.

Pillow reads and writes 16 bits in grey only. libvips is asked for nothing but these formats, by name, and
never guesses a format itself. It knows nothing of pictures: rasters and bytes go in and out, and its
errors come out as :class:`LibvipsError` with its own words.
"""

from __future__ import annotations

import logging
from typing import Any, Literal

import numpy as np
import pyvips

from nst_core.images.raster import CHANNELS, Raster, Samples, Space, full_range

LibvipsError = pyvips.Error

# libvips remembers what it did by file name and address; every call here is on new data.
pyvips.cache_set_max(0)
# Its warnings belong in a log where there is one, not on the terminal of whoever reads a broken file.
logging.getLogger("pyvips").addHandler(logging.NullHandler())

PROFILE = "icc-profile-data"
DESCRIPTION = "image-description"
RESOLUTION = 72 / 25.4
"""Dots per millimetre written into files: the customary 72 per inch, which stands for "not known"."""

KEEP = 8 | 16
"""libvips' flags for writing the profile and the texts, but no EXIF of its own making."""

INTERPRETATION: dict[tuple[Space, int], str] = {
    ("grey", 8): "b-w",
    ("grey", 16): "grey16",
    ("rgb", 8): "srgb",
    ("rgb", 16): "rgb16",
    ("cmyk", 8): "cmyk",
    ("cmyk", 16): "cmyk",
}


def open_header(data: bytes, kind: Literal["png", "tiff"]) -> Any:
    """Read the header only; the result has ``width``, ``height`` and ``format``, and decodes when asked."""
    load = pyvips.Image.pngload_buffer if kind == "png" else pyvips.Image.tiffload_buffer
    return load(data, fail_on="error")


def decode(image: Any, extra_is_alpha: bool) -> Raster:
    """Decode what :func:`open_header` opened.

    ``extra_is_alpha`` says whether a channel beyond those of the colour is alpha, or is left out.
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
    samples = full_range(samples[:, :, None] if samples.ndim == 2 else samples)
    channels = CHANNELS[space]
    alpha = samples[:, :, channels] if samples.shape[2] > channels and extra_is_alpha else None
    return Raster(samples[:, :, :channels], space, alpha, profile, orientation)


def description(data: bytes) -> str:
    """Return a TIFF file's ImageDescription, or an empty string."""
    image = open_header(data, "tiff")
    return str(image.get(DESCRIPTION)) if DESCRIPTION in image.get_fields() else ""


def convert_to_srgb(samples: Samples, space: Space, profile: bytes | None) -> Samples:
    """Convert uint8 or uint16 samples to sRGB by Little CMS: ``(height, width, 3)`` uint16.

    Relative colorimetric with black point compensation, as photo editors do by default. CMYK without a
    profile is taken for libvips' own; so, in silence, is CMYK with a damaged profile: try it before.
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
    # Level 3 with adaptive filters: on a 24-megapixel photograph 2.5 s and 21 MB, level 6 4.9 s and 20 MB.
    encoded: bytes = image.pngsave_buffer(compression=3, filter="all", keep=KEEP)
    return encoded


def encode_tiff(samples: Samples, space: Space, profile: bytes | None, description: str) -> bytes:
    """Encode uint8 or uint16 ``(height, width, channels)``, straight alpha last; deflate, lossless."""
    image = _image(samples, space, profile)
    if description:
        image.set_type(pyvips.GValue.gstr_type, DESCRIPTION, description)
    encoded: bytes = image.tiffsave_buffer(compression="deflate", predictor="horizontal", keep=KEEP)
    return encoded


def _image(samples: Samples, space: Space, profile: bytes | None) -> Any:
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    data = np.ascontiguousarray(samples)
    image = pyvips.Image.new_from_memory(data, width, height, channels, "uchar" if bits == 8 else "ushort")
    image = image.copy(interpretation=INTERPRETATION[space, bits], xres=RESOLUTION, yres=RESOLUTION)
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, PROFILE, profile)
    return image
