"""Parts of the content with styles of their own: what covers what, and how much each part weighs.

Pictures and masks at a pyramid level's size come in; masks and weights go out. Knows nothing of networks:
how a mask reaches a layer is :mod:`nst_core.loss.guides`' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nst_core.array_types import Array


@dataclass(frozen=True)
class PreparedImage:
    """A picture as the network gets it: ``pixels`` (3, h, w) in 0..1, ``alpha`` (h, w) or None.

    Of a style only what ``part`` (h, w), a region of it, covers is taken; None is all of it.
    """

    pixels: Array
    alpha: Array | None = None
    weight: float = 1.0
    part: Array | None = None


@dataclass(frozen=True)
class StyleRegion:
    """Styles, blended by their weights, for the part of the content that ``mask`` (h, w) covers.

    A mask of None covers everything; ``name`` tells regions apart.
    """

    styles: tuple[PreparedImage, ...]
    mask: Array | None = None
    name: str = ""


def multiply_masks(*masks: Array | None) -> Array | None:
    """Multiply masks of one size, None being ones."""
    found: Array | None = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else found * mask
    return found


def coverage(regions: Sequence[StyleRegion]) -> Array | None:
    """Return the mask (h, w) of what any region covers; None is everything."""
    masks = [region.mask for region in regions]
    if not masks or any(mask is None for mask in masks):
        return None
    total = np.sum([mask for mask in masks if mask is not None], axis=0, dtype=np.float32)
    return np.asarray(np.minimum(total, 1.0), dtype=np.float32)


def region_weights(
    regions: Sequence[StyleRegion], content: PreparedImage | None, strength: Array | None
) -> list[float]:
    """Return what each region's style terms are weighed by: its share of what all cover, times its strength.

    The gradient of a statistic at one position is the larger the fewer positions there are; these weights
    take that back.
    """
    visible = content.alpha if content is not None else None
    if strength is None and all(region.mask is None for region in regions):
        return [1.0] * len(regions)
    plain = [_mean(multiply_masks(visible, region.mask)) for region in regions]
    scaled = [_mean(multiply_masks(visible, region.mask, strength)) for region in regions]
    total = max(sum(plain), 1e-12)
    return [area / total for area in scaled]


def _mean(mask: Array | None) -> float:
    return 1.0 if mask is None else float(mask.mean(dtype=np.float64))
