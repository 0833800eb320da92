"""What a run will do and take, before it begins: levels, tiles, seconds, bytes.

The size of a painting, settings and an engine come in; a :class:`RunPlan` goes out. Where there is a time
limit, the painting is optimised up to the size that fits it, and carried up from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from nst_core.backends.choose import Engine
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Plan, PlannedLevel
from nst_core.images.resize import fit
from nst_core.painting.clock import Rate, estimate_level_work
from nst_core.painting.fine_style_size import fine_style_settings, fine_style_size
from nst_core.painting.memory import MemoryBudget, MemoryLayout, memory_budget
from nst_core.painting.pyramid import Level, check_size, coarsest_side, make_levels
from nst_core.painting.windows import BoundingBox, choose_level_layout
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.planning.benchmark import measure_rate
from nst_core.settings import Settings

UPSAMPLE_FROM = 1536
"""Long side, in pixels, that ``finish upsample`` paints at: strokes are what they are by then."""

FINISHING_BYTES = 48
"""Memory, for each pixel of the result, while it is carried up or given the content's colours; measured by
``tracemalloc``: 37 where it comes from a sixteenth of the pixels, 45 for the colours."""

LIMIT_STEP = math.sqrt(math.sqrt(2.0))
"""Ratio of the sizes that are tried for a time limit."""


@dataclass(frozen=True)
class RunPlan:
    """``levels`` with the memory of each; ``full`` (height, width) is what they are carried up to.

    ``seconds`` are expected for ``levels`` and all else; ``carry`` of them for what comes after the last
    level, ``before`` for what comes before the first. ``result`` (height, width) is the size of what comes
    out. ``rate`` is what they were reckoned by; ``held`` is as for :func:`plan_run`.
    """

    levels: tuple[Level, ...]
    memory: tuple[MemoryLayout, ...]
    full: tuple[int, int]
    rate: Rate
    painting: float
    before: float
    carry: float
    result: tuple[int, int]
    held: int | None = None

    @property
    def seconds(self) -> float:
        """Seconds that all of it is expected to take."""
        return self.before + self.painting + self.carry


def plan_run(
    height: int,
    width: int,
    settings: Settings,
    engine: Engine,
    part: BoundingBox | None = None,
    demand: Workload = ONE_STYLE,
    fine: Sequence[tuple[int, int]] = (),
    held: int | None = None,
    result: tuple[int, int] | None = None,
) -> RunPlan:
    """Plan a painting of ``height`` x ``width``, of which ``part`` alone is painted.

    ``fine`` are the sizes (height, width) of the style pictures that are first given another's strokes;
    ``held`` are the bytes that the process will hold when the painting begins; None is what it holds now.
    ``result`` (height, width) is what the finished painting is carried up to; None is its own size.

    Raises:
        NstError: ``too-small``; ``out-of-memory`` for what cannot be held here in the smallest of tiles.
    """
    check_size(height, width, "The picture")
    smallest, side = smallest_side(height, width, settings), max(height, width)
    if settings.finish == "upsample":
        side = min(side, max(UPSAMPLE_FROM, smallest))
    rate = measure_rate(engine, memory_budget(engine.backend, settings))
    room = memory_budget(engine.backend, settings, held)
    asked = _Asked(height, width, settings, engine, rate, room, part, demand, tuple(fine), held, result)
    while True:
        may_shrink = bool(settings.time_limit) and side > smallest
        try:
            plan = asked.planned(side)
            if not may_shrink or plan.seconds <= settings.time_limit:
                return plan
        except NstError as error:  # nor does it matter what does not fit, if it is not going to be painted
            if not may_shrink or error.code is not ErrorCode.OUT_OF_MEMORY:
                raise
        side = max(smallest, round(side / LIMIT_STEP))


def smallest_side(height: int, width: int, settings: Settings) -> int:
    """Return the long side, in pixels, below which neither a time limit nor ``finish upsample`` leads."""
    chosen = settings if settings.coarsest else Settings()
    return min(max(height, width), math.ceil(coarsest_side(height, width, chosen)))


@dataclass(frozen=True)
class _Asked:
    """What is to be planned; see :func:`plan_run`."""

    height: int
    width: int
    settings: Settings
    engine: Engine
    rate: Rate
    room: MemoryBudget
    part: BoundingBox | None
    demand: Workload
    fine: tuple[tuple[int, int], ...]
    held: int | None
    result: tuple[int, int] | None

    def planned(self, long_side: int) -> RunPlan:
        """Plan a painting that is optimised up to ``long_side``."""
        full = self.height, self.width
        size = full if long_side >= max(full) else fit(*full, long_side)
        levels = make_levels(*size, self.settings)
        memory = self._memory(levels, self.settings, self.part, self.demand)
        painting = self._seconds(levels, memory, self.settings, self.demand)
        before = sum(self._combining(style, levels[-1]) for style in self.fine)
        steps = (size, full), (full, self.result or full)
        carried = sum(math.prod(larger) for smaller, larger in steps if smaller != larger)
        carry = self.rate.carry * carried / 1e6
        result = self.result or full
        return RunPlan(levels, memory, full, self.rate, painting, before, carry, result, self.held)

    def _memory(
        self, levels: tuple[Level, ...], settings: Settings, part: BoundingBox | None, demand: Workload
    ) -> tuple[MemoryLayout, ...]:
        backend = self.engine.backend
        return tuple(
            choose_level_layout(backend, settings, level, part, self.room, demand) for level in levels
        )

    def _combining(self, style: tuple[int, int], level: Level) -> float:
        """Return the seconds of giving a style picture another's strokes."""
        settings = fine_style_settings(self.settings)
        levels = make_levels(*fine_style_size(style, level, self.settings.style_scale), settings)
        memory = self._memory(levels, settings, None, ONE_STYLE)
        return self._seconds(levels, memory, settings, ONE_STYLE)

    def _seconds(
        self,
        levels: tuple[Level, ...],
        memory: tuple[MemoryLayout, ...],
        settings: Settings,
        demand: Workload,
    ) -> float:
        architecture = self.engine.network.architecture
        works = estimate_level_work(levels, memory, settings, architecture, self.rate, demand)
        return sum(work.total for work in works)


def plan_event(plan: RunPlan, settings: Settings, engine: Engine) -> Plan:
    """Put a plan into words for whoever watches."""
    levels = tuple(
        PlannedLevel(level.width, level.height, level.iterations, memory.tiles)
        for level, memory in zip(plan.levels, plan.memory, strict=True)
    )
    device = max(memory.device for memory in plan.memory)
    held = psutil.Process().memory_info().rss if plan.held is None else plan.held
    return Plan(
        levels,
        engine.backend.engine,
        engine.backend.device,
        engine.network.name,
        engine.network.sha256,
        settings.seed,
        plan.seconds,
        held + max(FINISHING_BYTES * math.prod(plan.result), *(memory.machine for memory in plan.memory)),
        device if engine.backend.limits.own_memory else None,
        plan.full[1],
        plan.full[0],
    )
