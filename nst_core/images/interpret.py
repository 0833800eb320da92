"""Interpreting a file's samples: from a raster, through its profile, to a picture in sRGB.

Takes a :class:`Raster` and returns a :class:`Picture`. Nothing is refused here: an unusable profile, floats
outside 0..1 and inks are interpreted in the most likely way, and a notice tells the user.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from PIL import ImageCms

from nst_core.array_types import Array
from nst_core.events import Notice, OnNotice
from nst_core.images import icc, libvips
from nst_core.images.float_range import white_level
from nst_core.images.picture import Picture
from nst_core.images.raster import Raster, Samples, to_float

SendNotice: TypeAlias = Callable[[str, str], None]
"""Called with a notice's code and message."""

LITTLE_CMS_MODES = {"grey": "L", "rgb": "RGB", "cmyk": "CMYK"}


def to_picture(raster: Raster, source: str, name: str, on_notice: OnNotice) -> Picture:
    """Convert an upright ``raster`` to sRGB.

    ``source`` becomes the picture's source and ``name`` names it in notices. Codes of notices:
    ``bad-profile``, ``profile-not-kept`` and ``clipped-values``.
    """

    def send_notice(code: str, message: str) -> None:
        on_notice(Notice(code, f"{name}: {message}"))

    bits = raster.bits
    alpha = None if raster.alpha is None else to_float(raster.alpha)
    if raster.samples.dtype.kind == "f":
        raster = replace(raster, samples=_scale_to_unit_range(raster.samples, send_notice))
    pixels, profile = _to_srgb(raster, send_notice)
    grey = raster.space == "grey"
    return Picture(pixels, alpha, grey=grey, bits=bits, profile=profile, info=raster.info, source=source)


def _scale_to_unit_range(samples: Samples, send_notice: SendNotice) -> Samples:
    """Scale floats to 0..1. Most files use that range already; some use 0..255 or 0..65535."""
    values = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    darkest, brightest = float(values.min()), float(values.max())
    white = white_level(values)
    values[np.isposinf(samples)] = white
    if white != 1.0:
        send_notice("clipped-values", f"the values go up to {brightest:g}; {white:g} is used as white.")
        return np.clip(values / np.float32(white), 0, 1)
    if brightest > 1.001 or darkest < -0.001:
        send_notice("clipped-values", f"the values, {darkest:g} to {brightest:g}, are clipped to 0..1.")
    clipped: Samples = np.clip(values, 0, 1)
    return clipped


def _to_srgb(raster: Raster, send_notice: SendNotice) -> tuple[Array, bytes | None]:
    """Return the pixels in sRGB, ``(height, width, 3)``, and the profile to write the picture with."""
    samples = raster.samples
    if raster.profile:
        try:
            profile = icc.parse_profile(raster.profile)
        except icc.CorruptProfileError:
            return _without_profile(raster, send_notice, "the colour profile is damaged")
        if profile is None:
            return _apply_lookup_tables(raster, raster.profile, send_notice)
        if profile.space == raster.space:
            return _apply_curves(profile, samples), icc.with_right_length(raster.profile)
        if raster.space == "grey":
            # Grey samples in an RGB space are three equal channels. A grey file cannot hold such a profile.
            return _apply_curves(profile, np.repeat(samples, 3, axis=2)), None
        return _without_profile(raster, send_notice, "the colour profile is for another kind of picture")
    if raster.adobe_rgb and raster.space == "rgb":
        return icc.to_srgb(icc.ADOBE_RGB, samples), None
    if raster.gamma is not None and raster.space != "cmyk":
        return icc.to_srgb(icc.gamma_profile(raster.space, raster.gamma), samples), None
    return _without_profile(raster, send_notice, "")


def _apply_curves(profile: icc.IccProfile, samples: Samples) -> Array:
    return _repeat_grey(to_float(samples)) if icc.is_srgb(profile) else icc.to_srgb(profile, samples)


def _repeat_grey(values: Array) -> Array:
    return values if values.shape[2] == 3 else np.repeat(values, 3, axis=2)


def _apply_lookup_tables(raster: Raster, profile: bytes, send_notice: SendNotice) -> tuple[Array, None]:
    try:
        description = _check_with_little_cms(profile, LITTLE_CMS_MODES[raster.space])
        converted = libvips.convert_to_srgb(_to_integers(raster.samples), raster.space, profile)
    except (ImageCms.PyCMSError, OSError, ValueError, libvips.LibvipsError):
        return _without_profile(
            raster, send_notice, "the colour profile is damaged or for another kind of picture"
        )
    send_notice(
        "profile-not-kept", f"the colours ({description}) are converted to sRGB; the result will be sRGB."
    )
    return to_float(converted), None


def _check_with_little_cms(profile: bytes, mode: str) -> str:
    """Try the profile and return its description; libvips silently ignores a bad profile.

    Raises:
        ImageCms.PyCMSError, OSError, ValueError: the profile is damaged or is not for ``mode``.
    """
    cms_profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    ImageCms.buildTransform(cms_profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    text = ImageCms.getProfileDescription(cms_profile).strip()
    return "".join(character for character in text if character.isprintable())[:80] or "an unnamed profile"


def _to_integers(samples: Samples) -> Samples:
    return np.rint(samples * np.float32(65535)).astype(np.uint16) if samples.dtype.kind == "f" else samples


def _without_profile(raster: Raster, send_notice: SendNotice, reason: str) -> tuple[Array, None]:
    """Read the samples as sRGB, or as CMYK without a profile; ``reason`` says why, or is empty."""
    if raster.space != "cmyk":
        if reason:
            send_notice("bad-profile", f"{reason}; the colours are read as sRGB.")
        return _repeat_grey(to_float(raster.samples)), None
    code = "bad-profile" if reason else "profile-not-kept"
    send_notice(code, f"{reason or 'the picture is CMYK'}; the result will be sRGB.")
    return to_float(libvips.convert_to_srgb(_to_integers(raster.samples), "cmyk", None)), None
