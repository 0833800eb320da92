"""Filling in the colours that transparency hides.

A network sees colours, not alpha. The colours under alpha 0 (often black, white, or remains of an eraser)
would be painted into the result. This module replaces them with a smooth continuation of the visible colours,
by push-pull interpolation (Gortler et al. 1996, "The Lumigraph", section 3.4.1): visible colours are averaged
on ever coarser grids, and finer grids take their missing values from the coarser ones.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.images.resize import resize


def fill_transparent(
    pixels: Array, alpha: Array | None, when_all_hidden: Literal["grey", "error"] = "grey"
) -> Array:
    """Replace the colours of pixels whose alpha is 0; visible pixels do not change.

    ``pixels`` is ``(height, width, 3)`` and ``alpha`` is ``(height, width)``, or None for opaque. If no pixel
    is hidden, return ``pixels`` itself, otherwise a new array. A fully transparent picture becomes mid grey.

    Raises:
        NstError: ``bad-image`` for a fully transparent picture, if ``when_all_hidden`` is "error".
    """
    if alpha is None or float(alpha.min()) > 0:
        return pixels
    hidden = alpha <= 0
    if hidden.all():
        if when_all_hidden == "error":
            raise NstError(
                ErrorCode.BAD_IMAGE,
                "The picture is completely transparent.",
                "Choose a picture with something visible in it.",
            )
        return np.full_like(pixels, 0.5)
    weight = np.maximum(alpha, 0)
    # At full size, work on one channel at a time: three copies of a large picture would need too much memory.
    halved = [_halve(pixels[:, :, channel] * weight) for channel in range(3)]
    coarser = _pull(np.stack(halved, axis=2), _halve(weight))
    filled = pixels.copy()
    for channel in range(3):
        # Visible pixels keep every bit. Hidden ones become means of visible ones, so nothing needs clamping.
        filled[:, :, channel][hidden] = _double(coarser[:, :, channel], *alpha.shape)[hidden]
    return filled


def _pull(weighted: Array, weight: Array) -> Array:
    """Return the colours of one level, ``(h, w, 3)``, without holes.

    ``weighted`` is ``(h, w, 3)``, sums of colours times alpha, and ``weight`` is ``(h, w)``, sums of alpha.
    A weight below 1 is topped up to 1 from the coarser level.
    """
    divisor: Array = np.where(weight > 0, weight, np.float32(1))[:, :, None]
    colour: Array = weighted / divisor
    share: Array = np.minimum(weight, np.float32(1))[:, :, None]
    if share.min() >= 1 or weight.size == 1:
        return colour
    coarser = _pull(_halve(weighted), _halve(weight))
    filled: Array = share * colour + (1 - share) * _double(coarser, *weight.shape)
    return filled


def _halve(array: Array) -> Array:
    """Sum blocks of 2 x 2 pixels; an odd last row or column is summed alone."""
    return _sum_pairs(_sum_pairs(array, 0), 1)


def _sum_pairs(array: Array, axis: int) -> Array:
    moved = np.moveaxis(array, axis, 0)
    sums = moved[0::2].copy()
    sums[: len(moved) // 2] += moved[1::2]
    return np.moveaxis(sums, 0, axis)


def _double(colour: Array, height: int, width: int) -> Array:
    """Enlarge by two, linearly between pixel centres; an odd size is cropped from the next even one."""
    return resize(colour, 2 * colour.shape[0], 2 * colour.shape[1], "bilinear")[:height, :width]
