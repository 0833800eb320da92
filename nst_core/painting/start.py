"""What a painting starts from: the content, a style, noise, or a picture of one's own."""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array
from nst_core.images.resize import resize
from nst_core.loss.weights import style_share
from nst_core.painting.regions import PreparedImage
from nst_core.settings import Settings

NOISE_DEVIATION = 0.2
"""Standard deviation of the white noise around middle grey: most of it inside 0..1."""

NUDGE = 0.1
"""Standard deviation of the 1/f noise added to the content where nothing but the style is painted for.

In a flat part of a picture every position has the same features, hence the same gradient: strokes can only
grow in from its edges, and in between comes a crinkled grain. A little noise of all scales ends the
symmetry. Chosen by looking, at 256 pixels, among 0, 0.05, 0.1 and 0.15: from 0.1 on a clear sky is painted.
"""

LONGEST_WAVE = 1 / 4
"""Longest wave of that noise, as a share of the picture: longer ones would be tints, not seeds of strokes."""


def resize_planes(pixels: Array, height: int, width: int) -> Array:
    """Resize ``pixels`` (3, H, W) to (3, height, width) and clip the resampling's overshoot to 0..1."""
    if pixels.shape[1:] == (height, width):
        return pixels
    found = resize_change(pixels, height, width)
    return np.clip(found, 0.0, 1.0, out=found)


def resize_change(change: Array, height: int, width: int) -> Array:
    """Resize a difference of pictures, (3, H, W), which may be negative: nothing is clipped."""
    found = np.empty((len(change), height, width), np.float32)
    for channel, plane in enumerate(change):  # one by one, as a picture may be as large as memory
        found[channel] = resize(plane, height, width)
    return found


def resize_mask(mask: Array | None, height: int, width: int) -> Array | None:
    """Resize a (H, W) mask, staying in 0..1."""
    if mask is None or mask.shape == (height, width):
        return mask
    return np.clip(resize(mask, height, width), 0.0, 1.0)


def covering(pixels: Array, height: int, width: int) -> Array:
    """Centre-crop ``pixels`` (3, H, W) to the shape of (3, height, width), to a pixel, and scale it to that.

    In this order: scaled first, a tall picture that is to cover a wide one would be larger than memory.
    """
    _, rows, columns = pixels.shape
    scale = max(height / rows, width / columns)
    tall, wide = max(1, round(height / scale)), max(1, round(width / scale))
    top, left = (rows - tall) // 2, (columns - wide) // 2
    return resize_planes(np.ascontiguousarray(pixels[:, top : top + tall, left : left + wide]), height, width)


def white_noise(height: int, width: int, seed: int) -> Array:
    """Return (3, height, width) Gaussian white noise around middle grey, clipped to 0..1."""
    noise = np.random.default_rng(seed).normal(0.5, NOISE_DEVIATION, (3, height, width))
    return np.clip(noise, 0.0, 1.0).astype(np.float32)


def pink_noise(height: int, width: int, seed: int) -> Array:
    """Return (3, height, width) noise with amplitudes that fall as 1/f, mean 0, standard deviation 1."""
    white = np.random.default_rng(seed).normal(size=(3, height, width))
    fy, fx = np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width
    gain = 1.0 / np.maximum(np.hypot(fy, fx), 1.0 / LONGEST_WAVE)
    gain[0, 0] = 0.0
    noise = np.fft.irfftn(np.fft.rfftn(white, axes=(1, 2)) * gain, s=(height, width), axes=(1, 2))
    return np.asarray(noise / noise.std(), dtype=np.float32)


def nudge(settings: Settings, *, styled: bool) -> float:
    """Return the standard deviation of the noise to begin with: as much of it as there is style to paint.

    The paper's loss starts from the content as it is, as the paper does.
    """
    if settings.loss == "paper" or not styled:
        return 0.0
    share = style_share(settings.strength)
    return NUDGE * share / (1.0 + share)


def first_picture(
    init: str,
    content: PreparedImage | None,
    styles: list[PreparedImage],
    own: Array | None,
    height: int,
    width: int,
    seed: int,
    deviation: float = 0.0,
) -> Array:
    """Return the (3, height, width) picture that the coarsest level starts from.

    ``init`` is ``content``, ``style``, ``noise``, or anything else for ``own``, an already read picture. The
    content is given 1/f noise of standard deviation ``deviation``.
    """
    if init == "content" and content is not None:
        start = resize_planes(content.pixels, height, width)
        if deviation == 0.0:
            return start
        return np.clip(start + np.float32(deviation) * pink_noise(height, width, seed), 0.0, 1.0)
    if init == "style" and styles:
        return covering(styles[0].pixels, height, width)
    if own is not None:
        return covering(own, height, width)
    return white_noise(height, width, seed)
