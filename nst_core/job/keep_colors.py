"""Where a painting keeps the photograph's colours: all over, nowhere, or in some of its regions.

There only light and dark are painted: the network sees grey, and the result has the content's chroma. A job
comes in, shares (height, width) in 0..1 of its content and recoloured pixels go out. Knows nothing of how
pictures are painted.
"""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array
from nst_core.images.colour import keep_luminance, luminance
from nst_core.images.masks import fit_mask
from nst_core.images.picture import Picture
from nst_core.job.model import Job, Region
from nst_core.painting.masked import blend_by_mask
from nst_core.painting.start import resize_mask
from nst_core.settings import KeepColors


def region_keep_colors(region: Region, job: Job) -> KeepColors:
    """Return what becomes of a region's colours: its own word, or that of the settings."""
    return region.keep_colors or job.settings.keep_colors


def content_colour_share(job: Job) -> Array | None:
    """Return how much of each pixel's colours is the content's, (height, width) of it; None for nothing.

    Where regions overlap, each has its share. What no region covers goes with the regions where they are all
    of one mind.

    Raises:
        NstError: ``bad-image`` for an empty mask or one of another shape.
    """
    content = job.content
    if content is None:
        return None
    size = content.height, content.width
    words = {region_keep_colors(region, job) for region in job.regions}
    if job.styles or not job.regions:
        words.add(job.settings.keep_colors)
    if content.grey or words == {"luminance"}:
        return np.broadcast_to(np.float32(1.0), size)
    if "luminance" not in words:
        return None
    covered, kept = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for number, region in enumerate(job.regions, start=1):
        mask = fit_mask(region.mask, *size, f"mask of region {region.name or number}")
        covered += mask
        if region_keep_colors(region, job) == "luminance":
            kept += mask
    rest = np.maximum(1.0 - covered, 0.0) if job.styles else np.float32(0.0)
    kept += rest * np.float32(job.settings.keep_colors == "luminance")
    share = kept / np.maximum(covered + rest, np.float32(1e-6))
    return np.asarray(np.minimum(share, 1.0), dtype=np.float32)


def network_colours(pixels: Array, share: Array | None) -> Array:
    """Return ``pixels`` (h, w, 3) as the network sees them: grey by the share of what keeps its colours."""
    return pixels if share is None else _mixed(grey(pixels), pixels, share)


def restore_colours(painted: Array, base: Picture, share: Array | None) -> Array:
    """Give ``painted`` (h, w, 3) the colours of ``base``, the content at its size, by their share."""
    if base.grey:
        return grey(painted)
    if share is None:
        return painted
    return _mixed(keep_luminance(painted, np.clip(base.pixels, 0.0, 1.0)), painted, share)


def grey(pixels: Array) -> Array:
    """Return (h, w, 3) grey of the same lightness."""
    return np.repeat(luminance(pixels)[:, :, None], 3, axis=2)


def _mixed(inner: Array, outer: Array, share: Array) -> Array:
    """Lay ``inner`` (h, w, 3) over ``outer`` by ``share``, brought to their size."""
    if float(share.min()) >= 1.0:
        return inner
    found = resize_mask(share, *outer.shape[:2])
    assert found is not None  # noqa: S101 -- made from a share
    return blend_by_mask(inner, outer, found)
