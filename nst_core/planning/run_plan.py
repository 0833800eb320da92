"""The plan of a run, before it begins: levels, tiles, seconds, bytes.

Takes a :class:`PlanRequest` and an engine, returns a :class:`RunPlan`. With a time limit, the plan optimises
up to the size that fits the limit, and upsamples from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import psutil

from nst_core.backends.choose import Engine
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Plan, PlannedLevel
from nst_core.images.resize import fit
from nst_core.painting.clock import Rate, estimate_level_work
from nst_core.painting.fine_style_size import fine_style_settings, fine_style_size
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.memory_budget import MemoryBudget, memory_budget
from nst_core.painting.pyramid import Level, check_size, coarsest_side, make_levels
from nst_core.painting.windows import BoundingBox, choose_level_layout
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.planning.benchmark import measure_rate
from nst_core.settings import Settings

UPSAMPLE_FROM = 1536
"""Long side, in pixels, at which ``finish upsample`` paints: strokes no longer change beyond it."""

FINISHING_BYTES = 48
"""Memory for each pixel of the result while it is upsampled or given other colours: 37 for upsampling from a
sixteenth of the pixels, 46 for colours, measured in ``tests/unit/job/test_color_layout.py``."""

LIMIT_STEP = math.sqrt(math.sqrt(2.0))
"""Ratio of the sizes that are tried for a time limit."""


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """The run to plan: a painting of ``size`` (height, width) with ``settings``.

    box           the part that is painted; None is all of it
    workload      the pictures and masks of every level
    fine_styles   (height, width) of each style picture that first gets the strokes of another
    held_bytes    memory that the process will use when painting begins; None is what it uses now
    result_size   (height, width) to which the finished painting is upsampled; None is ``size``
    """

    size: tuple[int, int]
    settings: Settings
    box: BoundingBox | None = None
    workload: Workload = ONE_STYLE
    fine_styles: tuple[tuple[int, int], ...] = ()
    held_bytes: int | None = None
    result_size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The levels of a run with the memory layout of each, and the estimate of its time.

    ``seconds`` is the total estimate: ``fine_style_seconds`` before the first level, ``painting_seconds``,
    and ``upsample_seconds``. ``rate`` is the speed it is based on. Levels are upsampled to ``full_size``
    (height, width); the result has ``result_size``. ``held_bytes`` is that of the :class:`PlanRequest`.
    """

    levels: tuple[Level, ...]
    layouts: tuple[MemoryLayout, ...]
    full_size: tuple[int, int]
    result_size: tuple[int, int]
    rate: Rate
    fine_style_seconds: float
    painting_seconds: float
    upsample_seconds: float
    held_bytes: int | None = None

    @property
    def seconds(self) -> float:
        """Seconds that the whole run is expected to take."""
        return self.fine_style_seconds + self.painting_seconds + self.upsample_seconds


def plan_run(request: PlanRequest, engine: Engine) -> RunPlan:
    """Plan a run on ``engine``.

    Raises:
        NstError: ``too-small``; ``out-of-memory`` if the picture does not fit even in the smallest tiles.
    """
    settings, (height, width) = request.settings, request.size
    check_size(height, width, "The picture")
    smallest, side = smallest_side(height, width, settings.coarsest), max(height, width)
    if settings.finish == "upsample":
        side = min(side, max(UPSAMPLE_FROM, smallest))
    rate = measure_rate(engine, memory_budget(engine.backend, settings))
    budget = memory_budget(engine.backend, settings, request.held_bytes)
    estimate = _Estimate(request, engine, rate, budget)
    while True:
        may_shrink = bool(settings.time_limit) and side > smallest
        try:
            plan = estimate.plan(side)
            if not may_shrink or plan.seconds <= settings.time_limit:
                return plan
        except NstError as error:  # a size that we will not paint at may exceed memory: try a smaller one
            if not may_shrink or error.code is not ErrorCode.OUT_OF_MEMORY:
                raise
        side = max(smallest, round(side / LIMIT_STEP))


