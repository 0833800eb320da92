"""Resizing planes of pixels, (3, h, w), masks, and differences of pictures."""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array
from nst_core.images.resize import resize, resize_part


def resize_planes(pixels: Array, height: int, width: int) -> Array:
    """Resize ``pixels`` (3, H, W) to (3, height, width) and clip the resampling's overshoot to 0..1."""
    if pixels.shape[1:] == (height, width):
        return pixels
    resized = resize_change(pixels, height, width)
    return np.clip(resized, 0.0, 1.0, out=resized)


def resize_planes_part(pixels: Array, size: tuple[int, int], rows: slice, columns: slice) -> Array:
    """Return the ``rows`` and ``columns`` of ``pixels`` (3, H, W) resized to ``size``, clipped to 0..1."""
    part = resize_change_part(pixels, size, rows, columns)
    return np.clip(part, 0.0, 1.0, out=part)


def resize_change(change: Array, height: int, width: int) -> Array:
    """Resize a difference of pictures, (3, H, W). It may be negative, so nothing is clipped."""
    resized = np.empty((len(change), height, width), np.float32)
    for channel, plane in enumerate(change):  # one at a time: a picture can nearly fill the memory
        resized[channel] = resize(plane, height, width)
    return resized


def resize_change_part(change: Array, size: tuple[int, int], rows: slice, columns: slice) -> Array:
    """Return the ``rows`` and ``columns`` of a difference of pictures (3, H, W) resized to ``size``."""
    return np.stack([resize_part(plane, size, rows, columns) for plane in change])


def resize_mask(mask: Array | None, height: int, width: int) -> Array | None:
    """Resize a mask (H, W) in 0..1; None stays None."""
    if mask is None or mask.shape == (height, width):
        return mask
    return np.clip(resize(mask, height, width), 0.0, 1.0)
