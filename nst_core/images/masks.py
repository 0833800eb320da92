"""Masks: grey pictures that say where and how much, white for all and black for nothing.

Files or arrays come in, ``(height, width)`` float32 in 0..1 goes out. Knows nothing of what masks are for.
"""

from __future__ import annotations

import os

import numpy as np

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.images.read import OnNotice, ignore, read_picture
from nst_core.images.resize import resize

SHAPE_TOLERANCE = 0.02
"""By how much a mask's ratio of sides may differ from the picture's: rounding a thumbnail's sides does."""


def read_mask(path: str | os.PathLike[str], on_notice: OnNotice = ignore) -> Array:
    """Read the mask in the picture at ``path``: its brightness, times its alpha where it has one.

    Raises:
        NstError: as :func:`nst_core.images.read.read_picture`.
    """
    picture = read_picture(path, on_notice=on_notice)
    brightness: Array = picture.pixels.mean(axis=2, dtype=np.float64).astype(np.float32)
    return brightness if picture.alpha is None else np.asarray(brightness * picture.alpha, np.float32)


def fit_mask(mask: Array, height: int, width: int, what: str) -> Array:
    """Bring ``mask`` to ``height`` x ``width``, which must have its shape.

    Raises:
        NstError: ``bad-image`` for a mask of another shape, or one that is black all over.
    """
    rows, columns = mask.shape
    # The nearest whole sides of the same shape may differ by half a pixel each.
    tolerance = SHAPE_TOLERANCE + 0.5 / min(rows, height) + 0.5 / min(columns, width)
    if abs((rows * width) / (columns * height) - 1.0) > tolerance:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} is {columns} x {rows} pixels, which is not the shape of {width} x {height}.",
            "Make the mask from the picture it belongs to.",
        )
    if not float(mask.max()) > 0.0:
        raise NstError(ErrorCode.BAD_IMAGE, f"The {what} is black all over.", "White is what counts.")
    if (rows, columns) == (height, width):
        return np.clip(mask, 0.0, 1.0)
    return np.clip(resize(mask, height, width, "bilinear"), 0.0, 1.0)
