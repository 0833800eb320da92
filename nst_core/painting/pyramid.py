"""The pyramid levels of a run: their sizes and iterations.

Takes a size and settings, returns a tuple of levels; does not look at pixels. The coarsest level always has
the same size, so that the composition of strokes that the network sees there is the same in a preview and in
the final picture. Finer levels refine it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from nst_core.errors import ErrorCode, NstError
from nst_core.images.resize import fit
from nst_core.settings import Settings

SMALLEST_SIDE = 16
"""At 16 pixels relu5_1 has a single position, below that none: the short side must be at least this."""

STEPS_BETWEEN_LEVELS = 2.0
"""Largest ratio of the sizes of neighbouring levels."""

ITERATIONS = {"draft": (80, 30), "normal": (150, 50), "fine": (300, 120)}
"""Loss evaluations at the coarsest and the finest level, by quality."""

REFINED_FROM = 1024
"""Long side, in pixels, above which levels only refine; from twice this they get ``REFINEMENTS``."""

REFINEMENTS = {"draft": 8, "normal": 16, "fine": 32}
"""Loss evaluations of a level that doubles the size of a finished one, by quality.

``python -m tests.bench.schedule``, VGG-16, Tuebingen as the Starry Night: of the total fall of the loss in 32
iterations, 8 achieve 78 % at 256 pixels and 77 % at 512, 16 achieve 91 and 92 %, 24 achieve 97 and 98 %.
"""


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size in pixels and its number of loss evaluations."""

    height: int
    width: int
    iterations: int


def check_size(height: int, width: int, what: str) -> None:
    """Check that a picture is large enough for the network. ``what`` names it in the message.

    Raises:
        NstError: ``too-small``.
    """
    if min(height, width) < SMALLEST_SIDE:
        raise NstError(
            ErrorCode.TOO_SMALL,
            f"{what} is {width} x {height} pixels; the network needs at least {SMALLEST_SIDE} on each side.",
            "Use a larger picture, a larger --size, or scale this one up first.",
        )


def coarsest_side(height: int, width: int, coarsest: int) -> float:
    """Return the long side of a picture's coarsest level, for the setting ``coarsest``.

    A thin picture starts larger, so that every layer still sees its coarsest level.
    """
    return max(coarsest, 2 * SMALLEST_SIDE * max(height, width) / min(height, width))


def make_levels(height: int, width: int, settings: Settings) -> tuple[Level, ...]:
    """Return the levels of a run at ``height`` x ``width``, coarsest first.

    There is one level if ``settings.coarsest`` is 0 or the picture is hardly larger than the coarsest level.
    Iterations fall geometrically from the coarsest to the finest level, and faster above ``REFINED_FROM``.

    Raises:
        NstError: ``too-small``.
    """
    check_size(height, width, "The picture")
    first, last = ITERATIONS[settings.quality]
    if settings.iterations:
        first, last = round(settings.iterations * first / last), settings.iterations
    long_side, coarsest = max(height, width), coarsest_side(height, width, settings.coarsest)
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
        replace(level, iterations=_refining_iterations(level, settings.quality)) if _is_fine(level) else level
        for level in levels
    )


def _is_fine(level: Level) -> bool:
    return max(level.height, level.width) > REFINED_FROM


def _refining_iterations(level: Level, quality: str) -> int:
    """Return a fine level's iterations: the level's own at ``REFINED_FROM``, the fewest at twice that."""
    most, fewest = float(level.iterations), float(min(level.iterations, REFINEMENTS[quality]))
    doublings = min(1.0, math.log2(max(level.height, level.width) / REFINED_FROM))
    return round(most * math.pow(fewest / most, doublings))
