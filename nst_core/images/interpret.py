"""What a file's samples mean: from a raster, by its profile, to a picture in sRGB.

A :class:`Raster` comes in, a :class:`Picture` goes out. Nothing is refused here: a profile that cannot be
used, floats outside 0..1 and inks are interpreted in the most likely way, and the user is told.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from PIL import ImageCms

from nst_core.array_types import Array
from nst_core.events import Notice
from nst_core.images import icc, libvips
from nst_core.images.picture import Picture
from nst_core.images.raster import Raster, Samples, as_float

Say: TypeAlias = Callable[[str, str], None]

LITTLE_CMS_MODES = {"grey": "L", "rgb": "RGB", "cmyk": "CMYK"}


def to_picture(raster: Raster, source: str, name: str, on_notice: Callable[[Notice], None]) -> Picture:
    """Convert an upright ``raster`` to sRGB.

    ``source`` becomes the picture's, ``name`` is what notices call it. Codes of notices: ``bad-profile``,
    ``profile-not-kept`` and ``clipped-values``.
    """

    def say(code: str, message: str) -> None:
        on_notice(Notice(code, f"{name}: {message}"))

    bits = raster.bits
    alpha = None if raster.alpha is None else as_float(raster.alpha)
    if raster.samples.dtype.kind == "f":
        raster = replace(raster, samples=_usual_range(raster.samples, say))
    pixels, profile = _to_srgb(raster, say)
    return Picture(pixels, alpha, raster.space == "grey", bits, profile, source)


def _usual_range(samples: Samples, say: Say) -> Samples:
    """Bring floats to 0..1: most files use it; 0..255 and 0..65535 are found too."""
    values = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=0.0)
    darkest, brightest = float(values.min()), float(values.max())
    # A picture brighter than white by half of its pixels is not overexposed but in other units.
    if brightest > 1 and float(np.median(values)) > 1:
        full = next((number for number in (255.0, 65535.0) if brightest <= number), brightest)
        say("clipped-values", f"its values go up to {brightest:g}; {full:g} is taken as white.")
        return np.clip(values / np.float32(full), 0, 1)
    if brightest > 1.001 or darkest < -0.001:
        say("clipped-values", f"its values, {darkest:g} to {brightest:g}, are clipped to 0..1.")
    clipped: Samples = np.clip(values, 0, 1)
    return clipped


def _to_srgb(raster: Raster, say: Say) -> tuple[Array, bytes | None]:
    """Pixels in sRGB, ``(height, width, 3)``, and the profile to give back when the picture is written."""
    samples = raster.samples
    if raster.profile:
        try:
            profile = icc.parse_profile(raster.profile)
        except icc.CorruptProfileError:
            return _without_profile(raster, say, "its colour profile is damaged")
        if profile is None:
            return _by_lookup_tables(raster, raster.profile, say)
        if profile.space == raster.space:
            return _by_curves(profile, samples), raster.profile
        if raster.space == "grey":
            # Grey samples in an RGB space: three equal channels. Such a profile cannot go into a grey file.
            return _by_curves(profile, np.repeat(samples, 3, axis=2)), None
        return _without_profile(raster, say, "its colour profile is for another kind of picture")
    if raster.adobe_rgb and raster.space == "rgb":
        return icc.to_srgb(icc.ADOBE_RGB, samples), None
    if raster.gamma is not None and raster.space != "cmyk":
        return icc.to_srgb(icc.gamma_profile(raster.space, raster.gamma), samples), None
    return _without_profile(raster, say, "")


def _by_curves(profile: icc.Profile, samples: Samples) -> Array:
    return _rgb(as_float(samples)) if icc.is_srgb(profile) else icc.to_srgb(profile, samples)


def _rgb(values: Array) -> Array:
    return values if values.shape[2] == 3 else np.repeat(values, 3, axis=2)


def _by_lookup_tables(raster: Raster, profile: bytes, say: Say) -> tuple[Array, None]:
    try:
        description = _check_with_little_cms(profile, LITTLE_CMS_MODES[raster.space])
        converted = libvips.convert_to_srgb(_whole(raster.samples), raster.space, profile)
    except (ImageCms.PyCMSError, OSError, ValueError, libvips.LibvipsError):
        return _without_profile(raster, say, "its colour profile is damaged or for another kind of picture")
    say("profile-not-kept", f"its colours ({description}) are converted to sRGB; the result will be sRGB.")
    return as_float(converted), None


def _check_with_little_cms(profile: bytes, mode: str) -> str:
    """Return the profile's description, having tried it: libvips would pass over a bad one in silence."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
    text = ImageCms.getProfileDescription(opened).strip()
    return "".join(character for character in text if character.isprintable())[:80] or "an unnamed profile"


def _whole(samples: Samples) -> Samples:
    return np.rint(samples * np.float32(65535)).astype(np.uint16) if samples.dtype.kind == "f" else samples


def _without_profile(raster: Raster, say: Say, reason: str) -> tuple[Array, None]:
    if raster.space != "cmyk":
        if reason:
            say("bad-profile", f"{reason}; its colours are taken as sRGB.")
        return _rgb(as_float(raster.samples)), None
    code = "bad-profile" if reason else "profile-not-kept"
    say(code, f"{reason or 'it is CMYK'}; the result will be sRGB.")
    return as_float(libvips.convert_to_srgb(_whole(raster.samples), "cmyk", None)), None
