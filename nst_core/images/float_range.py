"""The white of floating-point pictures, whose files do not say it.

Most programs write 0..1, some 0..255 or 0..65535, and pictures of high dynamic range go far beyond 1. Takes
samples and returns a number; does not depend on files or profiles.
"""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array
from nst_core.images.raster import Samples

FULL_SCALES = (255.0, 65535.0)
"""White of pictures that keep the numbers of 8 and 16 bits."""

HEADROOM = 4.0
"""Sharpening and highlights may exceed a full scale by this factor."""

HOT_PIXELS = 1 / 50_000
"""Share of the pixels that may be defects of the sensor and say nothing about white."""

VISIBLE = 0.02
"""A pixel that is darker than this share of white says nothing either: it is black on a black background."""

OVEREXPOSED = 2.0
"""A picture that is overexposed by one stop is clipped, as on a screen."""

HIGHLIGHTS = 16.0
"""Factor above which bright values belong to another scale, if most of what is visible is above 1."""


def white_level(samples: Samples) -> float:
    """Return the value that means white in float ``samples`` (height, width, channels), all of them finite.

    It is 1 unless most of the visible pixels would be brighter than white. Pixels count by their brightest
    channel. A picture that is dark apart from a few stars or a logo is judged by these; a few hot pixels are
    not.
    """
    brightness: Array = samples.max(axis=2)
    above = brightness[brightness > 1.0]
    hot_pixels = min(max(2, int(brightness.size * HOT_PIXELS)), brightness.size // 100)
    if above.size <= hot_pixels:
        return 1.0
    above = np.sort(above)[: above.size - hot_pixels]
    largest = float(above[-1])
    if largest in FULL_SCALES:  # floats that were computed are not exact
        return largest
    below = int(np.count_nonzero(brightness > VISIBLE)) - above.size - hot_pixels
    visible = above.size + below
    level = float(above[max(0, above.size - 1 - visible // 100)])
    if above.size / visible <= _share_to_exceed(above, visible / brightness.size, level):
        return 1.0
    return _scale_of(level)


def _share_to_exceed(above: Array, visible_share: float, level: float) -> float:
    """Return the share of the visible pixels that must be above 1 for white to be another value than 1.

    Unscaled numbers of 8 or 16 bits are whole. On a black background, soft edges of bright stars reach far
    below 1.
    """
    if level <= HIGHLIGHTS:
        return 0.5
    if np.array_equal(above, np.rint(above)):
        return 0.0
    return 0.35 if visible_share < 0.25 else 0.5


def _scale_of(level: float) -> float:
    """Return the white of a picture whose brightest visible pixels, but for a hundredth, have ``level``."""
    if level <= OVEREXPOSED:
        return 1.0
    if level <= HIGHLIGHTS:
        return level
    return next((scale for scale in FULL_SCALES if level <= scale * HEADROOM), level)
