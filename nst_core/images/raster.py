"""What a decoder hands over: samples as the file holds them, before any change of colour.

The decoders, :mod:`pillow` and :mod:`libvips`, make rasters; :mod:`interpret` turns them into pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array

Samples: TypeAlias = npt.NDArray[Any]
Space: TypeAlias = Literal["grey", "rgb", "cmyk"]

CHANNELS: dict[Space, int] = {"grey": 1, "rgb": 3, "cmyk": 4}


@dataclass(frozen=True)
class Raster:
    """Samples of one picture.

    ``samples`` is ``(height, width, channels)`` with the channels of ``space`` (CMYK: 0 is no ink), and
    ``alpha`` ``(height, width)``, straight; both are uint8 or uint16 over their full range, or float32
    with 1.0 as full (float samples may leave 0..1). ``orientation`` is EXIF's, 1..8, still to be applied.
    ``gamma`` is what a PNG without a profile says of itself (light = value ** gamma); ``adobe_rgb`` that
    a camera's file without a profile is in Adobe RGB.
    """

    samples: Samples
    space: Space
    alpha: Samples | None = None
    profile: bytes | None = None
    orientation: int = 1
    gamma: float | None = None
    adobe_rgb: bool = False

    @property
    def bits(self) -> Literal[8, 16]:
        """The depth that a written picture needs to hold these samples."""
        return 8 if self.samples.dtype == np.uint8 else 16


def upright(raster: Raster) -> Raster:
    """Apply the EXIF orientation (EXIF 2.32, tag 0x0112)."""
    if raster.orientation not in range(2, 9):
        return replace(raster, orientation=1)
    alpha = None if raster.alpha is None else _turn(raster.alpha, raster.orientation)
    return replace(raster, samples=_turn(raster.samples, raster.orientation), alpha=alpha, orientation=1)


def _turn(array: Samples, orientation: int) -> Samples:
    # 5 to 8 have rows and columns exchanged; what is left then is a mirroring of one or both axes.
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return array[::rows, ::columns]


def full_range(samples: Samples) -> Samples:
    """Bring whole numbers of any type to uint8 or uint16 and floats to float32; negative numbers become 0."""
    kind = samples.dtype
    if kind in (np.uint8, np.uint16, np.float32):
        return samples
    if kind.kind == "f":
        return samples.astype(np.float32)
    scale = 65535.0 / np.iinfo(kind).max
    return np.rint(np.maximum(samples, 0) * scale).astype(np.uint16)


def as_float(samples: Samples) -> Array:
    """Return samples as C-ordered float32 with 1.0 as full, 0..1."""
    result = np.empty(samples.shape, np.float32)
    if samples.dtype.kind == "f":
        return np.clip(samples, 0, 1, out=result)
    return np.divide(samples, np.float32(np.iinfo(samples.dtype).max), out=result)
