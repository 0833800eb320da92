"""Where a run is: work done and left, what that means in seconds, and when to tell of it.

Levels with the work of their parts come in; shares of the whole and seconds left go out. Work is in seconds
as they are expected, or in whatever unit a :class:`Rate` is in: only ratios matter to the clock, since it
goes by what the work so far took.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from nst_core.backends.tiling.evaluator import TWO_PASSES
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.pyramid import Level
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.settings import Settings
from nst_core.vgg.layers import Architecture, multiply_adds

GROUP_WORK = 0.05
"""What a further region's statistics add to an evaluation, as a share of it: products of matrices of 64 to
512 channels with their features, against the network's convolutions; by the table of layers."""

LEAST_EVALUATIONS = 3.0
"""Evaluations that there must be time for to begin a level: the first, and two more."""


class Rate(NamedTuple):
    """How fast an engine is: what a run takes once (``start``) and for each ``level``, and in all of them.

    ``evaluation`` is what one takes however small, ``megapixel`` for a million pixels evaluated, ``features``
    for a million that target features are had of, ``roots`` for a region's Wasserstein distance, ``carry``
    for a million pixels that the change of the picture is carried to. In seconds, where they are measured.
    """

    start: float = 0.0
    level: float = 0.0
    evaluation: float = 0.0
    megapixel: float = 1.0
    features: float = 0.7
    roots: float = 0.0
    carry: float = 0.0


PLAIN = Rate()
"""Work in evaluations of a million pixels; features are a forward pass of ONNX Runtime's own convolutions."""


@dataclass(frozen=True)
class LevelWork:
    """A level and the work of its parts: once, for its targets, and for each evaluation."""

    level: Level
    evaluation: float
    targets: float = 0.0
    opening: float = 0.0

    @property
    def total(self) -> float:
        """Work of the level: its targets, the first evaluation, and its iterations."""
        return self.opening + self.targets + self.evaluation * (1 + self.level.iterations)

    @property
    def least(self) -> float:
        """Work that there must be time for to begin the level."""
        return self.opening + self.targets + self.evaluation * LEAST_EVALUATIONS


def estimate_level_work(
    levels: Iterable[Level],
    plans: Iterable[MemoryLayout],
    settings: Settings,
    architecture: Architecture,
    rate: Rate = PLAIN,
    demand: Workload = ONE_STYLE,
) -> tuple[LevelWork, ...]:
    """Return the work of ``levels``, held as ``plans`` say, in the unit of ``rate``."""
    depth = _arithmetic(settings, architecture) / _arithmetic(Settings(), architecture)
    works = [
        _level_work(level, plan, settings, depth, rate, demand)
        for level, plan in zip(levels, plans, strict=True)
    ]
    works[0] = replace(works[0], opening=works[0].opening + rate.start)
    return tuple(works)


def _arithmetic(settings: Settings, architecture: Architecture) -> float:
    layers = [name for name, _ in (*settings.content_layers, *settings.style_layers)]
    return multiply_adds(layers, architecture)


def _level_work(
    level: Level, plan: MemoryLayout, settings: Settings, depth: float, rate: Rate, demand: Workload
) -> LevelWork:
    megapixels = depth * level.height * level.width / 1e6
    seen = plan.work / (TWO_PASSES if plan.tiles > 1 else 1.0)
    styles = demand.styles * settings.style_scale**2 * plan.margins
    passes, roots = 1.0, 0.0
    if demand.styles and settings.style_loss == "wasserstein":
        passes, roots = (1.0 if plan.tiles > 1 else TWO_PASSES), rate.roots * demand.groups
    groups = 1.0 + GROUP_WORK * max(0, demand.groups - 1)
    return LevelWork(
        level,
        rate.evaluation + roots + rate.megapixel * megapixels * plan.work * passes * groups,
        rate.features * megapixels * (seen * demand.content + styles),
        rate.level,
    )


@dataclass
class Clock:
    """One run's progress; times in seconds since it began.

    ``limit`` is when the run should be over, None for whenever it is.
    """

    levels: Sequence[LevelWork]
    limit: float | None = None
    began: float = field(default_factory=time.perf_counter)
    done: float = 0.0
    told: float = -math.inf
    shown: float = -math.inf

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.began

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.limit is not None and self.seconds > self.limit

    def fits(self, work: float) -> bool:
        """Whether there is time for ``work``, going by what the work so far took."""
        if self.limit is None or self.done <= 0:
            return True
        return self.seconds + work * self.seconds / self.done <= self.limit

    def fraction(self, beyond: float = 0.0) -> float:
        """Return the share of all work that is done, with ``beyond`` of it under way."""
        total = sum(level.total for level in self.levels)
        return min(1.0, (self.done + beyond) / total)

    def left(self, fraction: float) -> float | None:
        """Return the seconds that are left at ``fraction``, or None until enough has been measured."""
        return self.seconds * (1.0 - fraction) / fraction if fraction > 0.005 else None
