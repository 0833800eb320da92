"""Smoothing along the edges of another picture (He, Sun and Tang 2010, "Guided Image Filtering").

In every window the values are fitted as a linear function of the guide, so the smoothed values have edges
only where the guide has them. The functions can be fitted at a small size and applied at a large one (He and
Sun 2015, "Fast Guided Filter"). Pixels have weights, so that parts of a picture can be left out. Does not
depend on what guide and values are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.bilinear import interpolate, neighbours

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LocalLines:
    """One linear function of the guide for each pixel: ``slope`` and ``offset``, (C, h, w).

    ``known`` (h, w) is False for pixels without any weight around them; both are 0 there.
    """

    slope: Array
    offset: Array
    known: npt.NDArray[np.bool_]

    def enlarge(self, height: int, width: int, rows: slice) -> LocalLines:
        """Return ``rows`` of the functions, enlarged bilinearly to ``height`` x ``width``.

        A pixel is known if the nearest pixel at the small size is.
        """
        small_height, small_width = self.known.shape
        if (small_height, small_width) == (height, width):
            return LocalLines(self.slope[:, rows], self.offset[:, rows], self.known[rows])
        down = neighbours(small_height, height, rows)
        across = neighbours(small_width, width, slice(0, width))
        nearest_row, nearest_column = (
            np.where(near.share < 0.5, near.first, near.second) for near in (down, across)
        )
        known = self.known[nearest_row][:, nearest_column]
        return LocalLines(
            interpolate(self.slope, down, across), interpolate(self.offset, down, across), known
        )


def fit_local_lines(
    guide: Array, values: Array, weight: Array | None, radius: int, flatness: float
) -> LocalLines:
    """Fit ``values`` (C, h, w) as linear functions of ``guide`` (h, w), in windows of side 2 ``radius`` + 1.

    ``weight`` (h, w) says how much each pixel counts; None is 1. ``flatness`` is the variance of the guide
    below which its edges are ignored. Each pixel gets the mean of the functions of all windows around it.
    """
    weights = np.ones(guide.shape) if weight is None else weight.astype(np.float64)
    mass = _box_sum(weights, radius)
    known = mass > 0
    divisor = np.where(known, mass, 1.0)

    def mean(plane: Array | Values) -> Values:
        average: Values = _box_sum(weights * plane, radius) / divisor
        return average

    mean_guide = mean(guide)
    variance = mean(guide.astype(np.float64) ** 2) - mean_guide**2
    slopes, offsets = np.empty(values.shape, np.float32), np.empty(values.shape, np.float32)
    around = _box_sum(mass, radius)  # windows count by their weight, so that empty ones do not count
    around = np.where(around > 0, around, 1.0)
    for channel, plane in enumerate(values):
        average = mean(plane)
        slope = (mean(guide.astype(np.float64) * plane) - mean_guide * average) / (variance + flatness)
        slopes[channel] = _box_sum(mass * slope, radius) / around
        offsets[channel] = _box_sum(mass * (average - slope * mean_guide), radius) / around
    return LocalLines(slopes, offsets, known)


def _box_sum(plane: Values, radius: int) -> Values:
    """Sum ``plane`` (h, w) over windows of 2 ``radius`` + 1 pixels, cut off at the borders."""
    for axis in (0, 1):
        length = plane.shape[axis]
        sums = np.cumsum(plane, axis=axis)
        sums = np.concatenate([np.zeros_like(sums.take([0], axis)), sums], axis=axis)
        last = np.minimum(np.arange(length) + radius + 1, length)
        first = np.maximum(np.arange(length) - radius, 0)
        plane = sums.take(last, axis) - sums.take(first, axis)
    return plane
