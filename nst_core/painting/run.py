"""A run: pictures and settings in, the painted picture out, level by level.

The stages are the design's: levels -> for each level: targets -> minimise -> picture. This module strings
them together and tells whoever watches; it knows neither files nor frameworks nor who is watching.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from array_api_compat import array_namespace

from nst_core.array_types import Array, DeviceArray
from nst_core.backends.interface import Backend, Evaluation, Evaluator, FeatureExtractor
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.errors import ErrorCode, NstError, is_out_of_memory
from nst_core.events import Notice, OnEvent
from nst_core.loss.objective import Objective
from nst_core.optim.adam import Adam
from nst_core.optim.lbfgs import Lbfgs, OptimizerState
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.optim.vectors import store_factory
from nst_core.painting.clock import PLAIN, Clock, Rate, estimate_level_work
from nst_core.painting.luminance_only import LuminanceEvaluator, in_grey
from nst_core.painting.masked import MaskedEvaluator
from nst_core.painting.memory import MemoryLayout, memory_budget
from nst_core.painting.progress import LossSample, RunCallbacks, RunEnded, RunReporter, as_rows
from nst_core.painting.pyramid import Level
from nst_core.painting.shrinking_tiles import ShrinkingTileEvaluator
from nst_core.painting.start import first_picture, nudge, resize_planes
from nst_core.painting.subject import (
    Subject,
    content_at_size,
    crop_to_window,
    subject_at_level,
    target_pixels,
)
from nst_core.painting.targets import make_objective
from nst_core.painting.upsample import upsample_change
from nst_core.painting.windows import choose_level_layout, level_window
from nst_core.settings import Settings

__all__ = ["LossSample", "PaintingResult", "RunCallbacks", "as_rows", "evaluate_terms", "paint"]


@dataclass(frozen=True)
class PaintingResult:
    """What came out: ``pixels`` (3, height, width), as the optimizer left them.

    ``stopped`` says that somebody ended the run, ``late`` that the time limit did. ``work`` is what was done,
    in the unit of the rate that was given, in ``worked`` seconds.
    """

    pixels: Array
    loss: float
    terms: dict[str, float]
    curve: tuple[LossSample, ...]
    seconds: float
    stopped: bool
    late: bool = False
    work: float = 0.0
    worked: float = 0.0


def paint(
    subject: Subject,
    settings: Settings,
    levels: tuple[Level, ...],
    backend: Backend,
    extractor: FeatureExtractor,
    watch: RunCallbacks,
    *,
    full: tuple[int, int] | None = None,
    folder: Path | None = None,
    rate: Rate = PLAIN,
    limit: float | None = None,
) -> PaintingResult:
    """Paint ``subject`` through all ``levels`` and return the best picture of the last.

    Where ``watch.should_stop`` says so, or ``limit`` seconds are over, the run ends with the best picture so
    far. What ends smaller than ``full`` (height, width; None is the last level's size) is brought there by
    its change of the content. ``folder`` is for what memory does not hold; ``rate`` is how fast the engine
    is expected to be.

    Raises:
        NstError: ``diverged`` where the first loss is not a number, ``out-of-memory``.
    """
    room = memory_budget(backend, settings)
    plans = [
        choose_level_layout(backend, settings, level, subject.part, room, subject.demand) for level in levels
    ]
    works = estimate_level_work(levels, plans, settings, backend.network.architecture, rate, subject.demand)
    clock = Clock(works, limit)
    story = RunReporter(watch, clock)
    picture: Array | None = None
    for index, (level, plan) in enumerate(zip(levels, plans, strict=True)):
        if picture is not None and not clock.fits(clock.levels[index].least):
            story.late = True
            break
        with _memory(level):
            story.enter(index, level)
            painted = _paint_level(picture, subject, settings, plan, backend, extractor, story, folder)
        # Of a level that ended before its first step, the picture of the level before says more.
        picture = painted if painted is not None else picture
        if story.ended:
            break
    assert picture is not None  # noqa: S101 -- there is always a level
    worked = clock.seconds
    size = Level(*(full or (levels[-1].height, levels[-1].width)), 0)
    if story.late:
        becomes = "the result" if picture.shape[1:] == (size.height, size.width) else "carried up"
        watch.on_event(Notice("time-limit", f"The time limit is reached; what is there is {becomes}."))
    if picture.shape[1:] != (size.height, size.width):
        backend.close()
        picture = upsample_change(
            picture, content_at_size(subject, *picture.shape[1:]), subject.content, size
        )
    return PaintingResult(
        picture,
        story.loss,
        story.terms,
        tuple(story.curve),
        clock.seconds,
        story.stopped,
        story.late,
        clock.done + story.beyond,
        worked,
    )


def _paint_level(
    before: Array | None,
    subject: Subject,
    settings: Settings,
    plan: MemoryLayout,
    backend: Backend,
    extractor: FeatureExtractor,
    story: RunReporter,
    folder: Path | None,
) -> Array | None:
    """Paint a level from the picture ``before``; returns its best, or None where it ended before one step."""
    level = story.level
    window = level_window(subject.part, level, settings, backend.network.architecture)
    seen = subject_at_level(subject, level, settings)
    if before is not None:
        start = resize_planes(before, level.height, level.width)
    else:
        start = first_picture(
            settings.init,
            seen.content,
            list(seen.styles),
            subject.own,
            level.height,
            level.width,
            settings.seed,
            nudge(settings, styled=bool(seen.styles or seen.regions)),
        )
        if seen.grey is not None:
            start = in_grey(start, seen.grey)
    around = seen.content.pixels if seen.content and window.size != (level.height, level.width) else None
    seen, start = crop_to_window(seen, window), window.cut(start)
    held: DeviceArray = None
    frames: list[MaskedEvaluator | LuminanceEvaluator] = []
    to_see = target_pixels(seen) * plan.margins
    try:
        features = TiledFeatures(
            extractor,
            backend.network.architecture,
            plan.window or max(window.size),
            plan.targets,
            folder,
            lambda seen: story.between(story.work.targets * min(1.0, seen / to_see)),
        )
        objective = _objective(features, seen, settings, story.watch.on_event, level)
        seen = replace(seen, styles=(), regions=())  # large ones take as much as what is painted
        story.advance(story.work.opening + story.work.targets)
        evaluator: Evaluator = ShrinkingTileEvaluator(
            backend,
            objective,
            window.size,
            plan.window,
            lambda done: story.between(done * story.work.evaluation),
            story.watch.on_event,
        )
        frames = _frames(evaluator, backend, seen)
        seen = replace(seen, changes=None, grey=None)
        names = [term.name for term in objective.terms]
        best = _Best(frames[0] if frames else evaluator)
        first, start = backend.upload(start), np.empty(0, np.float32)  # gone before the work begins
        optimizer = _optimizer(settings, best, first, level.iterations, plan, folder)
        del first
        story.advance(story.work.evaluation)
        for iteration in range(1, level.iterations + 1):
            found = _iterate(optimizer, story)
            held = found.picture
            story.advance(story.work.evaluation)
            story.iteration = iteration
            last = iteration == level.iterations
            if last or story.due(backend):
                loss = float(found.loss)
                if not math.isfinite(loss):
                    raise _diverged()
                terms = dict(zip(names, map(float, backend.download(best.terms)), strict=True))
                story.progress(loss, terms)
                if optimizer.stuck:
                    optimizer.restart()
                story.look()
            if story.frame_due(last=last):
                shown = _composed(held, frames)
                if around is None:
                    story.preview(shown, backend.download)
                else:
                    story.preview(window.set_into(around, backend.download(shown)), np.asarray)
            if story.ended:
                break
    except RunEnded:
        if not story.iteration:
            return None
    painted = backend.download(_composed(held, frames))
    return painted if around is None else window.set_into(around, painted)


def _iterate(optimizer: Lbfgs | Adam, story: RunReporter) -> OptimizerState:
    """Take a step; where not even the smallest tiles leave memory for it, with less of a history."""
    while True:
        try:
            return optimizer.iterate()
        except Exception as error:
            if not is_out_of_memory(error) or not optimizer.shorten_history():
                raise
        story.watch.on_event(
            Notice("shorter-history", "Memory ran out; painting goes on with less of what it remembers.")
        )


def _objective(
    extractor: FeatureExtractor, seen: Subject, settings: Settings, on_event: OnEvent, level: Level
) -> Objective:
    return make_objective(
        extractor,
        seen.content,
        seen.styles,
        settings,
        regions=seen.regions,
        strength=seen.strength,
        on_notice=on_event,
        size=(level.height, level.width),
    )


def _frames(
    evaluator: Evaluator, backend: Backend, seen: Subject
) -> list[MaskedEvaluator | LuminanceEvaluator]:
    """Return what ``evaluator`` sees the painting through, the outermost first."""
    frames: list[MaskedEvaluator | LuminanceEvaluator] = []
    if seen.grey is not None:
        frames.insert(0, LuminanceEvaluator(evaluator, backend, seen.grey))
    if seen.content is not None and seen.changes is not None:
        inner = frames[0] if frames else evaluator
        frames.insert(0, MaskedEvaluator(inner, backend, seen.content.pixels, seen.changes))
    return frames


def _composed(picture: DeviceArray, frames: Sequence[MaskedEvaluator | LuminanceEvaluator]) -> DeviceArray:
    """Return ``picture`` as it is seen through ``frames``."""
    for frame in frames:
        picture = frame.composed(picture)
    return picture


class _Best:
    """The evaluate function of the optimizers; remembers the terms of the lowest loss for reports.

    The optimizers hold the picture of the lowest loss: the terms of a step that was rejected would not add
    up to what is reported beside them. Nothing here waits for the device.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.loss: DeviceArray = None
        self.terms: DeviceArray = None

    def __call__(self, picture: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        evaluation: Evaluation = self.evaluator(picture)
        if self.loss is None:
            self.loss, self.terms = evaluation.loss + 0.0, evaluation.terms + 0.0
        else:
            xp = array_namespace(evaluation.terms)
            better = evaluation.loss <= self.loss
            self.loss = xp.where(better, evaluation.loss, self.loss)
            self.terms = xp.where(better, evaluation.terms, self.terms)
        return evaluation.loss, evaluation.gradient


def _optimizer(
    settings: Settings,
    evaluate: _Best,
    start: DeviceArray,
    iterations: int,
    plan: MemoryLayout,
    folder: Path | None,
) -> Lbfgs | Adam:
    optimizer: Lbfgs | Adam
    if settings.optimizer == "adam":
        optimizer = Adam(evaluate, start, iterations=iterations)
    else:
        keep = store_factory(plan.storage, folder)
        precondition = inverse_frequency(start)
        history = min(plan.history, iterations)
        optimizer = Lbfgs(evaluate, start, history=history, precondition=precondition, keep=keep)
    if not math.isfinite(float(optimizer.loss)):
        raise _diverged()
    return optimizer


def _diverged() -> NstError:
    return NstError(
        ErrorCode.DIVERGED,
        "The loss is not a finite number.",
        "Lower alpha, beta and the layer weights, or verify the model with 'nst models verify'.",
    )


@contextmanager
def _memory(level: Level) -> Iterator[None]:
    """Turn whatever a framework says when memory ends into one sentence."""
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


def evaluate_terms(
    picture: Array, subject: Subject, settings: Settings, backend: Backend, extractor: FeatureExtractor
) -> dict[str, float]:
    """Return the value of each term, by name, at ``picture`` (3, h, w), targets made at its size."""
    level = Level(picture.shape[1], picture.shape[2], 0)
    architecture = backend.network.architecture
    window = level_window(subject.part, level, settings, architecture)
    seen = crop_to_window(subject_at_level(subject, level, settings), window)
    room = memory_budget(backend, settings)
    plan = choose_level_layout(backend, settings, level, subject.part, room, subject.demand)
    with _memory(level):
        features = TiledFeatures(extractor, architecture, plan.window or max(window.size), plan.targets)
        objective = _objective(features, seen, settings, lambda _notice: None, level)
        evaluator = ShrinkingTileEvaluator(backend, objective, window.size, plan.window)
        evaluation = evaluator(backend.upload(window.cut(picture)))
        values: Sequence[float] = [float(value) for value in backend.download(evaluation.terms)]
    return dict(zip((term.name for term in objective.terms), values, strict=True))
