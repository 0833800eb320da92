"""The engine's picture: pixels, alpha, and the properties of the file that writing restores.

Plain data. It does not depend on files or formats, and treats a colour profile as opaque bytes.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

import numpy as np

from nst_core.array_types import Array
from nst_core.images.photo_info import NO_INFO, PhotoInfo


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory.

    ``pixels`` is ``(height, width, 3)`` float32 RGB in 0..1, sRGB-encoded; grey pictures have three equal
    channels. ``alpha`` is ``(height, width)`` float32 in 0..1, straight, or None for an opaque picture.

    ``grey`` and ``bits`` (8 or 16) describe the file that was read and the file that will be written. A grey
    picture is written as its luminance, so set ``grey`` to False after painting colours on it. ``profile``
    is an ICC profile: written pixels are converted to it and it is embedded (None means sRGB). ``info`` is
    what the file says about the photograph. ``source`` is the path, for messages and metadata.
    """

    pixels: Array = field(repr=False)
    alpha: Array | None = field(default=None, repr=False)
    _: KW_ONLY
    grey: bool = False
    bits: Literal[8, 16] = 8
    profile: bytes | None = field(default=None, repr=False)
    info: PhotoInfo = field(default=NO_INFO, repr=False)
    source: str = ""

    def __post_init__(self) -> None:
        """Reject shapes and types that no other module accepts: they are programming errors."""
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.float32:
            raise ValueError(f"pixels must be (height, width, 3) float32, not {self.pixels.shape}")
        if self.pixels.size == 0:
            raise ValueError("a picture needs at least one pixel")
        if self.alpha is not None and (
            self.alpha.shape != self.pixels.shape[:2] or self.alpha.dtype != np.float32
        ):
            raise ValueError(f"alpha must be {self.pixels.shape[:2]} float32, not {self.alpha.shape}")

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.pixels.shape[1])