def smallest_side(height: int, width: int, coarsest: int) -> int:
    """Return the long side, in pixels, below which neither a time limit nor ``finish upsample`` goes.

    ``coarsest`` is the setting of that name.
    """
    return min(max(height, width), math.ceil(coarsest_side(height, width, coarsest or Settings().coarsest)))


@dataclass(frozen=True)
class _Estimate:
    """Plans one request at several sizes, with the speed and memory of its engine."""

    request: PlanRequest
    engine: Engine
    rate: Rate
    budget: MemoryBudget

    def plan(self, long_side: int) -> RunPlan:
        """Plan a painting that is optimised up to ``long_side``."""
        request, full_size = self.request, self.request.size
        result_size = request.result_size or full_size
        size = full_size if long_side >= max(full_size) else fit(*full_size, long_side)
        levels = make_levels(*size, request.settings, request.workload)
        layouts = self._layouts(levels, request.settings, request.box, request.workload)
        upsampling = (size, full_size), (full_size, result_size)
        upsampled_pixels = sum(math.prod(to) for start, to in upsampling if start != to)
        return RunPlan(
            levels=levels,
            layouts=layouts,
            full_size=full_size,
            result_size=result_size,
            rate=self.rate,
            fine_style_seconds=sum(
                self._fine_style_seconds(style, levels[-1]) for style in request.fine_styles
            ),
            painting_seconds=self._seconds(levels, layouts, request.settings, request.workload),
            upsample_seconds=self.rate.upsample * upsampled_pixels / 1e6,
            held_bytes=request.held_bytes,
        )

    def _layouts(
        self, levels: tuple[Level, ...], settings: Settings, box: BoundingBox | None, workload: Workload
    ) -> tuple[MemoryLayout, ...]:
        backend = self.engine.backend
        return tuple(
            choose_level_layout(backend, settings, level, box, self.budget, workload) for level in levels
        )

    def _fine_style_seconds(self, style: tuple[int, int], level: Level) -> float:
        """Return the seconds of painting another picture's strokes onto a style of that (height, width)."""
        settings = fine_style_settings(self.request.settings)
        size = fine_style_size(style, level, self.request.settings.style_scale)
        levels = make_levels(*size, settings)
        layouts = self._layouts(levels, settings, None, ONE_STYLE)
        return self._seconds(levels, layouts, settings, ONE_STYLE)

    def _seconds(
        self,
        levels: tuple[Level, ...],
        layouts: tuple[MemoryLayout, ...],
        settings: Settings,
        workload: Workload,
    ) -> float:
        architecture = self.engine.network.architecture
        works = estimate_level_work(levels, layouts, settings, architecture, self.rate, workload)
        return sum(work.total for work in works)


def plan_event(plan: RunPlan, settings: Settings, engine: Engine) -> Plan:
    """Return the event that reports a plan."""
    levels = tuple(
        PlannedLevel(
            width=level.width,
            height=level.height,
            iterations=level.iterations,
            tiles=layout.tiles,
            tile_by_tile=layout.tile_by_tile,
        )
        for level, layout in zip(plan.levels, plan.layouts, strict=True)
    )
    held = psutil.Process().memory_info().rss if plan.held_bytes is None else plan.held_bytes
    finishing = FINISHING_BYTES * math.prod(plan.result_size)
    height, width = plan.full_size
    return Plan(
        levels=levels,
        engine=engine.backend.engine,
        device=engine.backend.device,
        model=engine.network.name,
        model_sha256=engine.network.sha256,
        seed=settings.seed,
        seconds=plan.seconds,
        bytes=held + max(finishing, *(layout.machine for layout in plan.layouts)),
        device_bytes=(
            max(layout.device for layout in plan.layouts) if engine.backend.limits.own_memory else None
        ),
        width=width,
        height=height,
    )
