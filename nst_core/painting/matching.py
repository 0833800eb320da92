"""Targets from the style's most similar positions, for each level of a run.

Takes the pictures of a level, finds for each position of the content a position of a style
(:mod:`nst_core.loss.neighbours`), and returns content terms whose targets are the style's features there.
Remembers the matches of one level for the next: past ``SEARCH_UP_TO`` pixels nothing is searched, the matches
of the level before are enlarged instead, so that strokes stay continuous.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array, DeviceArray
from nst_core.backends.interface import FeatureExtractor
from nst_core.backends.tiling.features import empty_features, of_style
from nst_core.loss.guides import halve_mask, pooling_depth
from nst_core.loss.layer_parts import LayerPart
from nst_core.loss.neighbours import (
    BIAS,
    CELL,
    Candidates,
    NeighbourMap,
    SearchIndex,
    gather,
    grid_size,
    hypercolumns,
    match_positions,
    search_index,
)
from nst_core.loss.objective import ContentTerm
from nst_core.loss.weights import (
    MATCHING_LAYERS,
    SEARCH_UP_TO,
    SEARCH_WEIGHTS,
    normalised_weights,
    relative_content_weight,
)
from nst_core.painting.regions import PreparedImage, multiply_masks
from nst_core.painting.windows import Window

PAINTED_SHARE = 0.25
"""Share of the painting so far in the picture whose matches are sought; the rest is the content. From the
authors' program of Kolkin et al. 2022."""

GRID_HALVINGS = 2
"""Halvings that bring a mask to the grid of matches, whose cells are 4 pixels wide."""

TINY_SHARE = 1e-6
"""Weight of a position below which its targets are not divided by it."""

LEAST_SHARE = math.exp(-2.0 / BIAS)
"""Share of a style, of the heaviest one's, up to which its bias outweighs every similarity."""

Features: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class MatchedRegion:
    """The styles of a region, and where it is.

    ``masks`` are (h, w) at each of ``MATCHING_LAYERS``, None for everywhere. ``strengths`` scale the terms
    locally; None leaves them. ``guide`` (rows, columns) says how much of each cell of the grid is covered, so
    that nothing outside the region has a say in its matches; None is everything.
    """

    styles: tuple[PreparedImage, ...]
    masks: Mapping[str, Array | None]
    strengths: Mapping[str, Array | None]
    guide: Array | None = None

    def with_shares(self) -> MatchedRegion:
        """Return the region with its styles' shares for weights, without styles too light to be matched."""
        shares = normalised_weights([style.weight for style in self.styles])
        largest = max(shares, default=0.0)
        return replace(
            self,
            styles=tuple(
                replace(style, weight=share)
                for style, share in zip(self.styles, shares, strict=True)
                if share > largest * LEAST_SHARE
            ),
        )


@dataclass(frozen=True, kw_only=True)
class MatchedLevel:
    """The level in whose ``window`` matches are sought.

    ``content`` and ``painted`` are (3, h, w) in the window; ``painted`` is the picture of the level before,
    or None. ``size`` is the (height, width) of the level. With ``enlarge``, the matches of the level before
    are enlarged, as they always are past ``SEARCH_UP_TO`` pixels. Only layers of ``part`` get terms.
    """

    content: Array
    painted: Array | None
    window: Window
    size: tuple[int, int]
    enlarge: bool = False
    part: LayerPart = LayerPart.ALL

    @property
    def enlarges(self) -> bool:
        """Whether nothing is sought if there are matches to enlarge."""
        return self.enlarge or max(self.size) > SEARCH_UP_TO


