"""Features and sums of features of pictures of any size, tile by tile.

Wraps a :class:`~nst_core.backends.interface.FeatureExtractor`. Style targets need only sums over positions,
which add up over tiles; content targets are features at every position, and past some size they are kept in
half precision, or in half precision in a file without a name, from which evaluations read the part that a
tile needs. Computing them anew for each tile instead would cost a pass through the network at every
evaluation; half precision moves a feature by 2^-12 of itself, less than TF32 convolutions do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.interface import FeatureExtractor
from nst_core.backends.tiling.layout import Tile, make_tiles, network_reach, strides_of, window_pixels
from nst_core.errors import is_out_of_memory
from nst_core.loss.layer_losses import StyleSums, style_sums
from nst_core.loss.objective import Statistic
from nst_core.optim.scratch_files import anonymous_file
from nst_core.optim.vectors import Storage
from nst_core.vgg.layers import LAYERS, Architecture

Found = TypeVar("Found")

LARGEST_HALF = 65504.0
"""Largest number of float16; features beyond it, which no photograph was seen to have, count as this."""


class TiledFeatures:
    """A feature extractor of bounded memory; see :class:`nst_core.backends.interface.FeatureExtractor`.

    ``window`` is the largest side computed at a time; ``storage`` says how whole layers are kept, and
    ``folder`` where files go. ``between`` is called before each of a picture's several tiles with the pixels
    seen so far, margins and earlier pictures included.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        architecture: Architecture,
        window: int,
        storage: Storage = "full",
        folder: Path | None = None,
        between: Callable[[float], None] = lambda _done: None,
    ) -> None:
        self.extractor, self.architecture, self.window = extractor, architecture, window
        self.storage, self.folder, self.between = storage, folder, between
        self.seen = 0.0

    @property
    def layers(self) -> Sequence[str]:
        """Names of all layers of the network, in order."""
        return self.extractor.layers

    def features(self, picture: Array, layers: Sequence[str]) -> Mapping[str, Array]:
        """Return the ``(channels, height, width)`` features of ``picture``; float16 where so stored."""
        if not layers:
            return {}
        return self._while_memory_lasts(lambda: self._features(picture, layers), layers)

    def _features(self, picture: Array, layers: Sequence[str]) -> dict[str, Array]:
        table = {layer.name: layer for layer in LAYERS[self.architecture]}
        found: dict[str, Array] = {}
        for tile, features in self._parts(picture, layers):
            for name, part in features.items():
                stride = table[name].stride
                if name not in found:
                    _, height, width = picture.shape
                    found[name] = self._place((len(part), height // stride, width // stride))
                owned = part[(slice(None), *tile.owned_in_window(stride))]
                if found[name].dtype == np.float16:
                    owned = np.clip(owned, -LARGEST_HALF, LARGEST_HALF)
                found[name][(slice(None), *tile.owned(stride))] = owned
        return found

    def sums(
        self, picture: Array, guides: Mapping[str, Array | None], statistic: Statistic
    ) -> dict[str, StyleSums]:
        """Return the sums that ``statistic`` needs at each layer of ``guides``, guided."""
        return self._while_memory_lasts(lambda: self._sums(picture, guides, statistic), list(guides))

    def _sums(
        self, picture: Array, guides: Mapping[str, Array | None], statistic: Statistic
    ) -> dict[str, StyleSums]:
        strides = strides_of(guides, self.architecture)
        found: dict[str, StyleSums] = {}
        for tile, features in self._parts(picture, list(guides)):
            for name, part in features.items():
                guide, stride = guides[name], strides[name]
                owned = part[(slice(None), *tile.owned_in_window(stride))]
                sums = style_sums(owned, None if guide is None else guide[tile.owned(stride)], statistic)
                found[name] = found[name] + sums if name in found else sums
        return found

    def _while_memory_lasts(self, work: Callable[[], Found], layers: Sequence[str]) -> Found:
        """Do ``work``; where memory ends, again in windows of half the side, down to the smallest."""
        smallest = network_reach(layers, self.architecture).smallest_window
        while True:
            seen = self.seen
            try:
                return work()
            except Exception as error:
                if not is_out_of_memory(error) or self.window <= smallest:
                    raise
            self.window, self.seen = max(self.window // 2, smallest), seen

    def _parts(self, picture: Array, layers: Sequence[str]) -> Iterator[tuple[Tile, Mapping[str, Array]]]:
        reach = network_reach(layers, self.architecture)
        _, height, width = picture.shape
        tiles = make_tiles(height, width, max(self.window, reach.smallest_window), reach)
        for tile in tiles:
            if len(tiles) > 1:
                self.between(self.seen)
            yield tile, self.extractor.features(picture[(slice(None), *tile.window)], layers)
            self.seen += window_pixels([tile])

    def _place(self, shape: tuple[int, int, int]) -> Array:
        """Return an array to be filled; whoever reads it brings it to float32."""
        if self.storage == "full":
            return np.empty(shape, dtype=np.float32)
        if self.storage == "half":
            return cast(Array, np.empty(shape, dtype=np.float16))
        size = int(np.prod(shape)) * np.dtype(np.float16).itemsize
        with anonymous_file(self.folder, size) as file:
            return cast(Array, np.memmap(file, dtype=np.float16, mode="w+", shape=shape))


def feature_sums(
    extractor: FeatureExtractor,
    picture: Array,
    guides: Mapping[str, Array | None],
    statistic: Statistic,
) -> dict[str, StyleSums]:
    """Return guided sums of features, in tiles where ``extractor`` makes them."""
    if isinstance(extractor, TiledFeatures):
        return extractor.sums(picture, guides, statistic)
    features = extractor.features(picture, list(guides))
    return {name: style_sums(features[name], guide, statistic) for name, guide in guides.items()}
