"""What a run will do and take, before it begins: levels, tiles, seconds, bytes.

The size of a painting, settings and an engine come in; a :class:`RunPlan` goes out. Where there is a time
limit, the painting is optimised up to the size that fits it, and carried up from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import psutil

from nst_core.backends.choose import Engine
from nst_core.events import Plan, PlannedLevel
from nst_core.images.resize import fit
from nst_core.rates import Rate
from nst_core.settings import Settings
from nst_core.speed import rate_of
from nst_core.transfer.clock import LevelWork
from nst_core.transfer.crop import Part, plan_level
from nst_core.transfer.memory import MemoryPlan, room_for
from nst_core.transfer.plan import Level, check_size, make_levels

UPSAMPLE_FROM = 1536
"""Long side, in pixels, that ``finish upsample`` paints at: strokes are what they are by then."""


@dataclass(frozen=True)
class RunPlan:
    """``levels`` with the memory of each; ``full`` (height, width) is what the painting is brought to."""

    levels: tuple[Level, ...]
    memory: tuple[MemoryPlan, ...]
    full: tuple[int, int]
    seconds: float

    @property
    def works(self) -> tuple[LevelWork, ...]:
        """The levels with the work of their evaluations."""
        return works_of(self.levels, self.memory)


def works_of(levels: tuple[Level, ...], memory: tuple[MemoryPlan, ...]) -> tuple[LevelWork, ...]:
    """Return levels with the work of their evaluations, in millions of pixels."""
    return tuple(
        LevelWork(level, plan.work * level.height * level.width / 1e6)
        for level, plan in zip(levels, memory, strict=True)
    )


def plan_run(
    height: int, width: int, settings: Settings, engine: Engine, part: Part | None = None
) -> RunPlan:
    """Plan a painting of ``height`` x ``width``, of which ``part`` alone is painted.

    Raises:
        NstError: ``too-small``; ``out-of-memory`` for what cannot be held here in the smallest of tiles.
    """
    check_size(height, width, "The picture")
    rate = rate_of(engine)
    long_side = max(height, width)
    first = min(long_side, UPSAMPLE_FROM) if settings.finish == "upsample" else long_side
    plan = _planned(height, width, first, settings, engine, rate, part)
    side = first
    while settings.time_limit and plan.seconds > settings.time_limit and side > smallest_side(settings):
        side = max(smallest_side(settings), round(side / math.sqrt(2.0)))
        plan = _planned(height, width, side, settings, engine, rate, part)
    return plan


def smallest_side(settings: Settings) -> int:
    """Return the long side, in pixels, below which no time limit leads."""
    return settings.coarsest or Settings().coarsest


def _planned(
    height: int,
    width: int,
    long_side: int,
    settings: Settings,
    engine: Engine,
    rate: Rate,
    part: Part | None,
) -> RunPlan:
    """Plan a painting that is optimised up to ``long_side``."""
    size = (height, width) if long_side >= max(height, width) else fit(height, width, long_side)
    levels = make_levels(*size, settings)
    room = room_for(engine.backend, settings)
    memory = tuple(plan_level(engine.backend, settings, level, part, room) for level in levels)
    return RunPlan(levels, memory, (height, width), rate.seconds(works_of(levels, memory)))


def plan_event(plan: RunPlan, settings: Settings, engine: Engine) -> Plan:
    """Put a plan into words for whoever watches."""
    levels = tuple(
        PlannedLevel(level.width, level.height, level.iterations, memory.tiles)
        for level, memory in zip(plan.levels, plan.memory, strict=True)
    )
    device = max(memory.device for memory in plan.memory)
    return Plan(
        levels,
        engine.backend.engine,
        engine.backend.device,
        engine.network.name,
        engine.network.sha256,
        settings.seed,
        plan.seconds,
        psutil.Process().memory_info().rss + max(memory.machine for memory in plan.memory),
        device if engine.backend.own_memory else None,
        plan.full[1],
        plan.full[0],
    )
