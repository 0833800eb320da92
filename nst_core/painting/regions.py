"""Regions of the content with styles of their own: masks, coverage, weights.

Takes pictures and masks at the size of a pyramid level, returns masks and weights. Does not depend on the
network: :mod:`nst_core.loss.guides` brings masks to its layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nst_core.array_types import Array


@dataclass(frozen=True)
class PreparedImage:
    """A picture in the form that the network takes: ``pixels`` (3, h, w) in 0..1, ``alpha`` (h, w) or None.

    For a style, ``weight`` is its share in a blend, and ``mask`` (h, w) says which part of it counts; None is
    all of it.
    """

    pixels: Array
    alpha: Array | None = None
    weight: float = 1.0
    mask: Array | None = None


@dataclass(frozen=True)
class Anchor:
    """The painting that a frame of a film is held to, as far as it is known.

    ``pixels`` (3, h, w) are paintings of earlier frames, warped to this frame; ``mask`` (h, w) in 0..1 says
    where they can be trusted. Both have the size of the painting.
    """

    pixels: Array
    mask: Array


@dataclass(frozen=True)
class StyleRegion:
    """Styles, blended by their weights, for the part of the content that ``mask`` (h, w) covers.

    A mask of None covers everything. ``name`` distinguishes regions in reports.
    """

    styles: tuple[PreparedImage, ...]
    mask: Array | None = None
    name: str = ""


def multiply_masks(*masks: Array | None) -> Array | None:
    """Multiply masks of one size; None counts as ones."""
    product: Array | None = None
    for mask in masks:
        if mask is not None:
            product = mask if product is None else product * mask
    return product


def coverage(regions: Sequence[StyleRegion]) -> Array | None:
    """Return the mask (h, w) of the area that the regions cover together; None is everything."""
    masks = [region.mask for region in regions]
    if not masks or any(mask is None for mask in masks):
        return None
    total = np.sum([mask for mask in masks if mask is not None], axis=0, dtype=np.float32)
    return np.asarray(np.minimum(total, 1.0), dtype=np.float32)


def region_weights(
    regions: Sequence[StyleRegion], content: PreparedImage | None, strength: Array | None
) -> list[float]:
    """Return the weight of each region's style terms: its share of the covered area, times its strength.

    The gradient of a statistic at one position grows as the number of positions falls; these weights undo
    that.
    """
    visible = content.alpha if content is not None else None
    if strength is None and all(region.mask is None for region in regions):
        return [1.0] * len(regions)
    areas = [_mean(multiply_masks(visible, region.mask)) for region in regions]
    weighted_areas = [_mean(multiply_masks(visible, region.mask, strength)) for region in regions]
    total = max(sum(areas), 1e-12)
    return [area / total for area in weighted_areas]


def _mean(mask: Array | None) -> float:
    return 1.0 if mask is None else float(mask.mean(dtype=np.float64))
