"""What the rest of the engine knows of a picture: pixels, alpha, and what to give back with them.

Plain data. It knows nothing of files, formats or colour profiles' insides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from nst_core.array_types import Array


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory.

    ``pixels`` is ``(height, width, 3)`` float32 RGB in 0..1, sRGB-encoded (grey pictures have three equal
    channels); ``alpha`` is ``(height, width)`` float32 in 0..1, straight, or None where opaque.
    ``grey`` and ``bits`` (8 or 16) say what the file was and what a written file will be: a grey picture
    is written as its luminance, so whoever paints colours on one sets ``grey`` to False. ``profile`` is
    an ICC profile that written pixels are converted to and that is embedded (None: sRGB). ``source`` is
    the path, for messages and metadata.
    """

    pixels: Array = field(repr=False)
    alpha: Array | None = field(default=None, repr=False)
    grey: bool = False
    bits: Literal[8, 16] = 8
    profile: bytes | None = field(default=None, repr=False)
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse what no other room could work with; wrong shapes are a programmer's mistake."""
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.float32:
            raise ValueError(f"pixels are (height, width, 3) float32, not {self.pixels.shape}")
        if self.pixels.size == 0:
            raise ValueError("a picture has at least one pixel")
        if self.alpha is not None and (
            self.alpha.shape != self.pixels.shape[:2] or self.alpha.dtype != np.float32
        ):
            raise ValueError(f"alpha is {self.pixels.shape[:2]} float32, not {self.alpha.shape}")

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])
