"""Filling in what transparency hides.

A network sees colours, not alpha: what lies under alpha 0 (often black, white, or what an eraser left) would
be painted into the picture. Here it is replaced by a smooth continuation of what is visible, by push-pull
interpolation (Gortler et al. 1996, "The Lumigraph", section 3.4.1): averages of visible colours on ever
coarser grids, from which finer grids take what they lack.
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
    """Replace the colours of pixels whose alpha is 0; visible pixels stay as they are.

    ``pixels`` is ``(height, width, 3)`` and ``alpha`` ``(height, width)``, or None for opaque. Where
    nothing is hidden, ``pixels`` itself is returned, else a new array. A wholly transparent picture
    becomes mid grey.

    Raises:
        NstError: ``bad-image`` for a wholly transparent picture, when ``when_all_hidden`` is "error".
    """
    if alpha is None or float(alpha.min()) > 0:
        return pixels
    hidden = alpha <= 0
    if hidden.all():
        if when_all_hidden == "error":
            raise NstError(
                ErrorCode.BAD_IMAGE, "The picture is wholly transparent.", "Choose one with something to see."
            )
        return np.full_like(pixels, 0.5)
    weight = np.maximum(alpha, 0)
    # At full size one channel at a time: a picture of many megapixels is not copied three times over.
    halved = [_halve(pixels[:, :, channel] * weight) for channel in range(3)]
    coarser = _pull(np.stack(halved, axis=2), _halve(weight))
    filled = pixels.copy()
    for channel in range(3):
        # Visible pixels are kept to the bit; the rest is a mean of visible ones, so it needs no clamping.
        filled[:, :, channel][hidden] = _double(coarser[:, :, channel], *alpha.shape)[hidden]
    return filled


def _pull(weighted: Array, weight: Array) -> Array:
    """Return the colours of one level, ``(h, w, 3)``, with no holes.

    ``weighted`` is ``(h, w, 3)``, sums of colours times alpha, and ``weight`` ``(h, w)``, sums of alpha. What
    a weight lacks to 1 comes from the coarser level.
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
    """Sum 2 x 2 pixels; an odd last row or column is summed alone."""
    return _sum_pairs(_sum_pairs(array, 0), 1)


def _sum_pairs(array: Array, axis: int) -> Array:
    moved = np.moveaxis(array, axis, 0)
    summed = moved[0::2].copy()
    summed[: len(moved) // 2] += moved[1::2]
    return np.moveaxis(summed, 0, axis)


def _double(colour: Array, height: int, width: int) -> Array:
    """Enlarge by two with straight lines between centres; an odd size is cut from the next even one."""
    return resize(colour, 2 * colour.shape[0], 2 * colour.shape[1], "bilinear")[:height, :width]
