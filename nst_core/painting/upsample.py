"""Upsampling a painting by its change of the content, along the edges of the large content.

The change is split in two. The part that follows the content locally, as a linear function of its colours, is
applied as that function to the large content (He and Sun 2015, "Fast Guided Filter": coefficients are
computed at the small size and enlarged). So it has the large content's edges, and its grain where the
change keeps it. The rest, offsets and strokes that have nothing to do with the content, is enlarged like a
picture. At the small size both add up to the change itself.
"""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array
from nst_core.images.bilinear import Neighbours, interpolate, neighbours
from nst_core.images.strips import row_strips
from nst_core.painting.regions import PreparedImage
from nst_core.painting.resample import resize_change, resize_planes

RADIUS = 2
"""Half side, in pixels of the painted size, of the windows in which the change follows the content."""

FLATNESS = 2e-3
"""Variance of the content, of its range 0..1, below which its relation to the change is ignored."""

STRIP_PIXELS = 2**19
"""Pixels computed at a time."""


def upsample_change(
    picture: Array, content: PreparedImage | None, full: PreparedImage | None, size: tuple[int, int]
) -> Array:
    """Upsample ``picture`` (3, h, w) to ``size`` (height, width).

    ``content`` has the picture's size, ``full`` is the original content. Without content the picture itself
    is enlarged.
    """
    height, width = size
    if picture.shape[1:] == size:
        return picture
    if content is None or full is None:
        return resize_planes(picture, height, width)
    change = picture - content.pixels
    rest = np.empty_like(change)
    for rows in row_strips(change.shape[1], change.shape[2], STRIP_PIXELS):
        slopes = _slopes(content.pixels, change, rows)
        rest[:, rows] = change[:, rows] - _apply(slopes, content.pixels[:, rows])
    result = resize_change(rest, height, width)
    del rest
    large = resize_planes(full.pixels, height, width)
    columns = neighbours(change.shape[2], width, slice(0, width))
    for rows in row_strips(height, width, STRIP_PIXELS):
        top, bottom, share = neighbours(change.shape[1], height, rows)
        first = int(top[0])
        slopes = _slopes(content.pixels, change, slice(first, int(bottom[-1]) + 1))
        enlarged = interpolate(slopes, Neighbours(top - first, bottom - first, share), columns)
        strip = large[:, rows]
        result[:, rows] = np.clip(result[:, rows] + _apply(enlarged, strip) + strip, 0.0, 1.0)
    return result


def _slopes(guide: Array, change: Array, rows: slice) -> Array:
    """Return the slopes of ``rows``, (3, 3, n, w); those of all rows would take three pictures."""
    needed = slice(max(0, rows.start - 2 * RADIUS), min(guide.shape[1], rows.stop + 2 * RADIUS))
    slopes = _fit(guide[:, needed], change[:, needed])
    return slopes[:, :, rows.start - needed.start : rows.stop - needed.start]


def _fit(guide: Array, change: Array) -> Array:
    """Fit change = slope guide + offset in every window; returns the averaged slopes, (3, 3, h, w)."""
    mean, mean_change = _box_mean(guide), _box_mean(change)
    height, width = guide.shape[1:]
    covariance = np.empty((height, width, 3, 3), dtype=np.float32)
    cross = np.empty((height, width, 3, 3), dtype=np.float32)
    for i in range(3):
        for j in range(3):
            covariance[:, :, i, j] = _box_mean(guide[i : i + 1] * guide[j : j + 1])[0] - mean[i] * mean[j]
            cross[:, :, i, j] = _box_mean(guide[i : i + 1] * change[j : j + 1])[0] - mean[i] * mean_change[j]
        covariance[:, :, i, i] += FLATNESS
    slope = np.linalg.solve(covariance, cross).transpose(3, 2, 0, 1)  # (change's, guide's channel, h, w)
    return np.stack([_box_mean(row) for row in slope])


def _apply(slope: Array, guide: Array) -> Array:
    return np.asarray(np.einsum("jihw,ihw->jhw", slope, guide), dtype=np.float32)


def _box_mean(values: Array) -> Array:
    """Average each channel of (C, h, w) over the windows; edge pixels are repeated."""
    for axis in (1, 2):
        length = values.shape[axis]
        pads = [(RADIUS, RADIUS) if index == axis else (0, 0) for index in range(3)]
        padded = np.pad(values, pads, mode="edge")
        shifted = [np.take(padded, range(first, first + length), axis) for first in range(2 * RADIUS + 1)]
        values = np.asarray(sum(shifted[1:], shifted[0]), dtype=np.float32) / np.float32(2 * RADIUS + 1)
    return values
