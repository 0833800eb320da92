"""The objective of one tile of a level, such that painting it alone is painting the level's part.

With G the Gram matrices of the whole picture at the level's start, G_t those of a tile, and A the style's,
the loss w |G - A|^2 has at the start the same gradient in the tile as w m_t / m |G_t - A_t|^2, with A_t = G_t
+ A - G, m_t the positions of the tile and m those of the picture. If each tile reaches its A_t, the picture
reaches A. :mod:`nst_core.loss.statistics` has the targets of the other statistics.

Content, matches and the structure are sums over positions, so the tile has its part of them, with the unit of
the whole picture. The other priors are means, and have the tile's share. Takes the objective of the level,
returns that of a window of it. Does not depend on backends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.interface import FeatureExtractor
from nst_core.backends.tiling.features import feature_sums
from nst_core.loss.guides import pooling_depth
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    Prior,
    RangePenalty,
    Structure,
    StyleTerm,
    Temporal,
    TotalVariation,
)
from nst_core.loss.statistics.base import PictureMoments
from nst_core.painting.windows import Window

LEAST_MASS = 1e-3
"""Sum of a guide in a tile below which a style has no part in it."""


@dataclass(frozen=True)
class TermStatistics:
    """What a picture has at a style term: moments per position, and the ``mass`` of the guide."""

    moments: PictureMoments
    mass: float


def term_statistics(
    extractor: FeatureExtractor, picture: Array, terms: Sequence[StyleTerm]
) -> tuple[TermStatistics, ...]:
    """Return the statistics of ``picture`` (3, h, w) at each of ``terms``.

    One pass of the network for each region.
    """
    found: dict[int, TermStatistics] = {}
    with_mean = any(term.statistic.needs_mean for term in terms)
    while len(found) < len(terms):
        turn: dict[str, int] = {}
        for index, term in enumerate(terms):
            if index not in found:
                turn.setdefault(term.layer, index)
        guides = {layer: terms[index].guide for layer, index in turn.items()}
        for layer, sums in feature_sums(extractor, picture, guides, with_mean=with_mean).items():
            mass = float(sums.mass)
            mean = None if sums.s1 is None else np.asarray(sums.s1 / mass)
            found[turn[layer]] = TermStatistics(PictureMoments(np.asarray(sums.s2 / mass), mean), mass)
    return tuple(found[index] for index in range(len(terms)))


@dataclass(frozen=True)
class LevelObjective:
    """The objective of a level of ``size`` (height, width), and what the picture has at its start.

    ``statistics`` are those of the picture at the style terms.
    """

    objective: Objective
    size: tuple[int, int]
    statistics: tuple[TermStatistics, ...]

    @classmethod
    def at(cls, picture: Array, objective: Objective, extractor: FeatureExtractor) -> LevelObjective:
        """Return the objective of a level that starts from ``picture`` (3, height, width)."""
        _, height, width = picture.shape
        return cls(objective, (height, width), term_statistics(extractor, picture, objective.style))

    def of_tile(self, picture: Array, window: Window, extractor: FeatureExtractor) -> Objective:
        """Return the objective of the tile in ``window``, which starts from ``picture`` (3, h, w).

        Style terms that have no part in the window are left out.
        """
        styles = [
            replace(term, guide=_cut_mask(term.guide, term.layer, window)) for term in self.objective.style
        ]
        here = [
            (term, whole)
            for term, whole in zip(styles, self.statistics, strict=True)
            if term.guide is None or float(term.guide.sum()) > LEAST_MASS
        ]
        own = term_statistics(extractor, picture, [term for term, _ in here])
        return Objective(
            tuple(_cut_content(term, window) for term in self.objective.content),
            tuple(_with_own_target(term, whole, part) for (term, whole), part in zip(here, own, strict=True)),
            tuple(_cut_prior(prior, window, self.size) for prior in self.objective.priors),
        )


def has_features(objective: Objective) -> bool:
    """Return whether anything but priors acts in a tile."""
    return bool(objective.style) or any(term.mask is None or term.mask.any() for term in objective.content)


def _with_own_target(term: StyleTerm, whole: TermStatistics, part: TermStatistics) -> StyleTerm:
    """Return a style term of a tile with the tile's weight and target."""
    target = term.statistic.target_of_part(term.make_target(), whole.moments, part.moments)
    return replace(term, weight=term.weight * (part.mass / whole.mass), prepared=target)


def _positions(layer: str, window: Window) -> tuple[slice, slice]:
    """Return the positions of a layer in a window that starts at whole positions."""
    stride = 2 ** pooling_depth(layer)
    first = window.rows.start // stride, window.columns.start // stride
    rows, columns = (length // stride for length in window.size)
    return slice(first[0], first[0] + rows), slice(first[1], first[1] + columns)


def _cut_mask(mask: Array | None, layer: str, window: Window) -> Array | None:
    return None if mask is None else np.ascontiguousarray(mask[_positions(layer, window)])


def _cut_content(term: ContentTerm, window: Window) -> ContentTerm:
    target = term.target[(slice(None), *_positions(term.layer, window))]
    return replace(term, target=target, mask=_cut_mask(term.mask, term.layer, window))


def _cut_prior(prior: Prior, window: Window, size: tuple[int, int]) -> Prior:
    if isinstance(prior, Structure):
        return _cut_structure(prior, window, size)
    share = window.size[0] * window.size[1] / (size[0] * size[1])
    if isinstance(prior, Temporal):
        return replace(
            prior, weight=prior.weight * share, target=window.cut(prior.target), mask=window.cut(prior.mask)
        )
    assert isinstance(prior, TotalVariation | AlphaNorm | RangePenalty)  # noqa: S101 -- all there are
    return replace(prior, weight=prior.weight * share)


def _cut_structure(prior: Structure, window: Window, size: tuple[int, int]) -> Structure:
    """Return the structure of a window, without cells whose neighbours are in other tiles."""
    first = window.rows.start // prior.pool, window.columns.start // prior.pool
    rows, columns = (length // prior.pool for length in window.size)
    cells = slice(first[0], first[0] + rows), slice(first[1], first[1] + columns)
    mask = np.array(prior.mask[cells])
    for axis, (part, length) in enumerate(zip((window.rows, window.columns), size, strict=True)):
        lines = np.moveaxis(mask, axis, 0)
        lines[:1] *= part.start == 0
        lines[-1:] *= part.stop == length
    return replace(prior, target=prior.target[(slice(None), *cells)], mask=mask)
