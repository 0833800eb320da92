"""The picture and the loss of a level, put together from tiles as they are painted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from nst_core.array_types import Array
from nst_core.backends.tiling.layout import Tile
from nst_core.painting.tile_layout import blend_weights


@dataclass
class Mosaic:
    """A picture (3, h, w) with its first ``finished`` tiles; elsewhere it is what the level starts from."""

    picture: Array = field(repr=False)
    finished: int = 0

    def add(self, tile: Tile, change: Array) -> None:
        """Blend the ``change`` (3, h, w) of a tile's window into the picture."""
        _, height, width = self.picture.shape
        self.picture[(slice(None), *tile.window)] += blend_weights(tile, (height, width)) * change

    @contextmanager
    def with_unfinished(self, tile: Tile, change: Array) -> Iterator[Array]:
        """Give the picture with a tile that is being painted, and take it out again."""
        window = (slice(None), *tile.window)
        before = self.picture[window].copy()
        self.add(tile, change)
        try:
            yield self.picture
        finally:
            self.picture[window] = before


@dataclass(frozen=True)
class MeanLoss:
    """The loss of a level and its terms: the mean of tiles that have the ``area`` of the level together."""

    area: float = 0.0
    loss: float = 0.0
    terms: Mapping[str, float] = field(default_factory=dict)

    def plus(self, area: float, loss: float, terms: Mapping[str, float]) -> MeanLoss:
        """Return the mean with another tile, whose loss and terms are its part of the level's."""
        total = self.area + area
        names = dict.fromkeys([*self.terms, *terms])
        means = {
            name: (self.terms.get(name, 0.0) * self.area + terms.get(name, 0.0)) / total for name in names
        }
        return MeanLoss(total, (self.loss * self.area + loss) / total, means)
