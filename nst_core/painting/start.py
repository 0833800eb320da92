"""The picture that a painting starts from: the content, a style, noise, or a picture of the user's."""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array
from nst_core.loss.weights import style_share
from nst_core.painting.noise_field import pink_noise, white_noise
from nst_core.painting.resample import resize_planes
from nst_core.painting.subject import Subject
from nst_core.settings import Settings

NOISE_DEVIATION = 0.2
"""Standard deviation of the white noise around middle grey: most of it is inside 0..1."""

CONTENT_NOISE = 0.1
"""Standard deviation of the 1/f noise added to the content if the style dominates.

In a flat part of a picture all positions have the same features, hence the same gradient: strokes can only
grow in from its edges, with a crinkled grain in between. A little noise of all scales breaks the symmetry.
Chosen by eye, at 256 pixels, among 0, 0.05, 0.1 and 0.15: from 0.1 on a clear sky is painted.
"""


FLAT = 2.0 / 255.0
"""Standard deviation of values below which a style is one colour: noise would stay in the result as grain."""


def start_picture(subject: Subject, size: tuple[int, int], init: str, *, seed: int, noise: float) -> Array:
    """Return the (3, height, width) picture that the coarsest level starts from.

    ``init`` is ``content``, ``style`` (the first one) or ``noise``; anything else is the path from which the
    subject's ``init_image`` was read. White noise replaces a picture that is missing. 1/f noise of standard
    deviation ``noise`` is added to the content.
    """
    height, width = size
    if init == "content" and subject.content is not None:
        start = resize_planes(subject.content.pixels, height, width)
        if noise == 0.0:
            return start
        return np.clip(start + np.float32(noise) * pink_noise(height, width, seed), 0.0, 1.0)
    if init == "style" and subject.styles:
        return cover(subject.styles[0].pixels, height, width)
    if subject.init_image is not None:
        return cover(subject.init_image, height, width)
    grain = np.float32(NOISE_DEVIATION) * white_noise(height, width, seed)
    return np.asarray(np.clip(np.float32(0.5) + grain, 0.0, 1.0), dtype=np.float32)


def has_strokes(subject: Subject) -> bool:
    """Return whether a style of the subject is more than one colour."""
    styles = (*subject.styles, *(style for region in subject.regions for style in region.styles))
    return any(float(plane.std()) > FLAT for style in styles for plane in style.pixels)


def content_noise(settings: Settings, *, styled: bool) -> float:
    """Return the standard deviation of the noise added to the content, in proportion to the style's weight.

    ``styled`` says whether there are styles with strokes. The paper's loss starts from the plain content, as
    the paper does.
    """
    if settings.loss == "paper" or not styled:
        return 0.0
    share = style_share(settings.strength)
    return CONTENT_NOISE * share / (1.0 + share)


def cover(pixels: Array, height: int, width: int) -> Array:
    """Crop the centre of ``pixels`` (3, H, W) to the shape of (3, height, width), and scale it to that.

    The crop comes first: a tall picture scaled to cover a wide one could be larger than memory.
    """
    _, rows, columns = pixels.shape
    scale = max(height / rows, width / columns)
    tall, wide = max(1, round(height / scale)), max(1, round(width / scale))
    top, left = (rows - tall) // 2, (columns - wide) // 2
    return resize_planes(np.ascontiguousarray(pixels[:, top : top + tall, left : left + wide]), height, width)
