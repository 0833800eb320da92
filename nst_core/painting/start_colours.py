"""The content in the colours of its styles: a start that is nearer to the painting.

Colours are the largest change that a painting makes, and waves as long as the picture come last. One linear
map of the content's colours has made most of that change before the first evaluation. Tuebingen as the Starry
Night, 256 pixels, VGG-16: the distance to the painting's colours is 0.30 after 10 evaluations, and 0.40 after
30 from the content's own colours (``python -m tests.bench.schedule``).

Takes a subject at the size of a level, returns one. Does not depend on the network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nst_core.array_types import Array
from nst_core.images.colour import match_colors
from nst_core.loss.weights import normalised_weights, style_share
from nst_core.painting.regions import PreparedImage, StyleRegion, multiply_masks
from nst_core.painting.subject import Subject
from nst_core.settings import Settings

FULL_FROM = 30.0
"""Strength from which the start has the painting's colours. Below, the result keeps much of the content's."""


def in_style_colours(subject: Subject, settings: Settings) -> Subject:
    """Return ``subject`` with its content moved to the colours of the styles.

    In each region the content's colours get the mean and covariance of the styles' by one linear map; several
    styles mix by their weights, and overlapping regions by their masks. Below the strength ``FULL_FROM``,
    everywhere or by a strength mask, the move falls with the style's weight.
    """
    content = subject.content
    if content is None or not subject.all_styles:
        return subject
    share: float | Array = style_share(settings.strength) / style_share(FULL_FROM)
    if subject.strength is not None:
        share = subject.strength * np.float32(share)
    share = np.minimum(share, 1.0).astype(np.float32)
    pixels, regions = content.pixels, subject.regions or (StyleRegion(subject.styles),)
    masks = [np.float32(1.0) if region.mask is None else region.mask for region in regions]
    overlap = np.maximum(np.sum(masks, axis=0, dtype=np.float32) if len(masks) > 1 else masks[0], 1.0)
    for region, mask in zip(regions, masks, strict=True):
        pixels = pixels + (_recoloured(content, region) - content.pixels) * (share * mask / overlap)
    moved = np.clip(pixels, 0.0, 1.0).astype(np.float32, copy=False)
    return replace(subject, content=replace(content, pixels=moved))


def _recoloured(content: PreparedImage, region: StyleRegion) -> Array:
    """Return the content in the colours of a region's styles, (3, h, w)."""
    rows, weight = _as_rows(content.pixels), multiply_masks(content.alpha, region.mask)
    mixed = np.zeros_like(rows)
    shares = normalised_weights([style.weight for style in region.styles])
    for style, share in zip(region.styles, shares, strict=True):
        if share > 0:
            visible = multiply_masks(style.alpha, style.mask)
            matched = match_colors(rows, _as_rows(style.pixels), style_alpha=weight, content_alpha=visible)
            mixed += matched * np.float32(share)
    return np.clip(mixed, 0.0, 1.0).transpose(2, 0, 1)


def _as_rows(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))
