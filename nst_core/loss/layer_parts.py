"""The shallow and the deep part of the network's layers.

The deep layers describe large strokes, which coarse levels have settled. So a large level computes them on
its halved picture: the convolutions to relu3_1 are 39 % of those to relu5_1, and all of them on a quarter of
the pixels are 25 %.
"""

from __future__ import annotations

from enum import Enum

DEEP_FROM = 4
"""First block of the deep part."""


class LayerPart(Enum):
    """The layers whose terms an objective has."""

    ALL = "all"
    SHALLOW = "shallow"
    DEEP = "deep"

    def has(self, layer: str) -> bool:
        """Return whether ``layer``, such as relu4_1, belongs to this part."""
        return self is LayerPart.ALL or (self is LayerPart.DEEP) == (int(layer[4]) >= DEEP_FROM)
