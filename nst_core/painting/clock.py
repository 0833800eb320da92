"""A run's clock: the work done and left, and its meaning in seconds.

Takes levels and the work of their parts, returns shares of the whole run and the seconds left. Work is in
expected seconds, or in the unit of any other :class:`Rate`. Only ratios matter to the clock, because it
extrapolates from the time that the work so far took.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import NamedTuple

from nst_core.backends.tiling.evaluator import TWO_PASSES
from nst_core.loss.neighbours import CELL, DIRECTIONS
from nst_core.loss.statistics import STATISTICS
from nst_core.loss.weights import SEARCH_UP_TO, loss_layers
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.pyramid import Level
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.settings import Settings
from nst_core.vgg.layers import Architecture, multiply_adds

REGION_WORK = 0.05
"""What each further region's statistics add to an evaluation, as a share of it: products of matrices of 64 to
512 channels with their features, compared with the network's convolutions; from the table of layers."""

MATCHING_PASSES = 2.0
"""Passes over content and styles for their targets with matching: one for the matches is added."""

SEARCH_COST = 3.0
"""Time of a multiply-add of the search, with the search for the largest, as a multiple of the network's."""

PASS_MULTIPLY_ADDS = 287_424.0
"""Multiply-adds of VGG-16 up to relu5_1 for each pixel; VGG-19 has more."""

START_PASSES = 2.0
"""Passes for the statistics of the start of a level that is painted tile by tile: of the whole picture,
and of each tile alone."""

LEAST_EVALUATIONS = 3.0
"""Evaluations for which there must be time before a level begins: the first, and two more."""


class Rate(NamedTuple):
    """The speed of an engine, in seconds if measured.

    start       once for a run
    level       once for each level
    evaluation  each evaluation, however small
    megapixel   each million pixels evaluated
    features    each million pixels of target features
    roots       the matrix square roots of a region's Wasserstein distance
    upsample    each million pixels to which the change of the picture is upsampled
    """

    start: float = 0.0
    level: float = 0.0
    evaluation: float = 0.0
    megapixel: float = 1.0
    features: float = 0.7
    roots: float = 0.0
    upsample: float = 0.0


PLAIN = Rate()
"""Work in evaluations of a million pixels. Features are a forward pass of ONNX Runtime's own convolutions."""


@dataclass(frozen=True)
class LevelWork:
    """The work of a level: ``opening`` and ``targets`` once, ``evaluation`` for each of them.

    With ``all_or_none`` it is not begun unless there is time for all of it: tiles that are painted one by one
    would leave a picture half of which is refined.
    """

    level: Level
    evaluation: float
    targets: float = 0.0
    opening: float = 0.0
    _: KW_ONLY
    all_or_none: bool = False

    @property
    def total(self) -> float:
        """Work of the whole level: opening, targets, the first evaluation, and the iterations."""
        return self.opening + self.targets + self.evaluation * (1 + self.level.iterations)

    @property
    def least(self) -> float:
        """Work for which there must be time before the level begins."""
        evaluations = self.evaluation * LEAST_EVALUATIONS
        return self.total if self.all_or_none else self.opening + self.targets + evaluations


def estimate_level_work(
    levels: Iterable[Level],
    layouts: Iterable[MemoryLayout],
    settings: Settings,
    architecture: Architecture,
    rate: Rate = PLAIN,
    workload: Workload = ONE_STYLE,
) -> tuple[LevelWork, ...]:
    """Return the work of ``levels`` with their memory ``layouts``, in the unit of ``rate``."""
    depth = _arithmetic(settings, architecture) / _arithmetic(Settings(), architecture)
    works = [
        _level_work(level, layout, settings, depth, rate, workload)
        for level, layout in zip(levels, layouts, strict=True)
    ]
    works[0] = replace(works[0], opening=works[0].opening + rate.start)
    return tuple(works)


def _arithmetic(settings: Settings, architecture: Architecture) -> float:
    return multiply_adds(loss_layers(settings), architecture)


def _level_work(
    level: Level, layout: MemoryLayout, settings: Settings, depth: float, rate: Rate, workload: Workload
) -> LevelWork:
    """Return the work of a level. ``depth`` is the layers' arithmetic relative to the default layers'."""
    megapixels = depth * level.height * level.width / 1e6
    two_passes = layout.tiles > 1 and not layout.tile_by_tile
    separate_tiles = layout.tiles if layout.tile_by_tile else 1
    content_pass = layout.work / (TWO_PASSES if two_passes else 1.0)
    start_passes = START_PASSES * content_pass if layout.tile_by_tile else 0.0
    style_passes = workload.styles * settings.style_scale**2 * layout.margin_factor * layout.depth
    if workload.seeks_matches(settings):
        content_pass, style_passes = MATCHING_PASSES * content_pass, MATCHING_PASSES * style_passes
        style_passes += _search_passes(level, workload.styles * settings.style_scale**2)
    passes, roots, statistic = 1.0, 0.0, STATISTICS[settings.style_loss]
    if workload.styles and statistic.graph is None:
        passes = 1.0 if two_passes else TWO_PASSES
        roots = rate.roots * statistic.host_cost * workload.regions
    statistics = 1.0 + REGION_WORK * max(0, workload.regions - 1)
    return LevelWork(
        level,
        (rate.evaluation + roots) * separate_tiles
        + rate.megapixel * megapixels * layout.work * passes * statistics,
        rate.features * megapixels * (content_pass * workload.content + style_passes + start_passes),
        rate.level,
        all_or_none=layout.tile_by_tile,
    )


def _search_passes(level: Level, style_pictures: float) -> float:
    """Return the work of comparing positions, in passes through the network's default layers.

    ``style_pictures`` is the area of all styles as a multiple of the level's.
    """
    pixels = level.height * level.width
    if max(level.height, level.width) > SEARCH_UP_TO:
        return 0.0
    products = DIRECTIONS * (pixels / CELL**2) * style_pictures / CELL**2
    return SEARCH_COST * products / PASS_MULTIPLY_ADDS


@dataclass(kw_only=True)
class Clock:
    """The progress of one run. Times are in seconds since it started; ``limit`` None is no time limit.

    ``done`` is finished work, and ``resumed`` what an earlier run has done of this one. ``last_report`` and
    ``last_preview`` are when these were last sent.
    """

    levels: Sequence[LevelWork]
    limit: float | None = None
    started: float = field(default_factory=time.perf_counter)
    done: float = 0.0
    resumed: float = 0.0
    last_report: float = -math.inf
    last_preview: float = -math.inf

    @property
    def seconds(self) -> float:
        """Seconds since the run started."""
        return time.perf_counter() - self.started

    @property
    def time_is_up(self) -> bool:
        """True if the time limit has passed."""
        return self.limit is not None and self.seconds > self.limit

    def fits(self, work: float) -> bool:
        """Return whether there is time for ``work``, judging by the time that the work so far took."""
        if self.limit is None or self.done <= 0:
            return True
        return self.seconds + work * self.seconds / self.done <= self.limit

    def fraction(self, unfinished: float = 0.0) -> float:
        """Return the share of all work that is done, including ``unfinished`` work on the way."""
        return min(1.0, (self.resumed + self.done + unfinished) / self._total)

    @property
    def _total(self) -> float:
        return sum(level.total for level in self.levels)

    def seconds_left(self, fraction: float) -> float | None:
        """Return the seconds left at ``fraction``, or None until enough has been measured."""
        here = fraction - self.resumed / self._total
        return self.seconds * (1.0 - fraction) / here if here > 0.005 else None
