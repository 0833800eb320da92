"""Masks: grey pictures in which white selects and black excludes.

Takes files or arrays and returns ``(height, width)`` float32 in 0..1. Does not know what a mask is used for.
"""

from __future__ import annotations

import os

import numpy as np

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnNotice
from nst_core.images.read import ignore_notice, read_picture
from nst_core.images.resize import resize

SHAPE_TOLERANCE = 0.02
"""Allowed difference between the aspect ratios of mask and picture, for thumbnails with rounded sides."""


def read_mask(path: str | os.PathLike[str], on_notice: OnNotice = ignore_notice) -> Array:
    """Read a mask from the picture at ``path``: its brightness, times its alpha if it has one.

    Raises:
        NstError: as :func:`nst_core.images.read.read_picture`.
    """
    picture = read_picture(path, on_notice=on_notice)
    brightness: Array = picture.pixels.mean(axis=2, dtype=np.float64).astype(np.float32)
    return brightness if picture.alpha is None else np.asarray(brightness * picture.alpha, np.float32)


def check_mask(mask: Array, height: int, width: int, what: str) -> None:
    """Check that ``mask`` can be used with a picture of ``height`` x ``width``. Messages call it ``what``.

    Raises:
        NstError: ``bad-image`` for a mask of another aspect ratio, or one that is completely black.
    """
    rows, columns = mask.shape
    # Rounding to whole pixels may change each side by half a pixel.
    tolerance = SHAPE_TOLERANCE + 0.5 / min(rows, height) + 0.5 / min(columns, width)
    if abs((rows * width) / (columns * height) - 1.0) > tolerance:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} is {columns} x {rows} pixels, but its picture is {width} x {height}, "
            "which has another aspect ratio.",
            "Make the mask from the picture that it belongs to.",
        )
    if not float(mask.max()) > 0.0:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} is completely black, so it selects nothing.",
            "Paint the area to select in white.",
        )


def fit_mask(mask: Array, height: int, width: int, what: str) -> Array:
    """Resize ``mask`` to ``height`` x ``width``; its aspect ratio must match. Messages call it ``what``.

    Raises:
        NstError: as :func:`check_mask`.
    """
    check_mask(mask, height, width, what)
    if mask.shape == (height, width):
        return np.clip(mask, 0.0, 1.0)
    return np.clip(resize(mask, height, width, "bilinear"), 0.0, 1.0)
