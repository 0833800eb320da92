"""What the rest of the engine knows of a picture: pixels, alpha, and what to give back with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    ``pixels`` is ``(height, width, 3)`` float32 RGB in 0..1, sRGB-encoded (grey pictures have three equal
    channels); ``alpha`` is ``(height, width)`` float32 in 0..1, straight, or None where opaque.
    ``grey`` and ``bits`` (8 or 16) say what the file was; ``profile`` is its ICC profile, to be put
    back on writing (None: sRGB). ``source`` is the path, for messages and metadata.
    """

    pixels: Array
    alpha: Array | None = None
    grey: bool = False
    bits: Literal[8, 16] = 8
    profile: bytes | None = field(default=None, repr=False)
    source: str = ""

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])