@dataclass(kw_only=True)
class Matcher:
    """Finds matches, level after level.

    ``upload`` and ``download`` bring arrays to the device that compares positions, and back. ``maps`` has the
    match of each region on the grid of the whole level before. ``kept`` (rows, columns) are the cells whose
    matches stay as ``maps`` has them; None is none.
    """

    seed: int = 0
    upload: Callable[[Array], DeviceArray] = lambda array: array
    download: Callable[[DeviceArray], Array] = np.asarray
    maps: list[NeighbourMap] = field(default_factory=list)
    kept: npt.NDArray[np.bool_] | None = None

    def terms(
        self, extractor: FeatureExtractor, level: MatchedLevel, regions: Sequence[MatchedRegion], scale: float
    ) -> tuple[ContentTerm, ...]:
        """Return a term for each of ``MATCHING_LAYERS``; ``scale`` is the weight of all of them together.

        Where regions overlap, the target is their mean.
        """
        regions = [region.with_shares() for region in regions if region.styles]
        if not regions or scale <= 0:
            return ()
        enlarge = level.enlarges and len(self.maps) == len(regions)
        own_layers = [layer for layer in MATCHING_LAYERS if level.part.has(layer)]
        known = [
            of_style(
                extractor,
                _style_parts(region, own_layers, self.seed, enlarge),
                partial(_know_styles, extractor, region, own_layers, None if enlarge else self.seed),
            )
            for region in regions
        ]
        features = [[dict(at_layers) for at_layers in styles.features] for styles in known]
        indices = [styles.index for styles in known]
        del known  # features that are not remembered are freed as soon as they are used
        if enlarge:
            self._enlarge_matches(level, regions)
        else:
            self._find_matches(extractor, level, regions, indices)
        grid = grid_size(*level.window.size)
        maps = [matches.cut(_first_cell(level.window), grid) for matches in self.maps]
        terms = []
        for layer, weight in zip(
            MATCHING_LAYERS, normalised_weights([*MATCHING_LAYERS.values()]), strict=True
        ):
            if layer not in own_layers:
                continue
            stride = 2 ** pooling_depth(layer)
            shape = [length // stride for length in level.window.size]
            styles = [[at_layers.pop(layer) for at_layers in group] for group in features]
            targets = []
            for matches, group in zip(maps, styles, strict=True):
                empty = empty_features(extractor, (len(group[0]), *shape))
                targets.append(gather(matches, group, stride, empty))
            terms.append(_make_term(layer, weight * scale, targets, regions))
        return tuple(term for term in terms if term is not None)

    def _enlarge_matches(self, level: MatchedLevel, regions: Sequence[MatchedRegion]) -> None:
        """Set ``maps`` to those of the level before, enlarged."""
        whole = grid_size(*level.size)
        self.maps = [
            matches.scaled(whole, [grid_size(*style.pixels.shape[1:]) for style in region.styles])
            for matches, region in zip(self.maps, regions, strict=True)
        ]

    def _find_matches(
        self,
        extractor: FeatureExtractor,
        level: MatchedLevel,
        regions: Sequence[MatchedRegion],
        indices: Sequence[SearchIndex | None],
    ) -> None:
        """Set ``maps``: seek the matches of each region among the styles' positions in its index."""
        whole = grid_size(*level.size)
        picture = level.content
        if level.painted is not None:
            picture = picture + np.float32(PAINTED_SHARE) * (level.painted - picture)
        query_features = extractor.features(picture, list(SEARCH_WEIGHTS))
        before, self.maps = self.maps, []
        for region, index in zip(regions, indices, strict=True):
            assert index is not None  # noqa: S101 -- there is one if matches are sought
            query = hypercolumns_of(query_features, region.guide)
            matches = match_positions(
                query, grid_size(*level.window.size), index, (self.upload, self.download)
            )
            self.maps.append(matches.padded(_first_cell(level.window), whole))
        if self.kept is not None and self.kept.shape == whole and _same_grids(before, self.maps):
            self.maps = [old.where(self.kept, found) for old, found in zip(before, self.maps, strict=True)]


def _same_grids(before: Sequence[NeighbourMap], after: Sequence[NeighbourMap]) -> bool:
    """Return whether the maps ``before`` are of the same regions, styles and sizes as those ``after``."""
    return [(maps.size, maps.style_grids) for maps in before] == [
        (maps.size, maps.style_grids) for maps in after
    ]


def hypercolumns_of(features: Features, guide: Array | None = None) -> Array:
    """Return the hypercolumns of a picture with ``features`` at the layers of ``SEARCH_WEIGHTS``."""
    return hypercolumns(
        [(features[layer], 2 ** pooling_depth(layer), weight) for layer, weight in SEARCH_WEIGHTS.items()],
        guide,
    )


@dataclass(frozen=True)
class _KnownStyles:
    """What matching needs to know of a region's styles.

    ``features`` are those of each style at the layers of the targets. ``index`` has their positions; None if
    no matches are sought.
    """

    features: tuple[Features, ...]
    index: SearchIndex | None


def _know_styles(
    extractor: FeatureExtractor, region: MatchedRegion, layers: Sequence[str], seed: int | None
) -> _KnownStyles:
    """Compute the features of a region's styles at ``layers`` and, unless ``seed`` is None, their index."""
    wanted = list(dict.fromkeys([*layers, *(() if seed is None else SEARCH_WEIGHTS)]))
    features, candidates = [], []
    for style in region.styles:
        computed = extractor.features(style.pixels, wanted)
        features.append({layer: computed[layer] for layer in layers})
        if seed is not None:
            candidates.append(_candidates(style, computed))
    return _KnownStyles(tuple(features), None if seed is None else search_index(candidates, seed))


def _style_parts(region: MatchedRegion, layers: Sequence[str], seed: int, enlarge: bool) -> Iterator[object]:
    """Yield what decides :func:`_know_styles` with one extractor."""
    yield from ("matching", layers, seed, enlarge)
    for style in region.styles:
        yield from (style.pixels, style.alpha, style.mask, style.weight)


def _candidates(style: PreparedImage, features: Features) -> Candidates:
    """Return the positions of a style."""
    guide = grid_guide(multiply_masks(style.alpha, style.mask))
    grid = grid_size(*style.pixels.shape[1:])
    return Candidates(hypercolumns_of(features, guide), grid, guide, style.weight)


def _first_cell(window: Window) -> tuple[int, int]:
    """Return the grid cell (row, column) at the window's corner; windows start at multiples of a cell."""
    return window.rows.start // CELL, window.columns.start // CELL


def grid_guide(mask: Array | None) -> Array | None:
    """Return how much of each cell of the grid ``mask`` (h, w) covers, (rows, columns); None is all."""
    return None if mask is None else halve_mask(mask, GRID_HALVINGS)


def _make_term(
    layer: str, weight: float, targets: Sequence[Array], regions: Sequence[MatchedRegion]
) -> ContentTerm | None:
    """Return the term of a layer; None if no position counts.

    Each region's error is relative to its value for an empty picture and weighs as much as the region's share
    of the area, so that no region depends on another's style. The sum over regions of k_r m_r (F - P_r)^2 is
    m (F - P)^2 up to a constant, with m the sum of k_r m_r, and P the mean of the targets with these weights.
    """
    covered = [region.masks[layer] for region in regions]
    areas = normalised_weights(
        [1.0 if mask is None else float(mask.mean(dtype=np.float64)) for mask in covered]
    )
    factors = [
        area * relative_content_weight(target, mask)
        for area, target, mask in zip(areas, targets, covered, strict=True)
    ]
    largest = max(factors)
    masks = [multiply_masks(region.masks[layer], region.strengths[layer]) for region in regions]
    if weight <= 0 or largest <= 0 or all(mask is not None and not mask.any() for mask in masks):
        return None
    if len(regions) == 1:
        return ContentTerm(layer, weight * largest, targets[0], masks[0], kind="match")
    target = targets[0]
    shares = [
        np.broadcast_to(
            np.float32(factor / largest) * (np.float32(1.0) if mask is None else mask), target.shape[1:]
        )
        for factor, mask in zip(factors, masks, strict=True)
    ]
    total = np.asarray(np.sum(shares, axis=0), dtype=np.float32)
    for channel in range(len(target)):
        planes = [plane[channel] * share for plane, share in zip(targets, shares, strict=True)]
        target[channel] = np.sum(planes, axis=0) / np.maximum(total, np.float32(TINY_SHARE))
    return ContentTerm(layer, weight * largest, target, total, kind="match")


@dataclass(frozen=True)
class LevelMatching:
    """The search for the matches of one level: the arguments of :meth:`Matcher.terms`.

    ``share`` is the part of the setting ``matching`` that acts at this level.
    """

    matcher: Matcher
    level: MatchedLevel
    share: float = 1.0


def whole_level(content: Array) -> MatchedLevel:
    """Return a level that is all of ``content`` (3, h, w), with nothing painted yet."""
    _, height, width = content.shape
    window = Window(slice(0, height), slice(0, width))
    return MatchedLevel(content=content, painted=None, window=window, size=(height, width))
