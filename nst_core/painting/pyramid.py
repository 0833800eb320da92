"""The pyramid levels of a run: their sizes and iterations.

Takes a size and settings, returns a tuple of levels; does not look at pixels. The coarsest level always has
the same size, so that the composition of strokes that the network sees there is the same in a preview and in
the final picture. Finer levels refine it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace

from nst_core.errors import ErrorCode, NstError
from nst_core.images.resize import fit
from nst_core.loss.layer_parts import LayerPart
from nst_core.loss.weights import loss_layers
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.settings import Settings

SMALLEST_SIDE = 16
"""At 16 pixels relu5_1 has a single position, below that none: the short side must be at least this."""

STEPS_BETWEEN_LEVELS = 2.0
"""Largest ratio of the sizes of neighbouring levels."""

COARSEST_ITERATIONS = {"draft": 60, "normal": 100, "fine": 200}
"""Loss evaluations at the coarsest or the only level, by quality."""

FINEST_ITERATIONS = {"draft": 22, "normal": 42, "fine": 100}
"""Loss evaluations at the finest of several levels, by quality."""

REFINED_FROM = 1024
"""Long side, in pixels, above which levels only refine; from twice this they get ``REFINEMENTS``."""

REFINEMENTS = {"draft": 8, "normal": 16, "fine": 32}
"""Loss evaluations of a level that doubles the size of a finished one, by quality.

``python -m tests.bench.schedule``, VGG-16, Tuebingen as the Starry Night: of the total fall of the loss in 32
iterations, 8 achieve 78 % at 256 pixels and 77 % at 512, 16 achieve 91 and 92 %, 24 achieve 97 and 98 %.
"""

FINE_MATCHING = 0.5
"""Part of the setting ``matching`` that acts at all levels but the coarsest.

Matches say where strokes belong, which coarse levels settle; neighbouring targets disagree in detail, which
makes a finished picture pale. Half of them keep the structure: Tuebingen as the Starry Night at 512 pixels,
normal quality (``python -m tests.bench.judge``), has a structure of 0.58, 0.60 and 0.61 with 0.25, 0.5 and 1,
and distances of the style of 0.349, 0.352 and 0.363.
"""

HALVED_FROM = 2048
"""Long side, in pixels, from which the finest level computes its deep layers on its halved picture."""


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size in pixels and its number of loss evaluations.

    ``matching`` is the part of the setting of that name that acts at this level. If it is ``halved``, the
    deep layers are computed on the halved picture. A level that ``refines`` only adds fine strokes to the
    picture of the level before, so that its tiles may be painted one by one.
    """

    height: int
    width: int
    iterations: int
    _: KW_ONLY
    matching: float = 1.0
    halved: bool = False
    refines: bool = False


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


def make_levels(
    height: int, width: int, settings: Settings, workload: Workload = ONE_STYLE
) -> tuple[Level, ...]:
    """Return the levels of a run at ``height`` x ``width``, coarsest first; ``workload`` is its own.

    There is one level if ``settings.coarsest`` is 0 or the picture is hardly larger than the coarsest level.
    Iterations fall geometrically from the coarsest to the finest level, or to ``REFINED_FROM``, and faster
    above it.

    Raises:
        NstError: ``too-small``.
    """
    check_size(height, width, "The picture")
    first, last = COARSEST_ITERATIONS[settings.quality], FINEST_ITERATIONS[settings.quality]
    if settings.iterations:
        first, last = round(settings.iterations * first / last), settings.iterations
    long_side, coarsest = max(height, width), coarsest_side(height, width, settings.coarsest)
    if not settings.coarsest or long_side < coarsest * math.sqrt(STEPS_BETWEEN_LEVELS):
        single = Level(height, width, settings.iterations or first)
        return _with_parts((single,), settings, workload)
    doublings = math.log2(long_side / coarsest)
    settled = math.log2(max(coarsest * 2, min(long_side, REFINED_FROM)) / coarsest)
    count = max(1, math.ceil(doublings / math.log2(STEPS_BETWEEN_LEVELS) - 0.01))
    levels = [Level(*fit(height, width, round(coarsest)), first)]
    for index in range(1, count + 1):
        share = index / count
        size = fit(height, width, round(coarsest * (long_side / coarsest) ** share))
        iterations = max(1, round(first * (last / first) ** min(1.0, share * doublings / settled)))
        levels.append(Level(*size, iterations, matching=FINE_MATCHING))
    levels[-1] = replace(levels[-1], height=height, width=width, iterations=last)
    if not settings.iterations:
        levels = [_refine(level, settings.quality) for level in levels]
    return _with_parts(levels, settings, workload)


def _with_parts(levels: Sequence[Level], settings: Settings, workload: Workload) -> tuple[Level, ...]:
    """Return ``levels``, of which those refine, and compute their deep layers at half size, that may.

    The paper's loss, textures and reconstructions are painted as a whole and at full size.
    """
    may = workload.content and workload.styles > 0 and settings.loss == "relative"
    halves = may and {LayerPart.DEEP.has(layer) for layer in loss_layers(settings)} == {True, False}
    return tuple(
        replace(
            level,
            halved=halves and max(level.height, level.width) >= HALVED_FROM and number >= len(levels),
            refines=may and max(level.height, level.width) > REFINED_FROM and number > 1,
        )
        for number, level in enumerate(levels, start=1)
    )


def _refine(level: Level, quality: str) -> Level:
    """Give a fine level fewer iterations: its own at ``REFINED_FROM``, the fewest at twice that."""
    if max(level.height, level.width) <= REFINED_FROM:
        return level
    most, fewest = float(level.iterations), float(min(level.iterations, REFINEMENTS[quality]))
    doublings = min(1.0, math.log2(max(level.height, level.width) / REFINED_FROM))
    return replace(level, iterations=round(most * math.pow(fewest / most, doublings)))
