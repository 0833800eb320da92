"""Keeping the content's colours: everywhere, nowhere, or in some regions.

Where colours are kept, only the luminance is painted: the network gets grey pictures, and the result gets the
content's chroma. Takes a job and returns the share (height, width), in 0..1, of each pixel's colours that is
the content's; applies shares to pictures. Does not depend on how pictures are painted.
"""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array
from nst_core.images.colour import BLOCK_PIXELS, keep_luminance, luminance
from nst_core.images.masks import fit_mask
from nst_core.images.picture import Picture
from nst_core.images.strips import row_strips
from nst_core.job.model import Job, Region
from nst_core.painting.masked import blend_by_mask
from nst_core.painting.resample import resize_mask
from nst_core.settings import KeepColors


def region_keep_colors(region: Region, job: Job) -> KeepColors:
    """Return the ``keep_colors`` of a region: its own, or else the setting."""
    return region.keep_colors or job.settings.keep_colors


def stays_grey(job: Job) -> bool:
    """Return whether the result of a grey content is grey.

    It is if the content's colours are kept or matched everywhere, if no style has any colour, or if the
    caller asks for it.
    """
    if job.content is None or not job.content.grey:
        return False
    pictures = [picture for style in job.all_styles for picture in (style.picture, style.fine)]
    return (
        job.keep_grey
        or "none" not in keep_colors_modes(job)
        or all(picture is None or picture.grey for picture in pictures)
    )


def keep_colors_modes(job: Job) -> set[KeepColors]:
    """Return the values of ``keep_colors`` that apply somewhere in the picture."""
    modes = {region_keep_colors(region, job) for region in job.regions}
    if job.styles or not job.regions:
        modes.add(job.settings.keep_colors)
    return modes


def content_colour_share(job: Job) -> Array | None:
    """Return how much of each pixel's colours is the content's, (height, width); None if nothing is.

    Where regions overlap, each has its share. Pixels outside all regions follow the regions if these all
    agree.

    Raises:
        NstError: ``bad-image`` for an empty mask or one of another shape.
    """
    content = job.content
    if content is None:
        return None
    size = content.height, content.width
    modes = keep_colors_modes(job)
    if stays_grey(job) or modes == {"luminance"}:
        return np.broadcast_to(np.float32(1.0), size)
    if "luminance" not in modes:
        return None
    covered, kept = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for number, region in enumerate(job.regions, start=1):
        mask = fit_mask(region.mask, *size, f"mask of region {region.name or number}")
        covered += mask
        if region_keep_colors(region, job) == "luminance":
            kept += mask
    background = np.maximum(1.0 - covered, 0.0) if job.styles else np.float32(0.0)
    kept += background * np.float32(job.settings.keep_colors == "luminance")
    share = kept / np.maximum(covered + background, np.float32(1e-6))
    return np.asarray(np.minimum(share, 1.0), dtype=np.float32)


def network_colours(pixels: Array, share: Array | None) -> Array:
    """Return ``pixels`` (h, w, 3) as the network gets them: grey in proportion to ``share``."""
    return pixels if share is None else blend_by_share(to_grey(pixels), pixels, share)


def restore_colours(painted: Array, base: Picture, share: Array | None) -> Array:
    """Give ``painted`` (h, w, 3) the colours of ``base``, the content at its size, by ``share``."""
    if share is None:
        return painted
    kept = to_grey(painted) if base.grey else keep_luminance(painted, np.clip(base.pixels, 0.0, 1.0))
    return blend_by_share(kept, painted, share)


def to_grey(pixels: Array) -> Array:
    """Return ``pixels`` (h, w, 3) in grey of the same luminance."""
    return np.repeat(luminance(pixels)[:, :, None], 3, axis=2)


def blend_by_share(inner: Array, outer: Array, share: Array) -> Array:
    """Blend ``inner`` (h, w, 3) over ``outer`` by ``share``, resized to their size; at 0 it is ``outer``."""
    if float(share.min()) >= 1.0:
        return inner
    height, width = outer.shape[:2]
    resized = resize_mask(share, height, width)
    assert resized is not None  # noqa: S101 -- made from a share
    blended = np.empty_like(outer)
    for strip in row_strips(height, width, BLOCK_PIXELS):  # whole temporary pictures could exceed the memory
        blended[strip] = blend_by_mask(inner[strip], outer[strip], resized[strip])
    return blended
