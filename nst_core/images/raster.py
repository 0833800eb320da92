"""Decoded samples as the file stores them, before any colour conversion.

The decoders, :mod:`pillow` and :mod:`libvips`, return rasters; :mod:`interpret` converts them to pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.photo_info import NO_INFO, PhotoInfo

Samples: TypeAlias = npt.NDArray[Any]
Space: TypeAlias = Literal["grey", "rgb", "cmyk"]

CHANNELS: dict[Space, int] = {"grey": 1, "rgb": 3, "cmyk": 4}


@dataclass(frozen=True, kw_only=True)
class Raster:
    """The samples of one picture.

    ``samples`` is ``(height, width, channels)`` with the channels of ``space`` (in CMYK, 0 is no ink).
    ``alpha`` is ``(height, width)``, straight. Both are uint8 or uint16 over their full range, or float32
    with 1.0 as the maximum (float samples may leave 0..1). ``orientation`` is the EXIF value, 1..8, not yet
    applied. ``gamma`` comes from a PNG without a profile (light = value ** gamma). ``adobe_rgb`` is true for
    a camera's file without a profile that is marked as Adobe RGB. ``frames`` says of what the picture is the
    first: "12 frames", "3 pages"; it is empty for a single picture. ``info`` is about the stored picture.
    """

    samples: Samples
    space: Space
    alpha: Samples | None = None
    profile: bytes | None = None
    orientation: int = 1
    gamma: float | None = None
    adobe_rgb: bool = False
    frames: str = ""
    info: PhotoInfo = NO_INFO

    @property
    def bits(self) -> Literal[8, 16]:
        """The depth that a written picture needs to hold these samples."""
        return 8 if self.samples.dtype == np.uint8 else 16


def apply_orientation(raster: Raster) -> Raster:
    """Turn the raster upright by its EXIF orientation (EXIF 2.32, tag 0x0112)."""
    if raster.orientation not in range(2, 9):
        return replace(raster, orientation=1)
    alpha = None if raster.alpha is None else _turn(raster.alpha, raster.orientation)
    info = raster.info.turned() if raster.orientation >= 5 else raster.info
    samples = _turn(raster.samples, raster.orientation)
    return replace(raster, samples=samples, alpha=alpha, info=info, orientation=1)


def _turn(array: Samples, orientation: int) -> Samples:
    # Orientations 5 to 8 exchange rows and columns; what remains is mirroring along one or both axes.
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    row_step = -1 if orientation in (3, 4, 7, 8) else 1
    column_step = -1 if orientation in (2, 3, 6, 7) else 1
    return array[::row_step, ::column_step]


def to_full_range(samples: Samples) -> Samples:
    """Convert integers of any type to uint8 or uint16 and floats to float32; negative integers become 0."""
    dtype = samples.dtype
    if dtype in (np.uint8, np.uint16, np.float32):
        return samples
    if dtype.kind == "f":
        return samples.astype(np.float32)
    scale = 65535.0 / np.iinfo(dtype).max
    return np.rint(np.maximum(samples, 0) * scale).astype(np.uint16)


def spread_bits(samples: Samples, bits: int) -> Samples:
    """Spread uint16 samples whose upper ``bits`` are used over the full range: of 10 bits, white is 65472."""
    white = 65536 - (1 << (16 - bits))
    return np.rint(samples * np.float32(65535 / white)).astype(np.uint16)


def to_float(samples: Samples) -> Array:
    """Return samples as C-ordered float32 in 0..1."""
    result = np.empty(samples.shape, np.float32)
    if samples.dtype.kind == "f":
        return np.clip(samples, 0, 1, out=result)
    return np.divide(samples, np.float32(np.iinfo(samples.dtype).max), out=result)
