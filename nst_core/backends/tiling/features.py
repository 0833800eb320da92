"""Features and sums of features of pictures of any size, tile by tile.

Wraps a :class:`~nst_core.backends.interface.FeatureExtractor`. Style targets need only sums over positions,
which add up over tiles. Content targets are features at every position. Past some size they are kept in half
precision, or in half precision in an anonymous file, from which evaluations read the part that a tile needs.
Computing them again for each tile would cost one more pass through the network at every evaluation; half
precision moves a feature by 2^-12 of itself, less than TF32 convolutions do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.interface import FeatureExtractor, StyleSummer, SummedPart
from nst_core.backends.tiling.layout import Tile, make_tiles, network_reach, strides_of, window_pixels
from nst_core.backends.tiling.style_memory import RememberedStyles
from nst_core.loss.layer_losses import StyleSums, style_sums
from nst_core.optim.scratch_files import anonymous_file
from nst_core.optim.vectors import Storage
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.layers import LAYERS, Architecture

Result = TypeVar("Result")

LARGEST_HALF = 65504.0
"""Largest number of float16. Larger features, which no photograph was seen to have, are clipped to it."""


class TiledFeatures:
    """A feature extractor of bounded memory; see :class:`nst_core.backends.interface.FeatureExtractor`.

    ``window`` is the largest side computed at a time. ``storage`` decides how whole layers are kept, and
    ``folder`` where files go. If a picture has several tiles, ``on_tile`` is called before each of them with
    the pixels computed so far, including margins and earlier pictures. ``styles`` is set to share what is
    computed of styles with other pictures.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        architecture: Architecture,
        window: int,
        storage: Storage = "full",
        folder: Path | None = None,
        on_tile: Callable[[float], None] = lambda _done: None,
    ) -> None:
        self.extractor, self.architecture, self.window = extractor, architecture, window
        self.storage, self.folder, self.on_tile = storage, folder, on_tile
        self.pixels_done = 0.0
        self.styles: RememberedStyles | None = None

    @property
    def layers(self) -> Sequence[str]:
        """Names of all layers of the network, in order."""
        return self.extractor.layers

    @property
    def paper_scale(self) -> float:
        """Factor from the features to those of the paper."""
        return self.extractor.paper_scale

    def features(self, picture: Array, layers: Sequence[str]) -> Mapping[str, Array]:
        """Return the ``(channels, height, width)`` features of ``picture``; float16 unless stored in full."""
        if not layers:
            return {}
        return self._with_smaller_windows(lambda: self._features(picture, layers), layers)

    def _features(self, picture: Array, layers: Sequence[str]) -> dict[str, Array]:
        table = {layer.name: layer for layer in LAYERS[self.architecture]}
        whole: dict[str, Array] = {}
        for tile in self._tiles(picture, layers):
            features = self.extractor.features(picture[(slice(None), *tile.window)], layers)
            for name, in_window in features.items():
                stride = table[name].stride
                if name not in whole:
                    _, height, width = picture.shape
                    whole[name] = self.empty((len(in_window), height // stride, width // stride))
                owned = in_window[(slice(None), *tile.owned_in_window(stride))]
                if whole[name].dtype == np.float16:
                    owned = np.clip(owned, -LARGEST_HALF, LARGEST_HALF)
                whole[name][(slice(None), *tile.owned(stride))] = owned
        return whole

    def sums(
        self, picture: Array, guides: Mapping[str, Array | None], *, with_mean: bool
    ) -> dict[str, StyleSums]:
        """Return the guided sums at each layer of ``guides``; S1 only ``with_mean``."""
        return self._with_smaller_windows(
            lambda: self._sums(picture, guides, with_mean=with_mean), list(guides)
        )

    def _sums(
        self, picture: Array, guides: Mapping[str, Array | None], *, with_mean: bool
    ) -> dict[str, StyleSums]:
        strides = strides_of(guides, self.architecture)
        totals: dict[str, StyleSums] = {}
        for tile in self._tiles(picture, list(guides)):
            parts = {
                name: SummedPart(
                    tile.owned_in_window(strides[name]),
                    None if guide is None else guide[tile.owned(strides[name])],
                )
                for name, guide in guides.items()
            }
            window = picture[(slice(None), *tile.window)]
            for name, sums in self._window_sums(window, parts, with_mean=with_mean).items():
                totals[name] = totals[name] + sums if name in totals else sums
        return totals

    def _window_sums(
        self, window: Array, parts: Mapping[str, SummedPart], *, with_mean: bool
    ) -> Mapping[str, StyleSums]:
        """Return the sums over ``parts`` of a window, added up on the device if the extractor does that."""
        if isinstance(self.extractor, StyleSummer):
            return self.extractor.style_sums(window, parts, with_mean=with_mean)
        features = self.extractor.features(window, list(parts))
        return {
            name: style_sums(features[name][(slice(None), *part.owned)], part.guide, with_mean=with_mean)
            for name, part in parts.items()
        }

    def _with_smaller_windows(self, compute: Callable[[], Result], layers: Sequence[str]) -> Result:
        """Run ``compute``; if memory runs out, run it again with windows of half the side."""
        smallest = network_reach(layers, self.architecture).smallest_window
        while True:
            pixels_done = self.pixels_done
            try:
                return compute()
            except Exception as error:
                if not is_out_of_memory(error) or self.window <= smallest:
                    raise
            self.window, self.pixels_done = max(self.window // 2, smallest), pixels_done

    def _tiles(self, picture: Array, layers: Sequence[str]) -> Iterator[Tile]:
        """Yield the tiles of ``picture``, and count each as done when the next is asked for."""
        reach = network_reach(layers, self.architecture)
        _, height, width = picture.shape
        tiles = make_tiles(height, width, max(self.window, reach.smallest_window), reach)
        for tile in tiles:
            if len(tiles) > 1:
                self.on_tile(self.pixels_done)
            yield tile
            self.pixels_done += window_pixels([tile])

    def empty(self, shape: tuple[int, int, int]) -> Array:
        """Return an uninitialised array; its readers convert it to float32."""
        if self.storage == "full":
            return np.empty(shape, dtype=np.float32)
        if self.storage == "half":
            return cast(Array, np.empty(shape, dtype=np.float16))
        size = int(np.prod(shape)) * np.dtype(np.float16).itemsize
        with anonymous_file(self.folder, size) as file:
            return cast(Array, np.memmap(file, dtype=np.float16, mode="w+", shape=shape))


def of_style(extractor: FeatureExtractor, parts: Iterable[object], compute: Callable[[], Result]) -> Result:
    """Return what ``compute`` computes of a style, which ``extractor`` and ``parts`` decide.

    It is remembered if the extractor shares styles with other pictures.
    """
    if not isinstance(extractor, TiledFeatures) or extractor.styles is None:
        return compute()
    return extractor.styles.recall([extractor.window, extractor.storage, *parts], compute)


def empty_features(extractor: FeatureExtractor, shape: tuple[int, int, int]) -> Array:
    """Return an uninitialised array for features of ``shape``, kept as ``extractor`` keeps its own."""
    if isinstance(extractor, TiledFeatures):
        return extractor.empty(shape)
    return np.empty(shape, dtype=np.float32)


def feature_sums(
    extractor: FeatureExtractor,
    picture: Array,
    guides: Mapping[str, Array | None],
    *,
    with_mean: bool,
) -> dict[str, StyleSums]:
    """Return guided sums of features, in tiles if ``extractor`` has them; S1 only ``with_mean``."""
    if isinstance(extractor, TiledFeatures):
        return extractor.sums(picture, guides, with_mean=with_mean)
    features = extractor.features(picture, list(guides))
    return {name: style_sums(features[name], guide, with_mean=with_mean) for name, guide in guides.items()}
