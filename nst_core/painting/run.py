"""A run: paint pictures level by level.

Takes a subject, settings, levels and an engine, returns the painted picture. For each level
:mod:`nst_core.painting.level` makes targets and minimises the loss; this module runs the levels one after
another. Does not depend on files, frameworks, or what is done with the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nst_core.array_types import Array
from nst_core.backends.choose import Engine
from nst_core.backends.interface import Backend, Tiling
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.backends.tiling.style_memory import StyleMemory
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.loss.neighbours import NeighbourMap
from nst_core.painting.clock import PLAIN, Clock, Rate, estimate_level_work
from nst_core.painting.level import paint_level
from nst_core.painting.matching import Matcher
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.memory_budget import memory_budget
from nst_core.painting.progress import LossSample, RunCallbacks, RunReporter, as_rows
from nst_core.painting.pyramid import Level
from nst_core.painting.run_context import RunContext
from nst_core.painting.run_state import NO_STATES, RunState, StateKeeper
from nst_core.painting.shrinking_tiles import ShrinkingTileEvaluator
from nst_core.painting.subject import Subject, content_at_size, crop_to_window, subject_at_level
from nst_core.painting.targets import make_objective
from nst_core.painting.tile_by_tile import paint_tile_by_tile
from nst_core.painting.upsample import upsample_change
from nst_core.painting.windows import choose_level_layout, level_window
from nst_core.settings import Settings
from nst_core.system.resource_errors import is_out_of_memory

__all__ = [
    "LossSample",
    "PaintOptions",
    "PaintingResult",
    "RunCallbacks",
    "as_rows",
    "evaluate_terms",
    "paint",
]


@dataclass(frozen=True, kw_only=True)
class PaintOptions:
    """Options of a run.

    ``states`` keeps the state of the run.
    ``full_size`` (height, width) is the size to which a smaller painting is upsampled by its change of the
    content; None is the last level's size. ``rate`` is the expected speed of the engine. After
    ``time_limit`` seconds the run ends with the best picture so far; None is no limit. ``scratch_folder`` is
    for files that replace memory; None is the system's. ``styles`` remembers what is computed of the styles
    for the next pictures of a series.
    """

    states: StateKeeper = NO_STATES
    full_size: tuple[int, int] | None = None
    rate: Rate = PLAIN
    time_limit: float | None = None
    scratch_folder: Path | None = None
    styles: StyleMemory | None = None


NO_OPTIONS = PaintOptions()
"""Paint at the size of the last level, for as long as it takes."""


@dataclass(frozen=True, kw_only=True)
class PaintingResult:
    """The result of a run: ``pixels`` (3, height, width), as the optimiser left them.

    ``stopped`` says that the user ended the run, ``timed_out`` that the time limit did, and
    ``out_of_memory`` that memory did. ``work`` is what was done, in the unit of the given rate, in
    ``painting_seconds``; ``seconds`` includes upsampling. ``maps`` are the matches of the last level.
    """

    pixels: Array
    loss: float
    terms: dict[str, float]
    curve: tuple[LossSample, ...]
    seconds: float
    painting_seconds: float
    work: float
    stopped: bool
    timed_out: bool
    out_of_memory: bool
    maps: tuple[NeighbourMap, ...] = ()


def paint(
    subject: Subject,
    settings: Settings,
    levels: tuple[Level, ...],
    engine: Engine,
    callbacks: RunCallbacks,
    options: PaintOptions = NO_OPTIONS,
) -> PaintingResult:
    """Paint ``subject`` through all ``levels`` and return the best picture of the last.

    If ``callbacks.should_stop`` returns True, the time limit is reached, or memory runs out after the first
    level, the run ends with the best picture so far.

    Raises:
        NstError: ``diverged`` if a loss is not a finite number, ``out-of-memory``, ``cancelled`` if the run
            was stopped before there was any picture.
    """
    backend, workload = engine.backend, subject.workload
    layouts = _choose_layouts(backend, settings, subject, levels)
    works = estimate_level_work(
        levels, layouts, settings, backend.network.architecture, options.rate, workload
    )
    clock = Clock(levels=works, limit=options.time_limit)
    reporter = RunReporter(callbacks, clock)
    context = RunContext(
        backend=backend,
        extractor=engine.extractor,
        settings=settings,
        reporter=reporter,
        scratch_folder=options.scratch_folder,
        states=options.states,
        matcher=Matcher(seed=settings.seed, upload=backend.upload, download=backend.download),
        styles=options.styles,
    )
    picture = _paint_levels(context, subject, levels, layouts)
    painting_seconds = clock.seconds
    full_size = options.full_size or (levels[-1].height, levels[-1].width)
    picture = _finish(context, picture, subject, full_size)
    return PaintingResult(
        pixels=picture,
        loss=reporter.loss,
        terms=reporter.terms,
        curve=tuple(reporter.curve),
        seconds=clock.seconds,
        painting_seconds=painting_seconds,
        work=clock.done + reporter.partial_work,
        stopped=reporter.stopped,
        timed_out=reporter.timed_out,
        out_of_memory=reporter.out_of_memory,
        maps=tuple(context.matcher.maps),
    )


def _choose_layouts(
    backend: Backend, settings: Settings, subject: Subject, levels: Sequence[Level]
) -> list[MemoryLayout]:
    budget = memory_budget(backend, settings)
    return [
        choose_level_layout(backend, settings, level, subject.box, budget, subject.workload)
        for level in levels
    ]


def _paint_levels(
    context: RunContext, subject: Subject, levels: Sequence[Level], layouts: Sequence[MemoryLayout]
) -> Array:
    """Paint level after level until all are finished or the run ends; returns the last picture."""
    reporter, clock = context.reporter, context.reporter.clock
    limits = context.backend.limits
    state = context.states.start or RunState()
    clock.resumed = _resumed_work(clock, state, layouts[state.level])
    picture = state.previous
    for index, (level, layout) in enumerate(zip(levels, layouts, strict=True)):
        if index < state.level:
            continue
        if picture is not None and not clock.fits(clock.levels[index].least):
            reporter.timed_out = True
            break
        reporter.begin_level(index, level)
        if context.backend.limits != limits:  # the processor has taken the place of a device that failed
            (layout,) = _choose_layouts(context.backend, context.settings, subject, [level])
        if state.tiles:  # the tiles of the interrupted run
            layout = replace(layout, window=state.tile_window, tile_by_tile=True)
        paint_one = paint_tile_by_tile if layout.tile_by_tile else paint_level
        try:
            with translate_memory_errors(level):
                painted = paint_one(context, subject, layout, state)
        except NstError as error:
            if picture is None or error.code is not ErrorCode.OUT_OF_MEMORY:
                raise
            reporter.out_of_memory, painted = True, None
        if painted is None and picture is not None and not reporter.timed_out:
            context.states.keep(state)
        # If a level ended before its first step, the picture of the level before is better.
        picture = painted if painted is not None else picture
        if reporter.ended:
            break
        state = RunState(level=index + 1, previous=picture, maps=tuple(context.matcher.maps))
    assert picture is not None  # noqa: S101 -- there is always a level
    return picture


def _resumed_work(clock: Clock, state: RunState, layout: MemoryLayout) -> float:
    """Return the work of the levels, evaluations and tiles that ``state`` has behind it."""
    finished, work = sum(work.total for work in clock.levels[: state.level]), clock.levels[state.level]
    tiles = min(1.0, state.tiles / layout.tiles) * (1 + work.level.iterations)
    return finished + (state.iteration + tiles) * work.evaluation


def _finish(context: RunContext, picture: Array, subject: Subject, full_size: tuple[int, int]) -> Array:
    """Report why a run has ended early, and upsample a picture that is smaller than ``full_size``."""
    is_full_size = picture.shape[1:] == full_size
    outcome = "is the result" if is_full_size else "is enlarged to the full size"
    if context.reporter.timed_out:
        context.reporter.callbacks.on_event(
            Notice("time-limit", f"The time limit was reached. The picture so far {outcome}.")
        )
    if context.reporter.out_of_memory:
        height, width = picture.shape[1:]
        context.reporter.callbacks.on_event(
            Notice(
                "memory-ended",
                f"Memory ran out. The picture so far, {width} x {height} pixels, {outcome}.",
                "For finer strokes, close other programs or use a smaller --size.",
            )
        )
    if is_full_size:
        return picture
    context.backend.close()
    with translate_memory_errors(Level(*full_size, 0)):
        content = content_at_size(subject, *picture.shape[1:])
        return upsample_change(picture, content, subject.content, full_size)


@contextmanager
def translate_memory_errors(level: Level) -> Iterator[None]:
    """Convert any framework's out-of-memory error to an NstError that names the level's size."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise NstError(
                ErrorCode.OUT_OF_MEMORY,
                f"There is not enough memory to paint at {level.width} x {level.height} pixels.",
                f"Paint at a smaller size: --size {max(level.width, level.height) // 2}.",
            ) from error
        raise


def evaluate_terms(picture: Array, subject: Subject, settings: Settings, engine: Engine) -> dict[str, float]:
    """Return the value of each term, by name, at ``picture`` (3, h, w), with targets made at its size."""
    backend = engine.backend
    architecture = backend.network.architecture
    level = Level(picture.shape[1], picture.shape[2], 0)
    window = level_window(subject.box, level, settings, architecture)
    images = crop_to_window(subject_at_level(subject, level, settings.style_scale), window)
    budget = memory_budget(backend, settings)
    layout = choose_level_layout(backend, settings, level, subject.box, budget, subject.workload)
    with translate_memory_errors(level):
        features = TiledFeatures(
            engine.extractor, architecture, layout.window or max(window.size), layout.targets
        )
        objective = make_objective(features, images, settings)
        tiling = Tiling(layout.window or max(window.size))
        evaluator = ShrinkingTileEvaluator(backend, objective, window.size, tiling)
        evaluation = evaluator(backend.upload(window.cut(picture)))
        values = [float(value) for value in backend.download(evaluation.terms)]
    return dict(zip((term.name for term in objective.terms), values, strict=True))
