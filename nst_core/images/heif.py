"""HEIC and HEIF pictures with more than 8 bits, as new phones write them: Pillow's plug-in reduces them to 8.

Takes an open file that Pillow recognised as HEIF and returns a raster.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from nst_core.images.raster import Raster, Samples, spread_bits


def bits_per_sample(image: Any) -> int:
    """Return the depth of a picture that Pillow's plug-in opened."""
    depth = image.info.get("bit_depth")
    return depth if isinstance(depth, int) else 8


def decode(file: io.BufferedReader, bits: int) -> Raster:
    """Decode the main picture of a file with ``bits`` a sample, upright, to uint16.

    Raises:
        Exception: anything that the decoder raises on damaged data.
    """
    import pillow_heif

    file.seek(0)
    image = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
    samples = np.asarray(image)
    if samples.ndim == 2:
        samples = samples[:, :, None]
    full = spread_bits(samples, bits)
    channels = 1 if full.shape[2] < 3 else 3
    alpha = full[:, :, channels] if full.shape[2] > channels else None
    if alpha is not None and image.premultiplied_alpha:
        full = _divide_by_alpha(full, alpha)
    return Raster(
        samples=full[:, :, :channels],
        space="rgb" if channels == 3 else "grey",
        alpha=alpha,
        profile=image.info.get("icc_profile") or None,
    )


def _divide_by_alpha(samples: Samples, alpha: Samples) -> Samples:
    share = np.maximum(alpha[:, :, None], 1) / np.float32(65535)
    straight: Samples = np.rint(np.minimum(samples / share, 65535)).astype(np.uint16)
    return straight
