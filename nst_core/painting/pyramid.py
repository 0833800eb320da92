"""How a run is cut into pyramid levels, and what each level is given.

Sizes and settings come in, a tuple of levels goes out; nothing here looks at a pixel. The coarsest level
always has the same size, whatever the picture's, so that the composition of strokes that the network sees
there is the same in a preview and in the final picture; finer levels refine it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from nst_core.errors import ErrorCode, NstError
from nst_core.images.resize import fit
from nst_core.settings import Settings

SMALLEST_SIDE = 16
"""relu5_1 has a single position at 16 pixels and none below; a picture's short side must reach it."""

STEPS_BETWEEN_LEVELS = 2.0
"""Largest ratio of sizes of neighbouring levels."""

ITERATIONS = {"draft": (80, 30), "normal": (150, 50), "fine": (300, 120)}
"""Loss evaluations at the coarsest and the finest level, by quality."""

REFINED_FROM = 1024
"""Long side, in pixels, past which levels only refine; from its double on they get ``REFINEMENTS``."""

REFINEMENTS = {"draft": 8, "normal": 16, "fine": 32}
"""Loss evaluations of a level that doubles one that is finished, by quality.

``python -m tests.bench.schedule``, VGG-16, Tuebingen as the Starry Night: of the whole fall of the loss in 32
iterations, 8 have 78 % at 256 pixels and 77 % at 512, 16 have 91 and 92 %, 24 have 97 and 98 %.
"""


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size in pixels and how many loss evaluations it gets."""

    height: int
    width: int
    iterations: int


def check_size(height: int, width: int, what: str) -> None:
    """Refuse a picture that the network cannot see.

    Raises:
        NstError: ``too-small``.
    """
    if min(height, width) < SMALLEST_SIDE:
        raise NstError(
            ErrorCode.TOO_SMALL,
            f"{what} is {width} x {height} pixels; the network needs at least {SMALLEST_SIDE} on each side.",
            "Use a larger picture, a larger --size, or scale this one up first.",
        )


def coarsest_side(height: int, width: int, settings: Settings) -> float:
    """Return the long side of a picture's coarsest level.

    A thin picture starts larger, so that its coarsest level is still seen by every layer.
    """
    return max(settings.coarsest, 2 * SMALLEST_SIDE * max(height, width) / min(height, width))


def make_levels(height: int, width: int, settings: Settings) -> tuple[Level, ...]:
    """Cut a run at ``height`` x ``width`` into levels, coarsest first.

    With ``settings.coarsest`` 0, or where the picture is hardly larger than the coarsest level, there is one
    level. Iterations fall geometrically from the coarsest to the finest, and faster past ``REFINED_FROM``.
    """
    check_size(height, width, "The picture")
    first, last = ITERATIONS[settings.quality]
    if settings.iterations:
        first, last = round(settings.iterations * first / last), settings.iterations
    long_side, coarsest = max(height, width), coarsest_side(height, width, settings)
    if not settings.coarsest or long_side < coarsest * math.sqrt(STEPS_BETWEEN_LEVELS):
        return (Level(height, width, settings.iterations or first),)
    count = max(1, math.ceil(math.log(long_side / coarsest, STEPS_BETWEEN_LEVELS) - 0.01))
    levels = []
    for index in range(count + 1):
        share = index / count
        size = fit(height, width, round(coarsest * (long_side / coarsest) ** share))
        levels.append(Level(*size, max(1, round(first * (last / first) ** share))))
    levels[-1] = Level(height, width, last)
    if settings.iterations:
        return tuple(levels)
    return tuple(
        replace(level, iterations=_refining(level, settings.quality)) if _is_fine(level) else level
        for level in levels
    )


def _is_fine(level: Level) -> bool:
    return max(level.height, level.width) > REFINED_FROM


def _refining(level: Level, quality: str) -> int:
    """Return a fine level's iterations: those planned at ``REFINED_FROM``, the fewest at its double."""
    planned, fewest = float(level.iterations), float(min(level.iterations, REFINEMENTS[quality]))
    beyond = min(1.0, math.log2(max(level.height, level.width) / REFINED_FROM))
    return round(planned * math.pow(fewest / planned, beyond))
