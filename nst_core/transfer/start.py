"""What a painting starts from: the content, a style, noise, or a picture of one's own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nst_core.images.resize import resize
from nst_core.transfer.regions import Seen

Array = npt.NDArray[np.float32]

NOISE_DEVIATION = 0.2
"""Standard deviation of the white noise around middle grey: most of it inside 0..1."""


def resized(pixels: Array, height: int, width: int) -> Array:
    """Resize ``pixels`` (3, H, W) to (3, height, width) and clip the resampling's overshoot to 0..1."""
    if pixels.shape[1:] == (height, width):
        return pixels
    rows = resize(np.ascontiguousarray(pixels.transpose(1, 2, 0)), height, width)
    return np.ascontiguousarray(np.clip(rows, 0.0, 1.0).transpose(2, 0, 1))


def resized_change(change: Array, height: int, width: int) -> Array:
    """Resize a difference of pictures, (3, H, W), which may be negative: nothing is clipped."""
    rows = resize(np.ascontiguousarray(change.transpose(1, 2, 0)), height, width)
    return np.ascontiguousarray(rows.transpose(2, 0, 1))


def resized_mask(mask: Array | None, height: int, width: int) -> Array | None:
    """Resize a (H, W) mask, staying in 0..1."""
    if mask is None or mask.shape == (height, width):
        return mask
    return np.clip(resize(mask, height, width), 0.0, 1.0)


def covering(pixels: Array, height: int, width: int) -> Array:
    """Scale and centre-crop ``pixels`` (3, H, W) so that it covers (3, height, width) without distortion."""
    _, rows, columns = pixels.shape
    scale = max(height / rows, width / columns)
    tall, wide = max(height, round(rows * scale)), max(width, round(columns * scale))
    top, left = (tall - height) // 2, (wide - width) // 2
    scaled = resized(pixels, tall, wide)
    return np.ascontiguousarray(scaled[:, top : top + height, left : left + width])


def white_noise(height: int, width: int, seed: int) -> Array:
    """Return (3, height, width) Gaussian white noise around middle grey, clipped to 0..1."""
    noise = np.random.default_rng(seed).normal(0.5, NOISE_DEVIATION, (3, height, width))
    return np.clip(noise, 0.0, 1.0).astype(np.float32)


def first_picture(
    init: str, content: Seen | None, styles: list[Seen], own: Array | None, height: int, width: int, seed: int
) -> Array:
    """Return the (3, height, width) picture that the coarsest level starts from.

    ``init`` is ``content``, ``style``, ``noise``, or anything else for ``own``, an already read picture.
    """
    if init == "content" and content is not None:
        return resized(content.pixels, height, width)
    if init == "style" and styles:
        return covering(styles[0].pixels, height, width)
    if own is not None:
        return covering(own, height, width)
    return white_noise(height, width, seed)
